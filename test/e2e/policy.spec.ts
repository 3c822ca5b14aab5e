import { expect, test, type Locator, type Page } from '@playwright/test';
import { floats, node, onnxModel, port } from '../support/onnx.ts';
import { expectAccessibleInBothThemes } from './accessible.ts';
import { openLabels, openPage, planReady } from './page.ts';

/* What learns, as the page has it set: tensors, a projection, the head and how they are stepped. */

const STATE = 'observation.state';
const panel = (page: Page): Locator => page.locator('[data-policy]');
const box = (page: Page, name: string): Locator => panel(page).getByRole('textbox', { name, exact: true });
const choice = (page: Page, name: string): Locator => panel(page).getByRole('combobox', { name, exact: true });
const pick = (page: Page, name: string, bytes: Uint8Array): Promise<void> => page.locator('[data-pick="encoder"]').setInputFiles([{ name, mimeType: 'application/octet-stream', buffer: Buffer.from(bytes) }]);
/** Nothing of the panel reaches beyond its rail. */
const expectInsideRail = async (page: Page): Promise<void> => expect(await page.locator('.rail.left').evaluate((rail) => rail.scrollWidth - rail.clientWidth)).toBe(0);
async function fill(page: Page, name: string, text: string): Promise<void> {
  await box(page, name).fill(text);
  await box(page, name).press('Enter');
}

/** An encoder of the demo's five state values whose embedding cannot be trained, for the sine in it. */
const waves = (): Uint8Array => onnxModel({ inputs: [port(STATE, ['batch', 5])], outputs: [port('embedding', ['batch', 5])], nodes: [node('Sin', [STATE], ['embedding'])] });
/** One tensor stands before a sine, one behind it. */
const behind = (): Uint8Array =>
  onnxModel({
    inputs: [port(STATE, ['batch', 5])],
    outputs: [port('embedding', ['batch', 5])],
    nodes: [node('Mul', [STATE, 'v'], ['h']), node('Sin', ['h'], ['s']), node('Mul', ['s', 'w'], ['embedding'])],
    weights: ['v', 'w'].map((name) => floats(name, [5], [1, 1, 1, 1, 1])),
  });
/** Two outputs, one of which the action could be; “copy” is the same tensor as “w” in the file. */
const two = (): Uint8Array =>
  onnxModel({
    inputs: [port(STATE, ['batch', 5])],
    outputs: [port('embedding', ['batch', 5]), port('move', ['batch', 3])],
    nodes: [node('Identity', ['w'], ['copy']), node('Mul', [STATE, 'w'], ['h']), node('Add', ['h', 'copy'], ['embedding']), node('MatMul', ['h', 'out'], ['move'])],
    weights: [floats('w', [5], [1, 1, 1, 1, 1]), floats('out', [5, 3], Array.from({ length: 15 }, () => 1))],
  });

test('of the demo’s encoder a part learns; freezing a tensor and every other setting goes with a shared link', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const { calm } = await openPage(page, '?backend=cpu');
  await expect(panel(page)).toHaveAttribute('data-policy', 'trainable');
  const tensors = panel(page).locator('[data-tensors]');
  await expect(tensors.locator('summary')).toHaveText('4 of 10 tensors learn');
  await tensors.locator('summary').click();
  await expect(tensors).toContainText('net.0.weight 48×48 · 2\u2009304');
  await expect(tensors.getByLabel('bank')).not.toBeChecked();
  await tensors.getByLabel('net.2.bias').uncheck();
  await expect(tensors.locator('summary')).toHaveText('3 of 10 tensors learn');
  await expect(choice(page, 'action')).toHaveValue('action');
  await expect(choice(page, 'proprio')).toHaveValue(STATE);
  await choice(page, 'proprio').selectOption({ label: 'nothing' });
  await panel(page).getByRole('button', { name: 'diffusion' }).click();
  await fill(page, 'hidden', '32, 16, 8');
  await fill(page, 'rate', '1e-4');
  await fill(page, 'λ', '0.2');

  await test.step('what cannot be taken is said and changes nothing', async () => {
    await fill(page, 'hidden', '32, many');
    await expect(panel(page).getByRole('alert')).toHaveText('At most 8 whole numbers from 1 to 4096, as in 64, 64');
    await expect(box(page, 'hidden')).toHaveAttribute('aria-invalid', 'true');
  });

  await panel(page).locator('details > summary').last().click();
  await choice(page, 'schedule').selectOption('constant');
  await panel(page).getByRole('checkbox', { name: 'EMA' }).check();
  await fill(page, 'seed', '7');
  await choice(page, 'BC mix').selectOption({ label: 'half of each side' });
  await expectInsideRail(page);
  await test.step('accessible, all unfolded', async () => expectAccessibleInBothThemes(page, '[data-policy]'));

  await test.step('the link', async () => {
    await page.getByRole('button', { name: 'Share' }).click();
    await expect(page.getByText('Link copied')).toBeVisible();
    const link = await page.evaluate(() => navigator.clipboard.readText());
    const other = await context.newPage();
    await other.addInitScript(() => localStorage.clear());
    await other.goto(link);
    await expect(panel(other).locator('[data-tensors] summary')).toHaveText('3 of 10 tensors learn');
    await expect(choice(other, 'proprio')).toHaveValue('');
    await expect(panel(other).getByRole('button', { name: 'diffusion' })).toHaveAttribute('aria-pressed', 'true');
    await expect(box(other, 'hidden')).toHaveValue('32, 16, 8');
    await expect(box(other, 'rate')).toHaveValue('1.0e−4');
    await expect(box(other, 'λ')).toHaveValue('0.200');
    await panel(other).locator('details > summary').last().click();
    await expect(choice(other, 'schedule')).toHaveValue('constant');
    await expect(panel(other).getByRole('checkbox', { name: 'EMA' })).toBeChecked();
    await expect(box(other, 'seed')).toHaveValue('7');
    await expect(choice(other, 'BC mix')).toHaveValue('halves');
  });

  await test.step('none of it, all of it', async () => {
    await tensors.getByRole('button', { name: 'none' }).click();
    await expect(tensors).toContainText('Nothing of it learns');
    await tensors.getByRole('button', { name: 'all' }).click();
    await expect(tensors.locator('summary')).toHaveText('10 of 10 tensors learn');
  });
  calm();
});

