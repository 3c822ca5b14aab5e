import { afterAll, describe, expect, test } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { combineTerms } from '../../src/core/cost/terms.ts';
import { evaluate } from '../../src/core/ot/evaluate.ts';
import { referenceMeasure } from '../../src/core/ot/priors.ts';
import { uniformWeights, type Prior, type UotProblem } from '../../src/core/ot/problem.ts';
import { solve, type Mode } from '../../src/core/ot/solve.ts';
import { Buffers } from '../../src/gpu/buffers.ts';
import { solveResident, type ResidentHanded } from '../../src/gpu/handover.ts';
import { ResidentCost, type ResidentSettings, type ResidentSolution } from '../../src/gpu/resident.ts';
import { GpuSolver } from '../../src/gpu/solver.ts';
import type { DeviceRows, ResidentTerm } from '../../src/gpu/terms.ts';
import { PRIORS, randomWeights, relativeDistance, sumOf } from '../support/ot.ts';
import { describeOnGpu } from './device.ts';

/* Ticks on a cost that lives on the device, against float64 on the very costs that are read back from there. */

const MODES: readonly Mode[] = ['parity', 'fast'];
const WIDTHS = { embed: 24, label: 5 } as const;

/** Vectors of one side; values around 0, so that costs are about 2 a width. */
function vectors(count: number, width: number, seed: number): DeviceRows & { readonly values: Float32Array<ArrayBuffer> } {
  const random = new Random(seed);
  return { width, values: Float32Array.from({ length: count * width }, () => random.normal() / Math.sqrt(2 * width)) };
}

/** A term with both parts, one with a label alone, one with an embedding alone. */
function termsOf(n: number, m: number): ResidentTerm[] {
  const part = (kind: keyof typeof WIDTHS, seed: number, weight: number): NonNullable<ResidentTerm['embed']> => ({ source: vectors(n, WIDTHS[kind], seed), target: vectors(m, WIDTHS[kind], seed + 50), weight });
  return [
    { name: 'both', embed: part('embed', 1, 0.5), label: part('label', 2, 2) },
    { name: 'label', embed: null, label: part('label', 3, 1) },
    { name: 'embed', embed: part('embed', 4, 1), label: null },
  ];
}

const WEIGHTS = [0.3, 0.2, 0.4];

async function costOf(solver: GpuSolver, n: number, m: number): Promise<ResidentCost> {
  const cost = await ResidentCost.measure(solver, n, m, termsOf(n, m));
  await cost.combine(WEIGHTS);
  return cost;
}

function settingsOf(n: number, m: number, over: Partial<ResidentSettings> = {}): ResidentSettings {
  return { a: uniformWeights(n), b: uniformWeights(m), prior: { kind: 'product' }, reg: 0.1, tau1: 1, tau2: 1, sigma: 1, mode: 'fast', ...over };
}

