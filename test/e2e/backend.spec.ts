import { expect, test } from '@playwright/test';
import { DEMO_MASS, metricNumber, openLabels, openPage, planReady } from './page.ts';

test('auto takes the CPU where the only adapter is software, and says so; Verify runs both solvers on the present problem and shows the largest difference', async ({ page }) => {
  await openLabels(page, '', 'auto');
  await planReady(page);
  await expect(page.locator('[data-backend]')).toHaveText('CPU · float64');
  expect(await page.evaluate(async () => (await (navigator as Navigator & { gpu?: { requestAdapter(): Promise<unknown> } }).gpu?.requestAdapter()) !== null)).toBe(true);
  await page.getByRole('button', { name: 'Verify' }).click();
  const outcome = page.getByRole('button', { name: /GPU = CPU to/ });
  await expect(outcome).toBeVisible({ timeout: 30_000 });
  const difference = Number(((await outcome.textContent()) ?? '').replace('GPU = CPU to ', '').replace('−', '-'));
  expect(difference).toBeLessThan(1e-3);
});

// One page for all of it: a software adapter compiles for half a minute before its first plan.
test('?backend=webgpu', async ({ page, context }) => {
  test.setTimeout(300_000);
  const slider = page.getByRole('slider', { name: 'reg', exact: true });
  const badge = page.locator('[data-backend]');

  await test.step('solves on the adapter, embeds on it, slides, and agrees with the CPU', async () => {
    const { calm } = await openPage(page, '?backend=webgpu');
    await planReady(page);
    await expect(page.locator('[data-encoder="demo-encoder.onnx"]')).toContainText('GPU');
    await expect(badge).toHaveText('software GPU · float32');
    expect(Math.abs((await metricNumber(page, 'ot_pi_sum')) - Number(DEMO_MASS))).toBeLessThan(2e-3);
    expect(await metricNumber(page, 'gap')).toBeLessThan(1e-4);
    const mass = await metricNumber(page, 'ot_pi_sum');
    await slider.fill('600');
    await expect.poll(() => metricNumber(page, 'ot_pi_sum')).not.toBe(mass);
    await expect(badge).toHaveText('software GPU · float32');
    calm();
  });

  await test.step('trains on the adapter: steps, a pause, back to a kept step and the same step again', async () => {
    const transport = page.locator('.transport');
    const untrained = await metricNumber(page, 'ot_pi_sum');
    const reading = transport.locator('.pace');
    await transport.getByRole('button', { name: 'Train (space)' }).click();
    await expect(transport).not.toHaveAttribute('data-step', '0', { timeout: 90_000 });
    await transport.getByRole('button', { name: 'Pause (space)' }).click();
    await expect(transport).toHaveAttribute('data-playing', 'false');
    await expect(transport.locator('[data-runs-on]')).toHaveAttribute('data-runs-on', 'software-gpu');
    await expect(transport.locator('[data-runs-on]')).toContainText('software GPU');
    await expect.poll(() => metricNumber(page, 'ot_pi_sum')).not.toBe(untrained);
    await transport.getByRole('button', { name: /^Back to the kept step/ }).click();
    const step = Number(await transport.getAttribute('data-step'));
    await transport.getByRole('button', { name: 'One step (.)' }).click();
    await expect(transport).toHaveAttribute('data-step', String(step + 1));
    await expect(reading).toContainText(`step ${step + 1}: BC`);
    await transport.getByRole('button', { name: /^Forget the run/ }).click();
    await expect(transport).toHaveAttribute('data-step', '0');
  });

  await test.step('a problem beyond float32 is handed to the CPU and says so', async () => {
    const box = page.getByRole('textbox', { name: 'reg', exact: true });
    await box.fill('0.0002');
    await box.press('Enter');
    await expect(badge).toHaveText('handed to CPU · float64', { timeout: 30_000 });
    expect(await metricNumber(page, 'gap')).toBeLessThan(1e-6);
  });

  await test.step('a crash of the GPU’s process costs a restart of the engine and no more', async () => {
    const before = await metricNumber(page, 'ot_pi_sum');
    const protocol = await context.browser()!.newBrowserCDPSession();
    await protocol.send('Browser.crashGpuProcess');
    await slider.fill('600');
    await expect.poll(() => metricNumber(page, 'ot_pi_sum'), { timeout: 120_000 }).not.toBe(before);
    await expect(badge).toHaveText('software GPU · float32');
    await expect(page.locator('.notice')).not.toContainText('problem is explained');
    await expect(page.locator('[data-side="source"]')).toContainText('sim_pick');
    expect(await metricNumber(page, 'gap')).toBeLessThan(1e-4);
  });
});
