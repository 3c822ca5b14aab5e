import { expect, test } from '@playwright/test';
import { DEFAULT_SESSION, writeSession } from '../../src/config/session.ts';
import { SESSION_KEY } from '../../src/store/autosave.ts';
import { expectAccessibleInBothThemes } from './accessible.ts';
import { expectNoWideBox, openLabels, openPage, OWN_REAL, pickFolder, planReady } from './page.ts';

/** Ground truth pairs: nothing here is about DTW. */
const SESSION = writeSession({ ...DEFAULT_SESSION, pairing: { kind: 'truth' }, policy: { ...DEFAULT_SESSION.policy, steps: 8 } });

test('the arm: driven untrained, stopped, after training and at an earlier step; counted, looked at, and none of it moves the run', async ({ page }) => {
  test.setTimeout(180_000);
  await page.addInitScript(([key, text]) => {
    if (location.protocol === 'http:') localStorage.setItem(key, text);
  }, [SESSION_KEY, SESSION] as const);
  const { calm } = await openPage(page, '?backend=cpu');
  await planReady(page);
  await page.getByRole('group', { name: 'Beside the plan' }).getByRole('button', { name: 'Arm' }).click();
  const arm = page.locator('.arm-view');
  const press = (name: string): Promise<void> => arm.getByRole('button', { name, exact: true }).first().click();
  const count = (region: string) => arm.locator(`[data-region="${region}"] .count`);
  const policy = arm.getByRole('combobox', { name: 'Policy' });
  await expect(count('lower')).toHaveText('–');
  await arm.locator('.drive').getByRole('button', { name: 'Both' }).click();
  // What is in the bin is counted while they drive.
  await expect(count('upper')).toHaveText(/^\d+\/30$/, { timeout: 60_000 });
  await press('Stop');
  await expect(arm).toHaveAttribute('data-driving', 'false');
  await expect(arm.locator('.driven')).toHaveCount(0);

  const transport = page.locator('.transport');
  await transport.getByRole('button', { name: 'Train (space)' }).click();
  await expect(transport).toHaveAttribute('data-step', '8', { timeout: 60_000 });
  await arm.locator('.drive').getByRole('button', { name: 'ID' }).click();
  await expect(arm.locator('.driven [data-step="8"]')).toBeVisible({ timeout: 90_000 });
  await expect(count('lower')).toHaveText(/^\d+\/30$/);
  await expect(count('upper')).toHaveText('–');
  await policy.selectOption('3');
  await arm.locator('.drive').getByRole('button', { name: 'ID' }).click();
  await expect(arm.locator('.driven [data-step="3"]')).toHaveText(/^3\d+\/30–0\.\d{3}0\.\d{3}$/, { timeout: 90_000 });
  await expect(arm.locator('.driven tbody tr')).toHaveCount(2);
  await expect(transport).toHaveAttribute('data-step', '8');
  // Its time by the keyboard, and another attempt.
  const time = arm.getByRole('slider', { name: 'Time' });
  await time.focus();
  await page.keyboard.press('Home');
  await expect(time).toHaveAttribute('aria-valuetext', '0.00 s');
  await arm.getByRole('spinbutton', { name: 'Attempt' }).fill('7');
  await expect(arm.locator('[data-attempt="6"]')).toBeVisible();
  await expect(page.getByRole('img', { name: /^The table from above: in distribution: \d+ of 30 discs in the bin$/ })).toBeVisible();
  await expectAccessibleInBothThemes(page, '.aside');
  for (const size of [{ width: 1024, height: 768 }, { width: 390, height: 844 }]) {
    await page.setViewportSize(size);
    await expect(() => expectNoWideBox(page)).toPass();
  }
  calm();
});

test('the arm is refused by a sentence: with nothing that could drive, and on data that are not the demo’s', async ({ page }) => {
  await openLabels(page);
  await planReady(page);
  await page.getByRole('group', { name: 'Beside the plan' }).getByRole('button', { name: 'Arm' }).click();
  const arm = page.locator('.arm-view');
  await arm.getByRole('button', { name: 'Both' }).click();
  await expect(arm.getByRole('alert')).toContainText('encoder');
  await expect(arm).toHaveAttribute('data-driving', 'false');
  await pickFolder(page, 'target', OWN_REAL);
  await expect(arm.getByText('Only the demo’s arm can be driven; these data are not the demo’s.')).toBeVisible();
  await expect(arm.getByRole('button', { name: 'Both' })).toBeDisabled();
  await expect(arm.getByRole('alert')).toHaveCount(0);
});
