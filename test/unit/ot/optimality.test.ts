import { describe, expect, test } from 'vitest';
import * as fc from 'fast-check';
import { Random } from '../../../src/base/random.ts';
import type { Prior, UotProblem } from '../../../src/core/ot/problem.ts';
import { solve } from '../../../src/core/ot/solve.ts';
import { expectClose, expectSamePlan, klDivergence, longSinkhorn, makeProblem, marginals, objective, PRIORS, randomWeights, referenceOf, sumOf } from '../../support/ot.ts';

/* What every optimum must satisfy, on random problems, and the same optimum by brute force. */

fc.configureGlobal({ seed: 20250918 });

const anyTau = fc.oneof(fc.double({ min: -1.5, max: 1.5, noNaN: true }).map((power) => 10 ** power), fc.constant(Infinity));
const anyPrior: fc.Arbitrary<Prior> = fc.constantFrom<Prior>(...PRIORS.filter(({ kind }) => kind !== 'diagonal'));

/** Unequal masses unless both sides are hard, and now and then a line without weight. */
const anyProblem: fc.Arbitrary<UotProblem> = fc
  .record({ n: fc.integer({ min: 1, max: 7 }), m: fc.integer({ min: 1, max: 7 }), seed: fc.nat(), power: fc.double({ min: -1, max: 1, noNaN: true }), tau1: anyTau, tau2: anyTau, prior: anyPrior, zeros: fc.boolean() })
  .map(({ n, m, seed, power, tau1, tau2, prior, zeros }) => {
    const random = new Random(seed);
    const balanced = tau1 === Infinity && tau2 === Infinity;
    const a = randomWeights(random, n, balanced ? 1 : random.between(0.3, 3));
    const b = randomWeights(random, m, balanced ? 1 : random.between(0.3, 3));
    // A band is scaled by Σ a_i b_j w_ij, whatever the masses are: keep a line without weight to finite τ.
    if (zeros && n > 1 && !balanced) a[random.below(n)] = 0;
    return makeProblem(n, m, { a, b, reg: 10 ** power, tau1, tau2, prior }, seed);
  });

test('fast finds the optimum that plain Sinkhorn reaches after very many sweeps', () => {
  fc.assert(
    fc.property(anyProblem, (problem) => {
      const solution = solve(problem, { mode: 'fast' });
      expect(solution.converged).toBe(true);
      expectSamePlan(solution.plan, longSinkhorn(problem), 1e-7);
    }),
    { numRuns: 150 },
  );
});

test('fixed-point equations, marginals, certificates and objective hold at the optimum', () => {
  fc.assert(
    fc.property(anyProblem, (problem) => {
      const { n, m, cost, a, b, reg, tau1, tau2 } = problem;
      const solution = solve(problem, { mode: 'fast' });
      const { f, g, plan } = solution;
      const reference = referenceOf(problem);
      const { rows, columns } = marginals(plan, n, m);
      // π_ij = c_ij·exp((f_i + g_j − M_ij)/reg).
      plan.forEach((value, k) => {
        const [i, j] = [Math.floor(k / m), k % m];
        const truth = a[i] === 0 || b[j] === 0 ? 0 : reference[k]! * Math.exp((f[i]! + g[j]! - cost[k]!) / reg);
        expectClose(value, truth, 1e-9, 1e-12);
      });
      // π1 = a·exp(−f/τ₁) and πᵀ1 = b·exp(−g/τ₂); a hard side meets its weights.
      rows.forEach((value, i) => expectClose(value, a[i]! * Math.exp(-f[i]! / tau1), 1e-7, a[i]));
      columns.forEach((value, j) => expectClose(value, b[j]! * Math.exp(-g[j]! / tau2), 1e-7, b[j]));
      expectClose(solution.mass, sumOf(plan), 1e-12);
      expectClose(solution.logMass, Math.log(sumOf(plan)), 1e-12, 1);
      expectSamePlan(solution.rowMass, rows, 1e-12);
      expectSamePlan(solution.columnMass, columns, 1e-12);
      const truth = objective(problem, plan);
      expectClose(solution.primal, truth, 1e-7, reg + 1);
      // The reported dual is a lower bound and equals the objective at the optimum.
      expectClose(solution.dual, truth, 1e-6, 1e-2);
      if (tau1 < Infinity && tau2 < Infinity) {
        expect(solution.primal - solution.dual).toBeGreaterThanOrEqual(-1e-12 * (1 + Math.abs(truth)));
        expect(solution.gap).toBeLessThanOrEqual(1e-6);
      } else expect(solution.marginalViolation).toBeLessThanOrEqual(1e-6);
    }),
    { numRuns: 150 },
  );
});

/** ⟨weights, potentials⟩ over lines of positive weight. */
const inner = (weights: Float64Array, potentials: Float64Array): number => sumOf(weights.map((weight, k) => (weight === 0 ? 0 : weight * potentials[k]!)));

