import { create } from '@bufbuild/protobuf';
import { TensorProtoSchema } from 'onnx-buf';
import { beforeAll, describe, expect, test } from 'vitest';
import type { TrainerState } from '../../../src/engine/trainer-state.ts';
import type { TrainingMetrics } from '../../../src/engine/protocol.ts';
import { Trainer, type TrainerPlace } from '../../../src/engine/trainer.ts';
import { DEMO_ENCODER, embedTerm } from '../../../src/config/presets.ts';
import { DEFAULT_SESSION } from '../../../src/config/session.ts';
import type { FeatureSpec } from '../../../src/core/cost/features.ts';
import type { Feed } from '../../../src/encoders/session.ts';
import { toHalf } from '../../../src/encoders/dtypes.ts';
import { EncoderSession } from '../../../src/encoders/session.ts';
import { constant, floats, int, longs, node, onnxModel, port, type ModelOptions } from '../../support/onnx.ts';
import { changed, madeDataset, without } from '../../support/demo.ts';
import { encoderOf } from '../../support/engine.ts';
import { demoPlace, placeOf, trainSettings, type TrainChange } from '../../support/trainer.ts';

async function steps(trainer: Trainer, count: number): Promise<TrainingMetrics[]> {
  const metrics: TrainingMetrics[] = [];
  for (let k = 0; k < count; k++) metrics.push({ ...(await trainer.train()), ms: 0 });
  return metrics;
}

const mean = (metrics: readonly TrainingMetrics[], what: 'bc' | 'weighted'): number => metrics.reduce((sum, entry) => sum + entry[what], 0) / metrics.length;
const weightsOf = ({ weights }: TrainerState) => weights.map(({ network, name, values }) => [network, name, values] as const);

