import { describe, expect, test } from 'vitest';
import { Random } from '../../../src/base/random.ts';
import { solve, type Mode } from '../../../src/core/ot/solve.ts';
import { expectClose, expectSamePlan, makeProblem, marginals, randomWeights, sumOf } from '../../support/ot.ts';

/* Problems whose solution is a formula. */

const MODES: readonly Mode[] = ['fast', 'parity'];

describe('diagonal prior', () => {
  const random = new Random(3);
  const n = 6;
  const a = randomWeights(random, n);
  const b = randomWeights(random, n);
  const base = makeProblem(n, n, { a, b, prior: { kind: 'diagonal' }, reg: 0.2 }, 5);
  const price = (i: number): number => base.cost[i * n + i]!;

  test.each([
    [0.5, 0.5],
    [0.01, 3],
    [3, 0.01],
    [100, 100],
  ])('finite τ₁ = %f, τ₂ = %f', (tau1, tau2) => {
    const solution = solve({ ...base, tau1, tau2 }, { mode: 'fast' });
    const total = base.reg + tau1 + tau2;
    for (let i = 0; i < n; i++) {
      const truth = Math.exp((base.reg * Math.log(1 / n) - price(i) + tau1 * Math.log(a[i]!) + tau2 * Math.log(b[i]!)) / total);
      expectClose(solution.plan[i * n + i]!, truth, 1e-12);
      // Potentials: the marginal relaxation charges f_i = −τ₁·log(π_ii/a_i).
      expectClose(solution.f[i]!, -tau1 * Math.log(truth / a[i]!), 1e-9, 1e-3);
      expectClose(solution.g[i]!, -tau2 * Math.log(truth / b[i]!), 1e-9, 1e-3);
    }
    expectClose(solution.mass, solution.diagonalMass!, 1e-14);
    expect(Math.abs(solution.gap)).toBeLessThanOrEqual(1e-9);
    expect(solution.iterations).toBe(0);
  });

  test('uniform weights: π_ii = exp(−M_ii/S)/n, so reg and τ are interchangeable', () => {
    const uniform = makeProblem(n, n, { prior: { kind: 'diagonal' }, reg: 0.2, tau1: 0.5, tau2: 1.3 }, 5);
    const swapped = { ...uniform, reg: 1.3, tau1: 0.5, tau2: 0.2 };
    const { plan } = solve(uniform, { mode: 'fast' });
    for (let i = 0; i < n; i++) expectClose(plan[i * n + i]!, Math.exp(-price(i) / 2) / n, 1e-12);
    expectSamePlan(solve(swapped, { mode: 'fast' }).plan, plan, 1e-12);
  });

  test('one hard side takes its weights', () => {
    const left = solve({ ...base, tau1: Infinity }, { mode: 'fast' });
    const right = solve({ ...base, tau2: Infinity }, { mode: 'fast' });
    for (let i = 0; i < n; i++) {
      expectClose(left.plan[i * n + i]!, a[i]!, 1e-12);
      expectClose(left.g[i]!, -1 * Math.log(a[i]! / b[i]!), 1e-12, 1);
      // f_i = reg·log(π_ii/c_ii) + M_ii − g_i.
      expectClose(left.f[i]!, base.reg * Math.log(a[i]! * n) + price(i) - left.g[i]!, 1e-12, 1);
      expectClose(right.plan[i * n + i]!, b[i]!, 1e-12);
    }
    for (const solution of [left, right]) {
      expect(solution.converged).toBe(true);
      expectClose(solution.primal, solution.dual, 1e-12);
    }
  });

  test('two hard sides: solved for equal weights, refused by name otherwise', () => {
    const hard = { ...base, tau1: Infinity, tau2: Infinity };
    const equal = solve({ ...hard, b: a }, { mode: 'fast' });
    for (let i = 0; i < n; i++) expectClose(equal.plan[i * n + i]!, a[i]!, 1e-12);
    expect(() => solve(hard, { mode: 'fast' })).toThrow(/source 0 can only go to target 0, but their weights are/);
    expect(solve(hard, { mode: 'parity' }).plan.every(Number.isFinite)).toBe(true);
  });

  test('n ≠ m: lines beyond the diagonal stay empty, and a hard side with such a line is refused', () => {
    const wide = makeProblem(4, 7, { prior: { kind: 'diagonal' }, tau1: 0.5, tau2: 0.8, reg: 0.3 });
    const solution = solve(wide, { mode: 'fast' });
    for (let j = 0; j < 7; j++)
      if (j < 4) expectClose(solution.plan[j * 7 + j]!, Math.exp((0.3 * Math.log(1 / 4) - wide.cost[j * 8]! + 0.5 * Math.log(1 / 4) + 0.8 * Math.log(1 / 7)) / 1.6), 1e-12);
      else expect(solution.columnMass[j]).toBe(0);
    expect(Math.abs(solution.gap)).toBeLessThanOrEqual(1e-9);
    expect(solution.diagonalMass).toBeNull();
    expect(solve({ ...wide, tau1: Infinity }, { mode: 'fast' }).converged).toBe(true);
    expect(() => solve({ ...wide, tau2: Infinity }, { mode: 'fast' })).toThrow('Target 4 has weight but the prior allows it no source, and τ₂ = ∞ does not let its mass go.');
    const tall = makeProblem(7, 4, { prior: { kind: 'diagonal' }, tau1: Infinity });
    expect(() => solve(tall, { mode: 'fast' })).toThrow('Source 4 has weight but the prior allows it no target, and τ₁ = ∞ does not let its mass go.');
  });

  test('a zero weight empties its line, and a hard marginal may not be forced onto it', () => {
    const zeroA = a.map((value, i) => (i === 2 ? 0 : value));
    const solution = solve({ ...base, a: zeroA }, { mode: 'fast' });
    expect(solution.plan[2 * n + 2]).toBe(0);
    expect(Math.abs(solution.gap)).toBeLessThanOrEqual(1e-9);
    expect(() => solve({ ...base, a: zeroA, tau2: Infinity }, { mode: 'fast' })).toThrow('Target 2 has weight');
    expect(solve({ ...base, a: zeroA, tau1: Infinity }, { mode: 'fast' }).plan[2 * n + 2]).toBe(0);
  });
});

