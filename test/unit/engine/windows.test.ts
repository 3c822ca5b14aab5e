import { describe, expect, it } from 'vitest';
import { importConfig } from '../../../src/config/import.ts';
import { DEMO_ENCODER, embedTerm, labelTerm } from '../../../src/config/presets.ts';
import type { FeatureSpec } from '../../../src/core/cost/features.ts';
import { demoShard, madeDataset } from '../../support/demo.ts';
import { Engine, encoderOf, type Change } from '../../support/engine.ts';
import { node, onnxModel, port } from '../../support/onnx.ts';

/* Samples with steps in time, as an imported config has them, from the batch to the cost. */

const SOURCE = [4, 3];
const TARGET = [5];
const COLUMNS = { 'observation.state': 1, action: 1 };
/** Values count the rows, so a window's values are the rows that it holds. */
const held = (fps: number | null = 10): Promise<Engine> => Engine.holding(madeDataset(SOURCE, COLUMNS, fps), madeDataset(TARGET, COLUMNS), false);
const ranges = { kind: 'ranges', sourceRanges: '0, 3, 4, 6', targetRanges: '0, 2, 4' } as const;
const windows = { obsSteps: 2, actionHorizon: 3 };
const change = (features: readonly FeatureSpec[], training: NonNullable<Change['training']> = windows): Change => ({ features, batch: ranges, pairing: { kind: 'none' }, training });

/** Rows of each sample's window, clipped to the episode. */
function rowsOf(rows: readonly number[], episodes: readonly (readonly [first: number, last: number])[], deltas: readonly number[]): number[][] {
  return rows.map((row) => {
    const [first, last] = episodes.find(([low, high]) => row >= low && row <= high)!;
    return deltas.map((delta) => Math.min(Math.max(row + delta, first), last));
  });
}
const sources = (deltas: readonly number[]): number[][] => rowsOf([0, 3, 4, 6], [[0, 3], [4, 6]], deltas);
const targets = (deltas: readonly number[]): number[][] => rowsOf([0, 2, 4], [[0, 4]], deltas);
const distances = (deltas: readonly number[]): number[] => sources(deltas).flatMap((left) => targets(deltas).map((right) => left.reduce((sum, value, k) => sum + (value - right[k]!) ** 2, 0)));

const term = (key: string, time_reduce: FeatureSpec['time_reduce']): FeatureSpec => ({ ...labelTerm(`${key} ${time_reduce}`, key, null, 1), time_reduce });

describe('labels over a window', () => {
  it.each<[string, FeatureSpec['time_reduce'], readonly number[]]>([
    ['observation.state', 'flatten', [-1, 0]],
    ['observation.state', 'first', [-1]],
    ['observation.state', 'last', [0]],
    ['action', 'flatten', [-1, 0, 1]],
    ['action', 'first', [-1]],
    ['action', 'last', [1]],
  ])('%s, %s', async (key, reduce, deltas) => {
    const { matrices, report } = await (await held()).solve(change([term(key, reduce)]));
    expect([...matrices.costs!.total]).toEqual(distances(deltas));
    expect(report.notes[0]).toMatch(/^Observations are stacks of 2 frames/);
  });

  it('are measured anew when the steps change, and are of the frame itself at one step', async () => {
    const engine = await held();
    const costOf = async (training: NonNullable<Change['training']>): Promise<number[]> => [...(await engine.solve(change([term('action', 'flatten')], training))).matrices.costs!.total];
    expect(await costOf({ obsSteps: 1, actionHorizon: 3 })).toEqual(distances([0, 1, 2]));
    expect(await costOf(windows)).toEqual(distances([-1, 0, 1]));
    expect(await costOf({})).toEqual(distances([0]));
    expect((await engine.solve(change([term('action', 'flatten')], {}))).report.notes).toEqual([]);
  });

  it('name a dimension that never changes once, whatever the steps', async () => {
    const still = { shape: [2], values: Float64Array.from({ length: 14 }, (_, k) => (k % 2 === 0 ? k : 5)) };
    const engine = await Engine.holding(madeDataset([4, 3], { action: still }), madeDataset([7], { action: still }), false);
    const { report } = await engine.solve(change([term('action', 'flatten')]));
    expect(report.warnings.find(({ code }) => code === 'constant-dimensions')?.facts).toEqual({ dimensions: 'action[1]' });
  });

  it('say where the same frames are other times', async () => {
    expect((await (await held(20)).solve(change([term('action', 'flatten')]))).report.notes.at(-1)).toContain('The window spans 0.1 s at 20 frames a second in the source and 0.2 s at 10');
  });
});

describe('embeddings', () => {
  it('are of one step of a window: the last, or the first where that is asked for', async () => {
    const engine = await held();
    await engine.add(await encoderOf('double.onnx', onnxModel({ inputs: [port('x', ['b', 1])], outputs: [port('y', ['b', 1])], nodes: [node('Add', ['x', 'x'], ['y'])] })));
    const embedded = async (key: string, time_reduce: FeatureSpec['time_reduce']): Promise<number[]> => [...(await engine.solve(change([{ ...embedTerm('z', key, { file: 'double.onnx', input: 'x', output: 'y', others: [] }, 1), time_reduce }]))).matrices.costs!.total];
    const four = (values: readonly number[]): number[] => values.map((value) => 4 * value);
    expect(await embedded('observation.state', 'last')).toEqual(four(distances([0])));
    expect(await embedded('observation.state', 'flatten')).toEqual(four(distances([0])));
    expect(await embedded('action', 'first')).toEqual(four(distances([-1])));
  });

  it('of a picture are of the whole picture, whatever a config says of time', async () => {
    const engine = await Engine.holding(await demoShard('sim_pick'), await demoShard('real_pick'));
    const camera = embedTerm('camera', 'observation.images.camera', { file: DEMO_ENCODER, input: 'image', output: 'embedding', others: [] }, 1);
    const costOf = async (spec: FeatureSpec, training: NonNullable<Change['training']>): Promise<Float32Array> => (await engine.solve({ features: [spec], batch: { size: 6 }, training })).matrices.costs!.total;
    const plain = await costOf(camera, {});
    expect(await costOf({ ...camera, time_reduce: 'last' }, {})).toEqual(plain);
    expect(await costOf({ ...camera, time_reduce: 'last' }, windows)).toEqual(plain);
  });
});

it('an imported config makes the samples that its policy is trained on', async () => {
  const feature = { src_key: 'action', tgt_key: 'action', weight_label: 1 };
  const config = (policy: object): string => JSON.stringify({ batch_size: 6, policy, ot: { enable: true, batch_ratio: 0.5, obs_keys: [], loss_config: { features: [feature], reg: 1, tau_src: 5, tau_tgt: 5 } } });
  const engine = await held();
  for (const [policy, deltas] of [[{ type: 'act', chunk_size: 3 }, [0, 1, 2]], [{ type: 'diffusion', n_obs_steps: 2, horizon: 4 }, [-1, 0, 1, 2]], [{ type: 'other' }, [0]]] as const) {
    const { features, training } = importConfig(config(policy), 'c.json').session;
    expect([...(await engine.solve(change(features, training))).matrices.costs!.total]).toEqual(distances(deltas));
  }
});
