import { UserError } from '../../base/errors.ts';
import type { Scaling } from './parity.ts';
import { checkFeasible, isHard, type Conditions, type UotProblem } from './problem.ts';

/**
 * The diagonal prior in closed form: nothing off the diagonal can carry mass, so the problem falls apart into N scalar
 * ones,
 *
 *     log π_ii = (reg·log c_ii − M_ii + τ₁·log a_i + τ₂·log b_i)/(reg + τ₁ + τ₂),   π_ii = a_i (τ₁ = ∞) or b_i (τ₂ = ∞).
 *
 * Potentials: f_i = −τ₁·log(π_ii/a_i); for τ₁ = ∞, f_i = reg·log(π_ii/c_ii) + M_ii − g_i.
 * @param prices M_ii, length N
 * @throws UserError `infeasible` when a hard marginal asks for mass where the mask forbids it.
 */
export function solveDiagonal(problem: Conditions, prices: Float64Array): Scaling {
  const { n, m, a, b, reg, tau1, tau2 } = problem;
  const shared = Math.min(n, m);
  checkFeasible(problem, (i) => i >= shared || b[i] === 0, (j) => j >= shared || a[j] === 0);
  const logU = new Float64Array(n);
  const logV = new Float64Array(m);
  const logC = -Math.log(shared);
  const hard1 = isHard(tau1);
  const hard2 = isHard(tau2);
  for (let i = 0; i < shared; i++) {
    const ai = a[i]!;
    const bi = b[i]!;
    if (ai === 0 || bi === 0) continue;
    const price = prices[i]!;
    if (hard1 && hard2 && Math.abs(ai - bi) > 1e-9 * Math.max(ai, bi))
      throw new UserError('infeasible', `With the diagonal prior, source ${i} can only go to target ${i}, but their weights are ${ai} and ${bi} and both marginals are hard. Make τ₁ or τ₂ finite, or choose another prior.`);
    const logA = Math.log(ai);
    const logB = Math.log(bi);
    // Deviations from the marginals rather than log π itself, so that a large τ multiplies no rounding error.
    if (hard1) {
      const g = hard2 ? 0 : -tau2 * (logA - logB);
      logV[i] = g / reg;
      logU[i] = logA - logC + (price - g) / reg;
    } else if (hard2) {
      const f = -tau1 * (logB - logA);
      logU[i] = f / reg;
      logV[i] = logB - logC + (price - f) / reg;
    } else {
      const total = reg + tau1 + tau2;
      const overA = (reg * (logC - logA) - price + tau2 * (logB - logA)) / total;
      const overB = (reg * (logC - logB) - price + tau1 * (logA - logB)) / total;
      logU[i] = (-tau1 / reg) * overA;
      logV[i] = (-tau2 / reg) * overB;
    }
  }
  return { logU, logV, iterations: 0, error: 0, converged: true };
}

/** M_ii, length N = min(n, m). */
export function diagonalOf({ n, m, cost }: Pick<UotProblem, 'n' | 'm' | 'cost'>): Float64Array {
  return Float64Array.from({ length: Math.min(n, m) }, (_, i) => cost[i * m + i]!);
}
