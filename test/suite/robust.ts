import { join } from 'node:path';
import { expect } from 'vitest';
import { readGolden } from '../../scripts/inspect/golden-files.ts';
import { Random } from '../../src/base/random.ts';
import { uniformWeights } from '../../src/core/ot/problem.ts';
import type { Suite } from './backend.ts';

const costs = (n: number, seed: number): Float64Array => {
  const random = new Random(seed);
  return Float64Array.from({ length: n * n }, () => 3 * random.uniform());
};

/** Problems on which an iteration once drifted or stalled. */
export function robustness(suite: Suite): void {
  for (const n of [8, 16, 64])
    for (const reg of [0.01, 0.003, 0.001])
      for (const prior of [{ kind: 'product' }, { kind: 'soft', epsilon: 0.1 }, { kind: 'band', width: 0.1 }] as const)
        suite.test(`a balanced problem of ${n} at reg ${reg} converges, and its potentials do not drift along the constants: ${prior.kind} prior`, async () => {
          const weights = uniformWeights(n);
          const problem = { n, m: n, cost: costs(n, 77 + n), a: weights, b: weights, prior, reg, tau1: Infinity, tau2: Infinity };
          const solution = await suite.solve(problem);
          suite.certified(solution, problem, 1e-9);
          // log u + log v is of the order of max M/reg + |log c|; a drifting gauge reached 1e12 here.
          expect(solution.largestPotential).toBeLessThan(4 * (3 / reg) + 1000);
        });

  suite.test('the hardest golden case converges whatever the last bits of its costs are', async () => {
    const table = await readGolden(join(import.meta.dirname, '../golden'));
    const cost = table.array('p64.M');
    const weights = uniformWeights(64);
    const random = new Random(1);
    for (let k = 0; k < suite.runs(12); k++) {
      const nudged = cost.map((value) => value * (1 + 1e-13 * random.normal()));
      const problem = { n: 64, m: 64, cost: nudged, a: weights, b: weights, prior: { kind: 'product' }, reg: 1e-4, tau1: 1, tau2: 1 } as const;
      suite.certified(await suite.solve(problem), problem, 1e-9);
    }
  });
}
