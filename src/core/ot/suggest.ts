import { UserError } from '../../base/errors.ts';
import { logSumExp, referenceMeasure } from './priors.ts';
import type { UotProblem } from './problem.ts';
import { solve, type UotSolution } from './solve.ts';

/** A first reg for a cost matrix: 0.05·std(M) gave 1–7 effective matches of 64 on the clouds tried. */
export const suggestReg = (std: number): number => 0.05 * std;

/**
 * The τ = τ₁ = τ₂ at which π_sum is `wanted`, by bisection on log τ with warm starts. π_sum increases in τ from
 * Σ c·e^{−M/reg} (τ → 0) to 1 (τ → ∞) for a product reference of unit mass.
 * @throws UserError `no-such-tau` when `wanted` lies outside that range.
 */
export function suggestTau(problem: UotProblem, wanted: number): number {
  const reference = referenceMeasure(problem);
  const floor = Math.exp(logSumExp(reference.logC.map((value, k) => value - problem.cost[k]! / problem.reg)));
  const refuse = (low: number, high: number): never => {
    throw new UserError('no-such-tau', `No τ gives a mass of ${wanted}: at this reg it lies between ${low.toPrecision(3)} and ${high.toPrecision(3)}. Choose a value in between, or change reg.`);
  };
  if (!(wanted > floor && wanted < 1)) refuse(floor, 1);
  let warm: UotSolution | null = null;
  const massAt = (logTau: number): number => {
    const tau = Math.exp(logTau);
    const solution = solve({ ...problem, tau1: tau, tau2: tau }, { mode: 'fast', warm });
    warm = solution;
    return solution.mass;
  };
  let low = Math.log(1e-9 * problem.reg);
  let high = Math.log(1e6 * (problem.reg + largestOf(problem.cost)));
  const lowest = massAt(low);
  const highest = massAt(high);
  if (!(lowest < wanted && wanted < highest)) refuse(lowest, highest);
  while (high - low > 1e-6) {
    const middle = (low + high) / 2;
    if (massAt(middle) < wanted) low = middle;
    else high = middle;
  }
  return Math.exp((low + high) / 2);
}

function largestOf(values: Float64Array): number {
  let top = 0;
  for (let k = 0; k < values.length; k++) top = Math.max(top, values[k]!);
  return top;
}