describeOnGpu('a cost on the device', ({ device }) => {
  const solver = new GpuSolver(device);
  const silences: string[] = [];
  device.addEventListener('uncapturederror', ({ error }) => silences.push(error.message));
  afterAll(() => {
    device.destroy();
    expect(silences).toEqual([]);
  });

  test('terms, their weighted sum and what is missing of a part', async () => {
    const [n, m] = [7, 5];
    const terms = termsOf(n, m);
    const cost = await costOf(solver, n, m);
    const read = await cost.readTerms();
    const squared = (part: ResidentTerm['embed'], i: number, j: number): number => {
      if (!part) return 0;
      const [x, y] = [part.source, part.target] as (DeviceRows & { values: Float32Array })[];
      return part.weight * sumOf(Array.from({ length: x!.width }, (_, d) => (x!.values[i * x!.width + d]! - y!.values[j * y!.width + d]!) ** 2));
    };
    for (const [k, { embed, label }] of terms.entries())
      read[k]!.forEach((value, cell) => {
        const truth = squared(embed, Math.floor(cell / m), cell % m) + squared(label, Math.floor(cell / m), cell % m);
        expect(Math.abs(value - truth)).toBeLessThanOrEqual(1e-6 * truth);
      });
    const total = combineTerms(read.map((values, k) => ({ name: '', weight: WEIGHTS[k]!, cost: Float64Array.from(values), mean: 0, max: 0, constantDimensions: [] })));
    expect(relativeDistance(Float64Array.from(await cost.readTotal()), total)).toBeLessThanOrEqual(2e-7);
    await cost.combine([0, 1, 0]);
    expect(await cost.readTotal()).toEqual(read[1]);
    expect(await cost.readTerms()).toBe(read);
    cost.destroy();
  });

  test('vectors given on the device are those given by value', async () => {
    const [n, m] = [20, 33];
    const buffers = new Buffers(device);
    const upload = (rows: DeviceRows): DeviceRows => ('values' in rows ? { width: rows.width, buffer: buffers.filled(rows.values) } : rows);
    const terms = termsOf(n, m).map((term) => ({ ...term, embed: term.embed && { ...term.embed, source: upload(term.embed.source), target: upload(term.embed.target) } }));
    const there = await ResidentCost.measure(solver, n, m, terms);
    const here = await ResidentCost.measure(solver, n, m, termsOf(n, m));
    expect(await there.readTerms()).toEqual(await here.readTerms());
    for (const cost of [there, here]) cost.destroy();
    buffers.destroy();
  });

  /** Plan, sums and certificates from the device against float64's at the same potentials. */
  function expectSameReadings(solution: ResidentSolution | ResidentHanded, problem: UotProblem): void {
    const { reg } = problem;
    const truth = evaluate(problem, referenceMeasure(problem), { logU: solution.f.map((f) => f / reg), logV: solution.g.map((g) => g / reg), iterations: 0, error: 0, converged: true });
    expect(relativeDistance(Float64Array.from(solution.plan), truth.plan)).toBeLessThanOrEqual(5e-5);
    expect(relativeDistance(solution.rowMass, truth.rowMass)).toBeLessThanOrEqual(5e-5);
    expect(relativeDistance(solution.columnMass, truth.columnMass)).toBeLessThanOrEqual(5e-5);
    for (const key of ['mass', 'logMass', 'diagonalMass', 'transportCost', 'entropy', 'perplexity', 'largestPotential'] as const) {
      const [value, expected] = [solution[key], truth[key]];
      if (expected === null || value === null) expect(value).toBe(expected);
      else expect(Math.abs(value - expected), key).toBeLessThanOrEqual(5e-5 * Math.max(Math.abs(expected), key === 'logMass' ? 1 : 1e-2));
    }
    const size = Math.max(Math.abs(truth.primal), problem.reg);
    for (const key of ['primal', 'dual'] as const) expect(Math.abs(solution[key] - truth[key]) / size, key).toBeLessThanOrEqual(5e-5);
    expect(Math.abs(solution.marginalViolation - truth.marginalViolation)).toBeLessThanOrEqual(5e-5);
  }

  const shapes = [
    [64, 64],
    [5, 40],
    [100, 130],
  ] as const;
  const taus = [
    [1, 0.5],
    [Infinity, 1],
    [0.3, Infinity],
    [Infinity, Infinity],
  ] as const;

  /** Every pair where solves are small, and with the product prior; elsewhere none hard, and both. */
  function tausOf({ kind }: Prior, cells: number): readonly (readonly [number, number])[] {
    // The mask leaves lines of n ≠ m without a partner: no hard marginal can be met there.
    if (kind === 'diagonal') return [taus[0]];
    return kind === 'product' || cells < 1000 ? taus : [taus[0], taus[3]];
  }

  describe.each(shapes)('%d × %d', (n, m) => {
    const costs = costOf(solver, n, m);
    for (const prior of PRIORS)
      for (const mode of MODES)
        test(`${prior.kind} prior, ${mode}`, async () => {
          const cost = await costs;
          for (const [tau1, tau2] of tausOf(prior, n * m)) {
            const settings = settingsOf(n, m, { prior, mode, tau1, tau2 });
            const problem = await cost.problem(settings);
            const solution = await solveResident(cost, settings);
            const truth = solve(problem, { mode });
            expect(solution.handedOver, `τ ${tau1}, ${tau2}`).toBeNull();
            expect(relativeDistance(solution.plan, truth.plan), `τ ${tau1}, ${tau2}`).toBeLessThanOrEqual(1e-4);
            expectSameReadings(solution, problem);
            const terms = await cost.readTerms();
            solution.termCosts.forEach((value, k) => {
              const expected = truth.plan.reduce((total, share, cell) => total + share * terms[k]![cell]!, 0);
              expect(Math.abs(value - expected)).toBeLessThanOrEqual(1e-4 * expected);
            });
            expect(solution.gap <= 1e-5 || tau1 + tau2 === Infinity || mode === 'parity').toBe(true);
          }
        });
  });

  test('σ divides the cost, whatever it is', async () => {
    const cost = await costOf(solver, 20, 20);
    for (const prior of [{ kind: 'product' }, { kind: 'diagonal' }] as Prior[]) {
      const settings = settingsOf(20, 20, { sigma: 0.37, prior });
      const problem = await cost.problem(settings);
      const solution = await cost.solve(settings);
      const truth = solve(problem, { mode: 'fast' });
      expect(relativeDistance(Float64Array.from(solution.plan), truth.plan)).toBeLessThanOrEqual(1e-4);
      expectSameReadings(solution, problem);
      const warm = await cost.solve({ ...settings, warm: solution });
      expect(warm.iterations).toBeLessThanOrEqual(solution.iterations);
    }
    cost.destroy();
  });

  test('weights of 0, unequal masses, and priors that change between ticks', async () => {
    const [n, m] = [12, 9];
    const cost = await costOf(solver, n, m);
    const random = new Random(8);
    const a = randomWeights(random, n);
    a[3] = 0;
    const b = randomWeights(random, m, 1.5);
    for (const mode of MODES)
      for (const prior of PRIORS) {
        const settings = settingsOf(n, m, { a, b, prior, mode });
        const solution = await cost.solve(settings);
        const problem = await cost.problem(settings);
        expect(relativeDistance(Float64Array.from(solution.plan), solve(problem, { mode }).plan)).toBeLessThanOrEqual(1e-4);
        expectSameReadings(solution, problem);
      }
    cost.destroy();
  });

  test('a collapsed plan keeps its ratios', async () => {
    const cost = await costOf(solver, 8, 8);
    const settings = settingsOf(8, 8, { sigma: 0.002 });
    const solution = await cost.solve(settings);
    const truth = solve(await cost.problem(settings), { mode: 'fast' });
    expect(truth.mass).toBeLessThan(1e-50);
    expect(Math.abs(solution.logMass - truth.logMass)).toBeLessThanOrEqual(1e-3);
    expect(Math.abs(solution.perplexity / truth.perplexity - 1)).toBeLessThanOrEqual(1e-3);
    expect(Math.abs(solution.termCosts[0]! / solution.mass / (await meanOfFirst(cost, truth.plan)) - 1)).toBeLessThanOrEqual(1e-3);
    cost.destroy();
  });

  async function meanOfFirst(cost: ResidentCost, plan: Float64Array): Promise<number> {
    const [values] = await cost.readTerms();
    return plan.reduce((total, value, k) => total + value * values![k]!, 0) / sumOf(plan);
  }

  test('what float32 cannot hold goes to float64 on the same costs', async () => {
    const cost = await costOf(solver, 16, 16);
    const settings = settingsOf(16, 16, { reg: 5e-5 });
    const handed = await solveResident(cost, settings);
    expect(handed.handedOver).toBe('cost-range');
    expect(handed.plan).toEqual(solve(await cost.problem(settings), { mode: 'fast' }).plan);
    expect(handed.termCosts).toHaveLength(3);
    const { termCosts } = await solveResident(cost, settingsOf(16, 16));
    handed.termCosts.forEach((value, k) => expect(value / termCosts[k]!).toBeGreaterThan(0));
    cost.destroy();
  });
});
