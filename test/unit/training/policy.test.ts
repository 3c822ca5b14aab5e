import { describe, expect, test } from 'vitest';
import { Random } from '../../../src/base/random.ts';
import { bcLoss } from '../../../src/core/training/bc-loss.ts';
import { cosineSchedule, drawNoise, noised, sampleActions, samplingTimes, timeEmbedding } from '../../../src/training/diffusion.ts';
import { CHUNK, FIGURES, chunks, error, pattern } from '../../support/training.ts';

/* What a policy is trained to and drawn by, against torch, finite differences and what must hold. */

describe('losses of behaviour cloning', () => {
  const { prediction, target } = chunks();

  test.each(FIGURES.losses)('$kind, masked $masked, mean over $mean: torch’s loss and gradient', ({ kind, masked, mean, valid, loss, gradient }) => {
    const ours = bcLoss(prediction, target, masked ? Float32Array.from(valid) : null, CHUNK, { kind, mean });
    expect(error([ours.loss], [loss])).toBeLessThan(1e-6);
    expect(error(ours.gradient, gradient)).toBeLessThan(1e-6);
  });

  test.each(['l1', 'l2'] as const)('%s: the gradient by finite differences', (kind) => {
    const valid = Float32Array.of(1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0);
    const lossAt = (x: Float32Array): number => bcLoss(x, target, valid, CHUNK, { kind, mean: 'unpadded' }).loss;
    const { gradient } = bcLoss(prediction, target, valid, CHUNK, { kind, mean: 'unpadded' });
    // Powers of two, so that x ± h is exact; entry 0 stands at the kink of |e|, where torch has 0.
    const h = 2 ** -12;
    for (let k = 1; k < prediction.length; k++) {
      const moved = (by: number): Float32Array => prediction.map((value, j) => (j === k ? value + by : value));
      expect(Math.abs((lossAt(moved(h)) - lossAt(moved(-h))) / (2 * h) - gradient[k]!)).toBeLessThan(1e-7);
    }
  });

  test.each([Number.NaN, Infinity, -Infinity])('a prediction of %d has neither a loss nor a gradient, unless it is padding', (value) => {
    for (const kind of ['l1', 'l2'] as const) {
      const broken = prediction.map((entry, k) => (k === 7 ? value : entry));
      const { loss, gradient } = bcLoss(broken, target, null, CHUNK, { kind, mean: 'all' });
      expect(Number.isFinite(loss)).toBe(false);
      expect(gradient[7]).toBeNaN();
      expect(gradient.filter(Number.isNaN)).toHaveLength(1);
      const padded = bcLoss(broken, target, Float32Array.from({ length: 12 }, (_, k) => (k === 3 ? 0 : 1)), CHUNK, { kind, mean: 'all' });
      expect(padded.gradient[7]).toBe(0);
      expect(padded.loss).toBeLessThan(10);
    }
  });

  test('a batch of padding has loss 0 and gradient 0', () => {
    for (const mean of ['unpadded', 'all'] as const) {
      const { loss, gradient } = bcLoss(prediction, target, new Float32Array(12), CHUNK, { kind: 'l2', mean });
      expect(loss).toBe(0);
      expect(gradient).toEqual(new Float32Array(24));
    }
  });
});

describe('diffusion', () => {
  const schedule = cosineSchedule(100);
  const { diffusion } = FIGURES;

  test('the cosine schedule is squaredcos_cap_v2', () => {
    // Its last ᾱ, 2.4e-9 after a β of 0.999, is small enough for float32's rounding of every factor before it to show.
    for (const [t, kept] of diffusion.kept.entries()) expect(Math.abs(schedule.kept[t]! / kept - 1)).toBeLessThan(2e-5);
    expect(schedule.kept.every((value, t) => value > 0 && value < (schedule.kept[t - 1] ?? 1))).toBe(true);
  });

  test('noising and embedded time steps', () => {
    expect(error(noised(schedule, pattern(12, 5), pattern(12, 6), diffusion.times), diffusion.noised)).toBeLessThan(1e-6);
    expect(error(timeEmbedding(diffusion.times, 16), diffusion.embedding)).toBeLessThan(1e-6);
    expect(timeEmbedding([0], 4)).toEqual(Float32Array.of(0, 0, 1, 1));
  });

  test('drawn noise is standard normal, time steps are uniform, and the mix is what it says', () => {
    const clean = pattern(4000, 1);
    const { times, noise, noisy } = drawNoise(schedule, clean, 2000, new Random(6));
    expect(noisy).toEqual(noised(schedule, clean, noise, times));
    expect(Math.abs(noise.reduce((sum, value) => sum + value * value, 0) / 4000 - 1)).toBeLessThan(0.1);
    expect(Math.min(...times)).toBe(0);
    expect(Math.max(...times)).toBe(99);
    expect(Math.abs(times.reduce((sum, t) => sum + t, 0) / 2000 - 49.5)).toBeLessThan(3);
  });

  test.each(diffusion.runs)('$kind in $steps steps, clip $clip: the schedulers’ way back', async ({ kind, steps, clip, x }) => {
    const ours = await sampleActions(schedule, { kind, steps, clip }, 2, 3, new Random(11), (value, t) => Promise.resolve(value.map((entry) => 0.4 * entry + 0.01 * t - 0.2)));
    // Unclipped, the first steps divide by √ᾱ ≈ 5e-5.
    expect(error(ours, x)).toBeLessThan(clip ? 1e-5 : 2e-4);
  });

  test('time steps of the way back', () => {
    expect(samplingTimes(schedule, 4)).toEqual([75, 50, 25, 0]);
    expect(samplingTimes(schedule, 16)).toEqual(Array.from({ length: 16 }, (_, k) => 90 - 6 * k));
    expect(samplingTimes(schedule, 1000)).toHaveLength(100);
    expect(samplingTimes(schedule, 0)).toEqual([0]);
  });

  test('with the true noise of one point, DDIM finds the point', async () => {
    const point = [0.3, -0.7];
    const drawn = await sampleActions(schedule, { kind: 'ddim', steps: 10, clip: false }, 1, 2, new Random(2), (x, t) => Promise.resolve(x.map((value, k) => (value - Math.sqrt(schedule.kept[t]!) * point[k]!) / Math.sqrt(1 - schedule.kept[t]!))));
    expect(error(drawn, point)).toBeLessThan(1e-5);
  });

  test('with the true noise of a normal distribution, DDPM draws from it', async () => {
    const [mean, deviation] = [0.4, 0.3];
    // E[noise | x_t] of x = mean + deviation·ξ.
    const noiseIn = (x: Float32Array, t: number): Float32Array => {
      const kept = schedule.kept[t]!;
      return x.map((value) => (Math.sqrt(1 - kept) * (value - Math.sqrt(kept) * mean)) / (kept * deviation * deviation + 1 - kept));
    };
    const count = 4000;
    const drawn = await sampleActions(schedule, { kind: 'ddpm', steps: 100, clip: false }, count, 1, new Random(3), (x, t) => Promise.resolve(noiseIn(x, t)));
    const average = drawn.reduce((sum, value) => sum + value, 0) / count;
    const spread = Math.sqrt(drawn.reduce((sum, value) => sum + (value - average) ** 2, 0) / count);
    expect(Math.abs(average - mean)).toBeLessThan(0.02);
    // The small fixed variance is that of a single point, so what is drawn is a little too narrow.
    expect(spread).toBeLessThan(deviation + 0.01);
    expect(spread).toBeGreaterThan(deviation - 0.04);
  });
});
