import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Random } from '../../../src/base/random.ts';
import type { UotProblem } from '../../../src/core/ot/problem.ts';
import { potFailure, potOutcome } from '../../../src/core/ot/pot.ts';
import { referenceMeasure } from '../../../src/core/ot/priors.ts';
import { solve } from '../../../src/core/ot/solve.ts';
import { expectSamePlan, makeProblem, PRIORS, randomWeights, referenceOf, sumOf } from '../../support/ot.ts';

fc.configureGlobal({ seed: 20250919 });

const change = (next: number[], previous: number[]): number => Math.max(...next.map((value, k) => Math.abs(value - previous[k]!))) / Math.max(...next, ...previous, 1);
const line = (count: number): number[] => Array.from({ length: count }, (_, k) => k);

/** POT's sinkhorn_knopp_unbalanced (≥ 0.9.5) as its source reads, without logarithms. */
function textbook(problem: UotProblem): { plan: Float64Array; iterations: number; broke: boolean } {
  const { n, m, cost, a, b, reg, tau1, tau2 } = problem;
  const kernel = referenceOf(problem).map((c, k) => c * Math.exp(-cost[k]! / reg));
  const power = (tau: number): number => (tau === Infinity ? 1 : tau / (tau + reg));
  let u = line(n).map(() => 1);
  let v = line(m).map(() => 1);
  let iterations = 0;
  let broke = false;
  while (iterations < 1000) {
    iterations++;
    const nextU = line(n).map((i) => (a[i]! / sumOf(line(m).map((j) => kernel[i * m + j]! * v[j]!))) ** power(tau1));
    const sums = line(m).map((j) => sumOf(line(n).map((i) => kernel[i * m + j]! * nextU[i]!)));
    const nextV = sums.map((sum, j) => (b[j]! / sum) ** power(tau2));
    broke = sums.includes(0) || ![...nextU, ...nextV].every(Number.isFinite);
    if (broke) break;
    const error = (change(nextU, u) + change(nextV, v)) / 2;
    [u, v] = [nextU, nextV];
    if (error < 1e-6) break;
  }
  return { plan: kernel.map((value, k) => u[Math.floor(k / m)]! * value * v[k % m]!), iterations, broke };
}

const anyProblem = fc
  .record({
    n: fc.integer({ min: 1, max: 7 }),
    m: fc.integer({ min: 1, max: 7 }),
    seed: fc.nat(),
    power: fc.double({ min: -2.5, max: 1, noNaN: true }),
    taus: fc.tuple(fc.double({ min: -2, max: 2, noNaN: true }), fc.double({ min: -2, max: 2, noNaN: true })),
    hard: fc.constantFrom('neither', 'neither', 'source', 'target', 'both'),
    prior: fc.constantFrom(...PRIORS),
  })
  .map(({ n, m, seed, power, taus, hard, prior }) => {
    const random = new Random(seed);
    const tau1 = hard === 'source' || hard === 'both' ? Infinity : 10 ** taus[0];
    const tau2 = hard === 'target' || hard === 'both' ? Infinity : 10 ** taus[1];
    return makeProblem(n, m, { a: randomWeights(random, n), b: randomWeights(random, m), reg: 10 ** power, tau1, tau2, prior }, seed);
  });

test('parity mode is the textbook scheme: same iterations, same plan', () => {
  fc.assert(
    fc.property(anyProblem, (problem) => {
      const truth = textbook(problem);
      fc.pre(!truth.broke);
      const solution = solve(problem, { mode: 'parity' });
      expect(solution.iterations).toBe(truth.iterations);
      expectSamePlan(solution.plan, truth.plan, 1e-11);
    }),
    { numRuns: 200 },
  );
});

test('the model of POT is the textbook scheme too, breakage included', () => {
  fc.assert(
    fc.property(anyProblem, fc.double({ min: 0, max: 3.5, noNaN: true }), (base, power) => {
      const problem = { ...base, cost: base.cost.map((value) => (0.2 + value) * 10 ** power) };
      const truth = textbook(problem);
      const outcome = potOutcome(problem, referenceMeasure(problem));
      expect(outcome.brokeAt).toBe(truth.broke ? truth.iterations - 1 : null);
      expect(Math.abs(outcome.mass - sumOf(truth.plan))).toBeLessThanOrEqual(1e-9 * Math.max(outcome.mass, 1e-300));
    }),
    { numRuns: 100 },
  );
});

test('potFailure says the same without simulating to the end', () => {
  const random = new Random(3);
  const counts = { broke: 0, worked: 0 };
  for (let k = 0; k < 400; k++) {
    const [n, m] = [1 + random.below(6), 1 + random.below(6)];
    const weights = (count: number): Float64Array => randomWeights(random, count).map((value, i) => (i > 0 && random.uniform() < 0.05 ? 0 : value));
    const spread = 10 ** random.between(-1, 3.3);
    const base = makeProblem(n, m, { a: weights(n), b: weights(m), prior: PRIORS[random.below(PRIORS.length)]!, reg: 10 ** random.between(-1, 0.5), tau1: 10 ** random.between(-2, 3), tau2: 10 ** random.between(-2, 3) }, k);
    const problem = { ...base, cost: base.cost.map((value) => spread * (0.3 + value)) };
    const reference = referenceMeasure(problem);
    const { brokeAt } = potOutcome(problem, reference);
    counts[brokeAt === null ? 'worked' : 'broke']++;
    for (const mode of ['fast', 'parity'] as const) expect(potFailure(problem, reference, solve(problem, { mode }))?.brokeAt ?? null).toBe(brokeAt);
  }
  expect(Math.min(counts.broke, counts.worked)).toBeGreaterThan(50);
});

test('a single iteration and a threshold of one’s own are honoured', () => {
  const problem = makeProblem(5, 5, { reg: 0.01 });
  expect(solve(problem, { mode: 'parity', parity: { maxIterations: 1, threshold: 1e-6 } })).toMatchObject({ iterations: 1, converged: false });
  const tight = solve(problem, { mode: 'parity', parity: { maxIterations: 100_000, threshold: 1e-14 } });
  expectSamePlan(tight.plan, solve(problem, { mode: 'fast' }).plan, 1e-8);
});
