import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { StepsAnswer, StepsOrder, StepsPage } from './device-step/main.ts';

/* The same training steps on the host and on the GPU, from the same weights, in a built page: ONNX Runtime has its webgpu provider in a browser alone. */

const ROOT = join(import.meta.dirname, '../..');
const AGREE = 1e-4;

test('training steps on the GPU are those of the host: losses, masses, weights, moments, averages and answers; a run that loses its device goes on on the host', async ({ page }) => {
  test.setTimeout(300_000);
  const { build, preview } = await import('vite');
  const folder = mkdtempSync(join(tmpdir(), 'ot-steps-page-'));
  const common = { configFile: join(ROOT, 'vite.config.ts'), root: join(import.meta.dirname, 'device-step'), publicDir: false, logLevel: 'warn' } as const;
  await build({ ...common, build: { outDir: folder, emptyOutDir: true } });
  const server = await preview({ ...common, build: { outDir: folder }, preview: { host: '127.0.0.1', port: 0 } });
  try {
    const complaints: string[] = [];
    page.on('console', (message) => (message.type() === 'error' || message.type() === 'warning') && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(server.resolvedUrls!.local[0]!);
    const run = async (order: StepsOrder): Promise<StepsAnswer> => {
      const answer = await page.evaluate((given) => (globalThis as unknown as { page: StepsPage }).page.steps(given), order);
      if ('error' in answer) throw new Error(answer.error.message);
      return answer;
    };
    const demo = { name: 'mlp', n: 64, m: 64, bc: 64 } as const;

    const ordinary = await run({ ...demo, steps: [{}, {}, {}, {}, {}], look: true, broken: 4 });
    agree(ordinary);
    expect(ordinary.device.map(({ handedOver }) => handedOver)).toEqual([null, null, null, null, null]);
    expect(ordinary.refusals).toHaveLength(1);
    for (const { message, moved } of ordinary.refusals[0]!) {
      expect(message).toMatch(/^Step 4 stopped: the behaviour cloning loss is no number any more/);
      expect(moved).toBe(0);
    }

    // Beyond float32, a median, a hard mask, POT's scheme: each is taken from a float64 plan, or none is needed; the last is ordinary again.
    const handed = await run({ ...demo, steps: [{ reg: 5e-5 }, { normalisation: 'median', reg: 0.05 }, { prior: { kind: 'diagonal' } }, { mode: 'parity' }, {}], look: false });
    agree(handed);
    expect(handed.device.map(({ handedOver }) => handedOver)).toEqual(['cost-range', null, null, null, null]);
    expect(handed.device.every(({ spread }) => spread === null)).toBe(true);

    agree(await run({ name: 'mlp', n: 70, m: 66, bc: 10, steps: [{}, { normalisation: 'std' }], look: true, answers: true }));
    // In small, for a software adapter takes its time over convolutions. Its moments agree as the MLP's do; AdamW divides by √v, so an
    // entry whose gradient is next to nothing moves by another share of the learning rate: 1.3e-4 of the largest weight was seen.
    agree(await run({ name: 'cnn', n: 9, m: 8, bc: 4, steps: [{}, {}], look: true }), 5e-4);

    agree(await run({ name: 'diffusion', n: 10, m: 9, bc: 8, steps: [{}, {}], look: true, answers: true }));
    agree(await run({ name: 'own', n: 7, m: 9, bc: 6, steps: [{}, {}], look: true, answers: true }));

    // The demo in the engine's room: three steps, back to the second, two more; kept, written down and saved from the device.
    const demoRun = await page.evaluate(() => (globalThis as unknown as { page: StepsPage }).page.demoRun());
    expect(demoRun.error).toBeNull();
    expect(demoRun.device.runsOn).toEqual({ kind: 'software-gpu', reason: null });
    expect(demoRun.host.runsOn).toEqual({ kind: 'cpu', reason: null });
    expect(demoRun.device.kept).toEqual([0, 1, 2, 3, 4]);
    expect(demoRun.device.metrics.map(({ step }) => step)).toEqual([1, 2, 3, 3, 4]);
    for (const actual of demoRun.device.metrics) {
      const expected = demoRun.host.metrics[actual.step - 1]!;
      for (const key of ['bc', 'transport', 'weighted', 'total', 'value', 'mass', 'perplexity', 'encoderNorm', 'headNorm', 'sourceVariance', 'targetRank'] as const) expect(Math.abs(actual[key]! / expected[key]! - 1), `${key} at step ${actual.step}`).toBeLessThan(AGREE);
      expect([actual.converged, actual.handedOver]).toEqual([true, null]);
    }
    for (const [name, value] of demoRun.apart) expect(value, name).toBeLessThan(AGREE);
    expect(complaints).toEqual([]);

    // The same run once more, until its device is gone.
    const lost = await page.evaluate(() => (globalThis as unknown as { page: StepsPage }).page.lostRun());
    if ('error' in lost) throw new Error(lost.error.message);
    expect(lost.stopped).toMatchObject({ playing: false, runsOn: { kind: 'cpu', reason: { code: 'train-gpu-lost' } }, error: { code: 'train-gpu-lost' } });
    expect(lost.stopped.step).toBe(lost.stopped.kept.at(-1));
    expect(lost.after).toMatchObject({ step: lost.stopped.step + 2, error: null });
  } finally {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

/** @param moved what weights and their averages may be apart */
function agree({ host, device, apart, answers }: StepsAnswer, moved = AGREE): void {
  for (const [k, expected] of host.entries()) {
    const actual = device[k]!;
    for (const key of ['bc', 'transport', 'weighted', 'total', 'value', 'mass', 'diagonalMass', 'perplexity', 'embeddingCost'] as const) {
      const [one, other] = [actual[key], expected[key]];
      if (one === null || other === null) expect(one, key).toBe(other);
      else expect(Math.abs(one - other), `${key} at step ${k + 1}: ${one}, ${other}`).toBeLessThanOrEqual(AGREE * Math.abs(other));
    }
    expect(actual.converged).toBe(expected.converged);
    for (const [at, norm] of [expected.norms.total, ...expected.norms.groups].entries()) expect(Math.abs([actual.norms.total, ...actual.norms.groups][at]! - norm)).toBeLessThanOrEqual(AGREE * norm);
    expect(actual.norms.halted).toBeNull();
    for (const side of ['source', 'target'] as const) if (actual.spread && expected.spread) expect(Math.abs(actual.spread[side].variance / expected.spread[side].variance - 1)).toBeLessThan(AGREE);
  }
  for (const [name, value] of answers) expect(value, name).toBeLessThan(AGREE);
  for (const [name, value] of apart) expect(value, name).toBeLessThan(/^[mv] /.test(name) ? AGREE : moved);
}
