import { describe, expect, it, test } from 'vitest';
import { Random } from '../../../src/base/random.ts';
import type { Jitter } from '../../../src/core/pairing/draw-pairs.ts';
import { drawPairs, drawSource, epochBatches, otBatchSize, reach, sourceChances } from '../../../src/core/pairing/draw-pairs.ts';
import type { PairedSample } from '../../../src/core/pairing/sampler.ts';
import { lerobotSampler, playgroundSampler, robomimicSampler } from '../../../src/core/pairing/sampler-settings.ts';

/** Source episodes of 10, 5 and 10 rows; the one in the middle is the sample's, and with `both` the last one too. */
const FRAMES = 25;
const MIDDLE = { start: 10, length: 5 };
const LAST = { start: 15, length: 10 };
const one = (candidate: number): PairedSample => ({ target: 3, candidates: Int32Array.of(candidate), probabilities: Float64Array.of(1), episodes: [MIDDLE] });
const both: PairedSample = { target: 3, candidates: Int32Array.of(11, 12, 20), probabilities: Float64Array.of(0.2, 0.3, 0.5), episodes: [MIDDLE, MIDDLE, LAST] };
const chances = (sample: PairedSample, jitter: Jitter): [number, number][] => [...sourceChances(sample, jitter, FRAMES)].toSorted(([p], [q]) => p - q);

describe('the window of', () => {
  test('robomimic: −W to W − 1, clipped to the episode', () => {
    expect(chances(one(12), robomimicSampler({ window: 1 }))).toEqual([[11, 0.5], [12, 0.5]]);
    expect(chances(one(10), robomimicSampler({ window: 2 }))).toEqual([[10, 0.75], [11, 0.25]]);
    expect(chances(one(14), robomimicSampler({ window: 2 }))).toEqual([[12, 0.25], [13, 0.25], [14, 0.5]]);
    expect(reach(one(12), robomimicSampler({ window: 2 }), FRAMES)).toEqual({ low: 10, high: 13 });
  });

  test('the LeRobot fork: −W to W, clipped to the dataset, so that it leaks into the episodes beside', () => {
    expect(chances(one(10), lerobotSampler({ window: 1 }))).toEqual([[9, 1 / 3], [10, 1 / 3], [11, 1 / 3]]);
    expect(reach(one(10), lerobotSampler({ window: 8 }), FRAMES)).toEqual({ low: 2, high: 18 });
    expect(reach(one(10), lerobotSampler({ window: 100 }), FRAMES)).toEqual({ low: 0, high: 24 });
    expect(chances(one(10), lerobotSampler())).toEqual([[10, 1]]);
  });

  test('ours: −W to W, clipped to the episode; the leak is a switch', () => {
    expect(chances(one(10), playgroundSampler({ window: 1 }))).toEqual([[10, 1 / 3 + 1 / 3], [11, 1 / 3]]);
    expect(reach(one(10), playgroundSampler({ window: 8 }), FRAMES)).toEqual({ low: 10, high: 14 });
    expect(reach(one(10), { ...playgroundSampler({ window: 8 }), clip: 'dataset' }, FRAMES)).toEqual(reach(one(10), lerobotSampler({ window: 8 }), FRAMES));
  });

  test.each([robomimicSampler({ noWindow: true }), lerobotSampler({ noWindow: true, window: 3 })])('none: any frame of the candidate’s episode, whatever W is', (jitter) => {
    expect(chances(one(12), jitter)).toEqual([10, 11, 12, 13, 14].map((row) => [row, 0.2]));
    expect(reach(both, jitter, FRAMES)).toEqual({ low: 10, high: 24 });
  });
});

test('what cannot be drawn is not reached', () => {
  expect(reach({ ...both, probabilities: Float64Array.of(0.4, 0.6, 0) }, lerobotSampler(), FRAMES)).toEqual({ low: 11, high: 12 });
});

const CASES: [string, Jitter][] = [
  ['robomimic', robomimicSampler({ window: 3 })],
  ['robomimic without a window', robomimicSampler({ noWindow: true })],
  ['LeRobot', lerobotSampler({ window: 4 })],
  ['ours', playgroundSampler({ window: 4 })],
  ['ours without jitter', playgroundSampler()],
];

it.each(CASES)('%s: chances sum to 1, stay within the reach, and draws come as often as they say', (_, jitter) => {
  const exact = sourceChances(both, jitter, FRAMES);
  const { low, high } = reach(both, jitter, FRAMES);
  expect([...exact.values()].reduce((sum, chance) => sum + chance, 0)).toBeCloseTo(1, 13);
  expect([Math.min(...exact.keys()), Math.max(...exact.keys())]).toEqual([low, high]);
  const random = new Random(5);
  const draws = 20_000;
  const seen = new Map<number, number>();
  for (let k = 0; k < draws; k++) {
    const row = drawSource(both, jitter, FRAMES, random);
    seen.set(row, (seen.get(row) ?? 0) + 1);
  }
  for (const row of seen.keys()) expect(exact.has(row)).toBe(true);
  // Five standard deviations of a binomial count.
  for (const [row, chance] of exact) expect(Math.abs((seen.get(row) ?? 0) - draws * chance)).toBeLessThan(5 * Math.sqrt(draws * chance * (1 - chance)) + 1);
});

test('a draw never lands on a candidate of probability 0, also where rounding leaves a rest', () => {
  const rest: PairedSample = { ...both, probabilities: Float64Array.of(0, 0.3, 0) };
  const random = new Random(6);
  for (let k = 0; k < 200; k++) expect(drawSource(rest, lerobotSampler(), FRAMES, random)).toBe(12);
});

describe('batches', () => {
  const samples = Array.from({ length: 12 }, (_, target) => ({ ...both, target }));

  test('a seed repeats; target frames come once and stay where they are', () => {
    const draw = drawPairs(samples, lerobotSampler({ window: 2 }), FRAMES, 8, 3);
    expect(draw).toEqual(drawPairs(samples, lerobotSampler({ window: 2 }), FRAMES, 8, 3));
    expect(draw).not.toEqual(drawPairs(samples, lerobotSampler({ window: 2 }), FRAMES, 8, 4));
    expect(draw.paired).toBe(true);
    expect(new Set(draw.target).size).toBe(8);
    expect(drawPairs(samples, lerobotSampler(), FRAMES, 99, 3).target.toSorted()).toEqual(Int32Array.from({ length: 12 }, (_, k) => k));
  });

  test('of OT hold max(1, int(B·ratio)) frames', () => {
    expect([[100, 0.29], [8, 0.5], [8, 0.01], [64, 1], [7, 0.5]].map(([size, ratio]) => otBatchSize(size!, ratio!))).toEqual([28, 4, 1, 64, 3]);
  });

  test('of an epoch are full and hold no frame twice', () => {
    const batches = epochBatches(11, 4, new Random(1));
    expect(batches.map((batch) => batch.length)).toEqual([4, 4]);
    expect(new Set(batches.flat()).size).toBe(8);
    expect(epochBatches(3, 4, new Random(1))).toEqual([]);
  });
});
