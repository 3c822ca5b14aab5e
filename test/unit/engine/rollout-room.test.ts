import { beforeAll, describe, expect, it } from 'vitest';
import type { PolicySettings } from '../../../src/config/policy.ts';
import { wilson } from '../../../src/core/training/interval.ts';
import type { Dataset } from '../../../src/datasets/types.ts';
import type { DriveRequest, EngineRequest, TrainingSession } from '../../../src/engine/protocol.ts';
import { rollOut } from '../../../src/engine/rollouts.ts';
import { Trainer } from '../../../src/engine/trainer.ts';
import { demoShard } from '../../support/demo.ts';
import { Engine, expectType } from '../../support/engine.ts';
import { demoPlace, trainSettings } from '../../support/trainer.ts';

let sim: Dataset;
let real: Dataset;
beforeAll(async () => {
  [sim, real] = await Promise.all([demoShard('sim_pick'), demoShard('real_pick')]);
});

const settingsOf = (policy: Partial<PolicySettings> = {}): TrainingSession => trainSettings({ policy: { steps: 12, ...policy } });
const request = (changes: Partial<DriveRequest> = {}): DriveRequest => ({ step: null, regions: ['lower', 'upper'], count: 4, seed: 3, ...changes });
const driving = (engine: Engine, drive: DriveRequest, settings = settingsOf()): ReturnType<Engine['request']> => engine.request('roll-out', { settings, drive });
const report = async (engine: Engine, drive: DriveRequest): Promise<NonNullable<ReturnType<typeof expectType<'rolled-out'>>['report']>> => expectType('rolled-out', await driving(engine, drive)).report!;
const train = (engine: Engine, steps: number | null, settings = settingsOf()): ReturnType<Engine['request']> => engine.request('train', { settings, steps });
/** The embedding's mean cost under the weights of the run. */
const costOf = async (engine: Engine): Promise<number> => (await engine.solve({ features: settingsOf().features })).report.terms[0]!.mean;

