import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { PairInfo } from '../../../src/core/pairing/pair-info.ts';
import { episodeWeight, pairedSamples } from '../../../src/core/pairing/sampler.ts';
import type { PairedSample, PairedSamples } from '../../../src/core/pairing/sampler.ts';
import type { SamplerSettings } from '../../../src/core/pairing/sampler-settings.ts';
import { lerobotSampler, playgroundSampler, robomimicSampler } from '../../../src/core/pairing/sampler-settings.ts';
import { episodeOf, sideOfLengths } from '../../../src/core/pairing/sides.ts';
import { entry, pairInfo } from '../../support/pairing.ts';

/* Each row of the table of method §5, against what it says in closed form. */

/** Two source episodes of 4 and 6 frames, one target episode of 3: at t = 0 one and three candidates. */
const PAIRS = pairInfo({ e0: [entry('s0', 0.01, [[0, [1]], [1, [2, 3]], [2, [3]]]), entry('s1', 0.03, [[0, [0, 1, 2]], [1, [3]], [2, [4, 5]]])] });
const SOURCE = sideOfLengths([4, 6], 0);
const TARGET = sideOfLengths([3], 0);

const samplesOf = (settings: SamplerSettings, pairs: PairInfo = PAIRS, source = SOURCE, target = TARGET): PairedSamples => pairedSamples(pairs, source, target, settings);
const first = (settings: SamplerSettings, pairs: PairInfo = PAIRS): PairedSample => samplesOf(settings, pairs).samples[0]!;

function expectChances(sample: PairedSample, expected: readonly number[]): void {
  expect(sample.probabilities).toHaveLength(expected.length);
  for (const [k, chance] of expected.entries()) expect(sample.probabilities[k]).toBeCloseTo(chance, 14);
}

describe('robomimic', () => {
  const weight = (distance: number, sharpness = 50, cutoff = 0.001): number => 1 / (1 + Math.exp(sharpness * (distance - cutoff)));

  test('e ~ w/Σw with w = 1/(1 + exp(sharpness·(d − cutoff))), then c evenly of pairing_e[t]', () => {
    for (const [settings, near, far] of [
      [robomimicSampler({ window: 1 }), weight(0.01), weight(0.03)],
      [robomimicSampler({ window: 1, sharpness: 10, cutoff: 0.02 }), weight(0.01, 10, 0.02), weight(0.03, 10, 0.02)],
    ] as const) {
      const sample = first(settings);
      expect(sample).toMatchObject({ target: 0, candidates: Int32Array.of(1, 4, 5, 6) });
      const p = near / (near + far);
      expectChances(sample, [p, (1 - p) / 3, (1 - p) / 3, (1 - p) / 3]);
    }
  });

  test('all weights 0: those frames are lost, and nothing left is an error that says why', () => {
    const far = pairInfo({ e0: [entry('s0', 14.5, [[0, [1]]]), entry('s1', 1e308, [[0, [1]]])] });
    expect(() => first(robomimicSampler({ window: 1 }), far)).toThrow(expect.objectContaining({ code: 'no-samples' }));
    expect(() => first(robomimicSampler({ window: 1 }), far)).toThrow(
      'No pair is left to draw. The weight of 2 episode pairs is exactly 0 at sharpness 50, at distances around 1e+308, and 1 target frame whose weights are all 0 is no sample (robomimic raises ValueError there); distances of this size come from the older formula',
    );
    // One of them within reach is drawn alone.
    expectChances(first(robomimicSampler({ window: 1 }), pairInfo({ e0: [entry('s0', 14.5, [[0, [1]]]), entry('s1', 0, [[0, [1]]])] })), [0, 1]);
  });

  test('W = 0 raises, unless the window is off', () => {
    expect(() => first(robomimicSampler())).toThrow(expect.objectContaining({ code: 'bad-sampler', message: expect.stringContaining('A window of 0 leaves robomimic no frame to draw') }));
    expect(first(robomimicSampler({ noWindow: true })).candidates).toHaveLength(4);
  });

  test('a frame that some episodes do not pair raises KeyError there: the chances are of the others', () => {
    const partial = pairInfo({ e0: [entry('s0', 0.01, [[0, [1]]]), entry('s1', 0.03, [[0, [0]], [1, [3]]])] });
    const { samples, warnings } = samplesOf(robomimicSampler({ window: 1 }), partial);
    expectChances(samples[1]!, [1]);
    expect(warnings[0]).toBe('1 target frame has no partner in some of the source episodes that may be drawn; robomimic raises KeyError when it draws one of those, and the probabilities here are of the others.');
    expect(warnings[1]).toBe('1 of 3 target frames has no partner that can be drawn and is no sample; robomimic raises KeyError there.');
    expect(samplesOf(lerobotSampler(), partial).warnings.join(' ')).not.toContain('KeyError');
    // An episode of weight 0 is never drawn, whatever it pairs.
    expect(samplesOf(robomimicSampler({ window: 1 }), pairInfo({ e0: [entry('s0', 0.01, [[0, [1]], [1, [1]], [2, [1]]]), entry('s1', 100, [[0, [0]]])] })).warnings.join(' ')).not.toContain('KeyError');
  });

  test('an entry without a distance has no weight', () => {
    const { samples, warnings } = samplesOf(robomimicSampler({ window: 1 }), pairInfo({ e0: [entry('s0', null, [[0, [1]]]), entry('s1', 0.5, [[0, [0]]])] }));
    expect(samples[0]!.candidates).toEqual(Int32Array.of(4));
    expect(warnings[0]).toContain('1 entry has no raw_dtw_dist and was skipped; robomimic raises KeyError');
  });

  test('a source that is listed twice keeps both weights and the later pairing', () => {
    const sample = first(robomimicSampler({ window: 1 }), pairInfo({ e0: [entry('s0', 0.01, [[0, [1]]]), entry('s0', 0.03, [[0, [2]]])] }));
    expect(sample.candidates).toEqual(Int32Array.of(2, 2));
    expectChances(sample, [weight(0.01) / (weight(0.01) + weight(0.03)), weight(0.03) / (weight(0.01) + weight(0.03))]);
  });
});

