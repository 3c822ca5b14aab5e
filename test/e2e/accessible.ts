import { AxeBuilder } from '@axe-core/playwright';
import { expect, test, type Page } from '@playwright/test';

/** No serious violation on the page, or in the part of it that a selector names; what is folded away is not looked at. */
export async function expectAccessible(page: Page, within?: string): Promise<void> {
  const axe = new AxeBuilder({ page });
  const { violations } = await (within === undefined ? axe : axe.include(within)).analyze();
  expect(violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`)).toEqual([]);
}

/** The same in both themes, once the change of colours has ended. */
export async function expectAccessibleInBothThemes(page: Page, within?: string): Promise<void> {
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
      await expectAccessible(page, within);
    });
}
