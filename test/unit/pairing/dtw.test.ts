import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { Random } from '../../../src/base/random.ts';
import { align, cellCount } from '../../../src/core/pairing/dtw.ts';
import type { Alignment } from '../../../src/core/pairing/dtw.ts';
import type { PairingOptions, Trajectory } from '../../../src/core/pairing/comparable.ts';
import type { Pairing } from '../../../src/core/pairing/pair-episodes.ts';
import { pairEpisodes, runPairing } from '../../../src/core/pairing/pair-episodes.ts';
import { standardise } from '../../../src/core/pairing/standardise.ts';
import { trajectories } from '../../../src/core/pairing/trajectories.ts';

const OPTIONS: PairingOptions = { formula: 'path', stride: 1, window: null, topk: null };

function aligned(target: readonly number[], source: readonly number[], window: number | null = null, width = 1): Alignment {
  const steps = align(Float32Array.from(target), Float32Array.from(source), width, window);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Every warping path of two sequences of numbers, with its cost: the truth that DTW must find. */
function cheapest(target: readonly number[], source: readonly number[], band = Infinity): number {
  const cost = (i: number, j: number): number => {
    if (i < 0 || j < 0 || Math.abs(i - j) > band) return Infinity;
    const here = Math.abs(Math.fround(target[i]!) - Math.fround(source[j]!));
    return i === 0 && j === 0 ? here : here + Math.min(cost(i - 1, j - 1), cost(i - 1, j), cost(i, j - 1));
  };
  return cost(target.length - 1, source.length - 1);
}

const sequence = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 1, maxLength: 6 });

describe('alignment', () => {
  it('finds the cheapest of all paths, and a path of that cost', () => {
    fc.assert(
      fc.property(sequence, sequence, fc.option(fc.integer({ min: 0, max: 4 })), (target, source, window) => {
        const { cost, targets, sources } = aligned(target, source, window);
        const band = window === null ? Infinity : Math.max(window, Math.abs(target.length - source.length));
        expect(cost).toBeCloseTo(cheapest(target, source, band), 12);
        expect(targets.reduce((sum, i, k) => sum + Math.abs(target[i]! - source[sources[k]!]!), 0)).toBeCloseTo(cost, 12);
        expect([targets[0], sources[0], targets.at(-1), sources.at(-1)]).toEqual([0, 0, target.length - 1, source.length - 1]);
        for (let k = 1; k < targets.length; k++) {
          const step = [targets[k]! - targets[k - 1]!, sources[k]! - sources[k - 1]!].join();
          expect(['1,1', '1,0', '0,1']).toContain(step);
          expect(Math.abs(targets[k]! - sources[k]!)).toBeLessThanOrEqual(band);
        }
      }),
      { seed: 4, numRuns: 300 },
    );
  });

  it('costs the same with the sides swapped, and nothing for a sequence against itself', () => {
    fc.assert(
      fc.property(sequence, sequence, (target, source) => {
        expect(aligned(source, target).cost).toBeCloseTo(aligned(target, source).cost, 12);
        expect(aligned(target, target)).toMatchObject({ cost: 0 });
      }),
      { seed: 5, numRuns: 100 },
    );
  });

  it('prefers the diagonal, then the step in the target, then the step in the source', () => {
    expect(aligned([0, 0, 0], [0, 0, 0])).toEqual({ cost: 0, targets: Int32Array.of(0, 1, 2), sources: Int32Array.of(0, 1, 2) });
    // From the end of 3 against 2 frames: diagonal first, so the step in one side alone comes at the start.
    expect(aligned([0, 0, 0], [0, 0])).toMatchObject({ targets: Int32Array.of(0, 1, 2), sources: Int32Array.of(0, 0, 1) });
    expect(aligned([0, 0], [0, 0, 0])).toMatchObject({ targets: Int32Array.of(0, 0, 1), sources: Int32Array.of(0, 1, 2) });
    // (1,2) and (2,1) tie before the corner, and (1,1) costs more: back through i−1.
    expect(aligned([0, -3, -2], [-3, -1, -3])).toEqual({ cost: 5, targets: Int32Array.of(0, 0, 1, 2), sources: Int32Array.of(0, 1, 2, 2) });
  });

  it('of one frame against many is every frame', () => {
    expect(aligned([1], [1, 2, 3])).toEqual({ cost: 3, targets: Int32Array.of(0, 0, 0), sources: Int32Array.of(0, 1, 2) });
    expect(aligned([1, 2, 3], [1])).toMatchObject({ cost: 3, targets: Int32Array.of(0, 1, 2) });
  });

  it('keeps a byte a cell of the band, and refuses what would take too many', () => {
    expect(cellCount(1000, 1010, 20)).toBe(1000 * 41);
    expect(cellCount(1000, 900, 20)).toBe(1000 * 201);
    expect(cellCount(10, 8, 500)).toBe(80);
    const long = new Float32Array(2 ** 14);
    expect(() => align(long, long, 1, null).next()).toThrow(expect.objectContaining({ code: 'pairing-too-long' }));
    expect(align(long, long, 1, 10).next().done).toBe(false);
  });
});

