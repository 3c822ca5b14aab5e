import { describe, expect, test } from 'vitest';
import { Random } from '../../../src/base/random.ts';
import { solve } from '../../../src/core/ot/solve.ts';
import { expectClose, expectSamePlan, longSinkhorn, makeProblem, randomWeights, referenceOf } from '../../support/ot.ts';

/* Where exp under- and overflows, and where reg or τ leave every sensible range. */

describe('dead mass', () => {
  test('a constant cost far above S: π_sum underflows, its logarithm and the shape of the plan do not', () => {
    const random = new Random(2);
    const problem = makeProblem(5, 7, { cost: new Float64Array(35).fill(5000), a: randomWeights(random, 5), b: new Float64Array(7).fill(1 / 7) });
    for (const mode of ['fast', 'parity'] as const) {
      const solution = solve(problem, { mode });
      expect(solution.mass).toBe(0);
      expectClose(solution.logMass, -5000 / 2.1, 1e-6);
      expectClose(solution.perplexity, 7, 1e-6);
      for (const value of Object.values(solution)) if (typeof value === 'number') expect(value).not.toBeNaN();
      expect(solution.plan.every((value) => value === 0)).toBe(true);
    }
    const fast = solve(problem, { mode: 'fast' });
    expect(fast.converged).toBe(true);
    // Nothing is transported, so everything is paid: reg·m_c + τ₁·m_a + τ₂·m_b.
    expectClose(fast.primal, 2.1, 1e-12);
    expectClose(fast.dual, 2.1, 1e-9);
  });

  test('a cost that differs: the best pair dominates and perplexity stays a number in [1, m]', () => {
    const base = makeProblem(6, 6, { reg: 0.5 });
    for (const scale of [1e3, 1e5, 1e7, 1e9]) {
      const solution = solve({ ...base, cost: base.cost.map((value) => scale * (0.5 + value)) }, { mode: 'fast' });
      expect(Number.isFinite(solution.logMass)).toBe(true);
      expect(solution.perplexity).toBeGreaterThanOrEqual(1 - 1e-6);
      expect(solution.perplexity).toBeLessThanOrEqual(6 + 1e-6);
      expect(solution.converged).toBe(true);
    }
  });

  test('the diagonal prior: log π_sum = log mean exp(−M_ii/S)', () => {
    const base = makeProblem(4, 4, { prior: { kind: 'diagonal' } });
    const problem = { ...base, cost: base.cost.map((value) => 1e4 * (1 + value)) };
    const exponents = [0, 5, 10, 15].map((k) => -problem.cost[k]! / 2.1);
    const top = Math.max(...exponents);
    const truth = top + Math.log(exponents.reduce((total, value) => total + Math.exp(value - top), 0) / 4);
    expectClose(solve(problem, { mode: 'fast' }).logMass, truth, 1e-10);
  });
});

