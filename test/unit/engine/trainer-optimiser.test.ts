import { beforeAll, expect, test } from 'vitest';
import type { PolicySettings } from '../../../src/config/policy.ts';
import type { TrainingMetrics } from '../../../src/engine/protocol.ts';
import type { TrainerState } from '../../../src/engine/trainer-state.ts';
import { Trainer, type TrainerPlace } from '../../../src/engine/trainer.ts';
import { demoPlace, trainSettings } from '../../support/trainer.ts';
import { error } from '../../support/training.ts';

/* That a run's settings reach its optimiser: against closed forms of what a few steps make of the weights. */

let place: TrainerPlace;
beforeAll(async () => {
  place = await demoPlace();
});

/** The states before and after each of some steps, and what they said. */
async function run(policy: Partial<PolicySettings>, count: number): Promise<{ states: TrainerState[]; metrics: TrainingMetrics[] }> {
  const trainer = await Trainer.create(place, trainSettings({ batch: { size: 12 }, training: { batchSize: 10 }, policy: { learningRate: 0.01, schedule: 'constant', ...policy } }));
  const states = [await trainer.settled()];
  const metrics: TrainingMetrics[] = [];
  for (let k = 0; k < count; k++) {
    metrics.push(await trainer.train());
    states.push(await trainer.settled());
  }
  await trainer.dispose();
  return { states, metrics };
}

test('the rate rises linearly, then is half a cosine that ends at 0', async () => {
  const { metrics } = await run({ schedule: 'cosine', warmup: 2, steps: 6 }, 6);
  const half = Math.SQRT1_2;
  expect(metrics.map(({ learningRate }) => learningRate)).toEqual([0, 0.5, 1, (1 + half) / 2, 0.5, (1 - half) / 2].map((share) => expect.closeTo(0.01 * share, 12) as number));
});

test('all gradients together are scaled down to the largest norm, of which 1 − β₁ is the first moment after one step', async () => {
  const norm = ({ optimiser: { moments } }: TrainerState): number => Math.hypot(...moments.flatMap(({ m }) => [...m]));
  const [clipped, free] = [await run({ maxNorm: 0.01 }, 1), await run({ maxNorm: 1e6 }, 1)];
  const [{ encoderNorm, headNorm }] = free.metrics as [TrainingMetrics];
  expect(Math.hypot(encoderNorm, headNorm)).toBeGreaterThan(0.01);
  expect(clipped.metrics[0]).toMatchObject({ encoderNorm, headNorm });
  expect(norm(clipped.states[1]!) / (0.1 * 0.01)).toBeCloseTo(1, 3);
  expect(norm(free.states[1]!) / (0.1 * Math.hypot(encoderNorm, headNorm))).toBeCloseTo(1, 5);
});

test('weight decay is taken off the weights beside the gradient’s step: rate · decay of them', async () => {
  const [plain, decayed] = [await run({}, 1), await run({ weightDecay: 0.5 }, 1)];
  for (const [k, { values }] of decayed.states[1]!.weights.entries()) {
    const start = plain.states[0]!.weights[k]!.values;
    expect(error(values, plain.states[1]!.weights[k]!.values.map((value, j) => value - 0.01 * 0.5 * start[j]!))).toBeLessThan(1e-6);
  }
});

test('averages are copies for two steps, then keep 1 − (s + 1)^−¾ of themselves', async () => {
  const { states } = await run({ ema: true }, 4);
  let truth = states[0]!.weights.map(({ values }) => Float64Array.from(values));
  for (const [t, { weights, optimiser }] of states.entries()) {
    const decay = t <= 2 ? 0 : 1 - (t - 1) ** -0.75;
    truth = truth.map((average, k) => average.map((value, j) => decay * value + (1 - decay) * weights[k]!.values[j]!));
    for (const [k, average] of optimiser.averages!.entries()) expect(error(average, truth[k]!), `step ${t}`).toBeLessThan(1e-6);
  }
});
