import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Random } from '../../../src/base/random.ts';
import { potFailure, potOutcome } from '../../../src/core/ot/pot.ts';
import { referenceMeasure } from '../../../src/core/ot/priors.ts';
import { solve } from '../../../src/core/ot/solve.ts';
import { anyParityProblem, textbook } from '../../suite/parity.ts';
import { makeProblem, PRIORS, randomWeights, sumOf } from '../../support/ot.ts';

/* What POT itself would do (pot.ts); that parity mode repeats it is the suite's (test/suite/parity.ts). */

fc.configureGlobal({ seed: 20250919 });

test('the model of POT is the textbook scheme too, breakage included', () => {
  fc.assert(
    fc.property(anyParityProblem, fc.double({ min: 0, max: 3.5, noNaN: true }), (base, power) => {
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
