import { describe, expect, test } from 'vitest';
import { barycentricMap, costStatistics, planMetrics, regime } from '../../../src/core/ot/diagnostics.ts';
import { solve } from '../../../src/core/ot/solve.ts';
import { expectClose, makeProblem, sumOf } from '../../support/ot.ts';

test('cost statistics: population standard deviation, median of an even and an odd count', () => {
  const four = costStatistics(Float64Array.of(4, 1, 3, 2));
  expect(four).toEqual({ mean: 2.5, median: 2.5, max: 4, std: Math.sqrt(1.25) });
  expect(costStatistics(Float64Array.of(10, 9, 100)).median).toBe(10);
  expect(costStatistics(new Float64Array(5).fill(7))).toEqual({ mean: 7, median: 7, max: 7, std: 0 });
});

/** Hard marginals on the allowed cells alone. */
function planOf(allowed: (i: number, j: number) => boolean, n: number, m: number): ReturnType<typeof solve> {
  const values = Float64Array.from({ length: n * m }, (_, k) => (allowed(Math.floor(k / m), k % m) ? 1 : 0));
  return solve(makeProblem(n, m, { cost: new Float64Array(n * m), prior: { kind: 'dense', values }, tau1: Infinity, tau2: Infinity }), { mode: 'fast' });
}

const entropyOf = (values: Float64Array, total: number): number => -sumOf(values.map((value) => (value === 0 ? 0 : (value / total) * Math.log(value / total))));

describe('perplexity: matches per row', () => {
  test('1 for a permutation', () => expectClose(planOf((i, j) => j === (i + 2) % 5, 5, 5).perplexity, 1, 1e-9));
  test('m for a uniform plan', () => expectClose(planOf(() => true, 3, 7).perplexity, 7, 1e-9));
  test('2 for two matches a row', () => expectClose(planOf((i, j) => Math.floor(j / 2) === i, 4, 8).perplexity, 2, 1e-9));
  test('from its definition, 0·log 0 = 0', () => {
    const { plan, perplexity, rowMass, mass, entropy } = solve(makeProblem(4, 6, { reg: 0.03 }), { mode: 'fast' });
    expectClose(perplexity, Math.exp(entropyOf(plan, mass) - entropyOf(rowMass, mass)), 1e-9);
    expectClose(entropy, -sumOf(plan.map((value) => (value === 0 ? 0 : value * Math.log(value)))), 1e-9);
  });
});

test('plan metrics under the fork’s names', () => {
  const square = solve(makeProblem(4, 4), { mode: 'fast' });
  const metrics = planMetrics(square);
  expectClose(metrics.ot_loss, sumOf(square.plan.map((value, k) => value * makeProblem(4, 4).cost[k]!)), 1e-12);
  expectClose(metrics.ot_pi_sum, sumOf(square.plan), 1e-12);
  expectClose(metrics.ot_pi_diag!, sumOf([0, 5, 10, 15].map((k) => square.plan[k]!)), 1e-12);
  expectClose(metrics.diag_ratio!, metrics.ot_pi_diag! / metrics.ot_pi_sum, 1e-12);
  expect(planMetrics(solve(makeProblem(4, 5), { mode: 'fast' }))).toMatchObject({ ot_pi_diag: null, diag_ratio: null });
});

test('the diagonal prior matches nothing: ot_pi_sum equals ot_pi_diag', () => {
  const metrics = planMetrics(solve(makeProblem(6, 6, { prior: { kind: 'diagonal' } }), { mode: 'fast' }));
  expectClose(metrics.ot_pi_sum, metrics.ot_pi_diag!, 1e-14);
  expectClose(metrics.diag_ratio!, 1, 1e-14);
});

test('barycentric map: plan-weighted means, NaN on rows without mass', () => {
  const plan = Float64Array.of(0.1, 0.3, 0, 0, 0.2, 0);
  const image = barycentricMap(plan, Float64Array.of(0.4, 0, 0.2), Float64Array.of(1, 10, 5, 20), 2);
  expect([...image].map((value) => Math.round(value * 1e9) / 1e9)).toEqual([4, 17.5, Number.NaN, Number.NaN, 1, 10]);
});

test('the regime’s dimensionless numbers', () => {
  const problem = makeProblem(3, 3, { cost: Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9), reg: 0.5, tau1: 2, tau2: Infinity });
  const statistics = costStatistics(problem.cost);
  const hard = regime(problem, statistics);
  expect(hard).toMatchObject({ medianOverReg: 10, medianOverTau1: 2.5, medianOverTau2: 0, rho1: 0.8, rho2: 1, q: 0, qNearest: 0 });
  const soft = regime({ ...problem, tau2: 2.5 }, statistics);
  expectClose(soft.q, 5 / 5, 1e-12);
  expectClose(soft.qNearest, 4 / 5, 1e-12);
  expectClose(soft.stdOverReg, statistics.std / 0.5, 1e-12);
  expectClose(regime({ ...problem, tau2: 2.5, prior: { kind: 'diagonal' } }, statistics).q, 5 / 5, 1e-12);
});
