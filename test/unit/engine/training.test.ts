import { beforeAll, describe, expect, it } from 'vitest';
import { DEMO_POLICY, DEMO_TRAINING } from '../../../src/config/presets.ts';
import { DEFAULT_SESSION } from '../../../src/config/session.ts';
import type { PolicySettings } from '../../../src/config/policy.ts';
import type { Dataset } from '../../../src/datasets/types.ts';
import type { TrainingSession, TrainingStatus } from '../../../src/engine/protocol.ts';
import { demoShard } from '../../support/demo.ts';
import { encoderOf, Engine, expectType, settingsOf } from '../../support/engine.ts';

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
    expect(expectType('failed', await engine.request('trained-encoder', {})).error.code).toBe('no-training');
    await train(engine, 3);
    const mass = await costOf(engine);
    const { file, bytes } = expectType('encoder-file', await engine.request('trained-encoder', {}));
    const fresh = await Engine.holding(sim, real);
    await fresh.add(await encoderOf(file, bytes));
    expect(await costOf(fresh)).toBeCloseTo(mass, 6);
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
