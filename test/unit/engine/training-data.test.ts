import { describe, expect, test } from 'vitest';
import { Random } from '../../../src/base/random.ts';
import { embedTerm, labelTerm } from '../../../src/config/presets.ts';
import type { FeatureSpec } from '../../../src/core/cost/features.ts';
import { drawnSide } from '../../../src/engine/batch.ts';
import { BatchEmbeddings, measureTerms } from '../../../src/engine/cost.ts';
import { fixedTerms, rowFeeds } from '../../../src/engine/training-columns.ts';
import { actionChunks, TrainingDraws } from '../../../src/engine/training-data.ts';
import { windowBatch } from '../../../src/engine/windows.ts';
import { changed, madeDataset } from '../../support/demo.ts';
import { encoderOf } from '../../support/engine.ts';
import { floats, node, onnxModel, port } from '../../support/onnx.ts';
import { demoPlace, placeOf, trainSettings, type TrainChange } from '../../support/trainer.ts';

/* What a step draws and reads of its rows. */

const noise = (seed: number) => (values: Float64Array) => {
  const random = new Random(seed);
  for (const k of values.keys()) values[k] = random.normal();
};
const source = changed(madeDataset([7, 9], { state: 4, action: 2, wide: 64 }), 'state', noise(1));
const target = changed(madeDataset([8], { state: 4, action: 2, wide: 64 }), 'state', noise(2));
const encoder = await encoderOf('net.onnx', onnxModel({ outputs: [port('y', ['batch', 2])], nodes: [node('MatMul', ['x', 'w'], ['y'])], weights: [floats('w', [4, 2], [1, 2, 3, 4, 5, 6, 7, 8])] }));
const embedding = embedTerm('embedding', 'state', { file: 'net.onnx', input: 'x', output: 'y', others: [] }, 1);
const windows = { obsSteps: 3, actionHorizon: 4 };

describe('columns of a step', () => {
  test.each(['first', 'last', 'flatten'] as const)('an encoder is fed the step of a window that %s means', (reduce) => {
    const place = placeOf(source, target, [encoder]);
    const { dims, values } = rowFeeds(place, encoder, { ...embedding, time_reduce: reduce }, windows)('source', [12, 7, 3]).get('x')!;
    // The second episode begins at row 7, whose window repeats it.
    const rows = reduce === 'first' ? [10, 7, 1] : [12, 7, 3];
    expect(dims).toEqual([3, 4]);
    expect(Array.from(values)).toEqual(rows.flatMap((row) => [...source.features.get('state')!.values!.subarray(4 * row, 4 * row + 4)]));
  });

  test('what no trained weight moves is measured as the page measures it', async () => {
    const place = placeOf(source, target, [encoder]);
    const specs: FeatureSpec[] = [labelTerm('action', 'action', null, 2), { ...labelTerm('state', 'state', [0, 2], 0.5), time_reduce: 'first' }, embedding];
    const rows = { source: [3, 8, 15, 0], target: [2, 7, 0] };
    const sides = windowBatch(drawnSide(source, Int32Array.from(rows.source)), drawnSide(target, Int32Array.from(rows.target)), windows);
    const { terms } = await measureTerms(specs, sides, new BatchEmbeddings(place.room, sides, null), null);
    expect(await fixedTerms(place, specs, rows, windows)).toEqual(terms);
    expect(await fixedTerms(place, [], rows, windows)).toEqual([]);
  });

  test('a column that is not there is said with those that are', async () => {
    const place = placeOf(source, target, [encoder]);
    await expect(fixedTerms(place, [labelTerm('odd', 'nothing', null, 1)], { source: [0], target: [0] }, { obsSteps: 1, actionHorizon: 1 })).rejects.toMatchObject({ code: 'missing-key', message: expect.stringContaining('state, action, wide') as string });
  });

  test('chunks of actions repeat an episode’s edge and say that they do', () => {
    const column = { width: 2, values: { source: source.features.get('action')!.values!, target: target.features.get('action')!.values! } };
    const rows = { source: new Int32Array(0), target: new Int32Array(0), bc: { source: Int32Array.of(5, 7), target: Int32Array.of(2) } };
    const { wanted, valid } = actionChunks(column, { source, target }, rows, { obsSteps: 2, actionHorizon: 3 });
    const steps = [[4, 5, 6], [7, 7, 8], [1, 2, 3]].flat();
    expect([...wanted]).toEqual(steps.flatMap((row) => [row, 10 + row]));
    expect([...valid!]).toEqual([1, 1, 1, 0, 1, 1, 1, 1, 1]);
    expect(actionChunks(column, { source, target }, rows, { obsSteps: 1, actionHorizon: 1 }).valid).toBeNull();
  });
});

describe('draws', () => {
  const drawsOf = async (change: TrainChange = {}): Promise<TrainingDraws> => {
    const place = await demoPlace();
    return new TrainingDraws(place.source, place.target, trainSettings(change), place.pairing, 3);
  };

  test('OT batches stand in the target’s time, each with its partner, and an epoch takes no frame twice', async () => {
    const draws = await drawsOf({ batch: { size: 40 } });
    const phase = (side: 'source' | 'target', row: number): number => draws.chosen[side].dataset.features.get('ground_truth.phase')!.values![row]!;
    const seen = new Set<number>();
    for (let batch = 0; batch < Math.floor(247 / 40); batch++) {
      const { source: from, target: to } = draws.next();
      for (const [k, row] of to.entries()) {
        expect(seen.has(row)).toBe(false);
        seen.add(row);
        if (k > 0) expect(phase('target', row)).toBeGreaterThanOrEqual(phase('target', to[k - 1]!));
        expect(Math.abs(phase('source', from[k]!) - phase('target', row))).toBeLessThan(0.2);
      }
    }
  });

  test('unpaired sides are each in their own time', async () => {
    const draws = await drawsOf({ pairing: { kind: 'none' }, batch: { size: 30, sourceEpisodes: '2:4' } });
    const { source: from } = draws.next();
    const { dataset, episodes } = draws.chosen.source;
    const phases = Array.from(from, (row) => dataset.features.get('ground_truth.phase')!.values![row]!);
    expect(phases).toEqual(phases.toSorted((p, q) => p - q));
    expect(new Set(from).size).toBe(30);
    expect([...from].every((row) => episodes.some(({ start, length }) => row >= start && row < start + length))).toBe(true);
    expect(draws.extents.source).toEqual({ frames: dataset.frames, first: episodes[0]!.start });
  });

  test('the BC batch is mixed by its share, and halves without one', async () => {
    const share = async (bcSourceWeight: number | null): Promise<number> => {
      const { source: from, target: to } = (await drawsOf({ training: { bcSourceWeight, batchSize: 1000 } })).next().bc;
      expect(from.length + to.length).toBe(1000);
      return from.length / 1000;
    };
    expect([await share(0), await share(1), await share(null)]).toEqual([0, 1, 0.5]);
    expect(Math.abs((await share(0.9)) - 0.9)).toBeLessThan(0.04);
  });
});
