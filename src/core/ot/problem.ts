import { UserError } from '../../base/errors.ts';

/**
 * The reference measure c of the entropic term reg·KL(π‖c). N = min(n, m).
 *
 * - `product`: c = a bᵀ (POT ≥ 0.9.5).
 * - `ones`: c = 1 (POT ≤ 0.9.4).
 * - `diagonal`: 1/N on i = j < N and exactly 0 elsewhere. A hard mask, not a bias: nothing is matched.
 * - `soft`: (1−ε)·diagonal + ε·a bᵀ, 0 < ε ≤ 1.
 * - `band`: ∝ a_i b_j exp(−(i−j)²/2(sN)²), scaled to unit mass. Only meaningful for batches in time order.
 * - `dense`: any non-negative matrix, row-major n × m.
 */
export type Prior =
  | { readonly kind: 'product' }
  | { readonly kind: 'ones' }
  | { readonly kind: 'diagonal' }
  | { readonly kind: 'soft'; readonly epsilon: number }
  | { readonly kind: 'band'; readonly width: number }
  | { readonly kind: 'dense'; readonly values: Float64Array };

/**
 * min_π ⟨π,M⟩ + reg·KL(π‖c) + τ₁·KL(π1‖a) + τ₂·KL(πᵀ1‖b), KL(p‖q) = Σ p·log(p/q) − p + q (Chizat et al. 2016).
 * reg and τ are in units of cost; τ = ∞ is a hard marginal.
 */
export interface UotProblem {
  readonly n: number;
  readonly m: number;
  /** M, row-major n × m. */
  readonly cost: Float64Array;
  /** Source weights, length n. */
  readonly a: Float64Array;
  /** Target weights, length m. */
  readonly b: Float64Array;
  readonly prior: Prior;
  readonly reg: number;
  readonly tau1: number;
  readonly tau2: number;
}

/** Everything of a problem but its costs, which may lie where this code cannot read them (a GPU's memory). */
export type Conditions = Omit<UotProblem, 'cost'>;

/** Largest side that is solved: a 4096 × 4096 plan takes 128 MiB in float64. */
export const MAX_SIDE = 4096;

/** Uniform weights of unit mass. */
export function uniformWeights(count: number): Float64Array {
  return new Float64Array(count).fill(1 / count);
}

/** Sum of an array. */
export function sum(values: Float64Array): number {
  let total = 0;
  for (let k = 0; k < values.length; k++) total += values[k]!;
  return total;
}

/** Whether a side has a hard marginal. */
export const isHard = (tau: number): boolean => tau === Infinity;

/**
 * Check everything that would otherwise become a silently wrong plan.
 * @throws UserError `bad-problem` with a sentence that names the quantity and the range that works.
 */
export function validateProblem(problem: UotProblem): void {
  validateConditions(problem);
  const { n, m, cost } = problem;
  if (cost.length !== n * m) throw new UserError('bad-problem', `The cost matrix holds ${cost.length} values, but ${n} × ${m} needs ${n * m}.`);
  for (let k = 0; k < cost.length; k++)
    if (!Number.isFinite(cost[k]))
      throw new UserError('bad-problem', `The cost of source ${Math.floor(k / m)} and target ${k % m} is ${cost[k]}; every cost must be finite. Look for NaN or ∞ in the features.`);
}

/** `validateProblem` without the costs. */
export function validateConditions({ n, m, a, b, prior, reg, tau1, tau2 }: Conditions): void {
  const fail = (message: string): never => {
    throw new UserError('bad-problem', message);
  };
  if (!(Number.isInteger(n) && Number.isInteger(m) && n >= 1 && m >= 1)) fail(`A plan needs at least one source and one target sample; this batch has ${n} and ${m}.`);
  if (n > MAX_SIDE || m > MAX_SIDE) fail(`The problem is ${n} × ${m}; at most ${MAX_SIDE} × ${MAX_SIDE} fits. Draw a smaller batch.`);
  if (a.length !== n) fail(`There are ${a.length} source weights for ${n} rows of the cost matrix; give one a row.`);
  if (b.length !== m) fail(`There are ${b.length} target weights for ${m} columns of the cost matrix; give one a column.`);
  if (!(Number.isFinite(reg) && reg > 0)) fail(`reg is ${reg}; it must be a positive finite number, such as 0.01.`);
  for (const [name, tau] of [['τ₁', tau1], ['τ₂', tau2]] as const)
    if (!(tau > 0)) fail(`${name} is ${tau}; it must be positive, or ∞ for a hard marginal.`);
  checkWeights('source', a);
  checkWeights('target', b);
  if (prior.kind === 'soft' && !(prior.epsilon > 0 && prior.epsilon <= 1)) fail(`The soft prior's ε is ${prior.epsilon}; it must lie in (0, 1].`);
  if (prior.kind === 'band' && !(prior.width > 0 && Number.isFinite(prior.width))) fail(`The band prior's width is ${prior.width}; it must be positive, such as 0.1.`);
  if (prior.kind === 'dense') {
    if (prior.values.length !== n * m) fail(`The reference measure holds ${prior.values.length} values, but ${n} × ${m} needs ${n * m}.`);
    for (const value of prior.values) if (!(value >= 0 && value < Infinity)) fail(`The reference measure contains ${value}; every entry must be finite and not negative.`);
  }
}

function checkWeights(side: string, weights: Float64Array): void {
  for (let k = 0; k < weights.length; k++) {
    const weight = weights[k]!;
    if (!(weight >= 0 && weight < Infinity)) throw new UserError('bad-problem', `The weight of ${side} sample ${k} is ${weight}; weights must be finite and not negative.`);
  }
  if (!(sum(weights) > 0)) throw new UserError('bad-problem', `All ${side} weights are 0; at least one must be positive.`);
}

/**
 * Refuse what has no solution before iterating on it.
 * @throws UserError `infeasible`
 */
export function checkFeasible(problem: Conditions, emptyRow: (i: number) => boolean, emptyColumn: (j: number) => boolean): void {
  const { n, m, a, b, tau1, tau2 } = problem;
  const fail = (message: string): never => {
    throw new UserError('infeasible', message);
  };
  if (isHard(tau1) && isHard(tau2)) {
    const massA = sum(a);
    const massB = sum(b);
    if (Math.abs(massA - massB) > 1e-6 * Math.max(massA, massB))
      fail(`Balanced transport needs equal masses, but the source weights sum to ${massA} and the target weights to ${massB}. Scale one side, or make τ₁ or τ₂ finite.`);
  }
  if (isHard(tau1))
    for (let i = 0; i < n; i++) if (a[i]! > 0 && emptyRow(i)) fail(`Source ${i} has weight but the prior allows it no target, and τ₁ = ∞ does not let its mass go. Make τ₁ finite or choose another prior.`);
  if (isHard(tau2))
    for (let j = 0; j < m; j++) if (b[j]! > 0 && emptyColumn(j)) fail(`Target ${j} has weight but the prior allows it no source, and τ₂ = ∞ does not let its mass go. Make τ₂ finite or choose another prior.`);
}
