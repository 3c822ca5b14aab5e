import type { HandoverReason } from '../../src/gpu/outcome.ts';
import type { SuiteBackend } from '../suite/backend.ts';

/* What the GPU's backends do not answer, case by case. */

const balanced = (sides: readonly number[], regs: readonly number[], priors: readonly string[] = ['product', 'soft', 'band']): string[] =>
  sides.flatMap((n) => regs.flatMap((reg) => priors.map((prior) => `a balanced problem of ${n} at reg ${reg} converges, and its potentials do not drift along the constants: ${prior} prior`)));

const each = <T>(names: readonly string[], value: T): Record<string, T> => Object.fromEntries(names.map((name) => [name, value]));

/** Beyond float32: `GpuSolver` must say so, and float64 brings it to its end. What is not listed it must hold. */
export const BEYOND_FLOAT32: Readonly<Record<string, HandoverReason>> = {
  ...each(
    [
      'Gaussians on a grid: W₂² = (μ₁−μ₂)² + (s₁−s₂)² as reg → 0',
      'after a change of the cost, a thousandfold',
      ...['fast', 'parity'].map((mode) => `a constant cost far above S: π_sum underflows, its logarithm and the shape of the plan do not (${mode})`),
      ...[1e5, 1e7, 1e9].map((scale) => `a cost that differs by ${scale}: the best pair dominates and perplexity stays a number in [1, m]`),
      ...[1e-8, 1e-6].map((reg) => `reg ${reg} solves to a certificate at finite τ`),
      'reg → 0 approaches the cheapest plan: the optimum no longer depends on reg',
      ...[1e-12, 1e-10].map((reg) => `reg ${reg}, too small for float64: finite, and reported as converged only with a certificate`),
      'one outlier row at 10⁴ times the rest neither breaks nor disturbs the other rows',
    ],
    'cost-range',
  ),
  ...each(
    [
      // Its last problem is infeasible, and parity mode's potentials go where POT's go.
      'two hard sides: solved for equal weights, refused by name otherwise',
      'reg 0.0001 solves to a certificate at finite τ',
      'reg 0.0001 with hard marginals meets them',
      ...[1e9, 1e12].map((tau) => `τ ${tau} solves to a certificate`),
      'τ → ∞ is the hard marginal',
      ...balanced([8, 16], [0.001]),
    ],
    'potential-range',
  ),
  // What the optimum costs is 0, or reg times 0: next to it no gap of float32 is small. The plans are right (solver.test.ts).
  ...each(
    [
      'M = 0, masses 1 and 1, reg 0.1, τ 1 and 1',
      'M = 0 with probability weights costs nothing: π = a bᵀ, and rounding does not cost the certificate',
      'τ → 0 charges nothing for marginals: π = c·exp(−M/reg)',
    ],
    'uncertified',
  ),
  ...each([...balanced([16], [0.01]), ...balanced([16], [0.003], ['band']), ...balanced([64], [0.01, 0.003, 0.001]), 'the hardest golden case converges whatever the last bits of its costs are'], 'stalled'),
};

const ONE_PROBLEM = 'a tick solves one problem; sweeps go by the backend without a resident cost';
const OWN_STOP = 'a tick stops where POT does';

/** Cases that cannot be put to a cost on the device. */
export const LACKED_BY_RESIDENT: SuiteBackend['lacks'] = {
  ...each([...['product', 'ones', 'diagonal', 'soft', 'band'].map((prior) => `a batch is a loop of single problems: ${prior} prior`), 'a batch of changing shapes does not start from potentials that do not fit'], ONE_PROBLEM),
  ...each([...['product', 'ones', 'soft'].map((prior) => `${prior}, parity: the rest is the problem without those lines`), 'a single iteration and a threshold of one’s own are honoured', 'the dual of any unfinished run bounds the objective of any plan from below'], OWN_STOP),
  'one outlier row at 10⁴ times the rest neither breaks nor disturbs the other rows': 'as squared distances in float32 the small costs beside those of 10⁴ keep three digits',
};
