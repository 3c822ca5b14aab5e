import { describe, expect, test } from 'vitest';
import { Random } from '../../../src/base/random.ts';
import { spreadOf } from '../../../src/core/training/spread.ts';
import { FIGURES, pattern } from '../../support/training.ts';

/** The script's embeddings: of the given rank, dimensions of unequal size, far from the origin. */
function embeddings({ rows, width, rank, seed }: { readonly rows: number; readonly width: number; readonly rank: number; readonly seed: number }): Float64Array {
  const base = pattern(rows * rank, seed);
  const mix = pattern(rank * width, seed + 100);
  return Float64Array.from({ length: rows * width }, (_, place) => {
    const [i, d] = [Math.floor(place / width), place % width];
    let value = 0;
    if (rank === width) value = base[place]!;
    else for (let k = 0; k < rank; k++) value += base[i * rank + k]! * mix[k * width + d]!;
    return value * 0.9 ** d + 3;
  });
}

describe('spread of embeddings', () => {
  test.each(FIGURES.spread)('$rows × $width of rank $rank: numpy’s variance and effective rank', (one) => {
    const { variance, effectiveRank } = spreadOf(embeddings(one), one.rows, one.width);
    expect(Math.abs(variance / one.variance - 1)).toBeLessThan(1e-9);
    expect(Math.abs(effectiveRank! / one.effectiveRank - 1)).toBeLessThan(1e-9);
  });

  test('a constant encoder has variance 0 and no rank; NaN has neither', () => {
    expect(spreadOf(new Float32Array(12).fill(0.5), 4, 3)).toEqual({ variance: 0, effectiveRank: null });
    expect(spreadOf([1, 2], 1, 2)).toEqual({ variance: 0, effectiveRank: null });
    expect(spreadOf([1, Number.NaN, 3, 4], 2, 2).effectiveRank).toBeNull();
    expect(spreadOf([1, Infinity, 3, 4], 2, 2).effectiveRank).toBeNull();
  });

  test('one line has rank 1, equal axes have all of them, whatever the scale', () => {
    for (const scale of [1e-12, 1, 1e12]) {
      const line = Array.from({ length: 60 }, (_, k) => scale * Math.floor(k / 3) * ((k % 3) + 1));
      expect(spreadOf(line, 20, 3).effectiveRank).toBeCloseTo(1, 9);
      const cross = Array.from({ length: 8 * 4 }, (_, k) => (Math.floor(k / 8) === k % 4 ? scale * (Math.floor(k / 4) % 2 ? 1 : -1) : 0));
      expect(spreadOf(cross, 8, 4).effectiveRank).toBeCloseTo(4, 9);
    }
  });

  test('rows or columns, the smaller matrix gives the same', () => {
    const random = new Random(8);
    const [rows, width] = [30, 31];
    const values = Array.from({ length: rows * width }, () => random.normal());
    // A column of zeros more changes which side is smaller, and nothing else but the number of dimensions.
    const wide = spreadOf(values, rows, width);
    const tall = spreadOf([...values, ...values], 2 * rows, width);
    expect(tall.effectiveRank).toBeCloseTo(wide.effectiveRank!, 9);
    expect(tall.variance).toBeCloseTo(wide.variance, 12);
  });

  test('512 × 512', () => {
    const random = new Random(9);
    const { effectiveRank } = spreadOf(Float32Array.from({ length: 512 * 512 }, () => random.normal()), 512, 512);
    // Marchenko–Pastur at ratio 1: the entropy of the eigenvalues is log n − 1/2.
    expect(Math.abs(effectiveRank! / (512 * Math.exp(-0.5)) - 1)).toBeLessThan(0.02);
  });
});
