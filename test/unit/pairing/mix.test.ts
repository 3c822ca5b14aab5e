import { describe, expect, it, test } from 'vitest';
import { Random } from '../../../src/base/random.ts';
import { bcChances, drawBc, halfSplit, mixBatches } from '../../../src/core/pairing/mix.ts';
import type { BatchSide } from '../../../src/core/cost/features.ts';

const side = (count: number, shapes: Readonly<Record<string, readonly number[]>>, first = 0): BatchSide => ({
  count,
  columns: new Map(Object.entries(shapes).map(([key, shape]) => [key, { shape, values: Float64Array.from({ length: count * shape.reduce((product, extent) => product * extent, 1) }, (_, k) => first + k) }])),
});

describe('two batches as one', () => {
  it('rows of the first before those of the second', () => {
    const { batch, decisions } = mixBatches(side(1, { 'observation.state': [2], image: [1, 1] }), side(2, { 'observation.state': [2], image: [1, 1] }, 10));
    expect(batch).toEqual({ count: 3, columns: new Map([['observation.state', { shape: [2], values: Float64Array.of(0, 1, 10, 11, 12, 13) }], ['image', { shape: [1, 1], values: Float64Array.of(0, 10, 11) }]]) });
    expect(decisions).toEqual([]);
  });

  it('vectors that one side windowed are repeated along time on the other, whichever it is', () => {
    const [windowed, single] = [side(1, { action: [2, 3] }), side(2, { action: [3] }, 10)];
    expect(mixBatches(windowed, single)).toEqual({
      batch: { count: 3, columns: new Map([['action', { shape: [2, 3], values: Float64Array.of(0, 1, 2, 3, 4, 5, 10, 11, 12, 10, 11, 12, 13, 14, 15, 13, 14, 15) }]]) },
      decisions: ['“action” has shapes (2, 3) beside (3); the shorter is repeated along time.'],
    });
    expect(mixBatches(single, windowed).batch.columns.get('action')?.values).toEqual(Float64Array.of(10, 11, 12, 10, 11, 12, 13, 14, 15, 13, 14, 15, 0, 1, 2, 3, 4, 5));
  });

  it.each<[string, readonly number[], readonly number[]]>([
    ['images never are', [3], [2, 3]],
    ['action', [3], [2, 4]],
    ['action', [3, 3], [2, 3]],
    ['observation.state', [1, 2, 3], [2, 3]],
  ])('%s of %j beside %j is left out', (key, one, other) => {
    const { batch, decisions } = mixBatches(side(1, { [key]: one }), side(1, { [key]: other }));
    expect(batch.columns.size).toBe(0);
    expect(decisions).toEqual([`“${key}” has shapes (${one.join(', ')}) beside (${other.join(', ')}) and is left out.`]);
  });

  it('a missing action_is_pad is filled with false; other keys of one side are left out', () => {
    const { batch, decisions } = mixBatches(side(1, { action_is_pad: [2], reward: [1] }, 1), side(2, {}));
    expect(batch.columns).toEqual(new Map([['action_is_pad', { shape: [2], values: Float64Array.of(1, 2, 0, 0, 0, 0) }]]));
    expect(decisions).toEqual(['“action_is_pad” is on one side only; the other side’s is filled with false.'.replace('’', "'"), '“reward” is on one side only and is left out.']);
    expect(mixBatches(side(1, {}), side(1, { action_is_pad: [1] }, 1)).batch.columns.get('action_is_pad')?.values).toEqual(Float64Array.of(0, 1));
  });
});

describe('BC batches', () => {
  it('hold a share β of source frames whatever the sizes, where they are normalised', () => {
    const chances = bcChances(1000, 50, { sourceWeight: 0.3, normalizeBySize: true });
    expect(chances.source).toBeCloseTo(0.3 / 1000, 15);
    expect(chances.target).toBeCloseTo(0.7 / 50, 15);
    expect(chances.sourceShare).toBeCloseTo(0.3, 14);
  });

  it('weigh each frame by β and 1 − β where they are not', () => {
    const chances = bcChances(1000, 50, { sourceWeight: 0.3, normalizeBySize: false });
    expect(chances.source / chances.target).toBeCloseTo(0.3 / 0.7, 14);
    expect(chances.sourceShare).toBeCloseTo(300 / 335, 14);
  });

  it('take all frames alike where no weight is left, and refuse what is no weight', () => {
    expect(bcChances(0, 4, { sourceWeight: 1, normalizeBySize: true })).toEqual({ source: 0.25, target: 0.25, sourceShare: 0 });
    for (const sourceWeight of [-0.1, 1.1, Number.NaN]) expect(() => bcChances(1, 1, { sourceWeight, normalizeBySize: true })).toThrow(`bc_src_weight is ${sourceWeight}`);
    expect(() => bcChances(0, 0, { sourceWeight: 0.5, normalizeBySize: true })).toThrow(expect.objectContaining({ code: 'bad-mix' }));
  });

  it('are drawn with replacement, as often as their chances say', () => {
    const draws = 20_000;
    const { source, target } = drawBc(3, 2, { sourceWeight: 0.6, normalizeBySize: true }, draws, new Random(9));
    expect(source.length + target.length).toBe(draws);
    for (const [rows, chance] of [[source, 0.2], [target, 0.2]] as const)
      for (const place of new Set(rows)) expect(Math.abs(rows.filter((row) => row === place).length - draws * chance)).toBeLessThan(5 * Math.sqrt(draws * 0.2 * 0.8));
    expect([new Set(source).size, new Set(target).size]).toEqual([3, 2]);
    expect(drawBc(3, 2, { sourceWeight: 0, normalizeBySize: true }, 50, new Random(9)).source).toEqual([]);
    expect(drawBc(3, 2, { sourceWeight: 1, normalizeBySize: true }, 50, new Random(9)).target).toEqual([]);
  });

  test('of the earlier version: ⌈B/2⌉ target frames', () => {
    expect(halfSplit(7)).toEqual({ source: 3, target: 4 });
    expect(halfSplit(8)).toEqual({ source: 4, target: 4 });
  });
});
