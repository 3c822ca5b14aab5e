import { describe, expect } from 'vitest';
import * as fc from 'fast-check';
import { Random } from '../../src/base/random.ts';
import type { Prior, UotProblem } from '../../src/core/ot/problem.ts';
import { longSinkhorn, makeProblem, marginals, objective, PRIORS, randomWeights, referenceOf, sumOf } from '../support/ot.ts';
import type { Suite } from './backend.ts';
import { AGREEMENT, remembered } from './shapes.ts';

const SEED = 20250918;
const optimumOf = remembered((problem) => longSinkhorn(problem));

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

/** What every optimum must satisfy, on random problems, and the same optimum by brute force. */
export function optimality(suite: Suite): void {
  describe('any problem', () => equations(suite));
  describe('every shape', () => shapes(suite));
  describe('bounds', () => bounds(suite));
  describe('product prior', () => product(suite));
}

function equations(suite: Suite): void {
  suite.property('fast finds the optimum that plain Sinkhorn reaches after very many sweeps', anyProblem, { runs: 150, seed: SEED }, async (problem) => {
    const solution = await suite.solve(problem);
    expect(solution.converged).toBe(true);
    expect(solution.handedOver).toBeNull();
    suite.samePlan(solution, longSinkhorn(problem), 1e-7);
  });

  suite.property('fixed-point equations, marginals, certificates and objective hold at the optimum', anyProblem, { runs: 150, seed: SEED }, async (problem) => {
    const { n, m, cost, a, b, reg, tau1, tau2 } = problem;
    const solution = await suite.solve(problem);
    const { f, g, plan } = solution;
    const reference = referenceOf(problem);
    const { rows, columns } = marginals(plan, n, m);
    // π_ij = c_ij·exp((f_i + g_j − M_ij)/reg).
    plan.forEach((value, k) => {
      const [i, j] = [Math.floor(k / m), k % m];
      const truth = a[i] === 0 || b[j] === 0 ? 0 : reference[k]! * Math.exp((f[i]! + g[j]! - cost[k]!) / reg);
      suite.close(solution, value, truth, 1e-9, 1e-12, 'reading');
    });
    // π1 = a·exp(−f/τ₁) and πᵀ1 = b·exp(−g/τ₂); a hard side meets its weights.
    rows.forEach((value, i) => suite.close(solution, value, a[i]! * Math.exp(-f[i]! / tau1), 1e-7, a[i], 'marginal'));
    columns.forEach((value, j) => suite.close(solution, value, b[j]! * Math.exp(-g[j]! / tau2), 1e-7, b[j], 'marginal'));
    suite.close(solution, solution.mass, sumOf(plan), 1e-12, 0, 'reading');
    suite.close(solution, solution.logMass, Math.log(sumOf(plan)), 1e-12, 1, 'reading');
    suite.sameValues(solution, solution.rowMass, rows, 1e-12, 'reading');
    suite.sameValues(solution, solution.columnMass, columns, 1e-12, 'reading');
    const truth = objective(problem, plan);
    suite.close(solution, solution.primal, truth, 1e-7, reg + 1, 'reading');
    // The reported dual is a lower bound and equals the objective at the optimum.
    suite.close(solution, solution.dual, truth, 1e-6, 1e-2);
    suite.certified(solution, problem);
    if (tau1 < Infinity && tau2 < Infinity) expect(solution.primal - solution.dual).toBeGreaterThanOrEqual(-suite.within('reading', 1e-12, solution) * (1 + Math.abs(truth)));
  });

  /** ⟨weights, potentials⟩ over lines of positive weight. */
  const inner = (weights: Float64Array, potentials: Float64Array): number => sumOf(weights.map((weight, k) => (weight === 0 ? 0 : weight * potentials[k]!)));

  suite.property('the objective from masses and potentials alone', anyProblem, { runs: 150, seed: SEED }, async (problem) => {
    const { a, b, reg, tau1, tau2 } = problem;
    const solution = await suite.solve(problem);
    const { primal, mass, f, g } = solution;
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
    // Terms of the size of S·mass cancel; what float32 got wrong in them stays.
    const size = Math.max(reg, ...[tau1, tau2].filter(Number.isFinite)) * (massA + massB + mass) + Math.abs(primal);
    expect(Math.abs(primal - truth)).toBeLessThanOrEqual(Math.max(1e-6 * Math.max(Math.abs(primal), Math.abs(truth), reg + 1), suite.within('value', 0, solution) * size));
  });
}

