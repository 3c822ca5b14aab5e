import { expect, test, type Locator, type Page } from '@playwright/test';
import { int, node, onnxModel, outside, port } from '../support/onnx.ts';
import { DEMO_MASS, metric, metricNumber, openLabels, openPage, planPixels, planReady } from './page.ts';

/* Encoders in the page: listed, mapped, several at once, refused, asked for again. */

const STATE = 'observation.state';
const panel = (page: Page): Locator => page.locator('[data-encoders]');
const encoder = (page: Page, file: string): Locator => page.locator(`[data-encoder="${file}"]`);
const term = (page: Page, name: string): Locator => page.locator('.term-editor').filter({ has: page.locator('summary', { hasText: name }) });

interface Picked {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}
const file = (name: string, bytes: Uint8Array): Picked => ({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(bytes) });
const pick = (page: Page, ...files: readonly Picked[]): Promise<void> => page.locator('[data-pick="encoder"]').setInputFiles([...files]);
/** y = 2x on the demo's five state values, in an input of that name. */
const doubling = (input = STATE): Uint8Array => onnxModel({ inputs: [port(input, ['batch', 5])], outputs: [port('embedding', ['batch', 5])], nodes: [node('Add', [input, input], ['embedding'])] });

test('the demo compares embeddings: its encoder is listed, and a weight moves the plan without running it', async ({ page }) => {
  const { calm } = await openPage(page);
  await planReady(page);
  await expect(encoder(page, 'demo-encoder.onnx')).toContainText('8 360 parameters · CPU');
  await encoder(page, 'demo-encoder.onnx').locator('summary').click();
  await expect(encoder(page, 'demo-encoder.onnx')).toContainText('image float32 [batch, 3, 32, 32]');
  await term(page, 'embedding').locator('summary').click();
  await term(page, 'embedding').getByLabel('weight_embed').fill('0.5');
  await term(page, 'embedding').getByLabel('weight_embed').press('Enter');
  await expect(metric(page, 'ot_pi_sum')).not.toHaveText(DEMO_MASS);
  // Raw values instead: 3072 of them a frame.
  await term(page, 'embedding').getByLabel('encoder', { exact: true }).selectOption('');
  await expect(page.locator('.term').first()).toContainText('embedding');
  await expect(encoder(page, 'demo-encoder.onnx')).toContainText('not in use');
  calm();
});

