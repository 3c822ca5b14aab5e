/** Below this a sum of absorbed entries may have lost terms to underflow, so the line is summed exactly instead. */
const SAFE_SUM = 1e-260;
/** Absorbed entries below e^this are 0: in a sum above SAFE_SUM they are lost anyway, and denormal numbers are slow. */
const LOWEST_EXPONENT = -680;
/** How far potentials may move apart (natural log units) before the kernel is absorbed anew. */
const MAX_DRIFT = 40;

/**
 * The Gibbs kernel K = exp(log c − M/reg), seen only through its log-domain line sums
 *
 *     rows(y)_i = log Σ_j exp(log K_ij + y_j),      columns(x)_j = log Σ_i exp(log K_ij + x_i).
 *
 * Absorption makes them cheap (Schmitzer 2019, "Stabilized sparse scaling"): K̃_ij = exp(log K_ij + x⁰_i + y⁰_j − s) is
 * formed at the present potentials and a line sum becomes one matrix–vector product in the ratios exp(y − y⁰). A line
 * whose product comes out too small to trust is summed by an exact log-sum-exp, so the result never depends on when,
 * or whether, the kernel was absorbed.
 */
export class GibbsKernel {
  readonly n: number;
  readonly m: number;
  /** log K, row-major n × m; −∞ where the prior forbids a match. */
  readonly logK: Float64Array;
  #absorbed: Float64Array | null = null;
  #x0: Float64Array;
  #y0: Float64Array;
  #shift = 0;
  #ratio: Float64Array;
  #sums: Float64Array;
  #driftX = 0;
  #driftY = 0;

  constructor(n: number, m: number, logK: Float64Array) {
    this.n = n;
    this.m = m;
    this.logK = logK;
    this.#x0 = new Float64Array(n);
    this.#y0 = new Float64Array(m);
    this.#ratio = new Float64Array(Math.max(n, m));
    this.#sums = new Float64Array(m);
  }

