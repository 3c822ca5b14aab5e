import { describe, expect } from 'vitest';
import { Random } from '../../src/base/random.ts';
import type { Prior, UotProblem } from '../../src/core/ot/problem.ts';
import { makeProblem, PRIORS, randomWeights, referenceOf, transpose, transposed } from '../support/ot.ts';
import type { Suite } from './backend.ts';
import { warmStarts } from './warm.ts';

const TAUS: readonly (readonly [number, number])[] = [[0.5, 0.5], [0.2, 4], [Infinity, 1], [1, Infinity], [Infinity, Infinity]];

function weighted(n: number, m: number, over: Partial<UotProblem> = {}, seed = 2): UotProblem {
  const random = new Random(seed);
  return makeProblem(n, m, { a: randomWeights(random, n), b: randomWeights(random, m), ...over }, seed);
}

/** What must not change the answer. */
export function invariance(suite: Suite): void {
  for (const prior of PRIORS) describe(`prior ${prior.kind}`, () => symmetries(suite, prior));
  batches(suite);
  describe('a warm start changes nothing but the time', () => warmStarts(suite, weighted(12, 9, { reg: 0.05, tau1: 1, tau2: 2 })));
  describe('lines without weight', () => weightless(suite));
  describe('lines that the prior leaves empty', () => unreached(suite));

  for (const scale of [1e-9, 1e-3, 1e3, 1e9])
    suite.test(`scaling cost, reg and τ together changes nothing (${scale})`, async () => {
      const base = makeProblem(8, 8, { reg: 0.03, tau1: 0.5, tau2: 2 });
      const scaled = { ...base, cost: base.cost.map((value) => value * scale), reg: base.reg * scale, tau1: base.tau1 * scale, tau2: base.tau2 * scale };
      suite.samePlan(await suite.solve(scaled), await suite.solve(base), 1e-7);
    });
}

/** The mask meets two hard marginals only where weights agree. */
const tausOf = (prior: Prior): typeof TAUS => (prior.kind === 'diagonal' ? TAUS.slice(0, 2) : TAUS);

function symmetries(suite: Suite, prior: Prior): void {
  for (const [tau1, tau2] of tausOf(prior)) {
    suite.test(`swapping the sides transposes the plan (τ ${tau1}, ${tau2})`, async () => {
      const problem = weighted(6, 4, { prior, tau1, tau2 });
      const straight = await suite.solve(problem);
      const swapped = await suite.solve(transposed(problem));
      const both = [straight, swapped];
      suite.samePlan(swapped, transpose(straight.plan, 6, 4), 1e-8);
      suite.close(both, swapped.primal, straight.primal, 1e-8, 1);
      suite.close(both, swapped.entropy, straight.entropy, 1e-8, 1);
    });

    suite.test(`weights, costs and prior in another order give the plan in that order (τ ${tau1}, ${tau2})`, async () => {
      const problem = weighted(5, 7, { prior, tau1, tau2 });
      const rows = new Random(5).sample(5, 5);
      const columns = new Random(6).sample(7, 7);
      const shuffle = (values: Float64Array): Float64Array => Float64Array.from({ length: 35 }, (_, k) => values[rows[Math.floor(k / 7)]! * 7 + columns[k % 7]!]!);
      const shuffled: UotProblem = {
        ...problem,
        cost: shuffle(problem.cost),
        a: Float64Array.from(rows, (i) => problem.a[i]!),
        b: Float64Array.from(columns, (j) => problem.b[j]!),
        prior: { kind: 'dense', values: shuffle(referenceOf(problem)) },
      };
      suite.samePlan(await suite.solve(shuffled), shuffle((await suite.solve(problem)).plan), 1e-8);
    });
  }

  suite.test(`a batch is a loop of single problems: ${prior.kind} prior`, async () => {
    const problems = [0.05, 0.06, 0.2, 1].flatMap((reg) => tausOf(prior).map(([tau1, tau2]) => weighted(6, 6, { prior, reg, tau1, tau2: prior.kind === 'diagonal' ? tau1 : tau2 })));
    for (const mode of ['fast', 'parity'] as const) {
      const batch = await suite.solveBatch(problems, { mode });
      for (const [k, problem] of problems.entries()) suite.samePlan(batch[k]!, await suite.solve(problem, { mode }), mode === 'fast' ? 1e-7 : 0);
    }
  });
}

function batches(suite: Suite): void {
  suite.test('a batch of changing shapes does not start from potentials that do not fit', async () => {
    const problems = [makeProblem(4, 4), makeProblem(5, 3), makeProblem(3, 5), makeProblem(4, 4)];
    const batch = await suite.solveBatch(problems, { mode: 'fast' });
    for (const [k, problem] of problems.entries()) suite.samePlan(batch[k]!, await suite.solve(problem), 1e-7);
  });
}

