import { describe, expect } from 'vitest';
import { Random } from '../../src/base/random.ts';
import type { Mode } from '../../src/core/ot/solve.ts';
import { makeProblem, marginals, randomWeights, sumOf } from '../support/ot.ts';
import type { Suite } from './backend.ts';

const MODES: readonly Mode[] = ['fast', 'parity'];

/** Problems whose solution is a formula. */
export function closedForms(suite: Suite): void {
  describe('diagonal prior', () => diagonalPrior(suite));
  describe('constant cost, product prior: π_sum = m_a^((reg+τ₁)/S) · m_b^((reg+τ₂)/S) · e^(−M/S)', () => constantCost(suite));
  describe('Diracs, Gaussians, priors', () => others(suite));
}

function diagonalPrior(suite: Suite): void {
  const random = new Random(3);
  const n = 6;
  const a = randomWeights(random, n);
  const b = randomWeights(random, n);
  const base = makeProblem(n, n, { a, b, prior: { kind: 'diagonal' }, reg: 0.2 }, 5);
  const price = (i: number): number => base.cost[i * n + i]!;

  for (const [tau1, tau2] of [
    [0.5, 0.5],
    [0.01, 3],
    [3, 0.01],
    [100, 100],
  ] as const)
    suite.test(`finite τ₁ = ${tau1}, τ₂ = ${tau2}`, async () => {
      const solution = await suite.solve({ ...base, tau1, tau2 });
      const total = base.reg + tau1 + tau2;
      for (let i = 0; i < n; i++) {
        const truth = Math.exp((base.reg * Math.log(1 / n) - price(i) + tau1 * Math.log(a[i]!) + tau2 * Math.log(b[i]!)) / total);
        suite.close(solution, solution.plan[i * n + i]!, truth, 1e-12);
        // Potentials: the marginal relaxation charges f_i = −τ₁·log(π_ii/a_i).
        suite.close(solution, solution.f[i]!, -tau1 * Math.log(truth / a[i]!), 1e-9, 1e-3);
        suite.close(solution, solution.g[i]!, -tau2 * Math.log(truth / b[i]!), 1e-9, 1e-3);
      }
      suite.close(solution, solution.mass, solution.diagonalMass!, 1e-14, 0, 'reading');
      suite.certified(solution, { tau1, tau2 }, 1e-9);
      expect(solution.iterations).toBe(0);
    });

  suite.test('uniform weights: π_ii = exp(−M_ii/S)/n, so reg and τ are interchangeable', async () => {
    const uniform = makeProblem(n, n, { prior: { kind: 'diagonal' }, reg: 0.2, tau1: 0.5, tau2: 1.3 }, 5);
    const swapped = { ...uniform, reg: 1.3, tau1: 0.5, tau2: 0.2 };
    const solution = await suite.solve(uniform);
    for (let i = 0; i < n; i++) suite.close(solution, solution.plan[i * n + i]!, Math.exp(-price(i) / 2) / n, 1e-12);
    suite.samePlan(await suite.solve(swapped), solution, 1e-12);
  });

  suite.test('one hard side takes its weights', async () => {
    const left = await suite.solve({ ...base, tau1: Infinity });
    const right = await suite.solve({ ...base, tau2: Infinity });
    for (let i = 0; i < n; i++) {
      suite.close(left, left.plan[i * n + i]!, a[i]!, 1e-12);
      suite.close(left, left.g[i]!, -1 * Math.log(a[i]! / b[i]!), 1e-12, 1);
      // f_i = reg·log(π_ii/c_ii) + M_ii − g_i.
      suite.close(left, left.f[i]!, base.reg * Math.log(a[i]! * n) + price(i) - left.g[i]!, 1e-12, 1);
      suite.close(right, right.plan[i * n + i]!, b[i]!, 1e-12);
    }
    for (const solution of [left, right]) {
      expect(solution.converged).toBe(true);
      suite.close(solution, solution.primal, solution.dual, 1e-12);
    }
  });

  suite.test('two hard sides: solved for equal weights, refused by name otherwise', async () => {
    const hard = { ...base, tau1: Infinity, tau2: Infinity };
    const equal = await suite.solve({ ...hard, b: a });
    for (let i = 0; i < n; i++) suite.close(equal, equal.plan[i * n + i]!, a[i]!, 1e-12);
    await expect(suite.solve(hard)).rejects.toThrow(/source 0 can only go to target 0, but their weights are/);
    expect((await suite.solve(hard, { mode: 'parity' })).plan.every(Number.isFinite)).toBe(true);
  });

  suite.test('n ≠ m: lines beyond the diagonal stay empty, and a hard side with such a line is refused', async () => {
    const wide = makeProblem(4, 7, { prior: { kind: 'diagonal' }, tau1: 0.5, tau2: 0.8, reg: 0.3 });
    const solution = await suite.solve(wide);
    for (let j = 0; j < 7; j++)
      if (j < 4) suite.close(solution, solution.plan[j * 7 + j]!, Math.exp((0.3 * Math.log(1 / 4) - wide.cost[j * 8]! + 0.5 * Math.log(1 / 4) + 0.8 * Math.log(1 / 7)) / 1.6), 1e-12);
      else expect(solution.columnMass[j]).toBe(0);
    suite.certified(solution, wide, 1e-9);
    expect(solution.diagonalMass).toBeNull();
    expect((await suite.solve({ ...wide, tau1: Infinity })).converged).toBe(true);
    await expect(suite.solve({ ...wide, tau2: Infinity })).rejects.toThrow('Target 4 has weight but the prior allows it no source, and τ₂ = ∞ does not let its mass go.');
    const tall = makeProblem(7, 4, { prior: { kind: 'diagonal' }, tau1: Infinity });
    await expect(suite.solve(tall)).rejects.toThrow('Source 4 has weight but the prior allows it no target, and τ₁ = ∞ does not let its mass go.');
  });

  suite.test('a zero weight empties its line, and a hard marginal may not be forced onto it', async () => {
    const zeroA = a.map((value, i) => (i === 2 ? 0 : value));
    const solution = await suite.solve({ ...base, a: zeroA });
    expect(solution.plan[2 * n + 2]).toBe(0);
    suite.certified(solution, base, 1e-9);
    await expect(suite.solve({ ...base, a: zeroA, tau2: Infinity })).rejects.toThrow('Target 2 has weight');
    expect((await suite.solve({ ...base, a: zeroA, tau1: Infinity })).plan[2 * n + 2]).toBe(0);
  });
}

