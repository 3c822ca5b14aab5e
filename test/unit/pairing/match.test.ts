import { describe, expect, test } from 'vitest';
import { solve } from '../../../src/core/ot/solve.ts';
import { uniformWeights, type UotProblem } from '../../../src/core/ot/problem.ts';
import { matchErrors, type MatchGauge } from '../../../src/core/pairing/match.ts';
import { truthSamples } from '../../../src/core/pairing/truth.ts';
import { Random } from '../../../src/base/random.ts';

const random = new Random(11);
function problemOf(n: number, m: number, change: Partial<UotProblem> = {}): UotProblem {
  return { n, m, cost: Float64Array.from({ length: n * m }, () => random.uniform()), a: uniformWeights(n), b: uniformWeights(m), prior: { kind: 'product' }, reg: 0.1, tau1: 0.3, tau2: 0.7, ...change };
}
const gaugeOf = (n: number, m: number): MatchGauge => ({ name: 'phase', kind: 'phase', distances: Float64Array.from({ length: n * m }, () => random.uniform()) });

describe('how far matches are apart', () => {
  test('over the pairs is the plain mean of the diagonal, over π its mean by mass', () => {
    const plan = Float64Array.of(0.2, 0, 0.1, 0.1);
    const gauge: MatchGauge = { name: 'phase', kind: 'phase', distances: Float64Array.of(1, 5, 2, 4) };
    const { errors } = matchErrors(problemOf(2, 2), plan, true, [gauge]);
    expect(errors[0]).toMatchObject({ pairs: 2.5, kind: 'phase' });
    expect(errors[0]!.plan).toBeCloseTo((0.2 + 0.2 + 0.4) / 0.4, 14);
  });

  test('the diagonal prior is what a solve under it gives, mass and error', () => {
    for (const change of [{}, { tau1: Infinity }, { tau2: Infinity }, { tau1: Infinity, tau2: Infinity }, { a: Float64Array.of(0.5, 0, 0.2, 0.3) }]) {
      const problem = problemOf(4, 4, change);
      const gauge = gaugeOf(4, 4);
      const { errors, diagonalMass } = matchErrors(problem, new Float64Array(16).fill(1), true, [gauge]);
      const hard = problem.tau1 === Infinity && problem.tau2 === Infinity;
      if (!hard || !('a' in change)) {
        const truth = solve({ ...problem, prior: { kind: 'diagonal' } }, { mode: 'fast' });
        expect(diagonalMass).toBeCloseTo(truth.mass, 12);
        const expected = truth.plan.reduce((sum, value, k) => sum + value * gauge.distances[k]!, 0) / truth.mass;
        expect(errors[0]!.diagonal).toBeCloseTo(expected, 12);
      }
    }
  });

  test('says nothing of pairs that are none, nor of a diagonal that has no solution', () => {
    const plan = new Float64Array(6).fill(1 / 6);
    expect(matchErrors(problemOf(3, 2), plan, true, [gaugeOf(3, 2)]).errors[0]!.pairs).toBeNull();
    expect(matchErrors(problemOf(2, 2), plan.slice(0, 4), false, [gaugeOf(2, 2)]).errors[0]!.pairs).toBeNull();
    const { errors, diagonalMass } = matchErrors(problemOf(3, 2, { tau1: Infinity }), plan, true, [gaugeOf(3, 2)]);
    expect([errors[0]!.diagonal, diagonalMass]).toEqual([null, null]);
  });

  test('a plan without mass matches nothing', () => expect(matchErrors(problemOf(2, 2), new Float64Array(4), true, [gaugeOf(2, 2)]).errors[0]!.plan).toBeNaN());
});

test('pairs by ground truth go to the nearest phase of the five nearest goals, evenly', () => {
  const spans = Array.from({ length: 7 }, (_, k) => ({ start: 3 * k, length: 3 }));
  const source = { phase: Float64Array.from({ length: 21 }, (_, k) => (k % 3) / 2), goal: Float64Array.from({ length: 42 }, (_, k) => (k % 2 === 0 ? Math.floor(k / 6) : 0)), episodes: spans };
  const target = { phase: Float64Array.of(0.1, 0.9), goal: Float64Array.of(3, 0, 3, 0), episodes: [{ start: 0, length: 2 }] };
  const samples = truthSamples(source, target);
  expect(samples.map(({ target: row }) => row)).toEqual([0, 1]);
  expect([...samples[0]!.candidates].toSorted((p, q) => p - q)).toEqual([3, 6, 9, 12, 15]);
  expect([...samples[1]!.candidates].toSorted((p, q) => p - q)).toEqual([5, 8, 11, 14, 17]);
  expect([...samples[0]!.probabilities]).toEqual([0.2, 0.2, 0.2, 0.2, 0.2]);
});