function weightless(suite: Suite): void {
  const random = new Random(21);
  const [n, m] = [7, 6];
  const a = randomWeights(random, n).map((value, i) => (i === 1 || i === 4 ? 0 : value));
  const b = randomWeights(random, m).map((value, j) => (j === 2 ? 0 : value));
  const rows = [0, 2, 3, 5, 6];
  const columns = [0, 1, 3, 4, 5];

  for (const prior of [{ kind: 'product' }, { kind: 'ones' }, { kind: 'soft', epsilon: 0.2 }] as const)
    for (const mode of ['fast', 'parity'] as const)
      suite.test(`${prior.kind}, ${mode}: the rest is the problem without those lines`, async () => {
        for (const [tau1, tau2] of TAUS.slice(0, 4)) {
          const problem = makeProblem(n, m, { a, b, prior, tau1, tau2 });
          const keep = (values: Float64Array): Float64Array => Float64Array.from({ length: 25 }, (_, k) => values[rows[Math.floor(k / 5)]! * m + columns[k % 5]!]!);
          const smaller: UotProblem = { ...problem, n: 5, m: 5, cost: keep(problem.cost), a: Float64Array.from(rows, (i) => a[i]!), b: Float64Array.from(columns, (j) => b[j]!), prior: { kind: 'dense', values: keep(referenceOf(problem)) } };
          const options = { mode, parity: { maxIterations: 100_000, threshold: 1e-13 } };
          const whole = await suite.solve(problem, options);
          suite.sameValues(whole, keep(whole.plan), (await suite.solve(smaller, options)).plan, 1e-7);
          for (const i of [1, 4]) expect(whole.rowMass[i]).toBe(0);
          expect(whole.columnMass[2]).toBe(0);
          expect(whole.converged).toBe(true);
        }
      });

  suite.test('product in parity mode and every prior in fast mode report potential 0 there', async () => {
    const problem = makeProblem(n, m, { a, b });
    for (const solution of [await suite.solve(problem, { mode: 'parity' }), await suite.solve(problem), await suite.solve({ ...problem, prior: { kind: 'ones' } })]) {
      expect([solution.f[1], solution.f[4], solution.g[2]]).toEqual([0, 0, 0]);
      expect(Math.abs(solution.gap)).toBeLessThan(suite.within('gap', 1e-6, solution));
    }
  });
}

function unreached(suite: Suite): void {
  const [n, m] = [5, 6];
  const values = Float64Array.from({ length: n * m }, (_, k) => (Math.floor(k / m) === 2 || k % m === 5 ? 0 : 1 / 30));

  suite.test('they carry nothing, report potential 0 and pay τ·weight', async () => {
    const problem = makeProblem(n, m, { prior: { kind: 'dense', values }, tau1: 0.4, tau2: 0.9 });
    for (const mode of ['fast', 'parity'] as const) {
      const solution = await suite.solve(problem, { mode });
      expect(solution.rowMass[2]).toBe(0);
      expect(solution.columnMass[5]).toBe(0);
      expect([solution.f[2], solution.g[5]]).toEqual([0, 0]);
      expect(solution.gap).toBeLessThan(1e-5);
    }
    const whole = await suite.solve(problem);
    const rest = await suite.solve({
      ...problem,
      n: 4,
      m: 5,
      cost: problem.cost.filter((_, k) => Math.floor(k / m) !== 2 && k % m !== 5),
      a: problem.a.filter((_, i) => i !== 2),
      b: problem.b.filter((_, j) => j !== 5),
      prior: { kind: 'dense', values: new Float64Array(20).fill(1 / 30) },
    });
    suite.close([whole, rest], whole.primal, rest.primal + 0.4 / 5 + 0.9 / 6, 1e-9);
  });

  suite.test('a hard marginal on such a line is refused by name, and parity mode still returns', async () => {
    const problem = makeProblem(n, m, { prior: { kind: 'dense', values }, tau1: Infinity });
    await expect(suite.solve(problem)).rejects.toThrow('Source 2 has weight but the prior allows it no target, and τ₁ = ∞ does not let its mass go. Make τ₁ finite or choose another prior.');
    await expect(suite.solve({ ...problem, tau1: 1, tau2: Infinity })).rejects.toThrow('Target 5 has weight but the prior allows it no source');
    expect((await suite.solve(problem, { mode: 'parity' })).plan.every(Number.isFinite)).toBe(true);
  });

  suite.test('a prior of zeros moves nothing', async () => {
    const solution = await suite.solve(makeProblem(3, 3, { prior: { kind: 'dense', values: new Float64Array(9) }, tau1: 0.5, tau2: 2 }));
    expect([solution.mass, solution.logMass, solution.perplexity]).toEqual([0, -Infinity, Number.NaN]);
    suite.close(solution, solution.primal, 2.5, 1e-12);
    suite.close(solution, solution.dual, 2.5, 1e-12);
  });
}