describe('reg', () => {
  test.each([1e-8, 1e-6, 1e-4, 1e-2, 1, 1e2, 1e6, 1e12])('%f solves to a certificate at finite τ', (reg) => {
    for (const seed of [1, 2, 3]) {
      const solution = solve(makeProblem(6, 8, { reg, tau1: 0.5 }, seed), { mode: 'fast' });
      expect(solution.converged).toBe(true);
      expect(Math.abs(solution.gap)).toBeLessThanOrEqual(1e-6);
      expect(solution.plan.every((value) => value >= 0 && value <= 1)).toBe(true);
    }
  });

  test('→ ∞ returns the reference measure', () => {
    for (const prior of [{ kind: 'product' }, { kind: 'soft', epsilon: 0.4 }, { kind: 'band', width: 0.3 }] as const) {
      const problem = makeProblem(5, 4, { prior, reg: 1e12 });
      expectSamePlan(solve(problem, { mode: 'fast' }).plan, referenceOf(problem), 1e-9);
    }
  });

  test('→ 0 approaches the cheapest plan: the optimum no longer depends on reg', () => {
    const [coarse, fine] = [1e-7, 1e-8].map((reg) => solve(makeProblem(8, 8, { reg }), { mode: 'fast' }).primal);
    expectClose(coarse!, fine!, 1e-5);
  });

  test.each([1e-4, 1e-2, 1, 1e4, 1e12])('%f with hard marginals meets them', (reg) => {
    const solution = solve(makeProblem(7, 9, { reg, tau1: Infinity, tau2: Infinity }), { mode: 'fast' });
    expect(solution.converged).toBe(true);
    expect(solution.marginalViolation).toBeLessThanOrEqual(1e-6);
    solution.rowMass.forEach((value) => expectClose(value, 1 / 7, 1e-6));
    solution.columnMass.forEach((value) => expectClose(value, 1 / 9, 1e-6));
  });

  // log π = (f + g − M)/reg has lost its digits here: nothing may pretend otherwise.
  test.each([1e-12, 1e-10])('%f, too small for float64: finite, and reported as converged only with a certificate', (reg) => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const soft = solve(makeProblem(6, 8, { reg, tau1: 0.5 }, seed), { mode: 'fast' });
      const hard = solve(makeProblem(6, 8, { reg, tau1: Infinity, tau2: Infinity }, seed), { mode: 'fast' });
      for (const { plan, primal, dual } of [soft, hard]) expect([...plan, primal, dual].every(Number.isFinite)).toBe(true);
      if (soft.converged) expect(soft.gap).toBeLessThanOrEqual(1e-6);
      if (hard.converged) expect(hard.marginalViolation).toBeLessThanOrEqual(1e-6);
    }
  });
});

describe('τ', () => {
  test.each([1e-9, 1e-3, 1e3, 1e6, 1e9, 1e12])('%f solves to a certificate', (tau) => {
    const solution = solve(makeProblem(6, 8, { tau1: tau, tau2: tau }), { mode: 'fast' });
    expect(solution.converged).toBe(true);
    expect(Math.abs(solution.gap)).toBeLessThanOrEqual(1e-6);
  });

  test('→ 0 charges nothing for marginals: π = c·exp(−M/reg); → ∞ is the hard marginal', () => {
    const problem = makeProblem(6, 8, { tau1: 1e-12, tau2: 1e-12 });
    expectSamePlan(solve(problem, { mode: 'fast' }).plan, problem.cost.map((value) => Math.exp(-value / 0.1) / 48), 1e-9);
    const loose = solve({ ...problem, tau1: 1e9, tau2: 1e9 }, { mode: 'fast' });
    expectSamePlan(loose.plan, solve({ ...problem, tau1: Infinity, tau2: Infinity }, { mode: 'fast' }).plan, 1e-7);
  });
});

test('masses of 10⁶ and 10⁻¹² are as good as 1', () => {
  for (const scale of [1e6, 1e-12]) {
    const random = new Random(1);
    const problem = makeProblem(6, 5, { a: randomWeights(random, 6, scale), b: randomWeights(random, 5, 2 * scale) });
    const solution = solve(problem, { mode: 'fast' });
    expect(solution.converged).toBe(true);
    expectSamePlan(solution.plan, longSinkhorn(problem), 1e-7);
  }
});

test('costs may be negative', () => {
  const base = makeProblem(6, 8);
  const problem = { ...base, cost: base.cost.map((value) => value - 0.6) };
  expectSamePlan(solve(problem, { mode: 'fast' }).plan, longSinkhorn(problem), 1e-7);
});

test('one outlier row at 10⁴ times the rest neither breaks nor disturbs the other rows', () => {
  const base = makeProblem(8, 8, { reg: 0.05 });
  const problem = { ...base, cost: base.cost.map((value, k) => (k < 8 ? value * 1e4 + 100 : value)) };
  const solution = solve(problem, { mode: 'fast' });
  expect(solution.converged).toBe(true);
  expect(solution.rowMass[0]).toBeLessThan(1e-30);
  expectSamePlan(solution.plan, longSinkhorn(problem), 1e-7);
});

test('sides up to 600, beyond Newton’s limit', () => {
  const problem = makeProblem(300, 260, { reg: 0.01, tau1: 1, tau2: 5 });
  const solution = solve(problem, { mode: 'fast' });
  expect(solution.converged).toBe(true);
  expect(solution.gap).toBeLessThan(1e-6);
});
