import { expect, test } from '@playwright/test';
import { expectAccessible, expectAccessibleInBothThemes } from './accessible.ts';
import { expectNoWideBox, openLabels, openPage, planReady } from './page.ts';

test('no serious accessibility violation at 1440 px in either theme, and none in empty and error states; no box is wider than the page', async ({ page }) => {
  test.setTimeout(120_000);
  await openPage(page);
  await planReady(page);
  await expectAccessibleInBothThemes(page);
  await expectNoWideBox(page);

  await test.step('an error', async () => {
    await page.emulateMedia({ colorScheme: 'light' });
    const editor = page.locator('.term-editor').first();
    await editor.locator('summary').click();
    await editor.getByLabel('tgt_key').selectOption('action');
    await editor.getByLabel('src_key').selectOption('observation.state');
    await editor.getByLabel('tgt_key').selectOption('action');
    await expect(page.getByRole('alert')).toBeVisible();
    await expectAccessible(page);
  });

  await test.step('no data', async () => {
    await page.getByRole('button', { name: 'Clear: source' }).click();
    await expect(page.getByRole('heading', { name: 'Drop two shards to compare' })).toBeVisible();
    await expectAccessible(page);
  });
});

test('no serious accessibility violation on a phone in either theme, and no box is wider than it', async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await openLabels(page);
  await planReady(page);
  await expectAccessibleInBothThemes(page);
  await expectNoWideBox(page);
});
