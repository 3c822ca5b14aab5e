import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { metric, needsShared, openPage, OWN_REAL, OWN_SIM, pickFiles, pickFolder, planPixels, planReady, SHARED } from './page.ts';

const TABLE = 'data/chunk-000/file-000.parquet';

test('a folder of one’s own on each side: read, solved, unpaired or not said', async ({ page }) => {
  const { calm } = await openPage(page);
  await planReady(page);
  await pickFolder(page, 'source', OWN_SIM);
  await pickFolder(page, 'target', OWN_REAL);
  await expect(page.locator('[data-side="source"] [data-facts]')).toHaveText(/60 ep/);
  await expect(page.locator('[data-side="target"] [data-facts]')).toHaveText(/8 ep/);
  await planReady(page);
  // Not the built-in demo any more: no frames are drawn, and the terms were chosen for these columns.
  await expect(page.locator('.inspector .frames canvas')).toHaveCount(0);
  await expect(page.locator('.term .name').first()).toHaveText('state');
  calm();
});

test('a single parquet file without meta loads and says that it has no fps', async ({ page }) => {
  await openPage(page);
  await planReady(page);
  await pickFiles(page, 'target', join(OWN_REAL, TABLE));
  await expect(page.locator('[data-side="target"] [data-facts]')).toHaveText(/8 ep · 247 frames · fps unknown/);
  await planReady(page);
});

test('real LeRobot datasets with different widths: named error with both sides, the cure solves it', async ({ page }) => {
  needsShared();
  await openPage(page);
  await planReady(page);
  await pickFolder(page, 'source', join(SHARED, 'data/piper_smolvla_v30_src'));
  await expect(page.locator('[data-side="source"] [data-facts]')).toHaveText(/19 ep · 4.958 frames · 15 fps/);
  await pickFolder(page, 'target', join(SHARED, 'data/g1_real_v21'));
  await expect(page.locator('[data-side="target"] [data-facts]')).toHaveText(/11 ep · 3.294 frames · 30 fps/);
  await planReady(page);
  await expect(page.getByText('64 × 64 · unpaired')).toBeVisible();
  // The chosen term is sliced to the common width; unslicing it is the error.
  await page.locator('.term-editor summary').first().click();
  await page.locator('.term-editor').first().getByLabel('tgt_key').selectOption('action');
  const to = page.getByRole('textbox', { name: 'dim_slice to' });
  await to.fill('8');
  await to.press('Enter');
  await expect(page.getByRole('alert').filter({ hasText: 'slices source' })).toBeVisible();
  await expect(page.locator('.plan-box.old')).toBeVisible();
});

test('widths that differ: the sentence names both, one click slices', async ({ page }) => {
  await openPage(page);
  await planReady(page);
  const first = await planPixels(page);
  const editor = page.locator('.term-editor').filter({ hasText: 'end effector' });
  await editor.locator('summary').click();
  // Choosing a key takes the slice away: all five values of both sides.
  await editor.getByLabel('src_key').selectOption('action');
  await editor.getByLabel('src_key').selectOption('observation.state');
  await expect.poll(() => planPixels(page)).not.toBe(first);
  await page.waitForTimeout(300);
  const pixels = await planPixels(page);
  await editor.getByLabel('tgt_key').selectOption('action');
  const note = page.getByRole('alert');
  await expect(note).toContainText('The source has 5 values per frame and the target has 3');
  expect(await planPixels(page)).toBe(pixels);
  await note.getByRole('button', { name: 'Set dim_slice to 0:3' }).click();
  await expect(note).toHaveCount(0);
  await planReady(page);
});

test('bad files are refused with a sentence, and what was loaded stays', async ({ page }) => {
  await openPage(page);
  await planReady(page);
  const bytes = readFileSync(join(OWN_REAL, TABLE));
  const wrongMagic = Buffer.from(bytes);
  wrongMagic.write('NOPE', 0);
  const mass = await metric(page, 'ot_pi_sum').textContent();
  const panel = page.locator('[data-side="target"]');
  for (const [name, buffer] of [
    ['truncated.parquet', bytes.subarray(0, bytes.length / 2)],
    ['magic.parquet', wrongMagic],
    ['empty.parquet', Buffer.alloc(0)],
    ['frames.jsonl', Buffer.from('{"frame": 1}\n')],
    ['data.hdf5', Buffer.from('\u0089HDF\r\n\u001a\n')],
  ] as const) {
    await pickFiles(page, 'target', { name, mimeType: 'application/octet-stream', buffer });
    await expect(panel.getByRole('alert'), name).toBeVisible();
    await expect(panel.getByRole('alert'), name).not.toContainText('Something went wrong');
    await expect(panel.locator('[data-facts]')).toHaveText(/8 ep · 247 frames/);
    await panel.getByRole('button', { name: 'Dismiss' }).click();
    await expect(panel.getByRole('alert')).toHaveCount(0);
  }
  await expect(metric(page, 'ot_pi_sum')).toHaveText(mass ?? '');
});