describe('constant cost, product prior: π_sum = m_a^((reg+τ₁)/S) · m_b^((reg+τ₂)/S) · e^(−M/S)', () => {
  test.each([
    [0, 1, 1, 0.1, 1, 1],
    [0.7, 1, 1, 0.1, 1, 1],
    [0.7, 2, 0.5, 0.3, 0.2, 4],
    [3, 0.1, 5, 2, 4, 0.2],
    [500, 1, 3, 0.5, 1, 2],
  ])('M = %f, masses %f and %f, reg %f, τ %f and %f', (level, massA, massB, reg, tau1, tau2) => {
    const random = new Random(11);
    const a = randomWeights(random, 5, massA);
    const b = randomWeights(random, 3, massB);
    const problem = makeProblem(5, 3, { cost: new Float64Array(15).fill(level), a, b, reg, tau1, tau2 });
    const total = reg + tau1 + tau2;
    const logMass = (((reg + tau1) * Math.log(massA) + (reg + tau2) * Math.log(massB) - level) / total);
    const solution = solve(problem, { mode: 'fast' });
    expectClose(solution.logMass, logMass, 1e-8, 1);
    const share = Math.exp(logMass) / (massA * massB);
    expectSamePlan(solution.plan, Float64Array.from({ length: 15 }, (_, k) => share * a[Math.floor(k / 3)]! * b[k % 3]!), 1e-8);
    expect(solution.converged).toBe(true);
  });

  test('balanced: the plan is the product of the marginals', () => {
    const random = new Random(12);
    const a = randomWeights(random, 4);
    const b = randomWeights(random, 6);
    const problem = makeProblem(4, 6, { cost: new Float64Array(24).fill(2), a, b, tau1: Infinity, tau2: Infinity });
    for (const mode of MODES) expectSamePlan(solve(problem, { mode }).plan, Float64Array.from({ length: 24 }, (_, k) => a[Math.floor(k / 6)]! * b[k % 6]!), 1e-9);
  });
});

test('M = 0 with probability weights costs nothing: π = a bᵀ, and rounding does not cost the certificate', () => {
  for (let seed = 0; seed < 40; seed++) {
    const random = new Random(seed);
    const n = 1 + random.below(9);
    const m = 1 + random.below(9);
    const a = randomWeights(random, n);
    const b = randomWeights(random, m);
    const problem = makeProblem(n, m, { cost: new Float64Array(n * m), a, b, reg: 10 ** random.between(-3, 2), tau1: 10 ** random.between(-2, 2), tau2: 10 ** random.between(-2, 2) });
    const solution = solve(problem, { mode: 'fast' });
    expectSamePlan(solution.plan, Float64Array.from({ length: n * m }, (_, k) => a[Math.floor(k / m)]! * b[k % m]!), 1e-9);
    expect(solution.converged, `seed ${seed}, gap ${solution.gap}`).toBe(true);
    expect(Math.abs(solution.primal)).toBeLessThan(1e-9);
  }
});