function constantCost(suite: Suite): void {
  for (const [level, massA, massB, reg, tau1, tau2] of [
    [0, 1, 1, 0.1, 1, 1],
    [0.7, 1, 1, 0.1, 1, 1],
    [0.7, 2, 0.5, 0.3, 0.2, 4],
    [3, 0.1, 5, 2, 4, 0.2],
    [500, 1, 3, 0.5, 1, 2],
  ] as const)
    suite.test(`M = ${level}, masses ${massA} and ${massB}, reg ${reg}, τ ${tau1} and ${tau2}`, async () => {
      const random = new Random(11);
      const a = randomWeights(random, 5, massA);
      const b = randomWeights(random, 3, massB);
      const problem = makeProblem(5, 3, { cost: new Float64Array(15).fill(level), a, b, reg, tau1, tau2 });
      const total = reg + tau1 + tau2;
      const logMass = ((reg + tau1) * Math.log(massA) + (reg + tau2) * Math.log(massB) - level) / total;
      const solution = await suite.solve(problem);
      suite.close(solution, solution.logMass, logMass, 1e-8, 1);
      const share = Math.exp(logMass) / (massA * massB);
      suite.samePlan(solution, Float64Array.from({ length: 15 }, (_, k) => share * a[Math.floor(k / 3)]! * b[k % 3]!), 1e-8);
      expect(solution.converged).toBe(true);
    });

  suite.test('balanced: the plan is the product of the marginals', async () => {
    const random = new Random(12);
    const a = randomWeights(random, 4);
    const b = randomWeights(random, 6);
    const problem = makeProblem(4, 6, { cost: new Float64Array(24).fill(2), a, b, tau1: Infinity, tau2: Infinity });
    for (const mode of MODES) suite.samePlan(await suite.solve(problem, { mode }), Float64Array.from({ length: 24 }, (_, k) => a[Math.floor(k / 6)]! * b[k % 6]!), 1e-9);
  });

  suite.test('M = 0 with probability weights costs nothing: π = a bᵀ, and rounding does not cost the certificate', async () => {
    for (let seed = 0; seed < suite.runs(40); seed++) {
      const random = new Random(seed);
      const n = 1 + random.below(9);
      const m = 1 + random.below(9);
      const a = randomWeights(random, n);
      const b = randomWeights(random, m);
      const problem = makeProblem(n, m, { cost: new Float64Array(n * m), a, b, reg: 10 ** random.between(-3, 2), tau1: 10 ** random.between(-2, 2), tau2: 10 ** random.between(-2, 2) });
      const solution = await suite.solve(problem);
      suite.samePlan(solution, Float64Array.from({ length: n * m }, (_, k) => a[Math.floor(k / m)]! * b[k % m]!), 1e-9);
      expect(solution.converged, `seed ${seed}, gap ${solution.gap}`).toBe(true);
      expect(Math.abs(solution.primal)).toBeLessThan(suite.within('value', 1e-9, solution));
    }
  });
}

