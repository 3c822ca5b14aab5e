/**
 * Anderson acceleration (type II, Walker & Ni 2011) of a fixed-point map G on one vector: from the last few pairs
 * (G(y), r = G(y) − y) the next iterate is Σ θ_k G(y_k) with Σ θ_k = 1 chosen to make ‖Σ θ_k r_k‖ smallest.
 */
export class Anderson {
  readonly #memory: number;
  readonly #size: number;
  #images: Float64Array[] = [];
  #residuals: Float64Array[] = [];
  #gram: Float64Array;
  #right: Float64Array;

  constructor(size: number, memory = 5) {
    this.#size = size;
    this.#memory = memory;
    this.#gram = new Float64Array(memory * memory);
    this.#right = new Float64Array(memory);
  }

  reset(): void {
    this.#images = [];
    this.#residuals = [];
  }

  /** Overwrite `y` with the next iterate, given `image` = G(y). `y` becomes G(y) while nothing is remembered. */
  advance(y: Float64Array, image: Float64Array): void {
    const size = this.#size;
    const residual = new Float64Array(size);
    for (let k = 0; k < size; k++) residual[k] = image[k]! - y[k]!;
    const depth = this.#residuals.length;
    const coefficients = this.#solve(residual);
    for (let k = 0; k < size; k++) {
      let value = image[k]!;
      for (let p = 0; p < depth; p++) value -= coefficients[p]! * (image[k]! - this.#images[p]![k]!);
      y[k] = value;
    }
    const image2 = this.#images.length === this.#memory ? this.#images.pop()! : new Float64Array(size);
    if (this.#residuals.length === this.#memory) this.#residuals.pop();
    image2.set(image);
    this.#images.unshift(image2);
    this.#residuals.unshift(residual);
  }

  /** Least squares for ‖r − Σ γ_p (r − r_p)‖ by regularised normal equations. */
  #solve(residual: Float64Array): Float64Array {
    const depth = this.#residuals.length;
    const gram = this.#gram;
    const right = this.#right;
    let trace = 0;
    for (let p = 0; p < depth; p++) {
      const rp = this.#residuals[p]!;
      for (let q = 0; q <= p; q++) {
        const rq = this.#residuals[q]!;
        let dot = 0;
        for (let k = 0; k < residual.length; k++) dot += (residual[k]! - rp[k]!) * (residual[k]! - rq[k]!);
        gram[p * depth + q] = gram[q * depth + p] = dot;
      }
      trace += gram[p * depth + p]!;
      let dot = 0;
      for (let k = 0; k < residual.length; k++) dot += (residual[k]! - rp[k]!) * residual[k]!;
      right[p] = dot;
    }
    // Relative regularisation: nearly parallel differences must not produce huge coefficients.
    for (let p = 0; p < depth; p++) gram[p * depth + p] = gram[p * depth + p]! + 1e-10 * trace + 1e-300;
    solveInPlace(gram, right, depth);
    return right;
  }
}

/** Gaussian elimination without pivoting, for small diagonally loaded Gram matrices and for M-matrices. */
export function solveInPlace(matrix: Float64Array, right: Float64Array, size: number): void {
  for (let k = 0; k < size; k++) {
    const pivot = 1 / matrix[k * size + k]!;
    for (let i = k + 1; i < size; i++) {
      const factor = matrix[i * size + k]! * pivot;
      if (factor === 0) continue;
      for (let j = k + 1, p = i * size + j, q = k * size + j; j < size; j++, p++, q++) matrix[p] = matrix[p]! - factor * matrix[q]!;
      right[i] = right[i]! - factor * right[k]!;
    }
  }
  for (let k = size - 1; k >= 0; k--) {
    let value = right[k]!;
    for (let j = k + 1; j < size; j++) value -= matrix[k * size + j]! * right[j]!;
    right[k] = value / matrix[k * size + k]!;
  }
}
