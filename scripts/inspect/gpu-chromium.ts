import { fileURLToPath } from 'node:url';
import { chromium, type Page } from '@playwright/test';
import { createServer } from 'vite';
import { errorFromReport } from '../../src/base/errors.ts';
import { ensureChromium, launchOptions } from '../browser.ts';
import type { GoldenBackend } from './golden.ts';

/** The kernels in a headless Chromium that is started for them. */
export async function chromiumBackend(): Promise<GoldenBackend> {
  const browser = await chromium.launch(launchOptions(ensureChromium()));
  try {
    const backend = await pageBackend(await browser.newPage());
    return {
      ...backend,
      close: async () => {
        await backend.close();
        await browser.close();
      },
    };
  } catch (thrown) {
    await browser.close();
    throw thrown;
  }
}

/** The kernels in a page, served from the sources by a server that nobody else can reach. */
export async function pageBackend(page: Page): Promise<GoldenBackend> {
  const server = await createServer({
    configFile: false,
    root: fileURLToPath(new URL('../..', import.meta.url)),
    // A cache of its own: a development server beside it keeps its files.
    cacheDir: 'node_modules/.vite-inspect',
    logLevel: 'error',
    optimizeDeps: { noDiscovery: true },
    server: { host: '127.0.0.1', port: 0, hmr: false, watch: null },
  });
  await server.listen();
  try {
    const origin = server.resolvedUrls?.local[0] ?? '';
    await page.goto(`${origin}scripts/inspect/gpu-page.html`);
    await page.waitForFunction(() => window.gpuPage !== undefined);
    // A page without an adapter fails here, with its sentence.
    await page.evaluate(async () => (await window.gpuPage!).adapterName);
  } catch (thrown) {
    await server.close();
    throw thrown;
  }
  return {
    name: 'webgpu',
    solve: async (problem, mode) => {
      const answer = await page.evaluate(async ([asked, how]) => (await window.gpuPage!).solve(asked, how), [problem, mode] as const);
      if ('failed' in answer) throw errorFromReport(answer.failed);
      return answer;
    },
    close: () => server.close(),
  };
}
