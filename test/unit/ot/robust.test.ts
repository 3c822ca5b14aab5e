import { expect, test } from 'vitest';
import { Random } from '../../../src/base/random.ts';
import type { Prior } from '../../../src/core/ot/problem.ts';
import { uniformWeights } from '../../../src/core/ot/problem.ts';
import { solve } from '../../../src/core/ot/solve.ts';
import { join } from 'node:path';
import { readGolden } from '../../../scripts/inspect/golden-files.ts';

const random = (n: number, seed: number): Float64Array => {
  const stream = new Random(seed);
  return Float64Array.from({ length: n * n }, () => 3 * stream.uniform());
};

test('balanced problems converge, and their potentials do not drift along the constants', () => {
  for (const n of [8, 16, 64])
    for (const reg of [0.01, 0.003, 0.001])
      for (const prior of [{ kind: 'product' }, { kind: 'soft', epsilon: 0.1 }, { kind: 'band', width: 0.1 }] satisfies Prior[]) {
        const weights = uniformWeights(n);
        const solution = solve({ n, m: n, cost: random(n, 77 + n), a: weights, b: weights, prior, reg, tau1: Infinity, tau2: Infinity }, { mode: 'fast' });
        expect(solution.converged, `${n} ${reg} ${prior.kind}`).toBe(true);
        expect(solution.marginalViolation).toBeLessThan(1e-9);
        // log u + log v is of the order of max M/reg + |log c|; a drifting gauge reached 1e12 here.
        expect(solution.largestPotential).toBeLessThan(4 * (3 / reg) + 1000);
      }
});

test('the hardest golden case converges whatever the last bits of its costs are', async () => {
  const table = await readGolden(join(import.meta.dirname, '../../golden'));
  const cost = table.array('p64.M');
  const weights = uniformWeights(64);
  const stream = new Random(1);
  for (let k = 0; k < 12; k++) {
    const nudged = cost.map((value) => value * (1 + 1e-13 * stream.normal()));
    const solution = solve({ n: 64, m: 64, cost: nudged, a: weights, b: weights, prior: { kind: 'product' }, reg: 1e-4, tau1: 1, tau2: 1 }, { mode: 'fast' });
    expect(solution.converged).toBe(true);
    expect(Math.abs(solution.gap)).toBeLessThan(1e-9);
  }
});