test('an encoder of one’s own: asked for again after a reload, a term on the keys that its inputs name; several at once', async ({ page }) => {
  test.setTimeout(120_000);
  const { calm } = await openLabels(page);
  await planReady(page);

  await test.step('a session with it asks for it again', async () => {
    const without = (await metric(page, 'ot_pi_sum').textContent()) ?? '';
    await pick(page, file('policy.onnx', doubling()));
    await expect(page.locator('.term')).toHaveCount(4);
    await expect.poll(async () => (await metric(page, 'ot_pi_sum').textContent()) ?? '').not.toBe(without);
    const mass = await metricNumber(page, 'ot_pi_sum');
    await page.waitForTimeout(600);
    await page.reload();
    await expect(encoder(page, 'policy.onnx')).toContainText('Drop it here');
    await expect(page.getByRole('alert').filter({ hasText: 'policy.onnx, which is not loaded' })).toBeVisible();
    await pick(page, file('policy.onnx', doubling()));
    await planReady(page);
    expect(await metricNumber(page, 'ot_pi_sum')).toBe(mass);
    // Taking it away leaves a term that says what it lacks, and a way on.
    await page.getByRole('button', { name: 'Remove policy.onnx' }).click();
    await page.getByRole('alert').getByRole('button', { name: 'Leave the term out' }).click();
    await expect(page.locator('.term')).toHaveCount(3);
    await expect(metric(page, 'ot_pi_sum')).toHaveText(without);
  });

  await test.step('it becomes a term; several at once', async () => {
    await pick(page, file('policy.onnx', doubling()));
    await expect(term(page, 'policy')).toBeVisible();
    await expect(page.locator('.term')).toHaveCount(4);
    await expect(encoder(page, 'policy.onnx')).toContainText('0 parameters · CPU');
    await term(page, 'policy').locator('summary').click();
    await expect(term(page, 'policy').getByLabel('src_key')).toHaveValue(STATE);
    await expect(term(page, 'policy').getByLabel('weight_embed')).toHaveValue('0.200');

    // Two inputs whose names mean nothing: the person says what they are.
    const two = onnxModel({ inputs: [port('u', ['batch', 5]), port('v', ['batch', 5])], outputs: [port('sum', ['batch', 5]), port('difference', ['batch', 5])], nodes: [node('Add', ['u', 'v'], ['sum']), node('Sub', ['u', 'v'], ['difference'])] });
    await pick(page, file('two.onnx', two));
    await expect(encoder(page, 'two.onnx')).toContainText('not in use');
    const editor = term(page, 'end effector');
    await editor.locator('summary').click();
    await editor.getByLabel('encoder', { exact: true }).selectOption('two.onnx');
    const note = page.getByRole('alert').filter({ hasText: '“end effector”' });
    await expect(note).toBeVisible();
    await editor.getByLabel('v ← source').selectOption(STATE);
    await expect(note).toHaveCount(0);
    await expect(editor.getByLabel('v ← target')).toHaveValue(STATE);
    await planReady(page);
    // u − v is 0 everywhere: a constant encoder, and that is said.
    await editor.getByLabel('output', { exact: true }).selectOption('difference');
    await editor.getByLabel('weight_label').fill('0');
    await editor.getByLabel('weight_label').press('Enter');
    await expect(page.locator('[data-warning="encoder-collapse"]').or(page.locator('.notice').getByRole('button', { name: 'Show the next warnings' })).first()).toBeVisible();
  });
  calm();
});

test('files that are no encoders are refused with a sentence, and the plan stays; an .onnx file dropped on the data is known for an encoder', async ({ page }) => {
  await openLabels(page);
  await planReady(page);

  await test.step('refused', async () => {
    const pixels = await planPixels(page);
    const outsideWeights = onnxModel({ nodes: [node('MatMul', ['x', 'w'], ['y'])], weights: [outside('w', { location: 'net.onnx.data' })] });
    const escaping = onnxModel({ nodes: [node('MatMul', ['x', 'w'], ['y'])], weights: [outside('w', { location: '../../etc/passwd' })] });
    for (const [bytes, name, text] of [
      [doubling().subarray(0, 60), 'cut.onnx', 'cut.onnx'],
      [Uint8Array.from({ length: 500 }, (_, k) => (k * 97) % 251), 'noise.onnx', 'noise.onnx'],
      [outsideWeights, 'net.onnx', 'net.onnx keeps its weights in net.onnx.data, which is missing'],
      [escaping, 'escape.onnx', 'escape.onnx'],
      [onnxModel({ outputs: [port('y', ['b', 4], 7)], nodes: [node('Cast', ['x'], ['y'], [int('to', 7)])] }), 'integers.onnx', 'integers.onnx'],
    ] as const) {
      await pick(page, file(name, bytes));
      await expect(panel(page).getByRole('alert')).toContainText(text);
      await expect(encoder(page, name)).toHaveCount(0);
      await panel(page).getByRole('button', { name: 'Dismiss' }).click();
    }
    expect(await planPixels(page)).toBe(pixels);
    // Both files together load.
    await pick(page, file('net.onnx', outsideWeights), file('net.onnx.data', new Uint8Array(new Float32Array(16).fill(0.5).buffer)));
    await expect(encoder(page, 'net.onnx')).toContainText('16 parameters');
  });

  await test.step('dropped on the data', async () => {
    await page.locator('[data-pick="source-file"]').setInputFiles([file('policy.onnx', doubling())]);
    await expect(term(page, 'policy')).toBeVisible();
    await expect(page.locator('[data-side="source"]')).toContainText('sim_pick');
  });
});
