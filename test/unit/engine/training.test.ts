import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { DEMO_POLICY, DEMO_TRAINING } from '../../../src/config/presets.ts';
import { DEFAULT_SESSION } from '../../../src/config/session.ts';
import type { PolicySettings } from '../../../src/config/policy.ts';
import type { Dataset } from '../../../src/datasets/types.ts';
import type { TrainingSession, TrainingStatus } from '../../../src/engine/protocol.ts';
import { stateArrays } from '../../../src/engine/trainer-state.ts';
import { TrainingRoom } from '../../../src/engine/training.ts';
import { demoShard } from '../../support/demo.ts';
import { encoderOf, Engine, expectType, settingsOf } from '../../support/engine.ts';
import { demoPlace, trainSettings } from '../../support/trainer.ts';

let sim: Dataset;
let real: Dataset;
beforeAll(async () => {
  [sim, real] = await Promise.all([demoShard('sim_pick'), demoShard('real_pick')]);
});

const { features } = DEFAULT_SESSION;
const sessionOf = (policy: Partial<PolicySettings> = {}): TrainingSession => ({ ...settingsOf({ features, training: { ...DEMO_TRAINING, convention: 'playground', sharpness: 0 } }), policy: { ...DEMO_POLICY, steps: 12, ...policy } });
const train = async (engine: Engine, steps: number | null, settings = sessionOf()): Promise<TrainingStatus> => expectType('trained', await engine.request('train', { settings, steps })).status;
/** The embedding's mean cost: the plan itself starts from the last one and differs in its last bits. */
const costOf = async (engine: Engine): Promise<number> => (await engine.solve({ features })).report.terms[0]!.mean;

