import { readFileSync } from 'node:fs';
import { expect, test, type Page } from '@playwright/test';
import { metric, openLabels, openPage, OWN_REAL, OWN_SIM, pickFiles, pickFolder, planReady } from './page.ts';

/** Every target frame with the source frame at the same place: 8 target episodes by the first 4 source episodes. */
function pairInfo(): Buffer {
  const frames = Object.fromEntries(Array.from({ length: 25 }, (_, frame) => [frame, [frame]]));
  const entries = Array.from({ length: 4 }, (_, k) => ({ demo_name: `episode_000${k}`, raw_dtw_dist: 0.01 * (k + 1), pairing: frames }));
  return Buffer.from(JSON.stringify(Object.fromEntries(Array.from({ length: 8 }, (_, k) => [`episode_000${k}`, entries]))));
}

const FILE = { name: 'pair_info.json', mimeType: 'application/json', buffer: pairInfo() };
const panel = '[data-pairing]';

async function ownShards(page: Page): Promise<void> {
  await openLabels(page);
  await planReady(page);
  await pickFolder(page, 'source', OWN_SIM);
  await expect(page.locator('[data-side="source"] [data-facts]')).toHaveText(/60 ep/);
  await pickFolder(page, 'target', OWN_REAL);
  await expect(page.locator('[data-side="target"] [data-facts]')).toHaveText(/8 ep/);
  await planReady(page);
}

test('a pair_info file: drawn from, asked for again after a reload, refused by name', async ({ page }) => {
  test.setTimeout(120_000);
  await ownShards(page);
  const pairing = page.locator(panel);
  await pairing.getByRole('button', { name: 'none' }).click();
  await expect(page.getByText('64 × 64 · unpaired')).toBeVisible();
  // A pair_info is told by its content, wherever it is dropped.
  await pickFiles(page, 'target', FILE);
  await expect(pairing).toHaveAttribute('data-pairing', 'file');
  await expect(pairing.getByText('32 episode pairs')).toBeVisible();
  await expect(pairing.getByText(/^1\d\d target frames$/)).toBeVisible();
  await expect(page.getByText('64 × 64 · paired')).toBeVisible();
  // The first pairs bring a window: half a second, at most a twentieth of an episode.
  await expect(pairing.locator('[data-window]')).toHaveText(/^0\.0500 s · 2\.63 % of an episode/);
  const before = await metric(page, 'ot_pi_sum').textContent();
  const window = pairing.getByRole('textbox', { name: 'W (frames)' });
  await window.fill('12');
  await window.press('Enter');
  await expect(metric(page, 'ot_pi_sum')).not.toHaveText(before ?? '');

  // Beside the diagonal prior that window is a warning, whose cure is a smaller one.
  await page.getByRole('radio', { name: /^diag/ }).or(page.getByRole('button', { name: /^diag/ })).first().click();
  const chip = page.locator('[data-warning="window-diagonal"]');
  await expect(async () => {
    if (!(await chip.isVisible())) await page.getByRole('button', { name: 'Show the next warnings' }).click({ timeout: 1000 });
    await expect(chip).toContainText('A window of 12 frames', { timeout: 1000 });
  }).toPass();
  await chip.getByRole('button', { name: 'Use a window of 2' }).click();
  await expect(window).toHaveValue('2');
  await expect(chip).toHaveCount(0);
  await window.fill('12');
  await window.press('Enter');

  await page.locator('[data-pick="pairing"]').setInputFiles({ ...FILE, name: 'other.json', buffer: Buffer.from('{"a": {"paired_demos": []}}') });
  await expect(pairing.getByRole('alert')).toContainText('the fields expected are demo_name, raw_dtw_dist and pairing');
  await pairing.getByRole('button', { name: 'Dismiss' }).click();
  await expect(page.getByText('64 × 64 · paired')).toBeVisible();

  await page.waitForTimeout(500);
  await page.reload();
  await expect(pairing.getByText('This session was made with a pairing file of this name')).toBeVisible();
  await page.locator('[data-pick="pairing"]').setInputFiles(FILE);
  await expect(pairing.getByText('32 episode pairs')).toBeVisible();
  await expect(pairing.getByRole('textbox', { name: 'W (frames)' })).toHaveValue('12');
});