test('a second choice while the first loads: the last one wins', async ({ page }) => {
  needsShared();
  await openPage(page);
  await planReady(page);
  await pickFolder(page, 'source', join(SHARED, 'data/pusht_v30'));
  await pickFolder(page, 'source', OWN_SIM);
  await expect(page.locator('[data-side="source"] [data-facts]')).toHaveText(/60 ep/);
  await page.waitForTimeout(1500);
  await expect(page.locator('[data-side="source"] [data-facts]')).toHaveText(/60 ep/);
});

test('a file that changed after it was chosen is said', async ({ page }) => {
  const folder = mkdtempSync(join(tmpdir(), 'ot-changed-'));
  try {
    mkdirSync(join(folder, 'own/data/chunk-000'), { recursive: true });
    const file = join(folder, 'own', TABLE);
    copyFileSync(join(OWN_REAL, TABLE), file);
    await openPage(page);
    await planReady(page);
    // The engine restarts and reads its files again: by then this one is another.
    await pickFiles(page, 'target', file);
    await expect(page.locator('[data-side="target"] [data-facts]')).toHaveText(/fps unknown/);
    writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.from('more')]));
    const engine = page.workers().find((worker) => worker.url().includes('engine'));
    await engine?.evaluate(() => setTimeout(() => {
      throw new Error('killed by the test');
    }));
    await expect(page.locator('[data-drop="target"], [data-side="target"]').getByRole('alert').first()).toContainText(/changed|can no longer/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a killed engine starts again with its data and settings', async ({ page }) => {
  await openPage(page);
  await planReady(page);
  await page.getByRole('combobox', { name: 'Preset' }).selectOption('balanced');
  await expect.poll(async () => metric(page, 'ot_pi_sum').textContent()).toBe('1.00');
  const engine = page.workers().find((worker) => worker.url().includes('engine'));
  expect(engine).toBeDefined();
  await engine?.evaluate(() => setTimeout(() => {
    throw new Error('killed by the test');
  }));
  await page.getByRole('combobox', { name: 'Preset' }).selectOption('toy');
  await expect.poll(async () => metric(page, 'ot_pi_sum').textContent()).not.toBe('1.00');
  await expect(page.getByRole('textbox', { name: 'reg', exact: true })).toHaveValue('0.0100');
});

test('batch: B = 1, more than there is, an empty range, ranges of unequal length', async ({ page }) => {
  await openPage(page);
  await planReady(page);
  const size = page.getByRole('textbox', { name: 'size' });
  await size.fill('0');
  await expect(size).toHaveAttribute('aria-invalid', 'true');
  await size.press('Escape');
  await size.fill('1');
  await size.press('Enter');
  await expect(page.getByText('1 × 1 · paired')).toBeVisible();
  await size.fill('1000');
  await size.press('Enter');
  await expect(page.getByText('247 × 247 · paired')).toBeVisible();
  await page.getByRole('button', { name: 'ranges' }).click();
  await expect(page.getByText('64 × 64 · unpaired')).toBeVisible();
  const target = page.getByRole('textbox', { name: 'target' });
  await target.fill('0:16, 40:48');
  await target.press('Enter');
  await expect(page.getByText('64 × 24 · unpaired')).toBeVisible();
  await page.getByRole('group', { name: 'prior c' }).getByRole('button', { name: 'diag' }).click();
  const box = page.getByRole('textbox', { name: 'τ₁', exact: true });
  await box.fill('inf');
  await box.press('Enter');
  await expect(page.getByRole('alert').filter({ hasText: 'the prior allows it no target' })).toBeVisible();
  await page.getByRole('button', { name: 'Set τ₁ = τ₂ = 1' }).click();
  await planReady(page);
  await target.fill('5:5');
  await target.press('Enter');
  await expect(page.getByText('ranges are half-open').first()).toBeVisible();
});

test('clearing both sides leaves a designed empty page, and the demo is one click away', async ({ page }) => {
  await openPage(page);
  await planReady(page);
  await page.getByRole('button', { name: 'Clear: source' }).click();
  await page.getByRole('button', { name: 'Clear: target' }).click();
  await expect(page.getByRole('heading', { name: 'Drop two shards to compare' })).toBeVisible();
  await page.getByRole('button', { name: 'Use the demo world' }).click();
  await planReady(page);
});

test('folders can be dropped on a side', async ({ page }) => {
  await openPage(page);
  await planReady(page);
  const bytes = readFileSync(join(OWN_REAL, TABLE)).toString('base64');
  const transfer = await page.evaluateHandle((encoded) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0))], 'dropped.parquet'));
    return data;
  }, bytes);
  await page.locator('[data-side="target"]').dispatchEvent('drop', { dataTransfer: transfer });
  await expect(page.locator('[data-side="target"] .name')).toContainText('dropped.parquet');
  await expect(page.locator('[data-side="target"] [data-facts]')).toHaveText(/8 ep · 247 frames/);
});