test('two Diracs: one cell in closed form for every pair of τ', () => {
  const [massA, massB, price, reg] = [2, 0.7, 1.3, 0.4];
  const cell = (tau1: number, tau2: number, b = massB): number =>
    solve({ n: 1, m: 1, cost: Float64Array.of(price), a: Float64Array.of(massA), b: Float64Array.of(b), prior: { kind: 'product' }, reg, tau1, tau2 }, { mode: 'fast' }).plan[0]!;
  for (const tau1 of [0.1, 1, 30])
    for (const tau2 of [0.2, 5]) {
      const total = reg + tau1 + tau2;
      expectClose(cell(tau1, tau2), Math.exp(((reg + tau1) * Math.log(massA) + (reg + tau2) * Math.log(massB) - price) / total), 1e-8);
    }
  expectClose(cell(Infinity, 1), massA, 1e-8);
  expectClose(cell(1, Infinity), massB, 1e-8);
  expectClose(cell(Infinity, Infinity, massA), massA, 1e-8);
  expect(() => cell(Infinity, Infinity)).toThrow('Balanced transport needs equal masses, but the source weights sum to 2 and the target weights to 0.7');
});

test('Gaussians on a grid: the transport cost of entropic balanced transport (Janati et al. 2020)', () => {
  const count = 90;
  const [mean1, dev1, mean2, dev2, reg] = [0.42, 0.06, 0.6, 0.09, 0.004];
  const place = (k: number): number => k / (count - 1);
  const weights = (mean: number, deviation: number): Float64Array => {
    const raw = Float64Array.from({ length: count }, (_, k) => Math.exp(-(((place(k) - mean) / deviation) ** 2) / 2));
    return raw.map((value) => value / sumOf(raw));
  };
  const cost = Float64Array.from({ length: count * count }, (_, k) => (place(Math.floor(k / count)) - place(k % count)) ** 2);
  const problem = makeProblem(count, count, { cost, a: weights(mean1, dev1), b: weights(mean2, dev2), reg, tau1: Infinity, tau2: Infinity });
  const solution = solve(problem, { mode: 'fast' });
  // reg = 2σ²: the optimal coupling is normal with covariance ½(√(4 s₁²s₂² + σ⁴) − σ²).
  const sigma2 = reg / 2;
  const covariance = (Math.sqrt(4 * dev1 ** 2 * dev2 ** 2 + sigma2 ** 2) - sigma2) / 2;
  expectClose(solution.transportCost, (mean1 - mean2) ** 2 + dev1 ** 2 + dev2 ** 2 - 2 * covariance, 1e-3);
  // And W₂² = (μ₁−μ₂)² + (s₁−s₂)² as reg → 0.
  const sharp = solve({ ...problem, reg: 2e-5 }, { mode: 'fast' });
  expectClose(sharp.transportCost, (mean1 - mean2) ** 2 + (dev1 - dev2) ** 2, 2e-3);
  expectSamePlan(marginals(sharp.plan, count, count).rows, problem.a, 1e-6);
});

test('soft(1) is the product, band of great width is the product scaled to unit mass, ones is a product at another cost', () => {
  const random = new Random(8);
  const base = makeProblem(5, 7, { a: randomWeights(random, 5), b: randomWeights(random, 7), reg: 0.3 });
  const product = solve(base, { mode: 'fast' });
  expectSamePlan(solve({ ...base, prior: { kind: 'soft', epsilon: 1 } }, { mode: 'fast' }).plan, product.plan, 1e-8);
  expectSamePlan(solve({ ...base, prior: { kind: 'band', width: 1e6 } }, { mode: 'fast' }).plan, product.plan, 1e-8);
  // reg·KL(π‖1) + ⟨π,M⟩ and reg·KL(π‖abᵀ) + ⟨π, M + reg·log(abᵀ)⟩ differ by a constant.
  const shifted = base.cost.map((value, k) => value + base.reg * Math.log(base.a[Math.floor(k / 7)]! * base.b[k % 7]!));
  expectSamePlan(solve({ ...base, prior: { kind: 'ones' } }, { mode: 'fast' }).plan, solve({ ...base, cost: shifted }, { mode: 'fast' }).plan, 1e-8);
});
