import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { demoFeatures, embedTerm, labelTerm, PRESETS } from '../../../src/config/presets.ts';
import { costTerms } from '../../../src/core/cost/terms.ts';
import type { FeatureSpec } from '../../../src/core/cost/features.ts';
import type { DatasetSummary } from '../../../src/store/run.ts';
import { suggestTerms } from '../../../src/store/suggest-terms.ts';

type Shapes = Readonly<Record<string, readonly number[] | null>>;

/** What a page knows of data with these columns; null stands for one that is not numbers. */
function summary(columns: Shapes, demo: 'sim' | 'real' | null = null): DatasetSummary {
  const features = Object.entries(columns).map(([key, shape]) => ({ key, dtype: shape ? 'float32' : 'video', shape: shape ?? [3, 96, 96], numeric: shape !== null, names: null, stats: null }));
  return { name: 'x', format: 'lerobot', version: 'v3.0', fps: 10, frames: 9, episodes: 1, medianEpisode: 9, demo, fingerprint: '', features, warnings: [] };
}

/** What LeRobot puts into every dataset. */
const ALWAYS: Shapes = { timestamp: [1], frame_index: [1], episode_index: [1], index: [1], task_index: [1] };
const suggest = (source: Shapes, target: Shapes, current: readonly FeatureSpec[] = demoFeatures()): readonly FeatureSpec[] => suggestTerms(current, summary(source), summary(target));
const mine = (key: string, slice: [number, number] | null = null): FeatureSpec => labelTerm(`my ${key}`, key, slice, 2);

describe('terms for new data', () => {
  it('on the demo are the demo’s', () => {
    const world: Shapes = { 'observation.state': [5], action: [3] };
    expect(suggestTerms([mine('action')], summary(world, 'sim'), summary(world, 'real'))).toEqual(demoFeatures());
  });

  it('are one on the state, where both have one', () => {
    expect(suggest({ 'observation.state': [6], action: [6], ...ALWAYS }, { action: [6], 'observation.state': [6], ...ALWAYS })).toEqual([labelTerm('state', 'observation.state', null, 1)]);
  });

  it('are sliced to the width in common', () => {
    expect(suggest({ 'observation.state': [7] }, { 'observation.state': [6] })).toEqual([labelTerm('state', 'observation.state', [0, 6], 1)]);
  });

  it.each([
    [{ action: [6], 'observation.state': [6] }, { action: [6], 'observation.joints': [6] }, 'action'],
    [{ 'observation.images.top': null, 'observation.qpos': [14], extra: [2] }, { extra: [2], 'observation.images.top': null, 'observation.qpos': [14] }, 'observation.qpos'],
    [{ qpos: [7] }, { qpos: [7] }, 'qpos'],
    // robomimic: the simulator's state, else what is observed rather than the verdicts and pictures.
    [{ actions: [7], dones: [1], 'obs/eef': [3], states: [32] }, { actions: [7], dones: [1], 'obs/eef': [3], states: [32] }, 'states'],
    [{ dones: [1], 'obs/camera': [84, 84, 3], 'obs/eef': [3], rewards: [1] }, { dones: [1], 'obs/camera': [84, 84, 3], 'obs/eef': [3], rewards: [1] }, 'obs/eef'],
    // A column that is a picture on one side is not shared numbers.
    [{ 'observation.state': null, qpos: [7] }, { 'observation.state': [7], qpos: [7] }, 'qpos'],
  ] as [Shapes, Shapes, string][])('take the most telling key that both have: %j and %j', (source, target, key) => {
    expect(suggest(source, target).map(({ src_key, tgt_key }) => [src_key, tgt_key])).toEqual([[key, key]]);
    expect(suggest({ ...ALWAYS, ...source }, { ...ALWAYS, ...target }).map(({ src_key }) => src_key)).toEqual([key]);
  });

  it('compare the states under their own names rather than the clocks they share', () => {
    const [term, ...more] = suggest({ ...ALWAYS, 'observation.state': [7] }, { ...ALWAYS, state: [6] });
    expect(term).toMatchObject({ src_key: 'observation.state', tgt_key: 'state', dim_slice: [0, 6] });
    expect(more).toEqual([]);
    expect(suggest({ ...ALWAYS, left: [7] }, { ...ALWAYS, right: [7] })).toMatchObject([{ src_key: 'left', tgt_key: 'right' }]);
  });

  it('are none where a side has no numbers to compare', () => {
    expect(suggest({ 'observation.images.top': null }, { 'observation.state': [3] })).toEqual([]);
    expect(suggest({}, {})).toEqual([]);
  });
});