describe('standardised sequences', () => {
  it('have mean 0 and deviation 1 over all frames; dimensions that do not move are only centred', () => {
    const random = new Random(2);
    const make = (frames: number): Float64Array => Float64Array.from({ length: 3 * frames }, (_, k) => [random.normal(5, 2), 4, random.normal(-100, 0.01)][k % 3]!);
    const done = standardise([make(300), make(200)], 3, false);
    const column = (d: number): number[] => done.flatMap((values) => [...values].filter((_, k) => k % 3 === d));
    for (const d of [0, 2]) {
      const values = column(d);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      expect(Math.abs(mean)).toBeLessThan(0.02);
      expect(Math.abs(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length - 1)).toBeLessThan(1e-3);
    }
    expect(new Set(column(1))).toEqual(new Set([0]));
  });

  it('start at the same place where they are centred', () => {
    const done = standardise([Float64Array.of(5, 6, 8), Float64Array.of(-3, -1, -3)], 1, true);
    expect(done[0]![0]).toBe(done[1]![0]);
    expect(done[0]![1]! - done[0]![0]!).toBeCloseTo((done[1]![1]! - done[1]![0]!) / 2, 6);
  });

  it('are rounded as numpy rounds them: values of numpy 2.4 for one and two dimensions', () => {
    // x = (7919 k mod 1000)/137 + k mod w in float32; (x − x.mean(0)) / x.std(0), places 0, 700 and 2999.
    for (const [width, expected] of [[1, [-1.7303197383880615, -0.6910887360572815, -1.4497272968292236]], [2, [-1.7285891771316528, -0.6893572807312012, -1.451460361480713]]] as const) {
      const values = Float64Array.from({ length: 3000 }, (_, k) => Math.fround(((k * 7919) % 1000) / 137 + (k % width)));
      const [done] = standardise([values], width, false);
      expect([0, 700, 2999].map((k) => done![k])).toEqual(expected);
    }
  });
});

function walk(name: string, frames: number, seed: number, width = 2): Trajectory {
  const random = new Random(seed);
  const values = new Float64Array(frames * width);
  for (let k = width; k < values.length; k++) values[k] = values[k - width]! + random.normal();
  return { name, values };
}

const pair = (sources: readonly Trajectory[], targets: readonly Trajectory[], options: Partial<PairingOptions> = {}): Pairing => runPairing(pairEpisodes(sources, targets, 2, { ...OPTIONS, ...options }));

