import { diagonalOf, solveDiagonal } from '../ot/diagonal.ts';
import { UserError } from '../../base/errors.ts';
import type { UotProblem } from '../ot/problem.ts';

/** A distance between samples that a good match keeps small, in units of its own: of phases, goals, or a label. */
export interface MatchGauge {
  readonly name: string;
  readonly kind: 'phase' | 'goal' | 'label';
  /** n × m, row-major, not negative. */
  readonly distances: Float32Array | Float64Array;
}

/** Mean of a gauge over matches: Σ w_ij d_ij / Σ w_ij. */
export interface MatchError {
  readonly name: string;
  readonly kind: MatchGauge['kind'];
  /** Over the pairs as drawn; null where the batch has none. */
  readonly pairs: number | null;
  /** Over π; NaN where it carries nothing. */
  readonly plan: number;
  /** Over π_ii of the diagonal prior; null where that has no solution. */
  readonly diagonal: number | null;
}

/** How well samples are matched by the pairs as drawn, by a plan, and by the diagonal prior on the same problem. */
export interface MatchErrors {
  readonly errors: readonly MatchError[];
  /** π_sum under the diagonal prior; null where that has no solution. */
  readonly diagonalMass: number | null;
}

/**
 * @param plan π, n × m
 * @param paired whether source k and target k of the batch belong together
 */
export function matchErrors(problem: UotProblem, plan: Float64Array, paired: boolean, gauges: readonly MatchGauge[]): MatchErrors {
  const { n, m } = problem;
  const shared = Math.min(n, m);
  const diagonal = diagonalPlan(problem);
  const facing = (distances: MatchGauge['distances'], weight: (i: number) => number): number => {
    let sum = 0;
    let total = 0;
    for (let i = 0; i < shared; i++) {
      sum += weight(i) * distances[i * m + i]!;
      total += weight(i);
    }
    return sum / total;
  };
  let mass = 0;
  for (const value of plan) mass += value;
  const errors = gauges.map(({ name, kind, distances }): MatchError => {
    let sum = 0;
    for (let k = 0; k < plan.length; k++) sum += plan[k]! * distances[k]!;
    return { name, kind, pairs: paired && n === m ? facing(distances, () => 1) : null, plan: sum / mass, diagonal: diagonal && facing(distances, (i) => diagonal[i]!) };
  });
  return { errors, diagonalMass: diagonal && diagonal.reduce((total, value) => total + value, 0) };
}

/** π_ii under the diagonal prior, in closed form; null where hard marginals ask for what it forbids. */
function diagonalPlan(problem: UotProblem): Float64Array | null {
  const prices = diagonalOf(problem);
  try {
    const { logU, logV } = solveDiagonal(problem, prices);
    return prices.map((price, i) => (problem.a[i] === 0 || problem.b[i] === 0 ? 0 : Math.exp(logU[i]! + logV[i]! - price / problem.reg - Math.log(prices.length))));
  } catch (thrown) {
    if (thrown instanceof UserError && thrown.code === 'infeasible') return null;
    throw thrown;
  }
}