describe('a policy that drives the arm in the engine', () => {
  it('tells where the arms are control step by control step, and what came of it, as `rollOut` says; untrained before training', async () => {
    const engine = await Engine.holding(sim, real);
    const { step, seed, regions, probe } = await report(engine, request());
    expect({ step, seed }).toEqual({ step: 0, seed: 3 });
    const trainer = await Trainer.create(await demoPlace(), settingsOf());
    for (const [k, region] of (['lower', 'upper'] as const).entries()) {
      const wanted = await rollOut(trainer, { domain: 'real', region, count: 4, seed: 3 });
      const { successes, count, low, high } = regions[k]!;
      expect({ region: regions[k]!.region, successes, count, low, high }).toEqual({ region, successes: wanted.success * 4, count: 4, ...wilson(wanted.success * 4, 4) });
      const told = engine.driven.filter((states) => states.region === region);
      // Nothing is left out and nothing comes twice.
      expect(told.map(({ from }) => from)).toEqual(told.map((_, at) => told.slice(0, at).reduce((sum, { steps }) => sum + steps.length, 0)));
      const steps = told.flatMap((states) => states.steps);
      expect(steps).toHaveLength(Math.max(...wanted.attempts.map(({ states }) => states.length)));
      // Graphs of another batch size sum in another order.
      for (const [at, states] of steps.entries())
        for (const [attempt, { x, y, held, done }] of states.entries()) {
          const { states: truth } = wanted.attempts[attempt]!;
          const state = truth[Math.min(at, truth.length - 1)]!;
          expect({ held, done }).toEqual({ held: state.held, done: state.done });
          expect(Math.hypot(x - state.ee.x, y - state.ee.y)).toBeLessThan(1e-3);
        }
    }
    expect(probe.inDistribution).toBeGreaterThan(0);
    expect(probe.outOfDistribution).toBeGreaterThan(0);
    await trainer.dispose();
    // Nothing is trained by it.
    expect(expectType('checkpoint', await engine.request('checkpoint', {})).checkpoint).toBeNull();
  });

  it('is that of any kept step, and the run stays where it is', async () => {
    const engine = await Engine.holding(sim, real);
    const untrained = await report(engine, request({ regions: ['lower'] }));
    await train(engine, 4);
    const four = await report(engine, request({ regions: ['lower'] }));
    await train(engine, 4);
    const eight = await costOf(engine);
    const earlier = await report(engine, request({ regions: ['lower'], step: 4 }));
    expect(earlier).toEqual(four);
    expect(earlier.step).toBe(4);
    expect(await report(engine, request({ regions: ['lower'], step: 0 }))).toEqual({ ...untrained, run: four.run });
    expect(four.probe).not.toEqual(untrained.probe);
    expect(await costOf(engine)).toBe(eight);
    expect(expectType('checkpoint', await engine.request('checkpoint', {})).checkpoint!.step).toBe(8);
    const { error } = expectType('failed', await driving(engine, request({ step: 9 })));
    expect(error).toMatchObject({ code: 'step-not-kept', message: 'The run has not kept step 9, so its policy of then cannot drive; choose one of the kept steps 0, 1, 2, 3, 4, 5, 6, 7, 8.' });
    // The untrained weights are had again once the run is forgotten, although its policy has driven.
    await engine.request('reset-training', {});
    expect(await report(engine, request({ regions: ['lower'] }))).toEqual(untrained);
  });

  it('drives while the run goes on, and neither changes what the other does', async () => {
    const alone = await Engine.holding(sim, real);
    await train(alone, 12);
    const engine = await Engine.holding(sim, real);
    await train(engine, 3);
    const still = await report(engine, request({ regions: ['upper'] }));
    const [driven, trained] = await Promise.all([report(engine, request({ regions: ['upper'] })), train(engine, null)]);
    expect(expectType('trained', trained).status.step).toBe(12);
    expect(driven).toEqual(still);
    expect(engine.told.map(({ total }) => total)).toEqual(alone.told.map(({ total }) => total));
  });

  it('is stopped between control steps, answers a solve meanwhile, and gives way to a newer one', async () => {
    const engine = await Engine.holding(sim, real);
    const stopped = driving(engine, request());
    while (engine.driven.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await engine.solve()).report.converged).toBe(true);
    await engine.request('cancel-rollout', {});
    expect(expectType('rolled-out', await stopped).report).toBeNull();
    const [older, newer] = [driving(engine, request()), driving(engine, request({ regions: ['lower'], count: 2 }))];
    expect(expectType('rolled-out', await older).report).toBeNull();
    expect(expectType('rolled-out', await newer).report!.regions).toHaveLength(1);
  });

  it('is refused by name: on data that are not the demo’s, without an encoder that learns, and what cannot drive', async () => {
    const own = await Engine.holding(sim, real, false);
    expect(expectType('failed', await driving(own, request())).error).toMatchObject({ code: 'rollout-world' });
    const engine = await Engine.holding(await demoShard('sim_pick'), await demoShard('real_pick'));
    expect(expectType('failed', await driving(engine, request(), { ...settingsOf(), features: [] })).error).toMatchObject({ code: 'train-no-encoder' });
    expect(expectType('failed', await driving(engine, request(), settingsOf({ action: 'ground_truth.goal' }))).error).toMatchObject({ code: 'rollout-action' });
    expect(expectType('failed', await driving(engine, request(), settingsOf({ proprio: 'ground_truth.phase' }))).error).toMatchObject({ code: 'unseen-key' });
    // What was refused stands in nobody's way.
    expect(expectType('rolled-out', await driving(engine, request({ count: 1 }))).report).not.toBeNull();
  });

  it('is looked at by either camera', async () => {
    const engine = new Engine();
    const state = { x: 0, y: 0.4, discX: 0.5, discY: 0.8, grip: 0, held: false, done: false };
    const look = async (change: Partial<Extract<EngineRequest, { type: 'look' }>>): Promise<Uint8ClampedArray> => expectType('frame', await engine.request('look', { domain: 'real', state, width: 32, height: 32, noise: null, ...change })).pixels!;
    const plain = await look({});
    expect(plain).toHaveLength(4 * 32 * 32);
    expect(await look({ noise: 1 })).not.toEqual(plain);
    expect(await look({ domain: 'sim' })).not.toEqual(plain);
  });
});
