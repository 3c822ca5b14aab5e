import { describe, expect } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { longSinkhorn, makeProblem, randomWeights, referenceOf } from '../support/ot.ts';
import type { Suite } from './backend.ts';

/** Where exp under- and overflows, and where reg or τ leave every sensible range. */
export function extremes(suite: Suite): void {
  describe('dead mass', () => deadMass(suite));
  describe('reg', () => regs(suite));
  describe('τ', () => taus(suite));
  describe('unusual costs, masses and sizes', () => unusual(suite));
}

function deadMass(suite: Suite): void {
  for (const mode of ['fast', 'parity'] as const)
    suite.test(`a constant cost far above S: π_sum underflows, its logarithm and the shape of the plan do not (${mode})`, async () => {
      const random = new Random(2);
      const problem = makeProblem(5, 7, { cost: new Float64Array(35).fill(5000), a: randomWeights(random, 5), b: new Float64Array(7).fill(1 / 7) });
      const solution = await suite.solve(problem, { mode });
      expect(solution.mass).toBe(0);
      suite.close(solution, solution.logMass, -5000 / 2.1, 1e-6);
      suite.close(solution, solution.perplexity, 7, 1e-6);
      for (const value of Object.values(solution)) if (typeof value === 'number') expect(value).not.toBeNaN();
      expect(solution.plan.every((value) => value === 0)).toBe(true);
      if (mode === 'parity') return;
      expect(solution.converged).toBe(true);
      // Nothing is transported, so everything is paid: reg·m_c + τ₁·m_a + τ₂·m_b.
      suite.close(solution, solution.primal, 2.1, 1e-12);
      suite.close(solution, solution.dual, 2.1, 1e-9);
    });

  for (const scale of [1e3, 1e5, 1e7, 1e9])
    suite.test(`a cost that differs by ${scale}: the best pair dominates and perplexity stays a number in [1, m]`, async () => {
      const base = makeProblem(6, 6, { reg: 0.5 });
      const solution = await suite.solve({ ...base, cost: base.cost.map((value) => scale * (0.5 + value)) });
      expect(Number.isFinite(solution.logMass)).toBe(true);
      const slack = suite.within('value', 1e-6, solution);
      expect(solution.perplexity).toBeGreaterThanOrEqual(1 - slack);
      expect(solution.perplexity).toBeLessThanOrEqual(6 + slack);
      expect(solution.converged).toBe(true);
    });

  suite.test('the diagonal prior: log π_sum = log mean exp(−M_ii/S)', async () => {
    const base = makeProblem(4, 4, { prior: { kind: 'diagonal' } });
    const problem = { ...base, cost: base.cost.map((value) => 1e4 * (1 + value)) };
    const exponents = [0, 5, 10, 15].map((k) => -problem.cost[k]! / 2.1);
    const top = Math.max(...exponents);
    const truth = top + Math.log(exponents.reduce((total, value) => total + Math.exp(value - top), 0) / 4);
    const solution = await suite.solve(problem);
    suite.close(solution, solution.logMass, truth, 1e-10);
  });
}

