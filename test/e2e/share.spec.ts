import { expect, test } from '@playwright/test';
import { metric, openLabels, openPage, OWN_SIM, pickFolder, planPixels, planReady } from './page.ts';

test('Share copies a link that restores the session, encoder, plan and all', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await openPage(page);
  await planReady(page);
  await page.getByRole('combobox', { name: 'Preset' }).selectOption('balanced');
  const box = page.getByRole('textbox', { name: 'reg', exact: true });
  await box.fill('0.037');
  await box.press('Enter');
  await page.getByRole('button', { name: 'redraw' }).click();
  await page.getByRole('button', { name: 'Share' }).click();
  await expect(page.getByText('Link copied')).toBeVisible();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  expect(link).toContain('#s=4.');
  await page.mouse.move(0, 0);
  await page.waitForTimeout(300);
  const pixels = await planPixels(page);
  const mass = await metric(page, 'ot_loss').textContent();
  const other = await context.newPage();
  await other.addInitScript(() => localStorage.clear());
  await other.goto(link);
  await planReady(other);
  await expect(other.getByRole('textbox', { name: 'reg', exact: true })).toHaveValue('0.0370');
  await expect(other.getByRole('textbox', { name: 'τ₁', exact: true })).toHaveValue('∞');
  await expect(metric(other, 'ot_loss')).toHaveText(mass ?? '');
  await expect.poll(() => planPixels(other)).toBe(pixels);
});

test('readable overrides win over the session', async ({ page }) => {
  await openLabels(page, '&reg=0.2&tau1=inf&tau2=0.7&prior=soft:0.25&lang=zh');
  await planReady(page);
  await expect(page.getByRole('textbox', { name: 'reg', exact: true })).toHaveValue('0.200');
  await expect(page.getByRole('textbox', { name: 'τ₁', exact: true })).toHaveValue('∞');
  await expect(page.getByRole('textbox', { name: 'τ₂', exact: true })).toHaveValue('0.700');
  await expect(page.getByRole('textbox', { name: 'ε' })).toHaveValue('0.250');
  await expect(page.locator('html')).toHaveAttribute('lang', 'zh-Hans');
});

test('a damaged link and a link from a newer version are said, and the page works', async ({ page }) => {
  for (const [hash, text] of [
    ['#s=1.AAAA', 'This link cannot be read'],
    ['#s=1.%%%', 'This link cannot be read'],
    ['#s=9.AAAA', 'made by a newer version'],
  ] as const) {
    await page.goto('about:blank');
    await openLabels(page, hash);
    await planReady(page);
    await expect(page.locator('.notice')).toContainText(text);
  }
});

test('language, theme and session are switched at once and survive a reload; local files are asked for by name', async ({ page }) => {
  await openLabels(page);
  await planReady(page);
  const box = page.getByRole('textbox', { name: 'reg', exact: true });

  await test.step('language, theme and settings', async () => {
    await page.getByRole('button', { name: '中文' }).click();
    await expect(page.getByRole('heading', { name: '传输计划 π' })).toBeVisible();
    await page.getByRole('button', { name: '主题' }).click();
    await page.getByRole('button', { name: '主题' }).click();
    await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
    await box.fill('0.044');
    await box.press('Enter');
    await page.waitForTimeout(600);
    await page.reload();
    await planReady(page);
    await expect(page.locator('html')).toHaveAttribute('lang', 'zh-Hans');
    await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
    await expect(box).toHaveValue('0.0440');
  });

  await test.step('a local file', async () => {
    await page.getByRole('button', { name: 'English' }).click();
    await pickFolder(page, 'source', OWN_SIM);
    await expect(page.locator('[data-side="source"] .strip')).toHaveCount(0);
    await planReady(page);
    await page.waitForTimeout(600);
    await page.reload();
    await expect(page.getByRole('heading', { name: 'This session needs files of yours' })).toBeVisible();
    await expect(page.locator('[data-drop="source"]')).toContainText('sim_pick');
    await pickFolder(page, 'source', OWN_SIM);
    await planReady(page);
  });
});
