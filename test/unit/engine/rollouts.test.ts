import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/base/random.ts';
import { DEMO_SEED } from '../../../scripts/demo-files.ts';
import { embedTerm } from '../../../src/config/presets.ts';
import type { PolicySettings } from '../../../src/config/policy.ts';
import { floats, integer, model, node, port } from '../../../src/encoders/build.ts';
import type { BatchColumn } from '../../../src/core/cost/features.ts';
import { demoWorld } from '../../../src/engine/demo-world.ts';
import type { TrainingSession } from '../../../src/engine/protocol.ts';
import { goalProbe, rollOut, rollOuts } from '../../../src/engine/rollouts.ts';
import type { Trainer } from '../../../src/engine/trainer.ts';
import { demoShard } from '../../support/demo.ts';
import { encoderOf } from '../../support/engine.ts';
import { DEMO_SESSION, demoTrainer } from '../../support/rollouts.ts';

const { training, policy } = DEMO_SESSION;
/** Pairs by ground truth: what is tried here does not depend on them, and DTW takes a while. */
const sessionOf = (changes: Partial<PolicySettings> = {}, windows: Partial<TrainingSession['training']> = {}): TrainingSession => ({ ...DEMO_SESSION, pairing: { kind: 'truth' }, training: { ...training, sharpness: 0, convention: 'playground', ...windows }, policy: { ...policy, ...changes } });

/** x, y, gripper and joint angles in, six numbers out: twice the first three, then the first three. */
async function stateDriver(changes: Partial<PolicySettings> = {}, weightAt = (k: number): number => (k % 5 === Math.floor(k / 5) % 3 ? (k < 15 ? 2 : 1) : 0)): Promise<Trainer> {
  const weights = Float32Array.from({ length: 30 }, (_, k) => weightAt(k));
  const gemm = node('Gemm', ['state', 'w'], 'out', [integer('transB', 1)]);
  const encoder = await encoderOf('driver.onnx', model('driver', [port('state', [5])], [port('out', [6])], [{ nodes: [gemm], weights: [floats('w', [6, 5], weights)] }]));
  const term = embedTerm('state', 'observation.state', { file: 'driver.onnx', input: 'state', output: 'out', others: [] }, 1);
  return demoTrainer(0, { ...sessionOf({ head: 'own', output: 'out', frozen: [], ...changes }, { actionHorizon: 2, obsSteps: 2 }), features: [term] }, encoder);
}

/** States as the demo's columns have them. */
function seenOf(count: number): ReadonlyMap<string, BatchColumn> {
  const random = new Random(9);
  const column = (shape: readonly number[]): BatchColumn => ({ shape, values: Float64Array.from({ length: count * shape.reduce((product, size) => product * size, 1) }, () => Math.fround(random.uniform())) });
  return new Map([['observation.images.camera', column([3, 32, 32])], ['observation.state', column([5])]]);
}

const rowsOf = (seen: ReadonlyMap<string, BatchColumn>, count: number, from: number, to: number): ReadonlyMap<string, BatchColumn> =>
  new Map([...seen].map(([key, { shape, values }]) => [key, { shape, values: values.slice((values.length / count) * from, (values.length / count) * to) }]));

describe('the demo’s world of a seed', () => {
  it('holds what the files of that seed do', async () => {
    const made = demoWorld(DEMO_SEED);
    for (const [dataset, file] of [[made.source, await demoShard('sim_pick')], [made.target, await demoShard('real_pick')]] as const) {
      expect(dataset.episodes).toEqual(file.episodes);
      expect([...dataset.features.keys()].toSorted()).toEqual([...file.features.keys()].toSorted());
      for (const [key, { dtype, shape, values }] of dataset.features) expect({ key, dtype, shape, values }).toEqual({ key, dtype: file.features.get(key)!.dtype, shape: file.features.get(key)!.shape, values: file.features.get(key)!.values });
    }
    expect(demoWorld(DEMO_SEED + 1).target.frames).not.toBe(made.target.frames);
  });
});

describe('what a policy does', () => {
  it('is the action of the present moment, of a chunk that begins a step before it', async () => {
    const trainer = await stateDriver();
    const seen = seenOf(3);
    const state = seen.get('observation.state')!.values;
    const actions = await trainer.act('target', seen, 3, new Random(1));
    expect([...actions]).toEqual([0, 5, 10].flatMap((at) => [...state.subarray(at, at + 3)]));
    await trainer.dispose();
  });

  it.each(['regression', 'diffusion'] as const)('of a %s head does not depend on how rows fall into batches', async (head) => {
    const trainer = await demoTrainer(0, sessionOf({ head }, { actionHorizon: 3, batchSize: 7 }));
    const [count, seen] = [150, seenOf(150)];
    const all = await trainer.act('target', seen, count, new Random(1));
    expect(all).toHaveLength(3 * count);
    expect(all.every(Number.isFinite)).toBe(true);
    expect(await trainer.act('target', seen, count, new Random(1))).toEqual(all);
    const first = await trainer.act('target', rowsOf(seen, count, 0, 10), 10, new Random(1));
    const worst = Math.max(...first.map((value, k) => Math.abs(value - all[k]!)));
    // Noise is drawn row by row, so the first ten rows have the same in both.
    expect(worst).toBeLessThan(1e-5);
    await trainer.dispose();
  });

  it('is refused where it learns something else than the arm’s action, is fed what nobody sees while it drives, or answers with no number', async () => {
    const request = { domain: 'real', region: 'lower', count: 1, seed: 0 } as const;
    const other = await stateDriver({ action: 'ground_truth.goal', head: 'regression' });
    expect(() => rollOuts(other, request)).toThrow(expect.objectContaining({ code: 'rollout-action' }) as Error);
    await other.dispose();
    const knowing = await stateDriver({ proprio: 'ground_truth.phase', head: 'regression' });
    await expect(rollOut(knowing, request)).rejects.toMatchObject({ code: 'unseen-key', detail: { key: 'ground_truth.phase' } });
    await knowing.dispose();
    const wild = await stateDriver({}, () => 3e38);
    await expect(rollOut(wild, request)).rejects.toMatchObject({ code: 'rollout-nan' });
    await wild.dispose();
  });
});

describe('the demo’s policy', () => {
  it('brings the disc home more often once it has learned, the same each time, and its goals can be read', async () => {
    const trainer = await demoTrainer(0, sessionOf({ steps: 300, seed: 0 }));
    const request = { domain: 'real', region: 'lower', count: 10, seed: 0 } as const;
    const untrained = await rollOut(trainer, request);
    for (let step = 0; step < 300; step++) await trainer.train();
    const trained = await rollOut(trainer, request);
    expect(trained.success).toBeGreaterThan(untrained.success);
    expect(trained.attempts.map(({ goal }) => goal)).toEqual(untrained.attempts.map(({ goal }) => goal));
    expect(await rollOut(trainer, request)).toEqual(trained);
    const probe = await goalProbe(trainer, 1);
    // Guessing the middle of the table would be some 0.4 off.
    expect(probe.inDistribution).toBeLessThan(0.3);
    expect(probe.outOfDistribution).toBeLessThan(0.4);
    expect(await goalProbe(trainer, 1)).toEqual(probe);
    await trainer.dispose();
  }, 300_000);
});
