import type { FeatureStats } from './types.ts';

/**
 * Statistics of a row-major table with `width` numbers a row. NaN and ±∞ are left out and counted; a dimension with
 * no finite value has NaN everywhere. Two passes, because the one-pass variance loses all digits on a joint that
 * hardly moves far from zero.
 */
export function featureStats(values: Float64Array, width: number): FeatureStats {
  const min = new Float64Array(width).fill(Number.POSITIVE_INFINITY);
  const max = new Float64Array(width).fill(Number.NEGATIVE_INFINITY);
  const mean = new Float64Array(width);
  const std = new Float64Array(width);
  const finite = new Float64Array(width);
  for (let k = 0; k < values.length; k++) {
    const value = values[k]!;
    if (!Number.isFinite(value)) continue;
    const d = k % width;
    if (value < min[d]!) min[d] = value;
    if (value > max[d]!) max[d] = value;
    mean[d] = mean[d]! + value;
    finite[d] = finite[d]! + 1;
  }
  for (let d = 0; d < width; d++) mean[d] = mean[d]! / finite[d]!;
  for (let k = 0; k < values.length; k++) {
    const value = values[k]!;
    if (!Number.isFinite(value)) continue;
    const d = k % width;
    std[d] = std[d]! + (value - mean[d]!) ** 2;
  }
  let counted = 0;
  for (let d = 0; d < width; d++) {
    const n = finite[d]!;
    counted += n;
    std[d] = Math.sqrt(std[d]! / n);
    if (n === 0) min[d] = max[d] = Number.NaN;
  }
  return { min, max, mean, std, nonFinite: values.length - counted };
}
