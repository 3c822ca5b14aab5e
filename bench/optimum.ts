import type { UotProblem } from '../src/core/ot/problem.ts';
import type { UotSolution } from '../src/core/ot/solve.ts';

/** Sides up to which a dense Newton step is quick. */
const DENSE_LIMIT = 256;
/** Sweeps of plain Sinkhorn that polish a larger problem. */
const SWEEPS = 400;

/**
 * The plan that errors are measured against: the solver's own, moved on by a method that shares no code with it until
 * the optimality conditions
 *
 *     log Σ_j π_ij = log a_i − f_i/τ₁,      log Σ_i π_ij = log b_j − g_j/τ₂
 *
 * hold to rounding. They have one solution, so it does not matter where the search starts. Product prior, finite τ.
 */
export function optimum(problem: UotProblem, start: UotSolution): { plan: Float64Array; residual: number } {
  const { n, m, reg } = problem;
  const x = start.f.map((value) => value / reg);
  const y = start.g.map((value) => value / reg);
  if (n <= DENSE_LIMIT) for (let step = 0; step < 4; step++) newtonStep(problem, x, y);
  else for (let sweep = 0; sweep < SWEEPS; sweep++) sinkhornSweep(problem, x, y);
  const { plan, residuals } = conditions(problem, x, y);
  let residual = 0;
  for (let k = 0; k < n + m; k++) residual = Math.max(residual, Math.abs(residuals[k]!));
  return { plan, residual };
}

/** Plan, its marginals and the n + m residuals of the conditions above. */
function conditions({ n, m, cost, a, b, reg, tau1, tau2 }: UotProblem, x: Float64Array, y: Float64Array): { plan: Float64Array; sums: Float64Array; residuals: Float64Array } {
  const plan = new Float64Array(n * m);
  const sums = new Float64Array(n + m);
  for (let i = 0, k = 0; i < n; i++)
    for (let j = 0; j < m; j++, k++) {
      const p = a[i]! * b[j]! * Math.exp(x[i]! + y[j]! - cost[k]! / reg);
      plan[k] = p;
      sums[i] = sums[i]! + p;
      sums[n + j] = sums[n + j]! + p;
    }
  const residuals = sums.map((total, k) => (k < n ? Math.log(total / a[k]!) + (reg / tau1) * x[k]! : Math.log(total / b[k - n]!) + (reg / tau2) * y[k - n]!));
  return { plan, sums, residuals };
}

/** One full Newton step on all n + m conditions. */
function newtonStep(problem: UotProblem, x: Float64Array, y: Float64Array): void {
  const { n, m, reg, tau1, tau2 } = problem;
  const { plan, sums, residuals } = conditions(problem, x, y);
  const size = n + m;
  const rows = Array.from({ length: size }, (_, r) => {
    const row = new Float64Array(size + 1);
    row[r] = 1 + reg / (r < n ? tau1 : tau2);
    if (r < n) for (let j = 0; j < m; j++) row[n + j] = plan[r * m + j]! / sums[r]!;
    else for (let i = 0; i < n; i++) row[i] = plan[i * m + r - n]! / sums[r]!;
    row[size] = -residuals[r]!;
    return row;
  });
  const step = eliminate(rows);
  for (let i = 0; i < n; i++) x[i] = x[i]! + step[i]!;
  for (let j = 0; j < m; j++) y[j] = y[j]! + step[n + j]!;
}

/** Gaussian elimination with row pivoting on rows that carry their right-hand side last. */
function eliminate(rows: Float64Array[]): Float64Array {
  const size = rows.length;
  for (let k = 0; k < size; k++) {
    let best = k;
    for (let r = k + 1; r < size; r++) if (Math.abs(rows[r]![k]!) > Math.abs(rows[best]![k]!)) best = r;
    [rows[k], rows[best]] = [rows[best]!, rows[k]!];
    const pivot = rows[k]!;
    for (let r = k + 1; r < size; r++) {
      const row = rows[r]!;
      const factor = row[k]! / pivot[k]!;
      if (factor !== 0) for (let c = k; c <= size; c++) row[c] = row[c]! - factor * pivot[c]!;
    }
  }
  const solution = new Float64Array(size);
  for (let k = size - 1; k >= 0; k--) {
    let value = rows[k]![size]!;
    for (let c = k + 1; c < size; c++) value -= rows[k]![c]! * solution[c]!;
    solution[k] = value / rows[k]![k]!;
  }
  return solution;
}

function sinkhornSweep(problem: UotProblem, x: Float64Array, y: Float64Array): void {
  const { n, m, reg, tau1, tau2 } = problem;
  const rows = conditions(problem, x, y).residuals;
  for (let i = 0; i < n; i++) x[i] = x[i]! - rows[i]! / (1 + reg / tau1);
  const columns = conditions(problem, x, y).residuals;
  for (let j = 0; j < m; j++) y[j] = y[j]! - columns[n + j]! / (1 + reg / tau2);
}

/** max|p − q| / max|q|. */
export function distance(plan: Float64Array, truth: Float64Array): number {
  let worst = 0;
  let top = 0;
  for (let k = 0; k < truth.length; k++) {
    worst = Math.max(worst, Math.abs(plan[k]! - truth[k]!));
    top = Math.max(top, truth[k]!);
  }
  return worst / top;
}
