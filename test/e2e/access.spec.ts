import { AxeBuilder } from '@axe-core/playwright';
import { expect, test, type Page } from '@playwright/test';
import { openPage, planReady } from './page.ts';

async function violations(page: Page): Promise<string[]> {
  const { violations: found } = await new AxeBuilder({ page }).analyze();
  return found.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
}

for (const theme of ['light', 'dark'] as const)
  for (const viewport of [
    { width: 1440, height: 900 },
    { width: 390, height: 844 },
  ])
    test(`no serious accessibility violation: ${theme}, ${viewport.width} px`, async ({ page }) => {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme: theme });
      await openPage(page);
      await planReady(page);
      await page.waitForTimeout(500);
      expect(await violations(page)).toEqual([]);
    });

test('no serious accessibility violation: empty and error states', async ({ page }) => {
  await openPage(page);
  await planReady(page);
  const editor = page.locator('.term-editor').first();
  await editor.locator('summary').click();
  await editor.getByLabel('tgt_key').selectOption('action');
  await editor.getByLabel('src_key').selectOption('observation.state');
  await editor.getByLabel('tgt_key').selectOption('action');
  await expect(page.getByRole('alert')).toBeVisible();
  expect(await violations(page)).toEqual([]);
  await page.getByRole('button', { name: 'Clear: source' }).click();
  await expect(page.getByRole('heading', { name: 'Drop two shards to compare' })).toBeVisible();
  expect(await violations(page)).toEqual([]);
});

test('the test browser has a WebGPU adapter, for the kernels to come', async ({ page }) => {
  await openPage(page);
  expect(await page.evaluate(async () => (await (navigator as Navigator & { gpu?: { requestAdapter(): Promise<unknown> } }).gpu?.requestAdapter()) !== null)).toBe(true);
});

test('no box is wider than the page at any of the three widths', async ({ page }) => {
  for (const viewport of [
    { width: 1440, height: 900 },
    { width: 1024, height: 768 },
    { width: 390, height: 844 },
  ]) {
    await page.setViewportSize(viewport);
    await openPage(page);
    await planReady(page);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(wide, `${viewport.width}`).toBe(0);
  }
});
