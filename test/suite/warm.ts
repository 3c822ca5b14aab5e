import { expect } from 'vitest';
import { Random } from '../../src/base/random.ts';
import type { UotProblem } from '../../src/core/ot/problem.ts';
import { randomWeights } from '../support/ot.ts';
import type { Suite } from './backend.ts';

/** Fast solves that start from potentials of a neighbour, or of nothing like one. @param base 12 × 9, finite τ */
export function warmStarts(suite: Suite, base: UotProblem): void {
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
  for (const [what, change] of changes)
    suite.test(`after a change of ${what}`, async () => {
      const problem = { ...base, ...change };
      const cold = await suite.solve(problem);
      const warm = await suite.solve(problem, { mode: 'fast', warm: await suite.solve(base) });
      expect(warm.converged).toBe(true);
      suite.samePlan(warm, cold, 1e-6);
    });

  suite.test('small steps take fewer iterations', async () => {
    const moved = { ...base, reg: 0.051 };
    const warm = await suite.solve(moved, { mode: 'fast', warm: await suite.solve(base) });
    expect(warm.iterations).toBeLessThan((await suite.solve(moved)).iterations);
  });

  suite.test('potentials of −∞ or nonsense are no obstacle', async () => {
    const cold = await suite.solve(base);
    const zeroed = await suite.solve({ ...base, a: base.a.map((value, i) => (i === 3 ? 0 : value)), prior: { kind: 'ones' } }, { mode: 'parity' });
    expect(zeroed.f[3]).toBe(-Infinity);
    suite.samePlan(await suite.solve(base, { mode: 'fast', warm: zeroed }), cold, 1e-6);
    const nonsense = { f: new Float64Array(12).fill(Number.NaN), g: Float64Array.from({ length: 9 }, (_, j) => (j % 2 ? 1e6 : -1e6)) };
    suite.samePlan(await suite.solve(base, { mode: 'fast', warm: nonsense }), cold, 1e-6);
  });
}
