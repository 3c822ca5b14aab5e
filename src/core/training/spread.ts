/** How much of their space embeddings fill: what shows a collapse of the encoder. */
export interface Spread {
  /** Mean over the dimensions of each one's (population) variance; 0 for a constant encoder. */
  readonly variance: number;
  /**
   * exp(−Σ p·log p), p the eigenvalues of the covariance over their sum (Roy & Vetterli 2007): from 1, all on a line, to
   * min(width, rows − 1). null where nothing varies, or is not finite.
   */
  readonly effectiveRank: number | null;
}

/**
 * Variance and effective rank of embeddings. Of covariance and Gram matrix, which share their eigenvalues but for
 * zeros, the smaller is taken: some milliseconds up to 64 rows or dimensions, about a second for 512 of both.
 * @param values rows × width, row-major
 */
export function spreadOf(values: ArrayLike<number>, rows: number, width: number): Spread {
  const gram = rows < width;
  // The vectors whose products are taken, one after another: rows, or dimensions.
  const [count, length] = gram ? [rows, width] : [width, rows];
  const vectors = new Float64Array(rows * width);
  for (let d = 0; d < width; d++) {
    let mean = 0;
    for (let i = 0; i < rows; i++) mean += values[i * width + d]! / rows;
    for (let i = 0; i < rows; i++) vectors[gram ? i * width + d : d * rows + i] = values[i * width + d]! - mean;
  }
  const total = vectors.reduce((sum, value) => sum + value * value, 0);
  const variance = total / (rows * width);
  if (!(total > 0 && total < Infinity)) return { variance, effectiveRank: null };
  let entropy = 0;
  for (const value of symmetricEigenvalues(products(vectors, count, length), count)) {
    const share = value / total;
    if (share > 0) entropy -= share * Math.log(share);
  }
  return { variance, effectiveRank: Math.exp(entropy) };
}

/** Inner products of `count` vectors of `length` entries: the lower triangle of a count × count matrix. */
function products(vectors: Float64Array, count: number, length: number): Float64Array {
  const matrix = new Float64Array(count * count);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0; k < length; k++) sum += vectors[i * length + k]! * vectors[j * length + k]!;
      matrix[i * count + j] = sum;
    }
  }
  return matrix;
}

/**
 * Eigenvalues of a symmetric matrix, in no order: Householder's reduction to three diagonals, then QL with implicit
 * shifts (Golub & Van Loan, ch. 8). Float64; errors are some 1e-15 of the largest.
 * @param matrix n × n, row-major, of which the lower triangle is read; used up
 */
function symmetricEigenvalues(matrix: Float64Array, n: number): Float64Array {
  const { diagonal, beside } = tridiagonal(matrix, n);
  for (let low = 0; low < n; low++) {
    // Each eigenvalue takes two or three rounds; the bound only keeps a matrix of NaN from going on for ever.
    for (let round = 0; round < 60; round++) {
      let high = low;
      while (high < n - 1 && Math.abs(beside[high]!) > Number.EPSILON * (Math.abs(diagonal[high]!) + Math.abs(diagonal[high + 1]!))) high++;
      if (high === low) break;
      sweep(diagonal, beside, low, high);
    }
  }
  return diagonal;
}

/** The diagonal of an orthogonally equivalent matrix of three diagonals, and its neighbour: beside[k] lies between k and k + 1. */
function tridiagonal(matrix: Float64Array, n: number): { diagonal: Float64Array; beside: Float64Array } {
  const beside = new Float64Array(n);
  const v = new Float64Array(n);
  const w = new Float64Array(n);
  for (let k = 0; k < n - 2; k++) {
    let norm = 0;
    for (let i = k + 1; i < n; i++) norm = Math.hypot(norm, matrix[i * n + k]!);
    const head = matrix[(k + 1) * n + k]!;
    const alpha = head > 0 ? -norm : norm;
    beside[k] = alpha;
    if (norm === 0) continue;
    // v = x − α·e₁, and v'v/2 = α² − α·x₁.
    const half = alpha * alpha - alpha * head;
    for (let i = k + 1; i < n; i++) v[i] = matrix[i * n + k]!;
    v[k + 1] = head - alpha;
    // w = Av/half from the lower triangle, which is all that is kept.
    w.fill(0);
    for (let i = k + 1; i < n; i++) {
      const [row, own] = [i * n, v[i]!];
      let sum = matrix[row + i]! * own;
      for (let j = k + 1; j < i; j++) {
        const entry = matrix[row + j]!;
        sum += entry * v[j]!;
        w[j] = w[j]! + entry * own;
      }
      w[i] = w[i]! + sum;
    }
    let dot = 0;
    for (let i = k + 1; i < n; i++) {
      w[i] = w[i]! / half;
      dot += w[i]! * v[i]!;
    }
    // A − v·w' − w·v' with w = Av/half − (v'Av/half²/2)·v is (1 − vv'/half)·A·(1 − vv'/half).
    for (let i = k + 1; i < n; i++) w[i] = w[i]! - (dot / (2 * half)) * v[i]!;
    for (let i = k + 1; i < n; i++) {
      const [row, one, other] = [i * n, v[i]!, w[i]!];
      for (let j = k + 1; j <= i; j++) matrix[row + j] = matrix[row + j]! - one * w[j]! - other * v[j]!;
    }
  }
  if (n > 1) beside[n - 2] = matrix[(n - 1) * n + n - 2]!;
  return { diagonal: Float64Array.from({ length: n }, (_, k) => matrix[k * n + k]!), beside };
}

/** One implicit QL sweep over the block from `low` to `high`, with Wilkinson's shift. */
function sweep(diagonal: Float64Array, beside: Float64Array, low: number, high: number): void {
  const gap = (diagonal[low + 1]! - diagonal[low]!) / (2 * beside[low]!);
  let g = diagonal[high]! - diagonal[low]! + beside[low]! / (gap + (gap < 0 ? -1 : 1) * Math.hypot(gap, 1));
  let [sine, cosine, taken] = [1, 1, 0];
  for (let k = high - 1; k >= low; k--) {
    const f = sine * beside[k]!;
    const b = cosine * beside[k]!;
    const r = Math.hypot(f, g);
    beside[k + 1] = r;
    if (r === 0) {
      // The rotation would divide by it: the block has come apart here.
      diagonal[k + 1] = diagonal[k + 1]! - taken;
      beside[high] = 0;
      return;
    }
    sine = f / r;
    cosine = g / r;
    g = diagonal[k + 1]! - taken;
    const turned = (diagonal[k]! - g) * sine + 2 * cosine * b;
    taken = sine * turned;
    diagonal[k + 1] = g + taken;
    g = cosine * turned - b;
  }
  diagonal[low] = diagonal[low]! - taken;
  beside[low] = g;
  beside[high] = 0;
}
