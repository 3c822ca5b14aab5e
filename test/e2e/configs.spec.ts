import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { expect, test, type Locator, type Page } from '@playwright/test';
import { unzipSync } from 'fflate';
import { expectNoWideBox, metric, needsShared, openLabels, planPixels, planReady, SHARED } from './page.ts';

/* Training configs in the page: dropped, picked, refused, judged and saved again. */

const feature = (key: string, slice: [number, number]): object => ({ src_key: key, tgt_key: key, dim_slice: slice, use_learned_embed: false, weight_label: 0.5 });
/** A config whose terms the demo has, with a null τ, an unknown field and a hard mask. */
const OWN = JSON.stringify(
  { dataset: { repo_id: 'own' }, batch_size: 48, seed: 7, ot: { enable: true, batch_ratio: 0.5, lambda_ot: 0.1, my_field: 1e-7, window_size: 8, loss_config: { features: [feature('observation.state', [0, 2])], reg: 0.04, tau_src: null, tau_tgt: 0.3, heuristic: true } } },
  null,
  2,
);

const panel = (page: Page): Locator => page.locator('[data-config]');
const box = (page: Page, name: string): Locator => page.getByRole('textbox', { name, exact: true });
const pick = (page: Page, name: string, text: string): Promise<void> => page.locator('[data-pick="config"]').setInputFiles({ name, mimeType: 'application/json', buffer: Buffer.from(text) });

/** Drop a file as a person would, on an element. */
async function drop(page: Page, place: string, name: string, text: string): Promise<void> {
  const transfer = await page.evaluateHandle(
    ([file, content]) => {
      const data = new DataTransfer();
      data.items.add(new File([content!], file!, { type: 'application/json' }));
      return data;
    },
    [name, text],
  );
  await page.locator(place).dispatchEvent('drop', { dataTransfer: transfer });
}

async function saved(page: Page, button: string): Promise<{ name: string; bytes: Buffer }> {
  const [download] = await Promise.all([page.waitForEvent('download'), panel(page).getByRole('button', { name: button, exact: true }).click()]);
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
}

test('a config dropped anywhere becomes the session; what is questionable in it is said, and it goes back as it came', async ({ page }) => {
  const { calm } = await openLabels(page);
  await planReady(page);
  await drop(page, '.middle', 'train_config.json', OWN);
  await expect(box(page, 'reg')).toHaveValue('0.0400');
  await expect(box(page, 'τ₁')).toHaveValue('0.300');
  await expect(box(page, 'size')).toHaveValue('24');
  await expect(page.getByText('24 × 24 · paired')).toBeVisible();
  await expect(page.locator('[data-side="source"]')).toContainText('sim_pick');
  await expect(panel(page)).toContainText('train_config.json');
  await expect(panel(page)).toContainText('LeRobot · to look at');
  for (const code of ['hard-diagonal', 'tau-one-null', 'window-diagonal']) await expect(panel(page).locator(`[data-finding="${code}"]`)).toBeAttached();
  await panel(page).getByText('unknown fields: 1, kept').click();
  await expect(panel(page)).toContainText('ot.my_field');
  const { violations } = await new AxeBuilder({ page }).include('[data-config]').analyze();
  expect(violations.map(({ id }) => id)).toEqual([]);

  const same = await saved(page, 'LeRobot');
  expect(same.name).toBe('train_config.json');
  expect(same.bytes.toString()).toBe(OWN);

  await panel(page).getByRole('button', { name: '∞' }).click();
  await expect(box(page, 'τ₁')).toHaveValue('∞');
  await expect(box(page, 'τ₂')).toHaveValue('0.300');
  expect((await saved(page, 'LeRobot')).bytes.toString()).toContain('"tau_src": Infinity');
  await panel(page).getByRole('button', { name: 'the other τ' }).click();
  await expect(box(page, 'τ₁')).toHaveValue('0.300');

  // What was said of it is said again after a reload, though the file is gone.
  await page.waitForTimeout(500);
  await page.reload();
  await planReady(page);
  for (const code of ['hard-diagonal', 'tau-one-null', 'window-diagonal']) await expect(panel(page).locator(`[data-finding="${code}"]`)).toBeAttached();
  await expect(panel(page)).toContainText('unknown fields: 1, kept');

  // In Chinese the titles are Chinese, the sentences the file's own.
  await page.getByRole('button', { name: '中文' }).click();
  await expect(panel(page).locator('[data-finding="hard-diagonal"]')).toContainText('对角先验是硬掩码');
  await page.getByRole('button', { name: 'English' }).click();
  await panel(page).getByRole('button', { name: 'Put away what is said of lerobot_config.json' }).first().click();
  await expect(panel(page).locator('[data-finding]')).toHaveCount(0);
  await expect(box(page, 'reg')).toHaveValue('0.0400');
  calm();
});

