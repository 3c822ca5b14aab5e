import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium, type Browser } from '@playwright/test';
import { build, preview } from 'vite';
import { ensureChromium, launchOptions } from '../../scripts/browser.ts';
import { isInstalled, PEER_PACKAGES } from './install.ts';

const ROOT = resolve(import.meta.dirname, '../..');

/** The bench's pages, built as the app is built and served on a port of their own, and a Chromium to open them with. */
export interface Pages {
  readonly address: string;
  readonly browser: Browser;
  close(): Promise<void>;
}

export async function openPages(): Promise<Pages> {
  const outDir = await mkdtemp(join(tmpdir(), 'ot-bench-pages-'));
  const common = { configFile: join(ROOT, 'vite.config.ts'), root: import.meta.dirname, logLevel: 'error' } as const;
  await build({
    ...common,
    publicDir: join(ROOT, 'public'),
    build: {
      outDir,
      emptyOutDir: true,
      rollupOptions: {
        input: ['page.html', 'tick.html'].map((name) => join(import.meta.dirname, name)),
        // A peer that is not installed stays an import, which fails in the page with its reason.
        external: PEER_PACKAGES.filter((name) => !isInstalled(name)),
      },
    },
  });
  const server = await preview({ ...common, build: { outDir }, preview: { port: 0, host: '127.0.0.1' } });
  const browser = await chromium.launch(launchOptions(ensureChromium()));
  return {
    address: server.resolvedUrls?.local[0] ?? '',
    browser,
    close: async () => {
      await browser.close();
      await server.close();
      await rm(outDir, { recursive: true });
    },
  };
}
