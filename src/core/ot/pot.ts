import type { Potentials } from './fast.ts';
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

/** A plan that POT returns although it broke, n × m. */
export interface PotPlan extends PotOutcome {
  readonly plan: Float64Array;
  /** Whether every entry is a finite number, so that a test for that finds nothing wrong. */
  readonly finite: boolean;
}

/** What POT iterates on, when it stopped. */
interface Scalings {
  readonly brokeAt: number | null;
  readonly u: Float64Array;
  readonly v: Float64Array;
  readonly kernel: Float64Array;
}

/** Natural logarithms that float64 scalings hold: log(1.8e308) = 709.8, less a little room for rounding. */
const SAFE_EXPONENT = 705;

/**
 * POT's `sinkhorn_knopp_unbalanced` (≥ 0.9.5) in its own arithmetic, float64 scalings without logarithms: K underflows
 * where M/reg > 745, a/Kv overflows, and POT then returns the previous scalings' plan, finite, so that an isfinite test
 * passes it. This is a model of what a user's training run would see, never a plan that the playground shows as one.
 */
export function potOutcome(problem: UotProblem, reference: Reference): PotOutcome {
  return outcomeOf(simulate(problem, reference, () => false)!);
}

/**
 * POT's failure, or null where it works: `potOutcome`, stopped as soon as the optimum shows that nothing can break.
 * @param work multiplications to spend on it at most; a failure that comes later is not found
 */
export function potFailure(problem: UotProblem, reference: Reference, optimum: Potentials, work = Infinity): PotOutcome | null {
  const broken = failed(problem, reference, optimum, work);
  return broken && outcomeOf(broken);
}

/** The plan that comes with that failure; null where POT works. @param work as in `potFailure` */
export function potPlan(problem: UotProblem, reference: Reference, optimum: Potentials, work = Infinity): PotPlan | null {
  const broken = failed(problem, reference, optimum, work);
  if (!broken) return null;
  const { u, v, kernel } = broken;
  const plan = kernel.map((value, k) => u[Math.floor(k / problem.m)]! * value * v[k % problem.m]!);
  return { ...outcomeOf(broken), plan, finite: plan.every(Number.isFinite) };
}

function failed(problem: UotProblem, reference: Reference, optimum: Potentials, work: number): Scalings | null {
  const stopped = simulate(problem, reference, linesSurvive(problem, reference) ? (v) => staysInRange(problem, optimum, v) : () => false, work);
  return stopped === null || stopped.brokeAt === null ? null : stopped;
}

function outcomeOf({ brokeAt, u, v, kernel }: Scalings): PotOutcome {
  let mass = 0;
  for (let i = 0, k = 0; i < u.length; i++) for (let j = 0; j < v.length; j++, k++) mass += u[i]! * kernel[k]! * v[j]!;
  return { brokeAt, mass };
}

/** Run the scheme until it stops, breaks, `isSafe(v)` or `work` is spent; null in the last two cases. */
function simulate(problem: UotProblem, reference: Reference, isSafe: (v: Float64Array) => boolean, work = Infinity): Scalings | null {
  const { n, m, cost, a, b, reg, tau1, tau2 } = problem;
  let u = new Float64Array(n).fill(1);
  let v = new Float64Array(m).fill(1);
  if (isSafe(v)) return null;
  const kernel = new Float64Array(n * m);
  for (let k = 0; k < kernel.length; k++) kernel[k] = Math.exp(-cost[k]! / reg) * Math.exp(reference.logC[k]!);
  const rho1 = relaxation(tau1, reg);
  const rho2 = relaxation(tau2, reg);
  let nextU = new Float64Array(n);
  let nextV = new Float64Array(m);
  let brokeAt: number | null = null;
  for (let iteration = 0; iteration < PARITY_DEFAULTS.maxIterations; iteration++) {
    nextV.fill(0);
    let finite = true;
    for (let i = 0; i < n; i++) {
      let total = 0;
      for (let j = 0, k = i * m; j < m; j++, k++) total += kernel[k]! * v[j]!;
      const value = (a[i]! / total) ** rho1;
      finite &&= Number.isFinite(value);
      nextU[i] = value;
      for (let j = 0, k = i * m; j < m; j++, k++) nextV[j] = nextV[j]! + kernel[k]! * value;
    }
    for (let j = 0; j < m; j++) {
      const total = nextV[j]!;
      nextV[j] = (b[j]! / total) ** rho2;
      finite &&= total !== 0 && Number.isFinite(nextV[j]);
    }
    if (!finite) {
      brokeAt = iteration;
      break;
    }
    const error = 0.5 * (change(nextU, u) + change(nextV, v));
    [u, nextU] = [nextU, u];
    [v, nextV] = [nextV, v];
    if (error < PARITY_DEFAULTS.threshold) break;
    if (isSafe(v) || 2 * n * m * (iteration + 1) > work) return null;
  }
  return { brokeAt, u, v, kernel };
}

/**
 * Whether every scaling and line sum from v on stays inside float64. A sweep keeps the order of log v and moves no two of
 * them further apart, so all later iterates lie between y* − below and y* + above, where y* = g/reg is the optimum and
 * log v does; log u then lies between x* − above and x* + below, and log Kv = log a − log u/ρ₁, log Kᵀu = log b − log v/ρ₂.
 */
function staysInRange({ a, b, reg, tau1, tau2 }: UotProblem, { f, g }: Potentials, v: Float64Array): boolean {
  let below = 0;
  let above = 0;
  for (let j = 0; j < v.length; j++) {
    if (b[j] === 0) continue;
    const difference = Math.log(v[j]!) - g[j]! / reg;
    below = Math.max(below, -difference);
    above = Math.max(above, difference);
  }
  const within = (weights: Float64Array, potentials: Float64Array, rho: number, down: number, up: number): boolean => {
    for (let k = 0; k < weights.length; k++) {
      if (weights[k] === 0) continue;
      const scaling = potentials[k]! / reg;
      const sum = Math.log(weights[k]!) - scaling / rho;
      if (!(Math.max(scaling + up, down - scaling, sum + down, up - sum) < SAFE_EXPONENT)) return false;
    }
    return true;
  };
  return within(a, f, relaxation(tau1, reg), above, below) && within(b, g, relaxation(tau2, reg), below, above);
}

/** Whether every line, with or without weight, has an entry that K does not lose, at a line of positive weight. */
function linesSurvive({ n, m, cost, a, b, reg }: UotProblem, { logC }: Reference): boolean {
  const columnBest = new Float64Array(m).fill(-Infinity);
  for (let i = 0, k = 0; i < n; i++) {
    let best = -Infinity;
    for (let j = 0; j < m; j++, k++) {
      const logK = logC[k]! - cost[k]! / reg;
      if (b[j]! > 0) best = Math.max(best, logK);
      if (a[i]! > 0) columnBest[j] = Math.max(columnBest[j]!, logK);
    }
    if (best < -SAFE_EXPONENT) return false;
  }
  return columnBest.every((best) => best >= -SAFE_EXPONENT);
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