describe('pairing episodes', () => {
  const sources = [walk('s0', 30, 1), walk('s1', 40, 2), walk('s2', 25, 3)];
  const targets = [walk('t0', 33, 4), { ...sources[1]!, name: 't1' }];

  it('pairs an episode with itself frame by frame, nearest of all', () => {
    for (const formula of ['path', 'norm'] as const) {
      const nearest = pair(sources, targets, { formula }).pairs.get('t1')![0]!;
      expect(nearest).toMatchObject({ source: 's1', distance: 0 });
      expect(nearest.frames.sources).toEqual(Array.from({ length: 40 }, (_, k) => k));
    }
  });

  it('gives every target frame a partner, in time order, from the first frames to the last', () => {
    for (const { frames } of pair(sources, targets).pairs.get('t0')!) {
      expect(frames.targets).toEqual(Array.from({ length: 33 }, (_, k) => k));
      expect(frames.sources).toEqual(frames.sources.toSorted((p, q) => p - q));
      expect(frames.sources[0]).toBe(0);
    }
  });

  it('by its formula: path moves with neither scale nor offset of a dimension, norm sorts by the cost alone', () => {
    const moved = (list: readonly Trajectory[]): Trajectory[] => list.map(({ name, values }) => ({ name, values: values.map((value, k) => (k % 2 === 0 ? 3 * value + 7 : value / 4)) }));
    const [plain, scaled] = [pair(sources, targets).pairs, pair(moved(sources), moved(targets)).pairs];
    for (const [target, entries] of plain) for (const [k, { source, distance }] of entries.entries()) {
      expect(scaled.get(target)![k]!.source).toBe(source);
      expect(scaled.get(target)![k]!.distance).toBeCloseTo(distance!, 5);
    }
    const distances = pair(sources, targets).pairs.get('t0')!.map(({ distance }) => distance!);
    expect(distances).toEqual(distances.toSorted((p, q) => p - q));
    // A short source costs less and has the smaller norm: the order need not be that of the distances.
    expect(pair(sources, targets, { formula: 'norm' }).pairs.get('t0')!.map(({ source }) => source)).toEqual(costOrder());
  });

  function costOrder(): string[] {
    const all = [...sources, ...targets];
    const frames = standardise(all.map(({ values }) => values), 2, false);
    const costs = sources.map(({ name }, k) => ({ name, cost: aligned([...frames[3]!], [...frames[k]!], null, 2).cost }));
    return costs.toSorted((p, q) => p.cost - q.cost).map(({ name }) => name);
  }

  it('path is the mean cost of a step over the longer arc; norm the cost over the larger norm', () => {
    const [source, target] = [[0, 1, 3], [0, 2, 2, 3]];
    const [s, t] = standardise([Float64Array.from(source), Float64Array.from(target)], 1, true);
    const { cost, targets: path } = aligned([...t!], [...s!]);
    const arc = (values: Float32Array): number => values.subarray(1).reduce((sum, value, k) => sum + Math.abs(value - values[k]!), 0);
    const only = (formula: 'path' | 'norm'): number => runPairing(pairEpisodes([{ name: 's', values: Float64Array.from(source) }], [{ name: 't', values: Float64Array.from(target) }], 1, { ...OPTIONS, formula })).pairs.get('t')![0]!.distance!;
    expect(only('path')).toBeCloseTo(cost / path.length / Math.max(arc(s!), arc(t!)), 12);
    // Neither starts at an offset, so centring changes nothing but the mean, which standardising removes.
    expect(only('norm')).toBeCloseTo(cost / Math.max(Math.hypot(...s!), Math.hypot(...t!)), 12);
  });

  it('keeps the top k of all', () => {
    const [all, two] = [pair(sources, targets).pairs, pair(sources, targets, { topk: 2 }).pairs];
    for (const [target, entries] of all) expect(two.get(target)).toEqual(entries.slice(0, 2));
  });

  it('with a stride writes original frames, and says what robomimic makes of them', () => {
    const { pairs, warnings } = pair(sources, targets, { stride: 4 });
    const { frames } = pairs.get('t0')![0]!;
    expect(frames.targets).toEqual([0, 4, 8, 12, 16, 20, 24, 28, 32]);
    expect(frames.sources.every((frame) => frame % 4 === 0)).toBe(true);
    expect(warnings).toEqual([expect.stringContaining('robomimic raises KeyError on the frames between')]);
  });

  it('with a band that is wider than both gives what it gives without', () => {
    expect(pair(sources, targets, { window: 100 })).toEqual(pair(sources, targets));
  });

  it('tells its progress, and stops where it is left', () => {
    const seen: number[] = [];
    const long = [walk('a', 400, 8), walk('b', 400, 9)];
    runPairing(pairEpisodes(long, long, 2, OPTIONS), { onProgress: ({ done, total }) => seen.push(done / total) });
    expect(seen.length).toBeGreaterThan(10);
    expect(seen).toEqual(seen.toSorted((p, q) => p - q));
    expect(seen.at(-1)).toBe(1);
    const stop = new AbortController();
    expect(() => runPairing(pairEpisodes(long, long, 2, OPTIONS), { signal: stop.signal, onProgress: () => stop.abort() })).toThrow(expect.objectContaining({ code: 'cancelled' }));
  });

  it('leaves out the distance of episodes that do not move, and episodes without frames', () => {
    const still = { name: 'still', values: new Float64Array(10) };
    const { pairs, warnings } = pair([still, { name: 'none', values: new Float64Array(0) }], [{ ...still, name: 't' }]);
    expect(pairs.get('t')).toHaveLength(1);
    expect(pairs.get('t')![0]!.distance).toBeNull();
    expect(warnings).toEqual(['1 source episode without frames left out.', '1 episode pair has no distance, because neither episode moves; raw_dtw_dist is left out there.']);
  });

  it.each<[string, () => unknown, string]>([
    ['no source episode', () => pair([], targets), 'No source episode'],
    ['NaN', () => pair(sources, [{ name: 't', values: Float64Array.of(0, 0, 1, Number.NaN) }]), 'The target episode “t” holds NaN in frame 1, dimension 1'],
    ['more than float32 holds', () => pair([{ name: 's', values: Float64Array.of(1e300, 0) }], targets), 'holds 1e+300'],
    ['a stride of 0', () => pair(sources, targets, { stride: 0 }), 'The stride of a pairing is 0'],
    ['half a window', () => pair(sources, targets, { window: 0.5 }), 'The window of a pairing is 0.5'],
    ['a top-k of 0', () => pair(sources, targets, { topk: 0 }), 'The top-k of a pairing is 0'],
  ])('refuses %s', (_, run, sentence) => expect(run).toThrow(sentence));
});