test('the objective from masses and potentials alone', () => {
  fc.assert(
    fc.property(anyProblem, (problem) => {
      const { a, b, reg, tau1, tau2 } = problem;
      const { primal, mass, f, g } = solve(problem, { mode: 'fast' });
      const [massA, massB, massC] = [sumOf(a), sumOf(b), sumOf(referenceOf(problem))];
      const [hard1, hard2] = [tau1 === Infinity, tau2 === Infinity];
      const truth =
        hard1 && hard2
          ? inner(a, f) + inner(b, g) + reg * (massC - massA)
          : hard2
            ? inner(b, g) + tau1 * (massA - massB) + reg * (massC - massB)
            : hard1
              ? inner(a, f) + tau2 * (massB - massA) + reg * (massC - massA)
              : reg * massC + tau1 * massA + tau2 * massB - (reg + tau1 + tau2) * mass;
      expectClose(primal, truth, 1e-6, reg + 1);
    }),
    { numRuns: 150 },
  );
});

test('unit masses and finite τ: P* = S(1 − π_sum), so π_sum is the objective', () => {
  for (const prior of PRIORS.filter(({ kind }) => kind !== 'ones')) {
    const problem = makeProblem(6, 6, { prior, reg: 0.2, tau1: 0.7, tau2: 2 });
    const { primal, mass } = solve(problem, { mode: 'fast' });
    expectClose(primal, 2.9 * (1 - mass), 1e-8);
  }
});

test('the dual of any unfinished run bounds the objective of any plan from below', () => {
  const problem = makeProblem(7, 5, { reg: 0.02, tau1: 3, tau2: 5 });
  const best = solve(problem, { mode: 'fast' }).primal;
  for (let sweeps = 1; sweeps < 60; sweeps += 7) {
    const rough = solve(problem, { mode: 'parity', parity: { maxIterations: sweeps, threshold: 1e-6 } });
    expect(rough.dual).toBeLessThanOrEqual(best + 1e-12);
    expect(rough.primal).toBeGreaterThanOrEqual(best - 1e-12);
    expectClose(rough.primal, objective(problem, rough.plan), 1e-10);
    expect(rough.gap).toBeGreaterThanOrEqual(0);
  }
});

describe('product prior', () => {
  test('π_sum ≥ e^(−q), q = Σ a_i b_j M_ij / S; for the diagonal with the mean of M_ii', () => {
    fc.assert(
      fc.property(fc.nat(), fc.double({ min: -2, max: 1, noNaN: true }), fc.double({ min: -2, max: 2, noNaN: true }), (seed, power, tauPower) => {
        const random = new Random(seed);
        const a = randomWeights(random, 5);
        const b = randomWeights(random, 5);
        const [reg, tau] = [10 ** power, 10 ** tauPower];
        const problem = makeProblem(5, 5, { a, b, reg, tau1: tau, tau2: 2 * tau }, seed);
        const q = sumOf(problem.cost.map((value, k) => (value * a[Math.floor(k / 5)]! * b[k % 5]!) / (reg + 3 * tau)));
        expect(solve(problem, { mode: 'fast' }).mass).toBeGreaterThanOrEqual(Math.exp(-q) * (1 - 1e-9));
        const uniform = makeProblem(5, 5, { reg, tau1: tau, tau2: 2 * tau, prior: { kind: 'diagonal' } }, seed);
        const qDiagonal = sumOf([0, 6, 12, 18, 24].map((k) => uniform.cost[k]!)) / 5 / (reg + 3 * tau);
        expect(solve(uniform, { mode: 'fast' }).mass).toBeGreaterThanOrEqual(Math.exp(-qDiagonal) * (1 - 1e-9));
      }),
      { numRuns: 80 },
    );
  });

  test('π_sum grows with τ, from Σ c·e^(−M/reg) to 1', () => {
    const problem = makeProblem(6, 8, { reg: 0.05 });
    const taus = [1e-6, 1e-3, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 100, 1e5];
    const masses = taus.map((tau) => solve({ ...problem, tau1: tau, tau2: tau }, { mode: 'fast' }).mass);
    expect(masses).toEqual(masses.toSorted((p, q) => p - q));
    expectClose(masses[0]!, sumOf(problem.cost.map((value) => Math.exp(-value / 0.05) / 48)), 1e-3);
    expectClose(masses.at(-1)!, 1, 1e-4);
  });

  test('no other plan is cheaper', () => {
    const random = new Random(4);
    const problem = makeProblem(4, 5, { reg: 0.1, tau1: 0.5, tau2: 2 });
    const { plan, primal } = solve(problem, { mode: 'fast' });
    for (let k = 0; k < 200; k++) {
      const size = 10 ** random.between(-5, 0);
      expect(objective(problem, plan.map((value) => value * Math.exp(size * random.normal())))).toBeGreaterThanOrEqual(primal - 1e-12);
    }
  });

  test('KL in this file is what it should be', () => {
    expect(klDivergence(Float64Array.of(0.5, 0), Float64Array.of(0.5, 0.2))).toBeCloseTo(0.2, 15);
    expect(klDivergence(Float64Array.of(1), Float64Array.of(2))).toBeCloseTo(1 - Math.log(2), 15);
  });
});