describe('a run in the engine', () => {
  it('changes the plan of the batch, goes back to a kept step, goes on to the same weights, and is forgotten', async () => {
    const engine = await Engine.holding(sim, real);
    const untrained = await costOf(engine);
    expect(await train(engine, 4)).toMatchObject({ step: 4, steps: 12, playing: false, kept: [0, 1, 2, 3, 4], error: null });
    const four = await costOf(engine);
    expect(four).not.toBe(untrained);
    await train(engine, 3);
    const seven = await costOf(engine);
    expect(expectType('trained', await engine.request('rewind-training', { step: 4 })).status).toMatchObject({ step: 4, kept: [0, 1, 2, 3, 4] });
    expect(await costOf(engine)).toBe(four);
    await train(engine, 3);
    expect(await costOf(engine)).toBe(seven);
    expect(await train(engine, null)).toMatchObject({ step: 12, error: null });
    await engine.request('reset-training', {});
    expect(await costOf(engine)).toBe(untrained);
  });

  it('is written down and goes on in another engine, bit by bit', async () => {
    const engine = await Engine.holding(sim, real);
    expect(expectType('checkpoint', await engine.request('checkpoint', {})).checkpoint).toBeNull();
    await train(engine, 5);
    const { checkpoint } = expectType('checkpoint', await engine.request('checkpoint', {}));
    await train(engine, 4);
    const other = await Engine.holding(sim, real);
    expect(expectType('trained', await other.request('resume-training', { settings: sessionOf(), checkpoint: checkpoint! })).status).toMatchObject({ step: 5 });
    await train(other, 4);
    expect(await costOf(other)).toBe(await costOf(engine));
    const narrow = expectType('failed', await other.request('resume-training', { settings: sessionOf({ hidden: [8] }), checkpoint: checkpoint! }));
    expect(narrow.error.code).toBe('checkpoint-mismatch');
  });

  it('is written down while it plays: between two steps, all of which have been told, and goes on from there as it went on', async () => {
    const engine = await Engine.holding(sim, real);
    const settings = sessionOf({ steps: 60 });
    const playing = train(engine, null, settings);
    while (engine.told.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const { checkpoint } = expectType('checkpoint', await engine.request('checkpoint', {}));
    const told = engine.told.length;
    expect(checkpoint!.step).toBeGreaterThan(0);
    expect(told).toBeGreaterThanOrEqual(checkpoint!.step);
    expect((await playing).step).toBe(60);
    expect(engine.told.map(({ step }) => step)).toEqual(Array.from({ length: 60 }, (_, k) => k + 1));
    const other = await Engine.holding(sim, real);
    await other.request('resume-training', { settings, checkpoint: checkpoint! });
    await train(other, null, settings);
    const losses = (from: Engine): number[] => from.told.filter(({ step }) => step > checkpoint!.step).map(({ total }) => total);
    expect(losses(other)).toEqual(losses(engine));
    expect(await costOf(other)).toBe(await costOf(engine));
  });

  it('gives the encoder back as a file that says the same', async () => {
    const engine = await Engine.holding(sim, real);
    expect(expectType('failed', await engine.request('trained-encoder', { which: 'weights' })).error.code).toBe('no-training');
    await train(engine, 3);
    const mass = await costOf(engine);
    expect(expectType('failed', await engine.request('trained-encoder', { which: 'averages' })).error.code).toBe('no-averages');
    const { file, step, bytes } = expectType('encoder-file', await engine.request('trained-encoder', { which: 'weights' })).trained;
    expect(step).toBe(3);
    const fresh = await Engine.holding(sim, real);
    await fresh.add(await encoderOf(file, bytes));
    expect(await costOf(fresh)).toBeCloseTo(mass, 6);
  });

  it('gives the averages of its weights as a file too, which says that it has them; the plan is that of the weights', async () => {
    const engine = await Engine.holding(sim, real);
    const settings = sessionOf({ ema: true });
    expect(await train(engine, 6, settings)).toMatchObject({ averaged: true, unkept: null });
    const { checkpoint } = expectType('checkpoint', await engine.request('checkpoint', {}));
    const averages = new Map(checkpoint!.weights.map(({ network, name }, k) => [`${network} ${name}`, checkpoint!.optimiser.averages![k]!]));
    const cost = await costOf(engine);
    for (const which of ['weights', 'averages'] as const) {
      const { file, bytes } = expectType('encoder-file', await engine.request('trained-encoder', { which })).trained;
      const { graph, metadataProps } = fromBinary(ModelProtoSchema, bytes);
      expect(metadataProps.map(({ key, value }) => [key, value])).toEqual([['ot-playground.weights', which], ['ot-playground.step', '6']]);
      for (const { network, name, values } of checkpoint!.weights) {
        if (network === 'head') continue;
        const { rawData } = graph!.initializer.find((tensor) => tensor.name === name)!;
        expect(new Float32Array(rawData.slice().buffer)).toEqual(which === 'averages' ? averages.get(`encoder ${name}`) : values);
      }
      const fresh = await Engine.holding(sim, real);
      await fresh.add(await encoderOf(file, bytes));
      const other = await costOf(fresh);
      if (which === 'weights') expect(other).toBeCloseTo(cost, 6);
      else expect(Math.abs(other - cost)).toBeGreaterThan(1e-6);
    }
  });

  it('keeps as many steps as fit, the latest where one fits, and none, not even a copy, where one is too large; that is said', async () => {
    const place = await demoPlace();
    const settings = trainSettings({ batch: { size: 12 }, training: { batchSize: 10 }, policy: { steps: 6 } });
    const told = (): void => undefined;
    const free = new TrainingRoom();
    expect(await free.play(place, settings, 0, 1, told)).toMatchObject({ kept: [0, 1], unkept: null });
    const state = (await free.checkpoint())!;
    const bytes = stateArrays(state).reduce((sum, { byteLength }) => sum + byteLength, 0);
    free.reset();
    for (const [budget, kept] of [[3.5, [0, 5, 6]], [2, [0, 6]], [1, [6]]] as const) {
      const room = new TrainingRoom(budget * bytes);
      expect(await room.play(place, settings, 0, null, told)).toMatchObject({ step: 6, kept, unkept: null });
      room.reset();
    }
    const small = new TrainingRoom(bytes - 1);
    expect(await small.resume(place, settings, 0, state)).toMatchObject({ step: 1, kept: [], unkept: bytes });
    expect(await small.play(place, settings, 0, 2, told)).toMatchObject({ step: 3, kept: [], unkept: bytes, error: null });
    await expect(small.rewind(0)).rejects.toMatchObject({ code: 'no-kept-step', message: expect.stringContaining('so no step is kept to go back to; forget the run') as string });
    // A step that fails moves nothing all the same.
    const before = await small.checkpoint();
    const wild = { ...settings, policy: { ...settings.policy, learningRate: 1e9, maxNorm: 1e12 } };
    const stopped = await small.play(place, wild, 0, null, told);
    expect(stopped).toMatchObject({ kept: [], error: { code: 'training-nan' } });
    expect((await small.checkpoint())!.step).toBe(stopped.step);
    expect(before!.step).toBe(3);
    small.reset();
  });

  it('goes on where timers stand still, as those of a hidden tab all but do', async () => {
    const engine = await Engine.holding(sim, real);
    vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'setImmediate'] });
    try {
      expect(await train(engine, null)).toMatchObject({ step: 12, error: null });
      expect(expectType('checkpoint', await engine.request('checkpoint', {})).checkpoint!.step).toBe(12);
    } finally {
      vi.useRealTimers();
    }
    expect(engine.told).toHaveLength(12);
  });

  it('stops on numbers that are none, with the weights of the step before, and says where', async () => {
    const engine = await Engine.holding(sim, real);
    const settings = sessionOf({ learningRate: 1e9, maxNorm: 1e12, schedule: 'constant', steps: 200 });
    const status = await train(engine, null, settings);
    expect(status.error).toMatchObject({ code: 'training-nan' });
    expect(status.step).toBeLessThan(200);
    expect(expectType('trained', await engine.request('rewind-training', { step: 0 })).status).toMatchObject({ step: 0, error: null });
    expect((await engine.solve({ features })).report.converged).toBe(true);
  });

  it('is paused between steps, answers meanwhile, and starts anew on other data', async () => {
    const engine = await Engine.holding(sim, real);
    const playing = train(engine, null, sessionOf({ steps: 5000 }));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const solved = await engine.solve({ features });
    expect(solved.report.ot_pi_sum).toBeGreaterThan(0);
    await engine.request('pause-training', {});
    const { step } = await playing;
    expect(step).toBeGreaterThan(0);
    expect(step).toBeLessThan(5000);
    await engine.load('source', await demoShard('sim_pick'), 'sim');
    expect(expectType('failed', await engine.request('rewind-training', { step: 0 })).error.code).toBe('no-training');
    expect(await train(engine, 2)).toMatchObject({ step: 2 });
  });
});