describe('the LeRobot fork', () => {
  test('all candidates merged: P(e|t) = n_e(t)·w_e / Σ n·w with w = exp(−sharpness·d)', () => {
    const sample = first(lerobotSampler({ sharpness: 20 }));
    expect(sample.candidates).toEqual(Int32Array.of(1, 4, 5, 6));
    const total = Math.exp(-0.2) + 3 * Math.exp(-0.6);
    expectChances(sample, [Math.exp(-0.2) / total, Math.exp(-0.6) / total, Math.exp(-0.6) / total, Math.exp(-0.6) / total]);
  });

  test('sharpness 0, or below, weighs all alike; so does a missing distance', () => {
    expectChances(first(lerobotSampler()), [0.25, 0.25, 0.25, 0.25]);
    expectChances(first(lerobotSampler({ sharpness: -3 })), [0.25, 0.25, 0.25, 0.25]);
    const sample = first(lerobotSampler({ sharpness: 2 }), pairInfo({ e0: [entry('s0', null, [[0, [1]]]), entry('s1', 1, [[0, [0]]])] }));
    expectChances(sample, [1 / (1 + Math.exp(-2)), Math.exp(-2) / (1 + Math.exp(-2))]);
  });

  test('a weight of exactly 0 becomes 1e-12; one that is only tiny stays', () => {
    expect(episodeWeight(1e308, { kind: 'exponential', sharpness: 5 })).toBe(1e-12);
    expect(episodeWeight(740, { kind: 'exponential', sharpness: 1 })).toBe(Math.exp(-740));
    const { samples, warnings } = samplesOf(lerobotSampler({ sharpness: 50 }), pairInfo({ e0: [entry('s0', 1e308, [[0, [1]]]), entry('s1', 20, [[0, [0, 2]]])] }));
    expectChances(samples[0]!, [1 / 3, 1 / 3, 1 / 3]);
    expect(warnings[0]).toContain('is exactly 0 at sharpness 50 and counts as 1e-12');
  });

  test('top-k: the k nearest, only where every entry has a distance, before absent episodes are dropped', () => {
    const pairs = (distances: readonly (number | null)[]): PairInfo => pairInfo({ e0: distances.map((distance, k) => entry(`s${k}`, distance, [[0, [k]]])) });
    const rows = (info: PairInfo, topk: number): number[] => [...samplesOf(lerobotSampler({ topk }), info).samples[0]!.candidates];
    expect(rows(pairs([3, 1]), 1)).toEqual([5]);
    expect(rows(pairs([3, null]), 1)).toEqual([0, 5]);
    expect(rows(pairs([3, 1]), 2)).toEqual([0, 5]);
    // s2 is not there: it takes a place all the same.
    expect(rows(pairs([3, 2, 1]), 2)).toEqual([5]);
    expect(() => rows(pairs([3, 2, 1]), 1)).toThrow('No pair is left to draw.');
  });

  test('a source that is listed twice counts twice', () => {
    expect(first(lerobotSampler(), pairInfo({ e0: [entry('s0', 1, [[0, [1]]]), entry('s0', 1, [[0, [2]]])] })).candidates).toEqual(Int32Array.of(1, 2));
  });

  test('frames without pairs are no samples', () => {
    expect(samplesOf(lerobotSampler(), pairInfo({ e0: [entry('s0', 1, [[0, []], [2, [1]]])] })).samples.map(({ target }) => target)).toEqual([2]);
  });
});