describe('on the demo', () => {
  let place: TrainerPlace;
  beforeAll(async () => {
    place = await demoPlace();
  });

  /** Small batches: what is tried here hangs on no size. */
  const SMALL: TrainChange = { batch: { size: 12 }, training: { batchSize: 10 } };
  const small = ({ batch, training, ...change }: TrainChange = {}) => trainSettings({ ...SMALL, ...change, batch: { ...SMALL.batch, ...batch }, training: { ...SMALL.training, ...training } });

  test('the loss falls, and says what it is made of', async () => {
    const trainer = await Trainer.create(place, trainSettings());
    const all = await steps(trainer, 60);
    expect(mean(all.slice(-10), 'bc')).toBeLessThan(0.5 * mean(all.slice(0, 10), 'bc'));
    expect(all.map(({ step }) => step)).toEqual(Array.from({ length: 60 }, (_, k) => k + 1));
    for (const { bc, weighted, total, transport, mass, encoderNorm, headNorm, sourceRank, targetRank } of all) {
      expect(total).toBe(bc + weighted);
      expect(weighted).toBeCloseTo(transport, 12);
      expect(mass).toBeGreaterThan(0);
      expect(Math.min(encoderNorm, headNorm, sourceRank!, targetRank!)).toBeGreaterThan(0);
    }
    await trainer.dispose();
  });

  test('a kept state goes on to the last bit, in the trainer it is of and in a fresh one, across epochs', async () => {
    // An epoch is one batch of 247 target frames' 100, so that the draws' rest is more than a number.
    const settings = trainSettings({ batch: { size: 60 }, training: { batchSize: 8, window: 2 }, policy: { ema: true, warmup: 3, lambdaRamp: 9, head: 'diffusion', hidden: [8] } });
    const trainer = await Trainer.create(place, settings);
    await steps(trainer, 5);
    const kept = await trainer.settled();
    const copy = structuredClone(kept);
    const first = await steps(trainer, 8);
    const end = await trainer.settled();
    expect(kept).toEqual(copy);
    await trainer.restore(kept);
    expect((await trainer.settled())).toEqual(copy);
    expect(await steps(trainer, 8)).toEqual(first);
    expect((await trainer.settled())).toEqual(end);
    const fresh = await Trainer.create(place, settings);
    await fresh.restore(structuredClone(copy));
    expect(await steps(fresh, 8)).toEqual(first);
    expect((await fresh.settled())).toEqual(end);
    await Promise.all([trainer.dispose(), fresh.dispose()]);
  });

  test('a state that is asked for during a step is that after it, as is the one that a step is told to keep', async () => {
    const trainer = await Trainer.create(place, small());
    await steps(trainer, 2);
    const kept: TrainerState[] = [];
    const stepping = trainer.train({ keep: (state) => kept.push(state) });
    const asked = await trainer.settled();
    expect(asked.step).toBe(3);
    expect(kept).toEqual([asked]);
    await stepping;
    await trainer.dispose();
  });

  test('a state of another policy or other data is refused, and nothing moves', async () => {
    const [trainer, wider, averaged, larger] = await Promise.all([small(), small({ policy: { hidden: [9] } }), small({ policy: { ema: true } }), small({ batch: { size: 13 } })].map((settings) => Trainer.create(place, settings)));
    for (const other of [wider, averaged, larger]) await steps(other!, 1);
    const before = await trainer!.settled();
    for (const other of [wider, averaged, larger]) await expect(trainer!.restore(await other!.settled())).rejects.toMatchObject({ code: 'checkpoint-mismatch' });
    expect((await trainer!.settled())).toEqual(before);
    await Promise.all([trainer, wider, averaged, larger].map((one) => one!.dispose()));
  });

  test('embeddings are the encoder’s own before training, whether or not its first part is run once for all', async () => {
    const loaded = place.room.get(DEMO_ENCODER)!;
    const count = 50;
    const values = Float64Array.from({ length: count * 3 * 32 * 32 }, (_, k) => 0.5 + 0.5 * Math.sin(k * k));
    const feeds: ReadonlyMap<string, Feed> = new Map([['image', { dims: [count, 3, 32, 32], values }]]);
    const session = await EncoderSession.create(loaded);
    const truth = await session.embed('embedding', feeds, count);
    await session.dispose();
    for (const frozen of [small().policy.frozen, ['bank']]) {
      const trainer = await Trainer.create(place, small({ policy: { frozen } }));
      const said = await trainer.embed(feeds, count);
      expect([said.rows, said.width]).toEqual([truth.rows, truth.width]);
      expect(Math.max(...said.values.map((value, k) => Math.abs(value - truth.values[k]!)))).toBeLessThan(2e-5);
      await trainer.dispose();
    }
  });

  test('training what stands on a frozen part is training the whole with that part frozen', async () => {
    const run = async (frozen: readonly string[]): Promise<TrainingMetrics> => {
      const trainer = await Trainer.create(place, small({ policy: { frozen } }));
      const [only] = await steps(trainer, 1);
      await trainer.dispose();
      return only!;
    };
    const [split, whole] = [await run(small().policy.frozen), await run(small().policy.frozen.filter((name) => name !== 'narrow.columns'))];
    expect(whole.bc).toBeCloseTo(split.bc, 5);
    expect(whole.value).toBeCloseTo(split.value, 5);
    expect(whole.headNorm).toBeCloseTo(split.headNorm, 4);
  });

  test('λ = 0 is a term of weight 0: the weights move by behaviour cloning alone', async () => {
    const run = async (change: TrainChange): Promise<TrainerState> => {
      const trainer = await Trainer.create(place, small(change));
      await steps(trainer, 4);
      const state = await trainer.settled();
      await trainer.dispose();
      return state;
    };
    const unweighted = DEFAULT_SESSION.features.map((spec) => (spec.embed ? { ...spec, term_weight: 0 } : spec));
    const [none, weightless, both] = [await run({ training: { lambda: 0 } }), await run({ features: unweighted }), await run({})];
    expect(weightsOf(none)).toEqual(weightsOf(weightless));
    expect(weightsOf(none)).not.toEqual(weightsOf(both));
  });

  test('λ ramps, the rate warms up, and averages follow', async () => {
    const trainer = await Trainer.create(place, small({ policy: { lambdaRamp: 4, warmup: 2, ema: true, learningRate: 0.01 } }));
    const before = await trainer.settled();
    const [first] = await steps(trainer, 1);
    expect(weightsOf((await trainer.settled()))).toEqual(weightsOf(before));
    const all = [first!, ...(await steps(trainer, 5))];
    expect(all.map(({ lambda }) => lambda)).toEqual([0, 0.25, 0.5, 0.75, 1, 1]);
    expect(all.map(({ learningRate }) => learningRate).slice(0, 3)).toEqual([0, 0.005, 0.01]);
    expect(all[0]!.weighted).toBe(0);
    const { optimiser, weights } = await trainer.settled();
    expect(optimiser.averages![0]).not.toEqual(weights[0]!.values);
    expect(optimiser.averages![0]).not.toEqual(before.weights[0]!.values);
    await trainer.dispose();
  });

  test.each([
    ['a diffusion head', { policy: { head: 'diffusion' } }],
    ['a projection', { policy: { projection: 6 } }],
    ['chunks of actions, padded where episodes end', { training: { actionHorizon: 40 } }],
    ['observations of three steps, and the absolute loss', { training: { obsSteps: 3, actionHorizon: 4 }, policy: { loss: 'l1', activation: 'gelu' } }],
    ['no proprioception', { policy: { proprio: '' } }],
    ['a head of one layer', { policy: { hidden: [] } }],
    ['unpaired batches', { pairing: { kind: 'none' } }],
    ['σ of the standard deviation', { solve: { normalisation: 'std' } }],
    ['a band prior and hard marginals', { solve: { prior: 'band', tau1: Infinity, tau2: Infinity } }],
    ['a batch of one', { batch: { size: 1 }, training: { batchSize: 1 } }],
    ['the whole encoder', { policy: { frozen: [] } }],
  ] satisfies [string, TrainChange][])('%s', async (_, change) => {
    const trainer = await Trainer.create(place, small(change));
    const before = await trainer.settled();
    for (const { total, bc, value, diagonalMass } of await steps(trainer, 3)) {
      expect([total, bc, value].every(Number.isFinite)).toBe(true);
      expect(diagonalMass === null).toBe('pairing' in change);
    }
    for (const [k, { values }] of (await trainer.settled()).weights.entries()) expect(values).not.toEqual(before.weights[k]!.values);
    await trainer.dispose();
  });

  test.each([0, 1])('a BC share of %d needs no actions on the other side', async (share) => {
    const bare = { ...place, [share === 1 ? 'target' : 'source']: without(share === 1 ? place.target : place.source, 'action') };
    const trainer = await Trainer.create(bare, small({ training: { bcSourceWeight: share } }));
    for (const { bc } of await steps(trainer, 2)) expect(bc).toBeGreaterThan(0);
    await trainer.dispose();
    await expect(Trainer.create(bare, small({ training: { bcSourceWeight: 0.5 } }))).rejects.toMatchObject({ code: 'missing-key' });
  });

  test('a learning rate of 1e9 stops the run where it broke, and the step before stays', async () => {
    const trainer = await Trainer.create(place, small({ policy: { learningRate: 1e9, schedule: 'constant' } }));
    let last = await trainer.settled();
    const stopped = (async (): Promise<never> => {
      for (;;) {
        last = await trainer.settled();
        await trainer.train();
      }
    })();
    const failure = await stopped.catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'training-nan' });
    expect((failure as Error).message).toMatch(/^Step \d+ stopped: the (gradient of “.+”|embedding|behaviour cloning loss) is no number any more/);
    expect((await trainer.settled())).toEqual(last);
    expect(last.weights.every(({ values }) => values.every(Number.isFinite))).toBe(true);
    // It stops there again, and goes on from an earlier state.
    await expect(trainer.train()).rejects.toMatchObject({ message: (failure as Error).message });
    await trainer.dispose();
  });

  test.each([
    ['no OT batch', { batch: { size: 0 } }, 'empty-batch'],
    ['no such action', { policy: { action: 'actions' } }, 'missing-key'],
    ['no term with an encoder', { features: DEFAULT_SESSION.features.slice(1) }, 'train-no-encoder'],
    ['another encoder', { policy: { encoder: 'other.onnx' } }, 'train-no-encoder'],
    ['a label that is not there', { features: [...DEFAULT_SESSION.features, { ...DEFAULT_SESSION.features[1]!, term_name: 'odd', src_key: 'nothing' }] }, 'missing-key'],
    ['all frozen', { policy: { frozen: [...small().policy.frozen, 'net.0.weight', 'net.0.bias', 'net.2.weight', 'net.2.bias'] } }, 'encoder-parameter'],
    ['an output that is no action', { policy: { head: 'own', output: 'embedding' } }, 'bad-head'],
    ['an output that is not there', { policy: { head: 'own', output: 'action' } }, 'encoder-output'],
    ['an action of its own under a projection', { policy: { head: 'own', output: 'embedding', projection: 4 } }, 'bad-head'],
    ['no such episodes', { batch: { targetEpisodes: '999' } }, 'bad-range'],
  ] satisfies [string, TrainChange, string][])('%s is refused before anything runs', async (_, change, code) => {
    await expect(Trainer.create(place, small(change))).rejects.toMatchObject({ code });
  });
});