describe('terms that a session already has', () => {
  const both: Shapes = { 'observation.state': [6], action: [4] };

  it('stay where both sides have what they name', () => {
    const current = [mine('action'), mine('observation.state', [0, 6])];
    expect(suggest(both, both, current)).toEqual(current);
  });

  it('go where they cannot be measured any more, without the others', () => {
    const kept = mine('action');
    for (const lost of [mine('nothing'), mine('observation.state', [0, 7]), { ...mine('action'), tgt_key: 'observation.state' }]) expect(suggest(both, both, [lost, kept])).toEqual([kept]);
    expect(suggest(both, { ...both, 'observation.state': [5] }, [mine('observation.state'), kept])).toEqual([kept]);
    expect(suggest(both, { ...both, 'observation.state': null }, [mine('observation.state'), kept])).toEqual([kept]);
  });

  it('stay though their name is one of the demo’s, where they are not the demo’s', () => {
    const own = { ...mine('observation.joints'), term_name: 'joints' };
    const data: Shapes = { 'observation.state': [6], 'observation.joints': [6] };
    expect(suggest(data, data, [own])).toEqual([own]);
  });

  it('with an embedding stay where every input of the encoder has its key', () => {
    const embedded = { ...embedTerm('wrist', 'wrist', { file: 'policy.onnx', input: 'image', output: 'z', others: [{ input: 'state', src_key: 'observation.state', tgt_key: 'qpos' }] }, 1) };
    const left: Shapes = { wrist: [3, 8, 8], 'observation.state': [6] };
    const right: Shapes = { wrist: [3, 9, 9], qpos: [6] };
    expect(suggest(left, right, [embedded])).toEqual([embedded]);
    expect(suggest(left, { ...right, qpos: null }, [embedded])).not.toEqual([embedded]);
    expect(suggest(left, { qpos: [6] }, [embedded])).not.toEqual([embedded]);
  });

  it('go where they are the demo’s, which mean nothing on other data', () => {
    expect(suggest(both, both, demoFeatures())).toEqual([labelTerm('state', 'observation.state', null, 1)]);
    expect(suggest(both, both, demoFeatures().map((spec) => ({ ...spec, term_weight: 9 })))).toEqual([labelTerm('state', 'observation.state', null, 1)]);
    expect(suggest(both, both, [...demoFeatures(), mine('action')])).toEqual([mine('action')]);
  });
});

it('whatever the columns and the terms, what is suggested can be measured', () => {
  const shape = fc.oneof({ weight: 4, arbitrary: fc.tuple(fc.integer({ min: 1, max: 4 })) }, fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 4 })), fc.constant(null));
  const columns = fc.dictionary(fc.constantFrom('observation.state', 'action', 'qpos', 'observation.x', 'timestamp', '__proto__'), shape);
  const spec = fc.record({ key: fc.constantFrom('observation.state', 'action', 'qpos'), other: fc.constantFrom('observation.state', 'action'), slice: fc.option(fc.constantFrom([0, 1], [1, 3], [0, 4])) });
  const current = fc.uniqueArray(spec, { selector: ({ key }) => key, maxLength: 3 }).map((specs) => specs.map(({ key, other, slice }) => ({ ...mine(key), tgt_key: other, dim_slice: slice as [number, number] | null })));
  const side = (data: Shapes): Parameters<typeof costTerms>[1] => ({
    count: 2,
    columns: new Map(Object.entries(data).flatMap(([key, extents]) => (extents ? [[key, { shape: extents, values: new Float64Array(2 * extents.reduce((product, extent) => product * extent, 1)) }] as const] : []))),
  });
  fc.assert(
    fc.property(columns, columns, fc.oneof(current, fc.constant(demoFeatures()), fc.constantFrom(...Object.values(PRESETS).map(({ features }) => features))), (source, target, features) => {
      const terms = suggest(source, target, features);
      if (terms.length > 0) expect(() => costTerms(terms, side(source), side(target))).not.toThrow();
    }),
    { numRuns: 500 },
  );
});