  /** Form K̃ at log potentials (x, y), unless it is formed and they have not moved far from where it was. */
  absorb(x: Float64Array, y: Float64Array): void {
    if (this.#absorbed && this.#driftX < MAX_DRIFT && this.#driftY < MAX_DRIFT) return;
    const { n, m, logK } = this;
    const kernel = (this.#absorbed ??= new Float64Array(n * m));
    this.#x0.set(x);
    this.#y0.set(y);
    this.#driftX = this.#driftY = 0;
    let top = -Infinity;
    for (let i = 0, k = 0; i < n; i++) {
      const xi = x[i]!;
      for (let j = 0; j < m; j++, k++) {
        const value = logK[k]! + xi + y[j]!;
        kernel[k] = value;
        if (value > top) top = value;
      }
    }
    this.#shift = top === -Infinity ? 0 : top;
    for (let k = 0; k < kernel.length; k++) {
      const exponent = kernel[k]! - this.#shift;
      kernel[k] = exponent < LOWEST_EXPONENT ? 0 : Math.exp(exponent);
    }
  }

  /** out_i = log Σ_j exp(log K_ij + y_j); −∞ for an empty line. */
  rows(y: Float64Array, out: Float64Array): void {
    const { n, m } = this;
    const kernel = this.#absorbed;
    if (!kernel) {
      for (let i = 0; i < n; i++) out[i] = this.#exactRow(i, y);
      return;
    }
    const ratio = this.#ratio;
    const top = this.#ratios(y, this.#y0, ratio);
    this.#driftY = Math.max(this.#driftY, this.#spread);
    for (let i = 0, k = 0; i < n; i++) {
      // Four accumulators: one chain of dependent additions would set the pace otherwise.
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      let j = 0;
      for (; j + 3 < m; j += 4, k += 4) {
        s0 += kernel[k]! * ratio[j]!;
        s1 += kernel[k + 1]! * ratio[j + 1]!;
        s2 += kernel[k + 2]! * ratio[j + 2]!;
        s3 += kernel[k + 3]! * ratio[j + 3]!;
      }
      for (; j < m; j++, k++) s0 += kernel[k]! * ratio[j]!;
      const total = s0 + s1 + (s2 + s3);
      out[i] = total > SAFE_SUM ? Math.log(total) + (top + this.#shift - this.#x0[i]!) : this.#exactRow(i, y);
    }
  }

  /** out_j = log Σ_i exp(log K_ij + x_i); −∞ for an empty line. */
  columns(x: Float64Array, out: Float64Array): void {
    const { n, m } = this;
    const kernel = this.#absorbed;
    if (!kernel) {
      for (let j = 0; j < m; j++) out[j] = this.#exactColumn(j, x);
      return;
    }
    const ratio = this.#ratio;
    const top = this.#ratios(x, this.#x0, ratio);
    this.#driftX = Math.max(this.#driftX, this.#spread);
    const sums = this.#sums.fill(0);
    let i = 0;
    for (; i + 1 < n; i += 2) {
      const r0 = ratio[i]!;
      const r1 = ratio[i + 1]!;
      for (let j = 0, k = i * m, l = k + m; j < m; j++, k++, l++) sums[j] = sums[j]! + (kernel[k]! * r0 + kernel[l]! * r1);
    }
    if (i < n) {
      const r0 = ratio[i]!;
      for (let j = 0, k = i * m; j < m; j++, k++) sums[j] = sums[j]! + kernel[k]! * r0;
    }
    for (let j = 0; j < m; j++) {
      const total = sums[j]!;
      out[j] = total > SAFE_SUM ? Math.log(total) + (top + this.#shift - this.#y0[j]!) : this.#exactColumn(j, x);
    }
  }

  #spread = 0;

  /** ratio_k = exp(z_k − z⁰_k − top), top = max; returns top and leaves the spread of z − z⁰ in #spread. */
  #ratios(z: Float64Array, origin: Float64Array, ratio: Float64Array): number {
    let top = -Infinity;
    let low = Infinity;
    for (let k = 0; k < z.length; k++) {
      // −∞ − (−∞): a line of zero weight in the literal scheme. It carries no mass.
      const moved = z[k] === -Infinity ? -Infinity : z[k]! - origin[k]!;
      ratio[k] = moved;
      if (moved > top) top = moved;
      if (moved > -Infinity && moved < low) low = moved;
    }
    if (top === -Infinity) top = 0;
    this.#spread = low === Infinity ? 0 : top - low;
    for (let k = 0; k < z.length; k++) ratio[k] = Math.exp(ratio[k]! - top);
    return top;
  }

  #exactRow(i: number, y: Float64Array): number {
    const { m, logK } = this;
    const start = i * m;
    let top = -Infinity;
    for (let j = 0; j < m; j++) top = Math.max(top, logK[start + j]! + y[j]!);
    if (top === -Infinity) return top;
    let total = 0;
    for (let j = 0; j < m; j++) total += Math.exp(logK[start + j]! + y[j]! - top);
    return top + Math.log(total);
  }

  #exactColumn(j: number, x: Float64Array): number {
    const { n, m, logK } = this;
    let top = -Infinity;
    for (let i = 0, k = j; i < n; i++, k += m) top = Math.max(top, logK[k]! + x[i]!);
    if (top === -Infinity) return top;
    let total = 0;
    for (let i = 0, k = j; i < n; i++, k += m) total += Math.exp(logK[k]! + x[i]! - top);
    return top + Math.log(total);
  }
}

/** log K = log c − M/reg. */
export function gibbsKernel(n: number, m: number, cost: Float64Array, logC: Float64Array, reg: number): GibbsKernel {
  const logK = new Float64Array(n * m);
  for (let k = 0; k < logK.length; k++) logK[k] = logC[k]! - cost[k]! / reg;
  return new GibbsKernel(n, m, logK);
}

/** ρ = τ/(τ+reg), 1 for a hard marginal: the exponent of the scaling step (Chizat et al. 2016, prop. 4.1). */
export const relaxation = (tau: number, reg: number): number => (tau === Infinity ? 1 : tau / (tau + reg));
