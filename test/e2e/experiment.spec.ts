import { readFile } from 'node:fs/promises';
import { expect, test, type Page } from '@playwright/test';
import { DEFAULT_SESSION } from '../../src/config/session.ts';
import { sessionToHash } from '../../src/config/share.ts';
import { expectAccessibleInBothThemes } from './accessible.ts';
import { expectNoWideBox, openPage, planReady } from './page.ts';

const bar = (page: Page) => page.locator('.run-bar');
const doneOf = async (page: Page): Promise<number> => Number(await bar(page).getAttribute('data-done'));

async function saved(page: Page, button: string): Promise<string> {
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: button }).click();
  return readFile(await (await download).path(), 'utf8');
}

test('an experiment: refused seeds, a killed worker, a pause, a reload, and what came out', async ({ page }) => {
  test.setTimeout(420_000);
  const session = { ...DEFAULT_SESSION, pairing: { kind: 'truth' as const }, policy: { ...DEFAULT_SESSION.policy, steps: 3 } };
  const { calm } = await openPage(page, `?backend=cpu&view=experiment${await sessionToHash(session)}`);
  await planReady(page);
  const button = (name: string) => bar(page).getByRole('button', { name, exact: true });

  await test.step('seeds that are named twice start nothing', async () => {
    await page.getByLabel('seeds', { exact: true }).fill('1, 2, 1');
    await page.keyboard.press('Enter');
    await expect(page.locator('.plan-problem')).toContainText('Seed 1 is named twice');
    await expect(button('Run')).toBeDisabled();
    await page.getByLabel('seeds', { exact: true }).fill('1:3');
    await page.keyboard.press('Enter');
    await page.getByLabel('attempts', { exact: true }).fill('2');
    await page.keyboard.press('Enter');
    await page.getByRole('checkbox', { name: /^Balanced OT/ }).uncheck();
    await expect(bar(page)).toContainText('0 of 4 runs');
    calm();
  });

  await test.step('the run of a killed worker is done again', async () => {
    await button('Run').click();
    await expect.poll(() => doneOf(page), { timeout: 180_000, intervals: [50] }).toBeGreaterThan(0);
    const worker = page.workers().find((one) => one.url().includes('experiment.worker'))!;
    await worker.evaluate(() => void setTimeout(() => { throw new Error('killed by the test'); }));
    await expect(page.locator('.results')).toContainText('replaced: 1');
  });

  await test.step('held, then loaded anew: it goes on where it was', async () => {
    await button('Pause').click();
    await expect(bar(page)).toHaveAttribute('data-phase', 'paused');
    const done = await doneOf(page);
    expect(done).toBeLessThan(4);
    await page.reload();
    await expect(bar(page)).toContainText(`${done} of 4 runs`, { timeout: 60_000 });
    await planReady(page);
    await button('Go on').click();
    await expect(bar(page)).toContainText('4 of 4 runs', { timeout: 180_000 });
    await expect(bar(page)).toHaveAttribute('data-phase', 'idle');
  });

  await test.step('means, differences, seeds, curves', async () => {
    await expect(page.locator('[data-method="uot"] td').nth(2)).toHaveText(/^\d\.\d\d ± \d\.\d\d$/);
    await expect(page.locator('[data-measure="ood"] [data-left="uot"]')).toContainText(/^UOT[+−]?\d\.\d\d \[[+−]?\d\.\d\d, [+−]?\d\.\d\d\] · \d of 2 seeds$/);
    await expect(page.locator('.seed-row circle')).toHaveCount(4);
    await expect(page.locator('.curve .mean')).toHaveCount(8);
    await expectAccessibleInBothThemes(page, '[data-experiment]');
  });

  await test.step('files', async () => {
    const json = JSON.parse(await saved(page, 'Save JSON')) as { runs: { method: string; seed: number; attempts: number }[]; session: { policy: { steps: number } } };
    expect(json.runs.map(({ method, seed }) => `${method} ${seed}`).toSorted()).toEqual(['cotrain 1', 'cotrain 2', 'uot 1', 'uot 2']);
    expect(json.runs[0]!.attempts).toBe(2);
    expect(json.session.policy.steps).toBe(3);
    expect((await saved(page, 'Save CSV')).trim().split('\n')).toHaveLength(5);
  });

  await test.step('a method becomes the session’s, and the runs are still of it', async () => {
    await page.getByRole('button', { name: 'Use Co-training' }).click();
    await expect(page.locator('[data-policy]').getByLabel('Method')).toHaveValue('cotrain');
    await expect(page.getByText('The page’s settings are others')).toHaveCount(0);
    await page.locator('[data-policy]').getByLabel('Method').selectOption('uot');
    await page.locator('[data-policy]').getByLabel('steps', { exact: true }).fill('4');
    await page.keyboard.press('Enter');
    await expect(page.getByText('The page’s settings are others')).toBeVisible();
  });

  await test.step('on a phone', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await expect(() => expectNoWideBox(page)).toPass();
    await page.getByRole('tab', { name: 'Solve' }).click();
    await expect(page.locator('[data-experiment]')).toHaveCount(0);
    expect(page.url()).not.toContain('view=');
    await page.getByRole('button', { name: 'Experiment' }).click();
    await expect(page.locator('[data-experiment]')).toBeVisible();
  });
});
