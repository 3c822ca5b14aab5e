import { relaxation } from './kernel.ts';
import { PARITY_DEFAULTS } from './parity.ts';
import type { Reference } from './priors.ts';
import type { UotProblem } from './problem.ts';

/** What POT's own arithmetic makes of a problem. */
export interface PotOutcome {
  /** Iteration at which POT reports numerical errors and returns the plan before it; null when it does not. */
  readonly brokeAt: number | null;
  /** Σ of the plan that POT returns: finite, and wrong, when it broke. */
  readonly mass: number;
}

/** Exponents below this are safe in float64 scaling form, however the iteration moves. */
const SAFE_EXPONENT = 300;

/** Whether POT could possibly break: only then is `potOutcome` worth its time. */
export function potAtRisk(problem: UotProblem, reference: Reference, largestPotential: number): boolean {
  if (largestPotential > SAFE_EXPONENT) return true;
  const { n, m, cost, reg } = problem;
  for (let i = 0; i < n; i++) {
    let best = -Infinity;
    for (let j = 0, k = i * m; j < m; j++, k++) best = Math.max(best, reference.logC[k]! - cost[k]! / reg);
    if (best < -SAFE_EXPONENT) return true;
  }
  for (let j = 0; j < m; j++) {
    let best = -Infinity;
    for (let i = 0, k = j; i < n; i++, k += m) best = Math.max(best, reference.logC[k]! - cost[k]! / reg);
    if (best < -SAFE_EXPONENT) return true;
  }
  return false;
}

/**
 * POT's `sinkhorn_knopp_unbalanced` (≥ 0.9.5) in its own arithmetic, float64 scalings without logarithms: K underflows
 * where M/reg > 745, a/Kv overflows, and POT then returns the previous scalings' plan, finite, so that an isfinite test
 * passes it. This is a model of what a user's training run would see, never a plan that the playground shows as one.
 */
export function potOutcome(problem: UotProblem, reference: Reference): PotOutcome {
  const { n, m, cost, a, b, reg, tau1, tau2 } = problem;
  const kernel = new Float64Array(n * m);
  for (let k = 0; k < kernel.length; k++) kernel[k] = Math.exp(-cost[k]! / reg) * Math.exp(reference.logC[k]!);
  const rho1 = relaxation(tau1, reg);
  const rho2 = relaxation(tau2, reg);
  let u = new Float64Array(n).fill(1);
  let v = new Float64Array(m).fill(1);
  let brokeAt: number | null = null;
  for (let iteration = 0; iteration < PARITY_DEFAULTS.maxIterations; iteration++) {
    const nextU = new Float64Array(n);
    for (let i = 0, k = 0; i < n; i++) {
      let total = 0;
      for (let j = 0; j < m; j++, k++) total += kernel[k]! * v[j]!;
      nextU[i] = (a[i]! / total) ** rho1;
    }
    const sums = new Float64Array(m);
    for (let i = 0, k = 0; i < n; i++) for (let j = 0; j < m; j++, k++) sums[j] = sums[j]! + kernel[k]! * nextU[i]!;
    const nextV = sums.map((total, j) => (b[j]! / total) ** rho2);
    if (sums.includes(0) || !nextU.every(Number.isFinite) || !nextV.every(Number.isFinite)) {
      brokeAt = iteration;
      break;
    }
    const error = 0.5 * (change(nextU, u) + change(nextV, v));
    u = nextU;
    v = nextV;
    if (error < PARITY_DEFAULTS.threshold) break;
  }
  let mass = 0;
  for (let i = 0, k = 0; i < n; i++) for (let j = 0; j < m; j++, k++) mass += u[i]! * kernel[k]! * v[j]!;
  return { brokeAt, mass };
}

function change(next: Float64Array, previous: Float64Array): number {
  let worst = 0;
  let top = 1;
  for (let k = 0; k < next.length; k++) {
    worst = Math.max(worst, Math.abs(next[k]! - previous[k]!));
    top = Math.max(top, next[k]!, previous[k]!);
  }
  return worst / top;
}
