import type { Kernels, KernelHost } from './kernels.ts';
import type { Pages } from './pages.ts';

/** Kernels in one page of headless Chromium, on one adapter. @throws UserError `no-adapter`, as text, from the page */
export async function chromiumHost({ address, browser }: Pages, sweepCost: Float64Array): Promise<KernelHost> {
  const page = await browser.newPage();
  await page.goto(`${address}page.html`);
  await page.waitForFunction(() => window.openKernels !== undefined);
  const opened = await page.evaluate(async (cost) => window.openKernels!(cost), sweepCost);
  return {
    ...opened,
    runtime: `Chromium ${browser.version()}`,
    prepare: async (task) => page.evaluate(async (asked): ReturnType<Kernels['prepare']> => window.kernels!.prepare(asked), task),
    time: async (contender) => page.evaluate(async (asked) => window.kernels!.time(asked), contender),
    close: async () => page.close(),
  };
}
