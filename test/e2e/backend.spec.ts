import { expect, test } from '@playwright/test';
import { metricNumber, openPage, planReady } from './page.ts';

test('auto takes the CPU where the only adapter is software, and says so', async ({ page }) => {
  await openPage(page);
  await planReady(page);
  await expect(page.locator('[data-backend]')).toHaveText('CPU · float64');
});

test('?backend=webgpu solves on the adapter, slides, and agrees with the CPU', async ({ page }) => {
  test.setTimeout(150_000);
  const { calm } = await openPage(page, '?backend=cpu');
  await planReady(page);
  const mass = await metricNumber(page, 'ot_pi_sum');
  await page.goto('/?backend=webgpu');
  await planReady(page);
  await expect(page.locator('[data-encoder="demo-encoder.onnx"]')).toContainText('GPU');
  await expect(page.locator('[data-backend]')).toHaveText('software GPU · float32');
  expect(Math.abs((await metricNumber(page, 'ot_pi_sum')) - mass)).toBeLessThan(2e-3);
  expect(await metricNumber(page, 'gap')).toBeLessThan(1e-4);
  const slider = page.getByRole('slider', { name: 'reg', exact: true });
  await slider.fill('600');
  await expect.poll(() => metricNumber(page, 'ot_pi_sum')).not.toBe(mass);
  await expect(page.locator('[data-backend]')).toHaveText('software GPU · float32');
  calm();
});

test('the demo’s encoder runs on the same adapter, and a crash of the GPU’s process costs a restart of the engine and no more', async ({ page, context }) => {
  test.setTimeout(240_000);
  await openPage(page, '?backend=webgpu');
  await planReady(page);
  await expect(page.locator('[data-encoder="demo-encoder.onnx"]')).toContainText('GPU');
  const mass = await metricNumber(page, 'ot_pi_sum');
  const protocol = await context.browser()!.newBrowserCDPSession();
  await protocol.send('Browser.crashGpuProcess');
  await page.getByRole('slider', { name: 'reg', exact: true }).fill('600');
  await expect.poll(() => metricNumber(page, 'ot_pi_sum'), { timeout: 120_000 }).not.toBe(mass);
  await expect(page.locator('.notice')).not.toContainText('problem is explained');
  await expect(page.locator('[data-side="source"]')).toContainText('sim_pick');
  expect(await metricNumber(page, 'gap')).toBeLessThan(1e-4);
});

test('a problem beyond float32 is handed to the CPU and says so', async ({ page }) => {
  test.setTimeout(120_000);
  await openPage(page, '?backend=webgpu&reg=0.0002&prior=product');
  await planReady(page);
  await expect(page.locator('[data-backend]')).toHaveText('handed to CPU · float64');
  expect(await metricNumber(page, 'gap')).toBeLessThan(1e-6);
});

test('Verify runs both solvers on the present problem and shows the largest difference', async ({ page }) => {
  await openPage(page);
  await planReady(page);
  await page.getByRole('button', { name: 'Verify' }).click();
  const outcome = page.getByRole('button', { name: /GPU = CPU to/ });
  await expect(outcome).toBeVisible({ timeout: 30_000 });
  const difference = Number(((await outcome.textContent()) ?? '').replace('GPU = CPU to ', '').replace('−', '-'));
  expect(difference).toBeLessThan(1e-3);
});