function regs(suite: Suite): void {
  for (const reg of [1e-8, 1e-6, 1e-4, 1e-2, 1, 1e2, 1e6, 1e12])
    suite.test(`reg ${reg} solves to a certificate at finite τ`, async () => {
      for (const seed of [1, 2, 3]) {
        const problem = makeProblem(6, 8, { reg, tau1: 0.5 }, seed);
        const solution = await suite.solve(problem);
        suite.certified(solution, problem);
        expect(solution.plan.every((value) => value >= 0 && value <= 1)).toBe(true);
      }
    });

  for (const prior of [{ kind: 'product' }, { kind: 'soft', epsilon: 0.4 }, { kind: 'band', width: 0.3 }] as const)
    suite.test(`reg → ∞ returns the reference measure: ${prior.kind} prior`, async () => {
      const problem = makeProblem(5, 4, { prior, reg: 1e12 });
      suite.samePlan(await suite.solve(problem), referenceOf(problem), 1e-9);
    });

  suite.test('reg → 0 approaches the cheapest plan: the optimum no longer depends on reg', async () => {
    const coarse = await suite.solve(makeProblem(8, 8, { reg: 1e-7 }));
    const fine = await suite.solve(makeProblem(8, 8, { reg: 1e-8 }));
    suite.close([coarse, fine], coarse.primal, fine.primal, 1e-5);
  });

  for (const reg of [1e-4, 1e-2, 1, 1e4, 1e12])
    suite.test(`reg ${reg} with hard marginals meets them`, async () => {
      const problem = makeProblem(7, 9, { reg, tau1: Infinity, tau2: Infinity });
      const solution = await suite.solve(problem);
      suite.certified(solution, problem);
      solution.rowMass.forEach((value) => suite.close(solution, value, 1 / 7, 1e-6, 0, 'marginal'));
      solution.columnMass.forEach((value) => suite.close(solution, value, 1 / 9, 1e-6, 0, 'marginal'));
    });

  // log π = (f + g − M)/reg has lost its digits here: nothing may pretend otherwise.
  for (const reg of [1e-12, 1e-10])
    suite.test(`reg ${reg}, too small for float64: finite, and reported as converged only with a certificate`, async () => {
      for (let seed = 1; seed <= suite.runs(5); seed++) {
        for (const problem of [makeProblem(6, 8, { reg, tau1: 0.5 }, seed), makeProblem(6, 8, { reg, tau1: Infinity, tau2: Infinity }, seed)]) {
          const solution = await suite.solve(problem);
          expect([...solution.plan, solution.primal, solution.dual].every(Number.isFinite)).toBe(true);
          if (solution.converged) suite.certified(solution, problem);
        }
      }
    });
}

function taus(suite: Suite): void {
  for (const tau of [1e-9, 1e-3, 1e3, 1e6, 1e9, 1e12])
    suite.test(`τ ${tau} solves to a certificate`, async () => {
      const problem = makeProblem(6, 8, { tau1: tau, tau2: tau });
      suite.certified(await suite.solve(problem), problem);
    });

  suite.test('τ → 0 charges nothing for marginals: π = c·exp(−M/reg)', async () => {
    const problem = makeProblem(6, 8, { tau1: 1e-12, tau2: 1e-12 });
    suite.samePlan(await suite.solve(problem), problem.cost.map((value) => Math.exp(-value / 0.1) / 48), 1e-9);
  });

  suite.test('τ → ∞ is the hard marginal', async () => {
    const problem = makeProblem(6, 8, { tau1: 1e9, tau2: 1e9 });
    suite.samePlan(await suite.solve(problem), await suite.solve({ ...problem, tau1: Infinity, tau2: Infinity }), 1e-7);
  });
}

function unusual(suite: Suite): void {
  for (const scale of [1e6, 1e-12])
    suite.test(`masses of ${scale} are as good as 1`, async () => {
      const random = new Random(1);
      const problem = makeProblem(6, 5, { a: randomWeights(random, 6, scale), b: randomWeights(random, 5, 2 * scale) });
      const solution = await suite.solve(problem);
      expect(solution.converged).toBe(true);
      suite.samePlan(solution, longSinkhorn(problem), 1e-7);
    });

  suite.test('costs may be negative', async () => {
    const base = makeProblem(6, 8);
    const problem = { ...base, cost: base.cost.map((value) => value - 0.6) };
    suite.samePlan(await suite.solve(problem), longSinkhorn(problem), 1e-7);
  });

  suite.test('one outlier row at 10⁴ times the rest neither breaks nor disturbs the other rows', async () => {
    const base = makeProblem(8, 8, { reg: 0.05 });
    const problem = { ...base, cost: base.cost.map((value, k) => (k < 8 ? value * 1e4 + 100 : value)) };
    const solution = await suite.solve(problem);
    expect(solution.converged).toBe(true);
    expect(solution.rowMass[0]).toBeLessThan(1e-30);
    suite.samePlan(solution, longSinkhorn(problem), 1e-7);
  });

  suite.test('sides up to 600, beyond Newton’s limit', async () => {
    const problem = makeProblem(300, 260, { reg: 0.01, tau1: 1, tau2: 5 });
    suite.certified(await suite.solve(problem), problem);
  });
}
