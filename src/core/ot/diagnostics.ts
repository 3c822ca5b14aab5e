import { relaxation } from './kernel.ts';
import type { UotProblem } from './problem.ts';
import type { UotSolution } from './solve.ts';

/** Mean, median and spread of a cost matrix, over all n·m entries. */
export interface CostStatistics {
  readonly mean: number;
  readonly median: number;
  readonly max: number;
  /** Population standard deviation. */
  readonly std: number;
}

export function costStatistics(cost: Float64Array): CostStatistics {
  const count = cost.length;
  let total = 0;
  let max = -Infinity;
  for (let k = 0; k < count; k++) {
    total += cost[k]!;
    max = Math.max(max, cost[k]!);
  }
  const mean = total / count;
  let squares = 0;
  for (let k = 0; k < count; k++) squares += (cost[k]! - mean) ** 2;
  const sorted = cost.slice().sort();
  const middle = count >> 1;
  const median = count % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { mean, median, max, std: Math.sqrt(squares / count) };
}

/** Dimensionless numbers that say which regime a problem is in (S = reg + τ₁ + τ₂). */
export interface Regime {
  /** M/reg and M/τ at the median and at one standard deviation of M; 0 for a hard side. */
  readonly medianOverReg: number;
  readonly stdOverReg: number;
  readonly medianOverTau1: number;
  readonly stdOverTau1: number;
  readonly medianOverTau2: number;
  readonly stdOverTau2: number;
  readonly rho1: number;
  readonly rho2: number;
  /** Σ a_i b_j M_ij/S (the mean of M_ii for the diagonal prior): π_sum ≥ e^{−q} for unit masses. 0 when S = ∞. */
  readonly q: number;
  /** median_i min_j M_ij / S: fine below 1, watch to 5, dead above. */
  readonly qNearest: number;
}

export function regime(problem: UotProblem, statistics: CostStatistics): Regime {
  const { n, m, cost, a, b, prior, reg, tau1, tau2 } = problem;
  const total = reg + tau1 + tau2;
  let weighted = 0;
  const nearest = new Float64Array(n).fill(Infinity);
  for (let i = 0, k = 0; i < n; i++)
    for (let j = 0; j < m; j++, k++) {
      if (prior.kind !== 'diagonal') weighted += a[i]! * b[j]! * cost[k]!;
      else if (i === j) weighted += cost[k]! / Math.min(n, m);
      if (prior.kind !== 'diagonal' || i === j) nearest[i] = Math.min(nearest[i]!, cost[k]!);
    }
  const reachable = nearest.filter(Number.isFinite).sort();
  const { median, std } = statistics;
  return {
    medianOverReg: median / reg,
    stdOverReg: std / reg,
    medianOverTau1: median / tau1,
    stdOverTau1: std / tau1,
    medianOverTau2: median / tau2,
    stdOverTau2: std / tau2,
    rho1: relaxation(tau1, reg),
    rho2: relaxation(tau2, reg),
    q: weighted / total,
    qNearest: (reachable[reachable.length >> 1] ?? 0) / total,
  };
}

/** The numbers of `method` §4 under the LeRobot fork's names, and ours beside them. */
export interface PlanMetrics {
  readonly ot_loss: number;
  readonly ot_pi_sum: number;
  /** null unless n = m. */
  readonly ot_pi_diag: number | null;
  /** π_diag/π_sum, to be read against 1/n; null unless n = m, NaN without mass. */
  readonly diag_ratio: number | null;
}

export function planMetrics(solution: UotSolution): PlanMetrics {
  const { transportCost, mass, diagonalMass } = solution;
  return { ot_loss: transportCost, ot_pi_sum: mass, ot_pi_diag: diagonalMass, diag_ratio: diagonalMass === null ? null : diagonalMass / mass };
}

/**
 * Barycentric map: for each source sample the plan-weighted mean of a target quantity, T(x_i) = Σ_j π_ij y_j / Σ_j π_ij.
 * @param values m × width, row-major
 * @returns n × width, NaN on rows without mass, which have no image
 */
export function barycentricMap(plan: Float64Array, rowMass: Float64Array, values: Float64Array, width: number): Float64Array {
  const n = rowMass.length;
  const m = plan.length / n;
  const image = new Float64Array(n * width);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < m; j++) {
      const share = plan[i * m + j]! / rowMass[i]!;
      for (let d = 0; d < width; d++) image[i * width + d] = image[i * width + d]! + share * values[j * width + d]!;
    }
  return image;
}