test('trajectories take a slice of the last axis of several columns', () => {
  const columns = new Map([
    ['a', { shape: [2, 3], values: Float64Array.from({ length: 24 }, (_, k) => k) }],
    ['b', { shape: [1], values: Float64Array.of(100, 101, 102, 103) }],
    ['image', null],
  ]);
  const episodes = [{ name: 'e1', start: 2, length: 2 }];
  expect(trajectories(columns, episodes, [{ key: 'a', slice: [1, null] }, { key: 'b', slice: null }], 'x')).toEqual({
    width: 5,
    trajectories: [{ name: 'e1', values: Float64Array.of(13, 14, 16, 17, 102, 19, 20, 22, 23, 103) }],
  });
  expect(() => trajectories(columns, episodes, [{ key: 'a', slice: [1, 4] }], 'x')).toThrow('The slice 1:4 of “a” lies outside its last axis, which has 3 in “x”');
  expect(() => trajectories(columns, episodes, [{ key: 'a', slice: [2, 2] }], 'x')).toThrow(expect.objectContaining({ code: 'bad-slice' }));
  expect(() => trajectories(columns, episodes, [{ key: 'c', slice: null }], 'x')).toThrow('“x” has no “c”; its columns of numbers are “a”, “b”.');
  expect(() => trajectories(columns, episodes, [{ key: 'image', slice: null }], 'x')).toThrow('no numbers under “image”');
});