test('ours draws as the LeRobot fork does and keeps to the episode', () => {
  const options = { sharpness: 3, window: 4, topk: 1 };
  expect(playgroundSampler(options)).toEqual({ ...lerobotSampler(options), clip: 'episode' });
  expect(samplesOf(playgroundSampler(options))).toEqual(samplesOf(lerobotSampler(options)));
});

describe('episodes and frames that are not there', () => {
  test('episode = all digits of the name − base index, on each side by itself', () => {
    const side = sideOfLengths([10, 20], 1);
    expect(episodeOf(side, 'episode_0001')).toEqual({ start: 0, length: 10 });
    expect(episodeOf(side, 'run0_demo2')).toEqual({ start: 10, length: 20 });
    expect(episodeOf(side, 'demo_0')).toBeNull();
    expect(episodeOf(side, 'demo_3')).toBeNull();
    expect(episodeOf(side, 'last')).toBeNull();
    expect(episodeOf(side, '9'.repeat(400))).toBeNull();
  });

  test.each([robomimicSampler({ window: 2 }), lerobotSampler({ window: 2 })])('are skipped and counted', (settings) => {
    const pairs = pairInfo({
      e0: [entry('s0', 0.1, [[-1, [0]], [0, [3, 4, -1]], [3, [0]]]), entry('s9', 0.1, [[0, [0, 1]]])],
      e7: [entry('s0', 0.1, [[0, [0]]])],
      last: [entry('s0', 0.1, [[0, [0]]])],
    });
    const { samples, warnings } = samplesOf(settings, pairs);
    expect(samples).toMatchObject([{ target: 0, candidates: Int32Array.of(3), probabilities: Float64Array.of(1) }]);
    expect(warnings[0]).toBe('8 of 9 frame pairs lie outside the datasets and were skipped (target episodes that are not there: “e7”, “last”; source episodes that are not there: “s9”); check the lengths and the base index of both sides.');
  });

  test('nothing left says so', () => {
    expect(() => samplesOf(lerobotSampler(), pairInfo({ e9: [entry('s0', 1, [[0, [0]]])] }))).toThrow('No pair is left to draw. 1 of 1 frame pair lies outside the datasets and was skipped');
    expect(() => samplesOf(lerobotSampler(), new Map())).toThrow('No pair is left to draw. The file pairs no frames');
  });
});

