import { gibbsKernel, relaxation } from './kernel.ts';
import type { Reference } from './priors.ts';
import type { UotProblem } from './problem.ts';

/** Where an iteration stopped. Potentials are log u and log v of π = u K v; −∞ on a line that carries no mass. */
export interface Scaling {
  readonly logU: Float64Array;
  readonly logV: Float64Array;
  readonly iterations: number;
  /** The stop rule's last value, in the mode's own measure. */
  readonly error: number;
  readonly converged: boolean;
}

/** POT's defaults. */
export const PARITY_DEFAULTS = { maxIterations: 1000, threshold: 1e-6 } as const;

/**
 * POT's `sinkhorn_knopp_unbalanced` (≥ 0.9.5) in log form: same order, stop rule and cap, so the same iteration count
 * and plan wherever POT works, and the scheme's true result where POT's own arithmetic breaks.
 *
 *     log u ← ρ₁(log a − LSE_j(log K + log v)),  log v ← ρ₂(log b − LSE_i(log K + log u)),  from 0, 0.
 *
 * It never throws on an infeasible problem: it returns what the scheme reaches.
 */
export function solveParity(problem: UotProblem, reference: Reference, settings: { maxIterations: number; threshold: number } = PARITY_DEFAULTS): Scaling {
  const { n, m, cost, a, b, reg, tau1, tau2 } = problem;
  const kernel = gibbsKernel(n, m, cost, reference.logC, reg);
  const logA = a.map(Math.log);
  const logB = b.map(Math.log);
  const rho1 = relaxation(tau1, reg);
  const rho2 = relaxation(tau2, reg);
  let x: Float64Array = new Float64Array(n);
  let y: Float64Array = new Float64Array(m);
  let nextX: Float64Array = new Float64Array(n);
  let nextY: Float64Array = new Float64Array(m);
  let error = 1;
  let iterations = 0;
  while (iterations < settings.maxIterations) {
    iterations++;
    kernel.rows(y, nextX);
    scaleLine(nextX, logA, rho1);
    kernel.columns(nextX, nextY);
    scaleLine(nextY, logB, rho2);
    error = 0.5 * (relativeChange(nextX, x) + relativeChange(nextY, y));
    [x, nextX] = [nextX, x];
    [y, nextY] = [nextY, y];
    kernel.absorb(x, y);
    if (error < settings.threshold) break;
  }
  return { logU: x, logV: y, iterations, error, converged: error < settings.threshold };
}

/** In place: line sums become ρ(log w − LSE); an empty line reports 0, as POT's never-updated entry does. */
function scaleLine(sums: Float64Array, logWeights: Float64Array, rho: number): void {
  for (let k = 0; k < sums.length; k++) sums[k] = sums[k] === -Infinity ? 0 : rho * (logWeights[k]! - sums[k]!);
}

/** POT's max|u − u′| / max(max u, max u′, 1), with the division done in the exponent. */
function relativeChange(next: Float64Array, previous: Float64Array): number {
  let top = 0;
  for (let k = 0; k < next.length; k++) top = Math.max(top, next[k]!, previous[k]!);
  let change = 0;
  for (let k = 0; k < next.length; k++) change = Math.max(change, Math.abs(Math.exp(next[k]! - top) - Math.exp(previous[k]! - top)));
  return change;
}