describe('on data and encoders of any kind', () => {
  const source = madeDataset([7, 9], { state: 4, action: 2 });
  const target = madeDataset([8], { state: 4, action: 2 });
  const scaled = (dataset: typeof source) => changed(changed(dataset, 'state', (values) => values.forEach((value, k) => (values[k] = Math.sin(value + k)))), 'action', (values) => values.forEach((value, k) => (values[k] = Math.cos(value * k))));
  const sides = { source: scaled(source), target: scaled(target) };
  const draw = (name: string, dims: readonly number[]) => floats(name, dims, Array.from({ length: dims.reduce((product, size) => product * size, 1) }, (_, k) => Math.sin(1 + 7 * k)));
  const linear: ModelOptions = { outputs: [port('y', ['batch', 3])], nodes: [node('MatMul', ['x', 'v'], ['h']), node('Tanh', ['h'], ['t']), node('MatMul', ['t', 'w'], ['y'])], weights: [draw('v', [4, 5]), draw('w', [5, 3])] };

  const half = (name: string, dims: readonly number[]) => create(TensorProtoSchema, { name, dims: dims.map(BigInt), dataType: 10, int32Data: draw(name, dims).floatData.map(toHalf) });

  async function trainerOf(options: ModelOptions, change: TrainChange = {}, held: { readonly source: typeof source; readonly target: typeof target } = sides): Promise<Trainer> {
    const place = placeOf(held.source, held.target, [await encoderOf('net.onnx', onnxModel(options))]);
    const features = [embedTerm('embedding', 'state', { file: 'net.onnx', input: 'x', output: 'y', others: [] }, 1)];
    return Trainer.create(place, trainSettings({ features, ...change, batch: { size: 6, ...change.batch }, training: { batchSize: 5, ...change.training }, policy: { frozen: [], proprio: '', hidden: [4], learningRate: 0.01, schedule: 'constant', ...change.policy } }));
  }

  test('a file with two outputs is embedding and action', async () => {
    const two: ModelOptions = { ...linear, outputs: [port('y', ['batch', 3]), port('a', ['batch', 4])], nodes: [...linear.nodes, node('MatMul', ['t', 'u'], ['a'])], weights: [...linear.weights!, draw('u', [5, 4])] };
    const own = { head: 'own', output: 'a' } as const;
    const trainer = await trainerOf(two, { training: { actionHorizon: 2, lambda: 0.01 }, policy: own });
    const all = await steps(trainer, 120);
    expect(mean(all.slice(-10), 'bc')).toBeLessThan(0.9 * mean(all.slice(0, 10), 'bc'));
    expect(all[0]!.headNorm).toBe(0);
    expect((await trainer.settled()).weights.map(({ network, name }) => `${network} ${name}`)).toEqual(['encoder v', 'encoder w', 'encoder u']);
    await trainer.dispose();
    await expect(trainerOf(two, { policy: own })).rejects.toMatchObject({ code: 'bad-head', message: expect.stringContaining('1 actions of 2 values need (batch, 2)') as string });
  });

  test.each<[string, ModelOptions, readonly string[]]>([
    ['a batch axis of one row', { ...linear, inputs: [port('x', [1, 4])], outputs: [port('y', [1, 3])] }, ['v', 'w']],
    ['initialisers under two names', { outputs: [port('y', ['batch', 4])], nodes: [node('Identity', ['v'], ['v2']), node('MatMul', ['x', 'v'], ['h']), node('Tanh', ['h'], ['t']), node('MatMul', ['t', 'v2'], ['y'])], weights: [draw('v', [4, 4])] }, ['v', 'v2']],
    ['int64 arithmetic on shapes', { outputs: [port('y', null)], nodes: [...linear.nodes.slice(0, 2), node('MatMul', ['t', 'w'], ['m']), node('Shape', ['x'], ['s']), node('Gather', ['s', 'first'], ['n']), node('Mul', ['n', 'one'], ['n1']), node('Concat', ['n1', 'rest'], ['to'], [int('axis', 0)]), node('Reshape', ['m', 'to'], ['y'])], weights: [...linear.weights!, longs('first', [0]), longs('one', [1]), longs('rest', [-1])] }, ['v', 'w']],
    ['half precision', { inputs: [port('x', ['batch', 4], 10)], outputs: [port('y', ['batch', 3], 10)], nodes: linear.nodes, weights: [half('v', [4, 5]), half('w', [5, 3])] }, ['v', 'w']],
    ['an embedding of several axes', { outputs: [port('y', ['batch', 2, 2])], nodes: [...linear.nodes.slice(0, 2), node('MatMul', ['t', 'w'], ['m']), node('Reshape', ['m', 'to'], ['y'])], weights: [draw('v', [4, 5]), draw('w', [5, 4]), longs('to', [0, 2, 2])] }, ['v', 'w']],
    ['an input of integers', { inputs: [port('x', ['batch', 4], 7)], outputs: [port('y', ['batch', 3])], nodes: [node('Cast', ['x'], ['f'], [int('to', 1)]), node('MatMul', ['f', 'v'], ['h']), node('Tanh', ['h'], ['t']), node('MatMul', ['t', 'w'], ['y'])], weights: linear.weights! }, ['v', 'w']],
  ])('%s', async (title, options, names) => {
    const held = title === 'an input of integers' ? { source, target } : sides;
    const trainer = await trainerOf(options, {}, held);
    expect((await trainer.settled()).weights.flatMap(({ network, name }) => (network === 'encoder' ? [name] : []))).toEqual(names);
    const before = await trainer.settled();
    await steps(trainer, 3);
    for (const [k, { values }] of (await trainer.settled()).weights.entries()) expect(values).not.toEqual(before.weights[k]!.values);
    await trainer.dispose();
    // The same where the first part is frozen.
    const [frozen] = names;
    const partly = await trainerOf(options, { policy: { frozen: [frozen!] } }, held);
    await steps(partly, 2);
    expect((await partly.settled()).weights.some(({ name }) => name === frozen)).toBe(false);
    await partly.dispose();
  });

  test('inputs from several columns, and terms of other encoders, which stay as they are', async () => {
    const other = await encoderOf('other.onnx', onnxModel({ outputs: [port('z', ['batch', 2])], nodes: [node('MatMul', ['x', 'q'], ['z'])], weights: [draw('q', [4, 2])] }));
    const both = await encoderOf('net.onnx', onnxModel({ inputs: [port('x', ['batch', 4]), port('a', ['batch', 2])], outputs: [port('y', ['batch', 3])], nodes: [node('MatMul', ['x', 'v'], ['h']), node('Tanh', ['h'], ['t']), node('Concat', ['t', 'a'], ['j'], [int('axis', 1)]), node('MatMul', ['j', 'w'], ['y'])], weights: [draw('v', [4, 5]), draw('w', [7, 3])] }));
    const place = placeOf(sides.source, sides.target, [both, other]);
    const learned = embedTerm('learned', 'state', { file: 'net.onnx', input: 'x', output: 'y', others: [{ input: 'a', src_key: 'action', tgt_key: 'action' }] }, 1);
    const still = embedTerm('still', 'state', { file: 'other.onnx', input: 'x', output: 'z', others: [] }, 1);
    const settings = (features: readonly FeatureSpec[], frozen: readonly string[]) => trainSettings({ features, batch: { size: 6 }, training: { batchSize: 5 }, policy: { frozen, proprio: '', hidden: [4] } });
    for (const frozen of [[], ['v']]) {
      const [alone, beside] = [await Trainer.create(place, settings([learned], frozen)), await Trainer.create(place, settings([learned, still], frozen))];
      place.room.setTrained(() => ({ file: beside.file, output: beside.output, version: String(beside.step), embed: beside.embed }));
      const [[one], [two]] = [await steps(alone, 1), await steps(beside, 1)];
      expect(two!.terms[0]).toEqual(one!.terms[0]);
      expect(two!.terms[1]!.mean).toBeGreaterThan(0);
      expect(two!.transport).not.toBe(one!.transport);
      await Promise.all([alone.dispose(), beside.dispose()]);
    }
    const twice = { ...learned, term_name: 'twice', embed: { ...learned.embed!, others: [{ input: 'a', src_key: 'action', tgt_key: 'state' }] } };
    await expect(Trainer.create(place, settings([learned, twice], []))).rejects.toMatchObject({ code: 'train-two-inputs', detail: { term: 'twice' } });
  });

  test('batches larger than the data take what there is', async () => {
    const trainer = await trainerOf(linear, { batch: { size: 500 }, training: { batchSize: 400 } });
    const [{ total }] = (await steps(trainer, 1)) as [TrainingMetrics];
    expect(total).toBeGreaterThan(0);
    await trainer.dispose();
  });

  test('an embedding that is the same everywhere has no plan under a normalisation, and says so', async () => {
    const trainer = await trainerOf({ ...linear, weights: [floats('v', [4, 5], Array.from({ length: 20 }, () => 0)), draw('w', [5, 3])] }, { solve: { normalisation: 'max' } });
    const before = await trainer.settled();
    await expect(trainer.train()).rejects.toMatchObject({ code: 'flat-cost' });
    expect((await trainer.settled())).toEqual(before);
    await trainer.dispose();
  });

  test.each<[string, ModelOptions, string]>([
    ['no weights', { outputs: [port('y', ['batch', 4])], nodes: [node('Tanh', ['x'], ['y'])] }, 'encoder-untrainable'],
    ['weights of integers', { outputs: [port('y', ['batch', 4])], nodes: [node('Constant', [], ['c'], [constant('value', floats('', [], [2]))]), node('Cast', ['k'], ['f'], [int('to', 1)]), node('Mul', ['x', 'f'], ['m']), node('Mul', ['m', 'c'], ['y'])], weights: [longs('k', [1, 2, 3, 4])] }, 'encoder-untrainable'],
    ['an embedding without rows', { ...linear, outputs: [port('y', [3, 'batch'])], nodes: [...linear.nodes.slice(0, 2), node('MatMul', ['t', 'w'], ['m']), node('Transpose', ['m'], ['y'])] }, 'encoder-batch'],
    ['an operator without a gradient', { ...linear, nodes: [...linear.nodes.slice(0, 1), node('Sin', ['h'], ['t']), ...linear.nodes.slice(2)] }, 'encoder-blocked'],
    ['rows mixed by a fixed batch', { ...linear, inputs: [port('x', [2, 4])], outputs: [port('y', [2, 3])], nodes: [...linear.nodes.slice(0, 2), node('ReduceMean', ['t'], ['mean'], []), node('Sub', ['t', 'mean'], ['c']), node('MatMul', ['c', 'w'], ['y'])] }, 'encoder-batch'],
  ])('%s is refused', async (_, options, code) => {
    await expect(trainerOf(options)).rejects.toMatchObject({ code });
    if (['encoder-untrainable', 'encoder-blocked'].includes(code)) {
      const trainer = await trainerOf(options, { policy: { projection: 3 } });
      await steps(trainer, 2);
      await trainer.dispose();
    }
  });

  test('what stands before an operator without a gradient is frozen, and the rest learns', async () => {
    const waves: ModelOptions = { ...linear, nodes: [linear.nodes[0]!, node('Sin', ['h'], ['t']), linear.nodes[2]!] };
    await expect(trainerOf(waves)).rejects.toMatchObject({ code: 'encoder-blocked', message: expect.stringContaining('op Sin at node “t” has no gradient; freeze what stands before it (“v”)') as string });
    const trainer = await trainerOf(waves, { policy: { frozen: ['v'] } });
    const all = await steps(trainer, 60);
    expect(mean(all.slice(-10), 'bc')).toBeLessThan(mean(all.slice(0, 10), 'bc'));
    expect((await trainer.settled()).weights.flatMap(({ network, name }) => (network === 'encoder' ? [name] : []))).toEqual(['w']);
    const feed: ReadonlyMap<string, Feed> = new Map([['x', { dims: [2, 4], values: Float64Array.of(1, -2, 3, 0.5, 0, 1, 0.25, -1) }]]);
    const learned = await trainer.embed(feed, 2);
    const file = await EncoderSession.create(await encoderOf('net.onnx', (await trainer.exported('weights')).bytes));
    expect((await file.embed('y', feed, 2)).values).toEqual(learned.values);
    await Promise.all([trainer.dispose(), file.dispose()]);
  });

  test('actions that are no numbers are named, and may lie in an episode that is left out', async () => {
    const broken = { ...sides, source: changed(sides.source, 'action', (values) => (values[2 * 9 + 1] = Number.NaN)) };
    await expect(trainerOf(linear, {}, broken)).rejects.toMatchObject({ code: 'non-finite', message: 'The source’s “action” holds NaN in frame 2 of “episode_1”; leave that episode out, or choose another column.' });
    const trainer = await trainerOf(linear, { batch: { sourceEpisodes: '0' } }, broken);
    await steps(trainer, 2);
    await trainer.dispose();
  });

  test('widths that differ between the sides are named', async () => {
    const actions = { ...sides, target: madeDataset([8], { state: 4, action: 3 }) };
    await expect(trainerOf(linear, {}, actions)).rejects.toMatchObject({ code: 'width-mismatch', message: expect.stringContaining('“action” has 2 values a frame in “made” and 3 in “made”') as string });
    const open: ModelOptions = { inputs: [port('x', ['batch', 'width'])], outputs: [port('y', ['batch', 'width'])], nodes: [node('Mul', ['x', 'u'], ['m']), node('Tanh', ['m'], ['y'])], weights: [draw('u', [1])] };
    const states = { ...sides, target: madeDataset([8], { state: 3, action: 2 }) };
    await expect(trainerOf(open, {}, states)).rejects.toMatchObject({ code: 'width-mismatch', message: expect.stringContaining('(4) of a source frame and (3) of a target frame') as string });
    await expect(trainerOf(linear, {}, states)).rejects.toMatchObject({ code: 'encoder-shape' });
  });
});
