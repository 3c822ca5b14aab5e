import { expect, test } from '@playwright/test';
import { metricNumber, openPage, planReady } from './page.ts';

test('auto takes the CPU where the only adapter is software, and says so', async ({ page }) => {
  await openPage(page);
  await planReady(page);
  await expect(page.locator('[data-backend]')).toHaveText('CPU · float64');
});

test('?backend=webgpu solves on the adapter, slides, and agrees with the CPU', async ({ page }) => {
  const { calm } = await openPage(page, '?backend=cpu');
  await planReady(page);
  const mass = await metricNumber(page, 'ot_pi_sum');
  await page.goto('/?backend=webgpu');
  await planReady(page);
  await expect(page.locator('[data-backend]')).toHaveText('software GPU · float32');
  expect(Math.abs((await metricNumber(page, 'ot_pi_sum')) - mass)).toBeLessThan(2e-3);
  expect(await metricNumber(page, 'gap')).toBeLessThan(1e-4);
  const slider = page.getByRole('slider', { name: 'reg', exact: true });
  await slider.fill('600');
  await expect.poll(() => metricNumber(page, 'ot_pi_sum')).not.toBe(mass);
  await expect(page.locator('[data-backend]')).toHaveText('software GPU · float32');
  calm();
});

test('a problem beyond float32 is handed to the CPU and says so', async ({ page }) => {
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
