import { describe, expect, test } from 'vitest';
import { Random } from '../../../src/base/random.ts';
import { uniformWeights, type Prior, type UotProblem } from '../../../src/core/ot/problem.ts';
import { solve, solveBatch } from '../../../src/core/ot/solve.ts';
import { expectClose, expectSamePlan, makeProblem, PRIORS, randomWeights, transpose, transposed } from '../../support/ot.ts';

/* What must not change the answer. */

const TAUS: readonly (readonly [number, number])[] = [[0.5, 0.5], [0.2, 4], [Infinity, 1], [1, Infinity], [Infinity, Infinity]];

function weighted(n: number, m: number, over: Partial<UotProblem> = {}, seed = 2): UotProblem {
  const random = new Random(seed);
  return makeProblem(n, m, { a: randomWeights(random, n), b: randomWeights(random, m), ...over }, seed);
}

describe.each(PRIORS)('prior $kind', (prior) => {
  const taus = prior.kind === 'diagonal' ? TAUS.slice(0, 2) : TAUS;
  test.each(taus)('swapping the sides transposes the plan (τ %f, %f)', (tau1, tau2) => {
    const problem = weighted(6, 4, { prior, tau1, tau2 });
    const straight = solve(problem, { mode: 'fast' });
    const swapped = solve(transposed(problem), { mode: 'fast' });
    expectSamePlan(swapped.plan, transpose(straight.plan, 6, 4), 1e-8);
    expectClose(swapped.primal, straight.primal, 1e-8, 1);
    expectClose(swapped.entropy, straight.entropy, 1e-8, 1);
  });

  test.each(taus)('weights, costs and prior in another order give the plan in that order (τ %f, %f)', (tau1, tau2) => {
    const problem = weighted(5, 7, { prior, tau1, tau2 });
    const rows = new Random(5).sample(5, 5);
    const columns = new Random(6).sample(7, 7);
    const shuffle = (values: Float64Array): Float64Array => Float64Array.from({ length: 35 }, (_, k) => values[rows[Math.floor(k / 7)]! * 7 + columns[k % 7]!]!);
    const values = Float64Array.from({ length: 35 }, (_, k) => Math.exp(logReference(problem)[k]!));
    const shuffled: UotProblem = {
      ...problem,
      cost: shuffle(problem.cost),
      a: Float64Array.from(rows, (i) => problem.a[i]!),
      b: Float64Array.from(columns, (j) => problem.b[j]!),
      prior: { kind: 'dense', values: shuffle(values) },
    };
    expectSamePlan(solve(shuffled, { mode: 'fast' }).plan, shuffle(solve(problem, { mode: 'fast' }).plan), 1e-8);
  });

  test('a batch is a loop of single problems', () => {
    const problems = [0.05, 0.06, 0.2, 1].flatMap((reg) => taus.map(([tau1, tau2]) => weighted(6, 6, { prior, reg, tau1, tau2: prior.kind === 'diagonal' ? tau1 : tau2 })));
    for (const mode of ['fast', 'parity'] as const) {
      const batch = solveBatch(problems, { mode });
      problems.forEach((problem, k) => expectSamePlan(batch[k]!.plan, solve(problem, { mode }).plan, mode === 'fast' ? 1e-7 : 0));
    }
  });
});

function logReference({ n, m, a, b, prior }: UotProblem): Float64Array {
  const shared = Math.min(n, m);
  const cells = Float64Array.from({ length: n * m }, (_, k) => {
    const [i, j] = [Math.floor(k / m), k % m];
    const diagonal = i === j ? 1 / shared : 0;
    if (prior.kind === 'ones') return 0;
    if (prior.kind === 'diagonal') return Math.log(diagonal);
    if (prior.kind === 'soft') return Math.log((1 - prior.epsilon) * diagonal + prior.epsilon * a[i]! * b[j]!);
    return Math.log(a[i]! * b[j]!) - (prior.kind === 'band' ? (i - j) ** 2 / (2 * (prior.width * shared) ** 2) : 0);
  });
  const total = Math.log(cells.reduce((sum, value) => sum + Math.exp(value), 0));
  return prior.kind === 'band' ? cells.map((value) => value - total) : cells;
}

