/**
 * Trajectories made comparable for DTW: `(x − mean) / std` of each dimension over the pooled frames of all of them.
 * Everything is rounded to float32 in the order in which numpy rounds, because the tools that write pair_info files do
 * this in float32, and over a few thousand frames a sum in float64 differs from theirs by more than 1e-6.
 */

/** A standard deviation below this counts as none: the dimension is left as it is but for its mean. */
const SMALLEST_DEVIATION = 1e-6;

/**
 * @param sequences each frames × width, row-major
 * @param centre subtract each sequence's first frame before, so that constant offsets between them do not count
 * @returns the standardised sequences, in the same order
 */
export function standardise(sequences: readonly Float64Array[], width: number, centre: boolean): Float32Array[] {
  const centred = sequences.map((values) => Float32Array.from(values, (value, k) => (centre ? Math.fround(value) - Math.fround(values[k % width]!) : value)));
  const mean = pooledMean(centred, width, (value) => value);
  const variance = pooledMean(centred, width, (value, d) => {
    const deviation = Math.fround(value - mean[d]!);
    return Math.fround(deviation * deviation);
  });
  const std = variance.map((value) => {
    const root = Math.fround(Math.sqrt(value));
    return root < Math.fround(SMALLEST_DEVIATION) ? 1 : root;
  });
  return centred.map((values) => values.map((value, k) => Math.fround(value - mean[k % width]!) / std[k % width]!));
}

/** Mean over all frames of `of(value, dimension)`, as numpy's `mean(axis=0)` of a float32 table. */
function pooledMean(sequences: readonly Float32Array[], width: number, of: (value: number, dimension: number) => number): Float32Array {
  const frames = sequences.reduce((sum, { length }) => sum + length / width, 0);
  const sums = new Float32Array(width);
  if (width === 1) {
    // numpy adds a contiguous column in pairs.
    const column = new Float32Array(frames);
    let row = 0;
    for (const values of sequences) for (const value of values) column[row++] = of(value, 0);
    sums[0] = pairwiseSum(column, 0, frames);
  } else for (const values of sequences) for (let k = 0; k < values.length; k++) sums[k % width] = sums[k % width]! + of(values[k]!, k % width);
  return sums.map((sum) => sum / frames);
}

/** numpy's pairwise sum of float32: eight running sums in blocks of up to 128, halves beyond. */
function pairwiseSum(values: Float32Array, start: number, length: number): number {
  if (length < 8) {
    let sum = 0;
    for (let k = 0; k < length; k++) sum = Math.fround(sum + values[start + k]!);
    return sum;
  }
  if (length > 128) {
    const half = (length >> 1) - ((length >> 1) % 8);
    return Math.fround(pairwiseSum(values, start, half) + pairwiseSum(values, start + half, length - half));
  }
  const r = values.slice(start, start + 8);
  const whole = length - (length % 8);
  for (let k = 8; k < whole; k++) r[k % 8] = r[k % 8]! + values[start + k]!;
  const four = (at: number): number => Math.fround(Math.fround(r[at]! + r[at + 1]!) + Math.fround(r[at + 2]! + r[at + 3]!));
  let sum = Math.fround(four(0) + four(4));
  for (let k = whole; k < length; k++) sum = Math.fround(sum + values[start + k]!);
  return sum;
}
