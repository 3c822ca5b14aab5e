import { AxeBuilder } from '@axe-core/playwright';
import { expect, test, type Page } from '@playwright/test';
import { expectNoWideBox, openLabels, openPage, planReady } from './page.ts';

async function expectAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`)).toEqual([]);
}

/** Once maps are drawn, in both themes. */
async function expectAccessibleInBothThemes(page: Page): Promise<void> {
  await planReady(page);
  for (const theme of ['light', 'dark'] as const)
    await test.step(theme, async () => {
      await page.emulateMedia({ colorScheme: theme });
      await expect(page.locator('html')).toHaveAttribute('data-theme', theme);
      await page.evaluate(async () => {
        // Two frames, and every transition of colours has begun.
        for (let k = 0; k < 2; k++) await new Promise(requestAnimationFrame);
        // One that is replaced by another rejects.
        for (const animation of document.getAnimations()) if (animation instanceof CSSTransition) await animation.finished.catch(() => undefined);
      });
      await expectAccessible(page);
    });
}

test('no serious accessibility violation at 1440 px in either theme, and none in empty and error states; no box is wider than the page', async ({ page }) => {
  test.setTimeout(120_000);
  await openPage(page);
  // What is folded away is not looked at.
  await expect(page.locator('[data-policy]')).toHaveAttribute('data-policy', 'trainable');
  for (const summary of await page.locator('[data-policy] summary').all()) await summary.click();
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
  await expectAccessibleInBothThemes(page);
  await expectNoWideBox(page);
});