test('DTW in the page: paired, drawn from, saved as a file that opens again', async ({ page }) => {
  test.setTimeout(120_000);
  const { calm } = await openLabels(page);
  await planReady(page);
  const pairing = page.locator(panel);
  await pairing.getByRole('button', { name: 'DTW' }).click();
  await expect(pairing.getByLabel('src_key')).toHaveValue('observation.state');
  await pairing.getByRole('textbox', { name: 'stride' }).fill('2');
  await pairing.getByRole('textbox', { name: 'stride' }).press('Enter');
  await pairing.getByRole('button', { name: 'Pair episodes' }).click();
  await expect(pairing.getByText('480 episode pairs')).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText('64 × 64 · paired')).toBeVisible();
  await expect(pairing.locator('.note').filter({ hasText: 'stride of 2' })).toBeVisible();
  const [download] = await Promise.all([page.waitForEvent('download'), pairing.getByRole('button', { name: 'Save pair_info.json' }).click()]);
  const saved = readFileSync(await download.path());
  expect(Object.keys(JSON.parse(saved.toString()) as object)).toHaveLength(8);
  await pairing.getByRole('button', { name: 'file' }).click();
  await page.locator('[data-pick="pairing"]').setInputFiles({ ...FILE, buffer: saved });
  await expect(pairing).toHaveAttribute('data-pairing', 'file');
  await expect(pairing.getByText('480 episode pairs')).toBeVisible();
  calm();
});

test('samples with steps in time: stacked, said, and one frame again', async ({ page }) => {
  const { calm } = await openPage(page);
  await planReady(page);
  const loss = metric(page, 'ot_loss');
  const single = await loss.textContent();
  const steps = page.getByRole('textbox', { name: 'obs steps' });
  await steps.fill('3');
  await steps.press('Enter');
  await expect(page.locator('[data-batch-note]').first()).toContainText('Observations are stacks of 3 frames');
  await expect(loss).not.toHaveText(single ?? '');
  await steps.fill('1');
  await steps.press('Enter');
  await expect(page.locator('[data-batch-note]')).toHaveCount(0);
  await expect(loss).toHaveText(single ?? '');
  calm();
});

test('the pairing is seen: path, partners, how far matches are apart, and what a window does', async ({ page }) => {
  test.setTimeout(120_000);
  const { calm } = await openLabels(page);
  await planReady(page);
  const aside = page.locator('[data-aside]');
  await aside.getByRole('button', { name: 'Pairing' }).click();
  await expect(page.locator('[data-heatmap="path"] .xtick').first()).toBeVisible({ timeout: 20_000 });
  await expect(page.locator('[data-heatmap="strip"]')).toBeVisible();
  await expect(page.locator('.path .over')).toHaveAttribute('d', /^M.*L/);
  // The likeliest partner comes first; a click shows it, and the cell can be followed again.
  const partner = aside.getByRole('button', { name: /^episode \d+$/ }).first();
  const name = (await partner.textContent()) ?? '';
  await partner.click();
  await expect(aside.getByRole('spinbutton', { name: /^Source episode/ })).toHaveValue(name.replace('episode ', ''));
  await aside.getByRole('button', { name: 'follow the cell' }).click();
  await expect(aside.getByRole('button', { name: 'follow the cell' })).toHaveCount(0);

  await aside.getByRole('button', { name: 'Window' }).click();
  await expect(aside.locator('.matches tbody tr')).toHaveCount(5);
  const row = (label: string): ReturnType<Page['locator']> => aside.locator('.windows tbody tr').filter({ has: page.getByRole('button', { name: label, exact: true }) });
  const error = async (label: string, column: number): Promise<number> => Number(await row(label).locator('td').nth(column).textContent());
  await expect(row('40').locator('td').nth(1)).not.toHaveText('–', { timeout: 30_000 });
  // Pairs drift apart as the window grows, and π matches them again.
  await expect(async () => {
    expect(await error('40', 1)).toBeGreaterThan(5 * (await error('0', 1)));
    expect(await error('40', 2)).toBeLessThan(0.5 * (await error('40', 1)));
  }).toPass();
  await row('5').getByRole('button').click();
  await expect(row('5')).toHaveClass('here');
  await expect(page.locator('[data-pairing]').getByRole('textbox', { name: 'W (frames)' })).toHaveValue('5');
  calm();
});