test('a batch of changing shapes does not start from potentials that do not fit', () => {
  const problems = [makeProblem(4, 4), makeProblem(5, 3), makeProblem(3, 5), makeProblem(4, 4)];
  const batch = solveBatch(problems, { mode: 'fast' });
  problems.forEach((problem, k) => expectSamePlan(batch[k]!.plan, solve(problem, { mode: 'fast' }).plan, 1e-7));
});

describe('a warm start changes nothing but the time', () => {
  const base = weighted(12, 9, { reg: 0.05, tau1: 1, tau2: 2 });
  const start = solve(base, { mode: 'fast' });
  const random = new Random(9);
  const changes: readonly (readonly [string, Partial<UotProblem>])[] = [
    ['nothing', {}],
    ['reg by 2 %', { reg: 0.051 }],
    ['reg tenfold', { reg: 0.5 }],
    ['reg to a hundredth', { reg: 0.0005 }],
    ['τ₁ alone', { tau1: 1.1 }],
    ['τ₂ alone', { tau2: 2.2 }],
    ['τ₂ alone, far', { tau2: 200 }],
    ['τ₂ to ∞', { tau2: Infinity }],
    ['both τ to ∞', { tau1: Infinity, tau2: Infinity }],
    ['the cost', { cost: base.cost.map((value) => value * (0.5 + random.uniform())) }],
    ['the cost, a thousandfold', { cost: base.cost.map((value) => value * 1000) }],
    ['the weights', { a: randomWeights(random, 12), b: randomWeights(random, 9) }],
    ['the prior', { prior: { kind: 'soft', epsilon: 0.05 } }],
  ];
  test.each(changes)('after a change of %s', (_, change) => {
    const problem = { ...base, ...change };
    const cold = solve(problem, { mode: 'fast' });
    const warm = solve(problem, { mode: 'fast', warm: start });
    expect(warm.converged).toBe(true);
    expectSamePlan(warm.plan, cold.plan, 1e-6);
  });

  test('small steps take fewer iterations', () => {
    const moved = { ...base, reg: 0.051 };
    expect(solve(moved, { mode: 'fast', warm: start }).iterations).toBeLessThan(solve(moved, { mode: 'fast' }).iterations);
  });

  test('potentials of −∞ or nonsense are no obstacle', () => {
    const cold = solve(base, { mode: 'fast' });
    const zeroed = solve({ ...base, a: base.a.map((value, i) => (i === 3 ? 0 : value)), prior: { kind: 'ones' } }, { mode: 'parity' });
    expect(zeroed.f[3]).toBe(-Infinity);
    expectSamePlan(solve(base, { mode: 'fast', warm: zeroed }).plan, cold.plan, 1e-6);
    const nonsense = { f: new Float64Array(12).fill(Number.NaN), g: Float64Array.from({ length: 9 }, (_, j) => (j % 2 ? 1e6 : -1e6)) };
    expectSamePlan(solve(base, { mode: 'fast', warm: nonsense }).plan, cold.plan, 1e-6);
  });
});

describe('lines without weight', () => {
  const random = new Random(21);
  const [n, m] = [7, 6];
  const a = randomWeights(random, n).map((value, i) => (i === 1 || i === 4 ? 0 : value));
  const b = randomWeights(random, m).map((value, j) => (j === 2 ? 0 : value));
  const rows = [0, 2, 3, 5, 6];
  const columns = [0, 1, 3, 4, 5];

  test.each([
    { kind: 'product' },
    { kind: 'ones' },
    { kind: 'soft', epsilon: 0.2 },
  ] satisfies Prior[])('$kind: the rest is the problem without those lines', (prior) => {
    for (const [tau1, tau2] of TAUS.slice(0, 4)) {
      const problem = makeProblem(n, m, { a, b, prior, tau1, tau2 });
      const keep = (values: Float64Array): Float64Array => Float64Array.from({ length: 25 }, (_, k) => values[rows[Math.floor(k / 5)]! * m + columns[k % 5]!]!);
      const values = Float64Array.from(logReference(problem), Math.exp);
      const smaller: UotProblem = { ...problem, n: 5, m: 5, cost: keep(problem.cost), a: Float64Array.from(rows, (i) => a[i]!), b: Float64Array.from(columns, (j) => b[j]!), prior: { kind: 'dense', values: keep(values) } };
      for (const mode of ['fast', 'parity'] as const) {
        const options = { mode, parity: { maxIterations: 100_000, threshold: 1e-13 } };
        const whole = solve(problem, options);
        expectSamePlan(keep(whole.plan), solve(smaller, options).plan, 1e-7);
        for (const i of [1, 4]) expect(whole.rowMass[i]).toBe(0);
        expect(whole.columnMass[2]).toBe(0);
        expect(whole.converged).toBe(true);
      }
    }
  });

  test('product in parity mode and every prior in fast mode report potential 0 there', () => {
    const problem = makeProblem(n, m, { a, b });
    for (const solution of [solve(problem, { mode: 'parity' }), solve(problem, { mode: 'fast' }), solve({ ...problem, prior: { kind: 'ones' } }, { mode: 'fast' })]) {
      expect([solution.f[1], solution.f[4], solution.g[2]]).toEqual([0, 0, 0]);
      expect(Math.abs(solution.gap)).toBeLessThan(1e-6);
    }
  });
});