describe('the base index', () => {
  /** As DTW writes it: to the last frame of both. */
  const full = (source: string, targetLength: number, sourceLength: number, stride = 1): ReturnType<typeof entry> =>
    entry(source, 1, Array.from({ length: Math.ceil(targetLength / stride) }, (_, k) => [k * stride, [Math.min(k * stride, Math.floor((sourceLength - 1) / stride) * stride)]] as const));
  const pairs = pairInfo({ demo_1: [full('demo_1', 5, 4), full('demo_2', 5, 3)], demo_2: [full('demo_1', 8, 4)] });

  it('fits in silence', () => expect(samplesOf(lerobotSampler(), pairs, sideOfLengths([4, 3], 1), sideOfLengths([5, 8], 1)).warnings).toEqual([]));

  it('that is wrong is found by the lengths, and the right one named', () => {
    const { warnings } = samplesOf(lerobotSampler(), pairs, sideOfLengths([4, 3], 0), sideOfLengths([5, 8], 1));
    expect(warnings.at(-1)).toBe('With base index 0 the paired frames fit the lengths of 0 of 2 source episodes; base index 1 fits 2 of them.');
    expect(samplesOf(lerobotSampler(), pairs, sideOfLengths([4, 3], 1), sideOfLengths([5, 8], 0)).warnings.at(-1)).toContain('0 of 2 target episodes; base index 1 fits 2 of them.');
  });

  it('of another dataset altogether', () => {
    expect(samplesOf(lerobotSampler(), pairs, sideOfLengths([40, 30], 1), sideOfLengths([5, 8], 1)).warnings).toEqual(['With base index 1 the paired frames fit the lengths of 0 of 2 source episodes; check that the file belongs to these datasets.']);
  });

  it('allows for a stride', () => {
    const strided = pairInfo({ demo_0: [full('demo_0', 11, 11, 4)] });
    expect(samplesOf(lerobotSampler(), strided, sideOfLengths([11], 0), sideOfLengths([11], 0)).warnings).toEqual([]);
    expect(samplesOf(lerobotSampler(), strided, sideOfLengths([11], 0), sideOfLengths([13], 0)).warnings).toHaveLength(1);
  });
});

test.each<[Partial<SamplerSettings>, string]>([
  [{ window: -1 }, 'The window is -1'],
  [{ window: 1.5 }, 'The window is 1.5'],
  [{ window: Number.NaN }, 'The window is NaN'],
  [{ topk: 0 }, 'The top-k is 0'],
  [{ weight: { kind: 'exponential', sharpness: Infinity } }, 'The sharpness is Infinity'],
  [{ weight: { kind: 'logistic', sharpness: 1, cutoff: Number.NaN } }, 'The cutoff is NaN'],
])('settings %j are refused', (change, sentence) => {
  expect(() => first({ ...lerobotSampler(), ...change })).toThrow(sentence);
});

test('whatever the file holds: probabilities sum to 1, candidates lie in the dataset, targets come once', () => {
  const frame = fc.integer({ min: -2, max: 12 });
  const entries = fc.array(fc.record({ source: fc.integer({ min: 0, max: 4 }), distance: fc.option(fc.double({ min: 0, max: 40, noNaN: true })), frames: fc.uniqueArray(fc.tuple(frame, fc.array(frame, { maxLength: 4 })), { selector: ([target]) => target, maxLength: 6 }) }), { maxLength: 4 });
  const settings = fc.constantFrom(lerobotSampler({ sharpness: 30 }), lerobotSampler({ topk: 2 }), robomimicSampler({ window: 3 }), robomimicSampler({ noWindow: true, sharpness: 1 }));
  fc.assert(
    fc.property(fc.array(entries, { maxLength: 3 }), settings, (targets, chosen) => {
      const pairs: PairInfo = new Map(targets.map((list, k) => [`e${k}`, list.map(({ source, distance, frames }) => entry(`s${source}`, distance, frames))]));
      const [source, target] = [sideOfLengths([5, 1, 9], 0), sideOfLengths([7, 10], 0)];
      let samples: readonly PairedSample[] = [];
      try {
        ({ samples } = samplesOf(chosen, pairs, source, target));
      } catch (error) {
        expect(error).toMatchObject({ code: 'no-samples' });
      }
      expect(new Set(samples.map((sample) => sample.target)).size).toBe(samples.length);
      for (const { target: row, candidates, probabilities, episodes } of samples) {
        expect(row >= 0 && row < target.frames).toBe(true);
        expect([probabilities.length, episodes.length]).toEqual([candidates.length, candidates.length]);
        expect(Math.abs(probabilities.reduce((sum, chance) => sum + chance, 0) - 1)).toBeLessThan(1e-12);
        for (const [k, candidate] of candidates.entries()) expect(candidate >= episodes[k]!.start && candidate < episodes[k]!.start + episodes[k]!.length).toBe(true);
      }
    }),
    { seed: 11, numRuns: 300 },
  );
});
