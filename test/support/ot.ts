import { expect } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { uniformWeights, type Prior, type UotProblem } from '../../src/core/ot/problem.ts';

/*
 * Problems, and an independent reading of the mathematics: nothing here uses the solver. Reference measures, objective
 * and solvers are written from the definitions, slowly and plainly.
 */

/** A problem with seeded uniform costs in [0, 1], uniform weights and the product prior, changed by `over`. */
export function makeProblem(n: number, m: number, over: Partial<UotProblem> = {}, seed = 1): UotProblem {
  const random = new Random(seed);
  const cost = Float64Array.from({ length: n * m }, () => random.uniform());
  return { n, m, cost, a: uniformWeights(n), b: uniformWeights(m), prior: { kind: 'product' }, reg: 0.1, tau1: 1, tau2: 1, ...over };
}

/** Positive weights of the given total. */
export function randomWeights(random: Random, count: number, total = 1): Float64Array {
  const raw = Float64Array.from({ length: count }, () => 0.1 + random.uniform());
  const mass = raw.reduce((left, right) => left + right, 0);
  return raw.map((value) => (value * total) / mass);
}

export const sumOf = (values: Iterable<number>): number => [...values].reduce((left, right) => left + right, 0);

/** c_ij of a prior, from its definition. */
export function referenceOf({ n, m, a, b, prior }: UotProblem): Float64Array {
  const shared = Math.min(n, m);
  const cell = (i: number, j: number): number => {
    const diagonal = i === j ? 1 / shared : 0;
    const product = a[i]! * b[j]!;
    if (prior.kind === 'product') return product;
    if (prior.kind === 'ones') return 1;
    if (prior.kind === 'diagonal') return diagonal;
    if (prior.kind === 'soft') return (1 - prior.epsilon) * diagonal + prior.epsilon * product;
    if (prior.kind === 'band') return product * Math.exp(-((i - j) ** 2) / (2 * (prior.width * shared) ** 2));
    return prior.values[i * m + j]!;
  };
  const measure = Float64Array.from({ length: n * m }, (_, k) => cell(Math.floor(k / m), k % m));
  const scale = prior.kind === 'band' ? sumOf(measure) : 1;
  return measure.map((value) => value / scale);
}

/** KL(p‖q) = Σ p·log(p/q) − p + q. */
export function klDivergence(p: Float64Array, q: Float64Array): number {
  return sumOf(p.map((value, k) => (value === 0 ? q[k]! : q[k] === 0 ? Infinity : value * Math.log(value / q[k]!) - value + q[k]!)));
}

export function marginals(plan: Float64Array, n: number, m: number): { rows: Float64Array; columns: Float64Array } {
  const rows = new Float64Array(n);
  const columns = new Float64Array(m);
  plan.forEach((value, k) => {
    rows[Math.floor(k / m)] = rows[Math.floor(k / m)]! + value;
    columns[k % m] = columns[k % m]! + value;
  });
  return { rows, columns };
}

/** ⟨π,M⟩ + reg·KL(π‖c) + τ₁·KL(π1‖a) + τ₂·KL(πᵀ1‖b), without the terms of hard sides. */
export function objective(problem: UotProblem, plan: Float64Array): number {
  const { n, m, cost, a, b, reg, tau1, tau2 } = problem;
  const { rows, columns } = marginals(plan, n, m);
  const transport = sumOf(plan.map((value, k) => value * cost[k]!));
  const soft = (tau: number, marginal: Float64Array, weights: Float64Array): number => (tau === Infinity ? 0 : tau * klDivergence(marginal, weights));
  return transport + reg * klDivergence(plan, referenceOf(problem)) + soft(tau1, rows, a) + soft(tau2, columns, b);
}

const logSumOf = (values: readonly number[]): number => {
  const top = Math.max(...values);
  return top === -Infinity ? top : top + Math.log(sumOf(values.map((value) => Math.exp(value - top))));
};

/** Plain log-domain Sinkhorn, for as long as it takes: the optimum, slowly. */
export function longSinkhorn(problem: UotProblem, maxSweeps = 100_000): Float64Array {
  const { n, m, cost, a, b, reg, tau1, tau2 } = problem;
  const reference = referenceOf(problem);
  const logK = (i: number, j: number): number => (a[i] === 0 || b[j] === 0 ? -Infinity : Math.log(reference[i * m + j]!) - cost[i * m + j]! / reg);
  const kernel = Array.from({ length: n }, (_, i) => Array.from({ length: m }, (_unused, j) => logK(i, j)));
  const rho = (tau: number): number => (tau === Infinity ? 1 : tau / (tau + reg));
  const step = (sum: number, weight: number, tau: number): number => (sum === -Infinity || weight === 0 ? 0 : rho(tau) * (Math.log(weight) - sum));
  const x = new Float64Array(n);
  const y = new Float64Array(m);
  for (let sweep = 0, moved = Infinity; sweep < maxSweeps && moved > 1e-13; sweep++) {
    moved = 0;
    for (let i = 0; i < n; i++) {
      const next = step(logSumOf(kernel[i]!.map((value, j) => value + y[j]!)), a[i]!, tau1);
      moved = Math.max(moved, Math.abs(next - x[i]!));
      x[i] = next;
    }
    for (let j = 0; j < m; j++) y[j] = step(logSumOf(kernel.map((row, i) => row[j]! + x[i]!)), b[j]!, tau2);
  }
  return Float64Array.from({ length: n * m }, (_, k) => Math.exp(x[Math.floor(k / m)]! + kernel[Math.floor(k / m)]![k % m]! + y[k % m]!));
}

/** max|p − q| / max|q|. */
export function relativeDistance(plan: Float64Array, truth: Float64Array): number {
  let worst = 0;
  let top = 0;
  truth.forEach((value, k) => {
    const difference = Math.abs(plan[k]! - value);
    worst = Number.isNaN(difference) ? Infinity : Math.max(worst, difference);
    top = Math.max(top, Math.abs(value));
  });
  return worst === 0 ? 0 : worst / top;
}

/** |x − y| ≤ tolerance·max(|x|, |y|, floor). */
export function expectClose(value: number, truth: number, tolerance = 1e-9, floor = 0): void {
  expect(Math.abs(value - truth), `${value} against ${truth}`).toBeLessThanOrEqual(tolerance * Math.max(Math.abs(value), Math.abs(truth), floor));
}

export const PRIORS: readonly Prior[] = [{ kind: 'product' }, { kind: 'ones' }, { kind: 'diagonal' }, { kind: 'soft', epsilon: 0.3 }, { kind: 'band', width: 0.2 }];

export function transposed(problem: UotProblem): UotProblem {
  const { n, m, a, b, tau1, tau2, prior } = problem;
  const flipped: Prior = prior.kind === 'dense' ? { kind: 'dense', values: transpose(prior.values, n, m) } : prior;
  return { ...problem, n: m, m: n, a: b, b: a, tau1: tau2, tau2: tau1, cost: transpose(problem.cost, n, m), prior: flipped };
}

export function transpose(values: Float64Array, n: number, m: number): Float64Array {
  return Float64Array.from({ length: n * m }, (_, k) => values[(k % n) * m + Math.floor(k / n)]!);
}
