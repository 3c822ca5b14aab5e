import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, type Locator, type Page } from '@playwright/test';
import { demo, robomimic } from '../unit/datasets/make-arrays.ts';
import { metric, needsShared, openLabels, OWN_REAL, OWN_SIM, pickFiles, pickFolder, planPixels, planReady, SHARED } from './page.ts';

const TABLE = 'data/chunk-000/file-000.parquet';

/** Drop one file on a side, as a person would. */
async function dropFile(page: Page, side: 'source' | 'target', name: string, bytes: Buffer): Promise<void> {
  const transfer = await page.evaluateHandle(
    ({ encoded, called }) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0))], called));
      return data;
    },
    { encoded: bytes.toString('base64'), called: name },
  );
  await page.locator(`[data-side="${side}"]`).dispatchEvent('drop', { dataTransfer: transfer });
}

test('datasets of one’s own on both sides: folders, then robomimic’s HDF5; read, solved, and said to be unpaired', async ({ page }) => {
  const { calm } = await openLabels(page);
  await planReady(page);

  await test.step('folders', async () => {
    await pickFolder(page, 'source', OWN_SIM);
    await pickFolder(page, 'target', OWN_REAL);
    await expect(page.locator('[data-side="source"] [data-facts]')).toHaveText(/60 ep/);
    await expect(page.locator('[data-side="target"] [data-facts]')).toHaveText(/8 ep/);
    await planReady(page);
    // Not the built-in demo any more: no frames are drawn, and the terms were chosen for these columns.
    await expect(page.locator('.inspector .frames canvas')).toHaveCount(0);
    await expect(page.locator('.term .name').first()).toHaveText('state');
  });

  await test.step('robomimic’s HDF5, dropped', async () => {
    const demos = Object.fromEntries([1, 2, 10].map((index) => [`demo_${index}`, demo(index, 30 + index)]));
    const bytes = Buffer.from(await robomimic(demos));
    await dropFile(page, 'source', 'sim.hdf5', bytes);
    await expect(page.locator('[data-side="source"] [data-facts]')).toHaveText(/3 ep · 103 frames · 20 fps/);
    await dropFile(page, 'target', 'real.hdf5', bytes);
    await expect(page.locator('[data-side="target"] [data-facts]')).toHaveText(/3 ep · 103 frames · 20 fps/);
    await expect(page.locator('[data-side="target"] details summary').first()).toContainText('robomimic HDF5');
    await expect(page.locator('.term .name').first()).toHaveText('states');
    await expect(page.getByText('64 × 64 · unpaired')).toBeVisible();
    await planReady(page);
  });
  calm();
});

test('one file for a side: refused with a sentence while what was loaded stays, or dropped or picked and read', async ({ page }) => {
  await openLabels(page);
  await planReady(page);

  await test.step('bad files', async () => {
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

  await test.step('several robomimic files at once: choose one', async () => {
    const buffer = Buffer.from(await robomimic({ demo_0: demo(0, 9) }));
    await pickFiles(page, 'target', ['a.hdf5', 'b.hdf5'].map((name) => ({ name, mimeType: 'application/x-hdf5', buffer })));
    await expect(page.locator('[data-side="target"]').getByRole('alert')).toContainText('There are 2 datasets here (“a.hdf5”, “b.hdf5”); open one of these files by itself.');
  });

  await test.step('a file that is dropped', async () => {
    await dropFile(page, 'target', 'dropped.parquet', readFileSync(join(OWN_REAL, TABLE)));
    await expect(page.locator('[data-side="target"] .name')).toContainText('dropped.parquet');
    await expect(page.locator('[data-side="target"] [data-facts]')).toHaveText(/8 ep · 247 frames/);
  });

  await test.step('a parquet file without meta loads and says that it has no fps', async () => {
    await pickFiles(page, 'target', join(OWN_REAL, TABLE));
    await expect(page.locator('[data-side="target"] .name')).toContainText('file-000.parquet');
    await expect(page.locator('[data-side="target"] [data-facts]')).toHaveText(/8 ep · 247 frames · fps unknown/);
    await planReady(page);
  });
});

test('real LeRobot datasets: of two choices the last one wins; different widths are a named error with both sides', async ({ page }) => {
  needsShared();
  await openLabels(page);
  await planReady(page);

  await test.step('a second choice while the first loads', async () => {
    await pickFolder(page, 'source', join(SHARED, 'data/pusht_v30'));
    await pickFolder(page, 'source', OWN_SIM);
    await expect(page.locator('[data-side="source"] [data-facts]')).toHaveText(/60 ep/);
    await page.waitForTimeout(1500);
    await expect(page.locator('[data-side="source"] [data-facts]')).toHaveText(/60 ep/);
  });

  await test.step('widths: the error names both sides, the cure solves it', async () => {
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
});

test('widths that differ, no data at all, and what a batch can be', async ({ page }) => {
  await openLabels(page);
  await planReady(page);

  await test.step('widths: the sentence names both, one click slices', async () => {
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

  await test.step('clearing both sides leaves a designed empty page, and the demo is one click away', async () => {
    await page.getByRole('button', { name: 'Clear: source' }).click();
    await page.getByRole('button', { name: 'Clear: target' }).click();
    await expect(page.getByRole('heading', { name: 'Drop two shards to compare' })).toBeVisible();
    await page.getByRole('button', { name: 'Use the demo world' }).click();
    await planReady(page);
  });

  await test.step('batch: B = 1, more than there is, an empty range, ranges of unequal length', async () => {
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
});

/** As a defect of ours would end it. */
async function killEngine(page: Page): Promise<void> {
  const engine = page.workers().find((worker) => worker.url().includes('engine'));
  expect(engine).toBeDefined();
  await engine?.evaluate(() => setTimeout(() => {
    throw new Error('killed by the test');
  }));
}

test('a killed engine starts again with its data and settings, and says which file has changed since', async ({ page }) => {
  await openLabels(page);
  await planReady(page);

  await test.step('the demo', async () => {
    const box = (name: string): Locator => page.getByRole('textbox', { name, exact: true });
    const setTau1 = async (text: string): Promise<void> => {
      await box('τ₁').fill(text);
      await box('τ₁').press('Enter');
    };
    await setTau1('inf');
    await expect.poll(async () => metric(page, 'ot_pi_sum').textContent()).toBe('1.00');
    await killEngine(page);
    await setTau1('0.05');
    await expect.poll(async () => metric(page, 'ot_pi_sum').textContent()).not.toBe('1.00');
    await expect(box('reg')).toHaveValue('0.0100');
    await expect(page.locator('[data-side="source"]')).toContainText('sim_pick');
  });

  await test.step('a file that changed after it was chosen', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ot-changed-'));
    try {
      mkdirSync(join(folder, 'own/data/chunk-000'), { recursive: true });
      const file = join(folder, 'own', TABLE);
      copyFileSync(join(OWN_REAL, TABLE), file);
      // The engine restarts and reads its files again: by then this one is another.
      await pickFiles(page, 'target', file);
      await expect(page.locator('[data-side="target"] [data-facts]')).toHaveText(/fps unknown/);
      writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.from('more')]));
      await killEngine(page);
      await expect(page.locator('[data-drop="target"], [data-side="target"]').getByRole('alert').first()).toContainText(/changed|can no longer/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
