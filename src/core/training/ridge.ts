import { assert } from '../../base/assert.ts';

/** A linear map with an offset: y = Wᵀ·[x, 1]. */
export interface LinearProbe {
  readonly inputs: number;
  readonly outputs: number;
  /** (inputs + 1) × outputs, row-major; the offset is the last row. */
  readonly weights: Float64Array;
}

/**
 * Ridge regression: W = (XᵀX + penalty·I)⁻¹·XᵀY, X with a column of ones at its end, which is penalised like the others.
 * @param x rows × inputs  @param y rows × outputs, both row-major and finite  @param penalty above 0, so that a solution exists
 */
export function fitRidge(x: ArrayLike<number>, y: ArrayLike<number>, rows: number, penalty: number): LinearProbe {
  assert(rows > 0 && penalty > 0, 'a ridge regression has rows and a penalty');
  const [inputs, outputs] = [x.length / rows, y.length / rows];
  const n = inputs + 1;
  const at = (row: number, k: number): number => (k === inputs ? 1 : x[row * inputs + k]!);
  const normal = new Float64Array(n * n);
  const weights = new Float64Array(n * outputs);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) normal[i * n + j] = normal[i * n + j]! + at(row, i) * at(row, j);
      for (let o = 0; o < outputs; o++) weights[i * outputs + o] = weights[i * outputs + o]! + at(row, i) * y[row * outputs + o]!;
    }
  }
  for (let i = 0; i < n; i++) normal[i * n + i] = normal[i * n + i]! + penalty;
  cholesky(normal, n);
  for (let o = 0; o < outputs; o++) substitute(normal, n, weights, outputs, o);
  return { inputs, outputs, weights };
}

/** Mean over the rows of |prediction − y|, y rows × outputs. */
export function probeError({ inputs, outputs, weights }: LinearProbe, x: ArrayLike<number>, y: ArrayLike<number>): number {
  const rows = y.length / outputs;
  let sum = 0;
  for (let row = 0; row < rows; row++) {
    let square = 0;
    for (let o = 0; o < outputs; o++) {
      let apart = weights[inputs * outputs + o]! - y[row * outputs + o]!;
      for (let k = 0; k < inputs; k++) apart += weights[k * outputs + o]! * x[row * inputs + k]!;
      square += apart * apart;
    }
    sum += Math.sqrt(square);
  }
  return sum / rows;
}

/** Put L of A = L·Lᵀ in the place of A's lower triangle, which alone is read. */
function cholesky(matrix: Float64Array, n: number): void {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = matrix[i * n + j]!;
      for (let k = 0; k < j; k++) rest -= matrix[i * n + k]! * matrix[j * n + k]!;
      matrix[i * n + j] = i === j ? Math.sqrt(rest) : rest / matrix[j * n + j]!;
    }
  }
}

/** Solve L·Lᵀ·w = b in place, for one column of n × columns right-hand sides. */
function substitute(lower: Float64Array, n: number, sides: Float64Array, columns: number, column: number): void {
  for (let i = 0; i < n; i++) {
    let rest = sides[i * columns + column]!;
    for (let k = 0; k < i; k++) rest -= lower[i * n + k]! * sides[k * columns + column]!;
    sides[i * columns + column] = rest / lower[i * n + i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    let rest = sides[i * columns + column]!;
    for (let k = i + 1; k < n; k++) rest -= lower[k * n + i]! * sides[k * columns + column]!;
    sides[i * columns + column] = rest / lower[i * n + i]!;
  }
}
