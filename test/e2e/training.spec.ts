import { expect, test } from '@playwright/test';
import { DEFAULT_SESSION, writeSession } from '../../src/config/session.ts';
import { SESSION_KEY } from '../../src/store/autosave.ts';
import { expectNoWideBox, metricNumber, openPage, planReady } from './page.ts';

test('training: play, the plan alive, pause, a step, back to a kept one, by keys too, and saved', async ({ page }) => {
  test.setTimeout(180_000);
  const session = writeSession({ ...DEFAULT_SESSION, policy: { ...DEFAULT_SESSION.policy, steps: 60 } });
  await page.addInitScript(([key, text]) => {
    if (location.protocol === 'http:') localStorage.setItem(key, text);
  }, [SESSION_KEY, session] as const);
  const { calm } = await openPage(page, '?backend=cpu');
  await planReady(page);
  const transport = page.locator('.transport');
  const before = await metricNumber(page, 'ot_pi_sum');
  await transport.getByRole('button', { name: 'One step (.)' }).click();
  await expect(transport).toHaveAttribute('data-step', '1', { timeout: 60_000 });
  await page.keyboard.press('Escape');
  await transport.getByRole('button', { name: 'Train (space)' }).click();
  await expect(transport).toHaveAttribute('data-step', '60', { timeout: 90_000 });
  await expect(transport).toHaveAttribute('data-playing', 'false');
  // What the encoder has learned shows in the plan of the page's own batch.
  await expect(async () => expect(Math.abs((await metricNumber(page, 'ot_pi_sum')) - before)).toBeGreaterThan(0.01)).toPass();
  await expect(page.locator('.series-chart svg')).toHaveCount(6);
  await expect(page.locator('.series-chart .line path').first()).toHaveAttribute('d', /^M.*L/);
  await expect(page.locator('.film canvas').first()).toBeVisible();
  const trained = await metricNumber(page, 'ot_pi_sum');
  const download = page.waitForEvent('download');
  await transport.getByRole('button', { name: 'Save encoder (.onnx)' }).click();
  expect((await download).suggestedFilename()).toBe('demo-encoder-step60.onnx');
  // A slider moves under the trained encoder.
  await transport.getByRole('button', { name: /^Back to the kept step/ }).click();
  await expect(transport).toHaveAttribute('data-step', '58');
  await page.locator('body').press('.');
  await expect(transport).toHaveAttribute('data-step', '59');
  await page.locator('body').press('.');
  await expect(transport).toHaveAttribute('data-step', '60');
  // The same step from the same state: the same weights.
  await expect(async () => expect(await metricNumber(page, 'ot_pi_sum')).toBe(trained)).toPass();
  await transport.getByRole('button', { name: /^Forget the run/ }).click();
  await expect(transport).toHaveAttribute('data-step', '0');
  await expect(async () => expect(await metricNumber(page, 'ot_pi_sum')).toBe(before)).toPass();
  for (const size of [{ width: 1024, height: 768 }, { width: 390, height: 844 }]) {
    await page.setViewportSize(size);
    // The charts follow the window a moment later.
    await expect(() => expectNoWideBox(page)).toPass();
  }
  calm();
});