describe('lines that the prior leaves empty', () => {
  const [n, m] = [5, 6];
  const values = Float64Array.from({ length: n * m }, (_, k) => (Math.floor(k / m) === 2 || k % m === 5 ? 0 : 1 / 30));

  test('they carry nothing, report potential 0 and pay τ·weight', () => {
    const problem = makeProblem(n, m, { prior: { kind: 'dense', values }, tau1: 0.4, tau2: 0.9 });
    for (const mode of ['fast', 'parity'] as const) {
      const solution = solve(problem, { mode });
      expect(solution.rowMass[2]).toBe(0);
      expect(solution.columnMass[5]).toBe(0);
      expect([solution.f[2], solution.g[5]]).toEqual([0, 0]);
      expect(solution.gap).toBeLessThan(1e-5);
    }
    const { primal } = solve(problem, { mode: 'fast' });
    const rest: UotProblem = {
      ...problem,
      n: 4,
      m: 5,
      cost: problem.cost.filter((_, k) => Math.floor(k / m) !== 2 && k % m !== 5),
      a: problem.a.filter((_, i) => i !== 2),
      b: problem.b.filter((_, j) => j !== 5),
      prior: { kind: 'dense', values: new Float64Array(20).fill(1 / 30) },
    };
    expectClose(primal, solve(rest, { mode: 'fast' }).primal + 0.4 / 5 + 0.9 / 6, 1e-9);
  });

  test('a hard marginal on such a line is refused by name, and parity mode still returns', () => {
    const problem = makeProblem(n, m, { prior: { kind: 'dense', values }, tau1: Infinity });
    expect(() => solve(problem, { mode: 'fast' })).toThrow('Source 2 has weight but the prior allows it no target, and τ₁ = ∞ does not let its mass go. Make τ₁ finite or choose another prior.');
    expect(() => solve({ ...problem, tau1: 1, tau2: Infinity }, { mode: 'fast' })).toThrow('Target 5 has weight but the prior allows it no source');
    expect(solve(problem, { mode: 'parity' }).plan.every(Number.isFinite)).toBe(true);
  });

  test('a prior of zeros moves nothing', () => {
    const solution = solve(makeProblem(3, 3, { prior: { kind: 'dense', values: new Float64Array(9) }, tau1: 0.5, tau2: 2 }), { mode: 'fast' });
    expect([solution.mass, solution.logMass, solution.perplexity]).toEqual([0, -Infinity, Number.NaN]);
    expectClose(solution.primal, 2.5, 1e-12);
    expectClose(solution.dual, 2.5, 1e-12);
  });
});

test('scaling cost, reg and τ together changes nothing', () => {
  const base = makeProblem(8, 8, { reg: 0.03, tau1: 0.5, tau2: 2 });
  for (const scale of [1e-9, 1e-3, 1e3, 1e9]) {
    const scaled = { ...base, cost: base.cost.map((value) => value * scale), reg: base.reg * scale, tau1: base.tau1 * scale, tau2: base.tau2 * scale };
    expectSamePlan(solve(scaled, { mode: 'fast' }).plan, solve(base, { mode: 'fast' }).plan, 1e-7);
  }
});

test('uniform weights are what they say', () => {
  expect([...uniformWeights(4)]).toEqual([0.25, 0.25, 0.25, 0.25]);
});