test('what is no config is refused, and session and plan stay; the plan goes out as a script for POT', async ({ page }) => {
  const { calm } = await openLabels(page);
  await planReady(page);

  await test.step('refused with a sentence', async () => {
    const pixels = await planPixels(page);
    for (const [name, text, sentence] of [
      ['info.json', '{"codebase_version": "v3.0"}', 'info.json says nothing of optimal transport'],
      ['cut.json', OWN.slice(0, 90), 'cut.json'],
      ['nan.json', OWN.replace('0.04', 'NaN'), 'nan.json'],
    ] as const) {
      await drop(page, '[data-side="target"]', name, text);
      await expect(panel(page).getByRole('alert')).toContainText(sentence);
      await panel(page).getByRole('button', { name: 'Dismiss' }).click();
    }
    expect(await planPixels(page)).toBe(pixels);
    await expect(panel(page)).toContainText('Drop a train config');
  });

  await test.step('one archive with its arrays, and the difference to expect', async () => {
    const { name, bytes } = await saved(page, 'POT script');
    expect(name).toBe('pot_script.zip');
    const entries = unzipSync(new Uint8Array(bytes));
    expect(Object.keys(entries)).toHaveLength(6);
    expect(new TextDecoder().decode(entries['pot_script/reproduce.py'])).toContain('sinkhorn_knopp_unbalanced');
    await expect(panel(page).locator('[data-exported]')).toContainText('POT ≥ 0.9.5 is expected within');
    const robomimic = await saved(page, 'robomimic');
    expect(JSON.parse(robomimic.bytes.toString())).toBeInstanceOf(Object);
    await expect(panel(page).locator('[data-exported]')).toContainText('A robomimic config has one term');
  });
  calm();
});

test('a public config on the demo: the encoder that it needs is said by the page, and it is saved byte for byte', async ({ page }) => {
  needsShared();
  await openLabels(page);
  await planReady(page);
  const file = 'act_fr3_ot.json';
  const text = readFileSync(join(SHARED, 'data/ot_train_configs', file), 'utf8');
  await pick(page, file, text);
  await expect(panel(page).locator('[data-finding="hard-diagonal"]')).toBeAttached();
  await expect(page.locator('.side-note')).toContainText('“observation.state” needs an encoder');
  await expect(page.locator('.plan-box.old')).toBeVisible();
  expect((await saved(page, 'LeRobot')).bytes.toString()).toBe(text);
});

test('where Setup is folded away, a dropped config unfolds it, and no box is wider than the page', async ({ page }) => {
  await page.setViewportSize({ width: 1024, height: 768 });
  await openLabels(page);
  await planReady(page);
  await expect(panel(page)).toBeHidden();
  await expectNoWideBox(page);
  await drop(page, '.middle', 'train_config.json', OWN);
  await expect(panel(page).locator('[data-finding]').first()).toBeInViewport();
  await drop(page, '.middle', 'list.json', '[]');
  await expect(panel(page).getByRole('alert')).toBeInViewport();
});

test('a config is opened on a phone, and nothing grows wider than the page', async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await openLabels(page);
  await page.getByRole('tab', { name: 'Setup' }).click();
  await pick(page, 'train_config.json', OWN);
  await expect(panel(page).locator('[data-finding="hard-diagonal"]')).toBeVisible();
  await expectNoWideBox(page);
  await page.getByRole('tab', { name: 'Solve' }).click();
  await expect(metric(page, 'ot_pi_sum')).not.toHaveText('–', { timeout: 60_000 });
});
