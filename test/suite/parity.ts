import * as fc from 'fast-check';
import { expect } from 'vitest';
import { Random } from '../../src/base/random.ts';
import type { UotProblem } from '../../src/core/ot/problem.ts';
import { longSinkhorn, makeProblem, marginals, PRIORS, randomWeights, referenceOf, sumOf } from '../support/ot.ts';
import type { Suite } from './backend.ts';
import { AGREEMENT, remembered } from './shapes.ts';

const change = (next: number[], previous: number[]): number => Math.max(...next.map((value, k) => Math.abs(value - previous[k]!))) / Math.max(...next, ...previous, 1);
const line = (count: number): number[] => Array.from({ length: count }, (_, k) => k);

/** POT's sinkhorn_knopp_unbalanced (≥ 0.9.5) as its source reads, without logarithms. */
export function textbook(problem: UotProblem): { plan: Float64Array; iterations: number; broke: boolean } {
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

/** Random problems up to 7 × 7, every prior, τ from 0.01 to 100 and hard. */
export const anyParityProblem = fc
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

const textbookOf = remembered(textbook);

/** Parity mode is POT's scheme: its plan after as many iterations. */
export function parity(suite: Suite): void {
  const expectTextbook = async (problem: UotProblem, truth: ReturnType<typeof textbook>): Promise<void> => {
    const solution = await suite.solve(problem, { mode: 'parity' });
    expect(Math.abs(solution.iterations - truth.iterations)).toBeLessThanOrEqual(suite.within('iterations', 0, solution));
    expect(solution.handedOver).toBeNull();
    suite.samePlan(solution, truth.plan, 1e-11);
  };

  suite.property('parity mode is the textbook scheme: same iterations, same plan', anyParityProblem, { runs: 200, seed: 20250919 }, async (problem) => {
    const truth = textbook(problem);
    fc.pre(!truth.broke);
    await expectTextbook(problem, truth);
  });

  for (const { name, problem } of AGREEMENT)
    suite.test(`the textbook scheme: ${name}`, async () => {
      const truth = textbookOf(problem);
      if (!truth.broke) return expectTextbook(problem, truth);
      // A line that c leaves empty makes POT divide by 0: only the scheme's limit can be told.
      const { rows, columns } = marginals(referenceOf(problem), problem.n, problem.m);
      expect([...rows, ...columns]).toContain(0);
      suite.samePlan(await suite.solve(problem, { mode: 'parity' }), longSinkhorn(problem), 1e-5);
    });

  suite.test('many hundred iterations', async () => {
    const problem = makeProblem(16, 16, { reg: 0.01, tau1: 1, tau2: 1 });
    const truth = textbook(problem);
    expect(truth.iterations).toBeGreaterThan(400);
    await expectTextbook(problem, truth);
  });

  suite.test('a single iteration and a threshold of one’s own are honoured', async () => {
    const problem = makeProblem(5, 5, { reg: 0.01 });
    expect(await suite.solve(problem, { mode: 'parity', parity: { maxIterations: 1, threshold: 1e-6 } })).toMatchObject({ iterations: 1, converged: false });
    const tight = await suite.solve(problem, { mode: 'parity', parity: { maxIterations: 100_000, threshold: 1e-14 } });
    suite.samePlan(tight, await suite.solve(problem), 1e-8);
  });
}