function shapes(suite: Suite): void {
  for (const { name, problem } of AGREEMENT)
    suite.test(`the optimum: ${name}`, async () => {
      const solution = await suite.solve(problem);
      expect(solution.handedOver).toBeNull();
      suite.samePlan(solution, optimumOf(problem), 1e-7);
      suite.certified(solution, problem);
    });

  suite.test('costs far from 0 cost no digits', async () => {
    const problem = makeProblem(20, 20, { tau1: 100, tau2: 100 });
    const far = { ...problem, cost: problem.cost.map((value) => value + 50) };
    const solution = await suite.solve(far);
    expect(solution.handedOver).toBeNull();
    suite.samePlan(solution, longSinkhorn(far), 1e-7);
  });
}

function bounds(suite: Suite): void {
  suite.test('unit masses and finite τ: P* = S(1 − π_sum), so π_sum is the objective', async () => {
    for (const prior of PRIORS.filter(({ kind }) => kind !== 'ones')) {
      const solution = await suite.solve(makeProblem(6, 6, { prior, reg: 0.2, tau1: 0.7, tau2: 2 }));
      suite.close(solution, solution.primal, 2.9 * (1 - solution.mass), 1e-8);
    }
  });

  suite.test('the dual of any unfinished run bounds the objective of any plan from below', async () => {
    const problem = makeProblem(7, 5, { reg: 0.02, tau1: 3, tau2: 5 });
    const best = await suite.solve(problem);
    const slack = suite.within('reading', 1e-12, best);
    for (let sweeps = 1; sweeps < 60; sweeps += 7) {
      const rough = await suite.solve(problem, { mode: 'parity', parity: { maxIterations: sweeps, threshold: 1e-6 } });
      expect(rough.dual).toBeLessThanOrEqual(best.primal + slack);
      expect(rough.primal).toBeGreaterThanOrEqual(best.dual - slack);
      // Equal but for what the certificate leaves open, which is nothing in float64.
      expect(rough.primal).toBeGreaterThanOrEqual(best.primal - suite.within('value', 1e-12, best));
      suite.close(rough, rough.primal, objective(problem, rough.plan), 1e-10, 0, 'reading');
      expect(rough.gap).toBeGreaterThanOrEqual(-suite.within('reading', 0, rough));
    }
  });
}

function product(suite: Suite): void {
  const anyCase = fc.tuple(fc.nat(), fc.double({ min: -2, max: 1, noNaN: true }), fc.double({ min: -2, max: 2, noNaN: true }));
  suite.property('π_sum ≥ e^(−q), q = Σ a_i b_j M_ij / S; for the diagonal with the mean of M_ii', anyCase, { runs: 80, seed: SEED }, async ([seed, power, tauPower]) => {
    const random = new Random(seed);
    const a = randomWeights(random, 5);
    const b = randomWeights(random, 5);
    const [reg, tau] = [10 ** power, 10 ** tauPower];
    const problem = makeProblem(5, 5, { a, b, reg, tau1: tau, tau2: 2 * tau }, seed);
    const q = sumOf(problem.cost.map((value, k) => (value * a[Math.floor(k / 5)]! * b[k % 5]!) / (reg + 3 * tau)));
    const whole = await suite.solve(problem);
    expect(whole.mass).toBeGreaterThanOrEqual(Math.exp(-q) * (1 - suite.within('value', 1e-9, whole)));
    const uniform = makeProblem(5, 5, { reg, tau1: tau, tau2: 2 * tau, prior: { kind: 'diagonal' } }, seed);
    const qDiagonal = sumOf([0, 6, 12, 18, 24].map((k) => uniform.cost[k]!)) / 5 / (reg + 3 * tau);
    const diagonal = await suite.solve(uniform);
    expect(diagonal.mass).toBeGreaterThanOrEqual(Math.exp(-qDiagonal) * (1 - suite.within('value', 1e-9, diagonal)));
  });

  suite.test('π_sum grows with τ, from Σ c·e^(−M/reg) to 1', async () => {
    const problem = makeProblem(6, 8, { reg: 0.05 });
    const taus = [1e-6, 1e-3, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 100, 1e5];
    const answers = [];
    for (const tau of taus) answers.push(await suite.solve({ ...problem, tau1: tau, tau2: tau }));
    const masses = answers.map(({ mass }) => mass);
    expect(masses).toEqual(masses.toSorted((p, q) => p - q));
    suite.close(answers, masses[0]!, sumOf(problem.cost.map((value) => Math.exp(-value / 0.05) / 48)), 1e-3);
    suite.close(answers, masses.at(-1)!, 1, 1e-4);
  });

  suite.test('no other plan is cheaper', async () => {
    const random = new Random(4);
    const problem = makeProblem(4, 5, { reg: 0.1, tau1: 0.5, tau2: 2 });
    const solution = await suite.solve(problem);
    for (let k = 0; k < 200; k++) {
      const size = 10 ** random.between(-5, 0);
      expect(objective(problem, solution.plan.map((value) => value * Math.exp(size * random.normal())))).toBeGreaterThanOrEqual(solution.primal - suite.within('reading', 1e-12, solution));
    }
  });
}