function others(suite: Suite): void {
  suite.test('two Diracs: one cell in closed form for every pair of τ', async () => {
    const [massA, massB, price, reg] = [2, 0.7, 1.3, 0.4];
    const expectCell = async (truth: number, tau1: number, tau2: number, b = massB): Promise<void> => {
      const solution = await suite.solve({ n: 1, m: 1, cost: Float64Array.of(price), a: Float64Array.of(massA), b: Float64Array.of(b), prior: { kind: 'product' }, reg, tau1, tau2 });
      suite.close(solution, solution.plan[0]!, truth, 1e-8);
    };
    for (const tau1 of [0.1, 1, 30])
      for (const tau2 of [0.2, 5]) {
        const total = reg + tau1 + tau2;
        await expectCell(Math.exp(((reg + tau1) * Math.log(massA) + (reg + tau2) * Math.log(massB) - price) / total), tau1, tau2);
      }
    await expectCell(massA, Infinity, 1);
    await expectCell(massB, 1, Infinity);
    await expectCell(massA, Infinity, Infinity, massA);
    await expect(expectCell(0, Infinity, Infinity)).rejects.toThrow('Balanced transport needs equal masses, but the source weights sum to 2 and the target weights to 0.7');
  });

  const count = 90;
  const [mean1, dev1, mean2, dev2] = [0.42, 0.06, 0.6, 0.09];
  const place = (k: number): number => k / (count - 1);
  const weights = (mean: number, deviation: number): Float64Array => {
    const raw = Float64Array.from({ length: count }, (_, k) => Math.exp(-(((place(k) - mean) / deviation) ** 2) / 2));
    return raw.map((value) => value / sumOf(raw));
  };
  const cost = Float64Array.from({ length: count * count }, (_, k) => (place(Math.floor(k / count)) - place(k % count)) ** 2);
  const gaussians = makeProblem(count, count, { cost, a: weights(mean1, dev1), b: weights(mean2, dev2), tau1: Infinity, tau2: Infinity });

  suite.test('Gaussians on a grid: the transport cost of entropic balanced transport (Janati et al. 2020)', async () => {
    const reg = 0.004;
    const solution = await suite.solve({ ...gaussians, reg });
    // reg = 2σ²: the optimal coupling is normal with covariance ½(√(4 s₁²s₂² + σ⁴) − σ²).
    const sigma2 = reg / 2;
    const covariance = (Math.sqrt(4 * dev1 ** 2 * dev2 ** 2 + sigma2 ** 2) - sigma2) / 2;
    suite.close(solution, solution.transportCost, (mean1 - mean2) ** 2 + dev1 ** 2 + dev2 ** 2 - 2 * covariance, 1e-3);
  });

  suite.test('Gaussians on a grid: W₂² = (μ₁−μ₂)² + (s₁−s₂)² as reg → 0', async () => {
    const sharp = await suite.solve({ ...gaussians, reg: 2e-5 });
    suite.close(sharp, sharp.transportCost, (mean1 - mean2) ** 2 + (dev1 - dev2) ** 2, 2e-3);
    suite.sameValues(sharp, marginals(sharp.plan, count, count).rows, gaussians.a, 1e-6);
  });

  suite.test('soft(1) is the product, band of great width is the product scaled to unit mass, ones is a product at another cost', async () => {
    const random = new Random(8);
    const base = makeProblem(5, 7, { a: randomWeights(random, 5), b: randomWeights(random, 7), reg: 0.3 });
    const product = await suite.solve(base);
    suite.samePlan(await suite.solve({ ...base, prior: { kind: 'soft', epsilon: 1 } }), product, 1e-8);
    suite.samePlan(await suite.solve({ ...base, prior: { kind: 'band', width: 1e6 } }), product, 1e-8);
    // reg·KL(π‖1) + ⟨π,M⟩ and reg·KL(π‖abᵀ) + ⟨π, M + reg·log(abᵀ)⟩ differ by a constant.
    const shifted = base.cost.map((value, k) => value + base.reg * Math.log(base.a[Math.floor(k / 7)]! * base.b[k % 7]!));
    suite.samePlan(await suite.solve({ ...base, prior: { kind: 'ones' } }), await suite.solve({ ...base, cost: shifted }), 1e-8);
  });
}