test('an encoder that cannot be trained says why and offers a projection; one that gives the action has both outputs’ tensors', async ({ page }) => {
  const { calm } = await openLabels(page);
  // A term is proposed on the columns of data that are there.
  await planReady(page);
  await expect(panel(page)).toContainText('No term compares embeddings, so there is no encoder to train');

  await test.step('not trainable', async () => {
    await pick(page, 'waves.onnx', waves());
    const refusal = panel(page).getByRole('alert');
    await expect(refusal).toContainText('waves.onnx: this encoder can be evaluated but not trained: op Sin at node “embedding”');
    await expectInsideRail(page);
    await expectAccessibleInBothThemes(page, '[data-policy]');
    await page.getByRole('button', { name: '中文' }).click();
    await expect(refusal).toContainText('该编码器只能求值，不能训练');
    await expect(refusal).toContainText('op Sin at node “embedding”');
    await page.getByRole('button', { name: 'English' }).click();
    await refusal.getByRole('button', { name: 'Train a projection of 5 numbers on top of it' }).click();
    await expect(refusal).toHaveCount(0);
    await expect(box(page, 'numbers')).toHaveValue('5');
    await fill(page, 'numbers', '12');
    await panel(page).getByRole('button', { name: 'its weights' }).click();
    await expect(refusal).toContainText('op Sin');
  });

  await test.step('trainable behind what is frozen', async () => {
    await pick(page, 'behind.onnx', behind());
    await choice(page, 'encoder').selectOption('behind.onnx');
    const refusal = panel(page).getByRole('alert');
    await expect(refusal).toContainText('op Sin at node “s” has no gradient; freeze what stands before it (“v”)');
    await refusal.getByRole('button', { name: 'Freeze what stands before it (1)' }).click();
    await expect(refusal).toHaveCount(0);
    await expect(panel(page)).toContainText('Op Sin at node “s” has no gradient: what stands before it stays as it is.');
    const tensors = panel(page).locator('[data-tensors]');
    await expect(tensors.locator('summary')).toHaveText('1 of 2 tensors learn');
    await tensors.locator('summary').click();
    await tensors.getByLabel('v 5').check();
    await expect(refusal).toContainText('op Sin');
    await tensors.locator('summary').click();
  });

  await test.step('its own head', async () => {
    await pick(page, 'two.onnx', two());
    await expect(choice(page, 'encoder').locator('option')).toHaveText(['first term’s', 'waves.onnx', 'behind.onnx', 'two.onnx']);
    await choice(page, 'encoder').selectOption('two.onnx');
    const tensors = panel(page).locator('[data-tensors]');
    await expect(tensors.locator('summary')).toHaveText('2 of 2 tensors learn');
    await tensors.locator('summary').click();
    await expect(tensors.getByRole('listitem').filter({ hasText: 'as copy' })).toContainText('w 5 · 5');
    await panel(page).getByRole('button', { name: 'own' }).click();
    await expect(choice(page, 'output')).toHaveValue('move');
    await expect(tensors.locator('summary')).toHaveText('3 of 3 tensors learn');
    // An encoder that is frozen gives no action that could learn.
    await panel(page).getByRole('button', { name: 'a projection' }).click();
    await expect(panel(page).getByRole('button', { name: 'regression' })).toHaveAttribute('aria-pressed', 'true');
    await panel(page).getByRole('button', { name: 'own' }).click();
    await expect(panel(page).getByRole('button', { name: 'its weights' })).toHaveAttribute('aria-pressed', 'true');
  });

  await test.step('a term’s encoder that is taken away', async () => {
    await page.getByRole('button', { name: 'Remove two.onnx' }).click();
    await expect(panel(page)).toContainText('two.onnx is not loaded, so its tensors are not known.');
  });
  calm();
});
