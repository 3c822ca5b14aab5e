import { describe, expect, test } from 'vitest';
import { UserError } from '../../../src/base/errors.ts';
import { MAX_SIDE, type UotProblem } from '../../../src/core/ot/problem.ts';
import { solve } from '../../../src/core/ot/solve.ts';
import { makeProblem } from '../../support/ot.ts';

/* Everything that is not a problem is refused with a sentence that says what, and what would work. */

const cost = (index: number, value: number): Float64Array => makeProblem(3, 4).cost.with(index, value);
const weights = (...values: number[]): Float64Array => Float64Array.from(values);

const BROKEN: readonly (readonly [Partial<UotProblem>, string])[] = [
  [{ n: 0, cost: new Float64Array(0), a: new Float64Array(0) }, 'A plan needs at least one source and one target sample; this batch has 0 and 4.'],
  [{ m: 2.5 }, 'A plan needs at least one source and one target sample; this batch has 3 and 2.5.'],
  [{ n: MAX_SIDE + 1 }, 'The problem is 4097 × 4; at most 4096 × 4096 fits. Draw a smaller batch.'],
  [{ cost: new Float64Array(11) }, 'The cost matrix holds 11 values, but 3 × 4 needs 12.'],
  [{ a: new Float64Array(4).fill(1) }, 'There are 4 source weights for 3 rows of the cost matrix; give one a row.'],
  [{ b: new Float64Array(1).fill(1) }, 'There are 1 target weights for 4 columns of the cost matrix; give one a column.'],
  [{ reg: 0 }, 'reg is 0; it must be a positive finite number, such as 0.01.'],
  [{ reg: -1 }, 'reg is -1; it must be a positive finite number, such as 0.01.'],
  [{ reg: Number.NaN }, 'reg is NaN; it must be a positive finite number, such as 0.01.'],
  [{ reg: Infinity }, 'reg is Infinity; it must be a positive finite number, such as 0.01.'],
  [{ tau1: 0 }, 'τ₁ is 0; it must be positive, or ∞ for a hard marginal.'],
  [{ tau2: -2 }, 'τ₂ is -2; it must be positive, or ∞ for a hard marginal.'],
  [{ tau1: Number.NaN }, 'τ₁ is NaN; it must be positive, or ∞ for a hard marginal.'],
  [{ a: weights(1, -1, 1) }, 'The weight of source sample 1 is -1; weights must be finite and not negative.'],
  [{ b: weights(1, 1, 1, Number.NaN) }, 'The weight of target sample 3 is NaN; weights must be finite and not negative.'],
  [{ b: weights(Infinity, 1, 1, 1) }, 'The weight of target sample 0 is Infinity; weights must be finite and not negative.'],
  [{ a: weights(0, 0, 0) }, 'All source weights are 0; at least one must be positive.'],
  [{ cost: cost(6, Number.NaN) }, 'The cost of source 1 and target 2 is NaN; every cost must be finite. Look for NaN or ∞ in the features.'],
  [{ cost: cost(11, -Infinity) }, 'The cost of source 2 and target 3 is -Infinity; every cost must be finite. Look for NaN or ∞ in the features.'],
  [{ prior: { kind: 'soft', epsilon: 0 } }, 'The soft prior\'s ε is 0; it must lie in (0, 1].'],
  [{ prior: { kind: 'soft', epsilon: 1.5 } }, 'The soft prior\'s ε is 1.5; it must lie in (0, 1].'],
  [{ prior: { kind: 'soft', epsilon: Number.NaN } }, 'The soft prior\'s ε is NaN; it must lie in (0, 1].'],
  [{ prior: { kind: 'band', width: 0 } }, 'The band prior\'s width is 0; it must be positive, such as 0.1.'],
  [{ prior: { kind: 'band', width: Infinity } }, 'The band prior\'s width is Infinity; it must be positive, such as 0.1.'],
  [{ prior: { kind: 'dense', values: new Float64Array(3) } }, 'The reference measure holds 3 values, but 3 × 4 needs 12.'],
  [{ prior: { kind: 'dense', values: cost(0, -0.5) } }, 'The reference measure contains -0.5; every entry must be finite and not negative.'],
];

describe.each(['fast', 'parity'] as const)('%s', (mode) => {
  test.each(BROKEN.map(([change, message]) => [message, change] as const))('%s', (message, change) => {
    const attempt = (): unknown => solve({ ...makeProblem(3, 4), ...change }, { mode });
    expect(attempt).toThrow(UserError);
    expect(attempt).toThrow(expect.objectContaining({ code: 'bad-problem', message }));
  });
});

test('unequal masses under two hard marginals are refused in fast mode', () => {
  const problem = makeProblem(2, 2, { a: weights(1, 1), b: weights(1, 0.5), tau1: Infinity, tau2: Infinity });
  const message = 'Balanced transport needs equal masses, but the source weights sum to 2 and the target weights to 1.5. Scale one side, or make τ₁ or τ₂ finite.';
  expect(() => solve(problem, { mode: 'fast' })).toThrow(expect.objectContaining({ code: 'infeasible', message }));
  expect(solve({ ...problem, tau1: 1 }, { mode: 'fast' }).converged).toBe(true);
});

test('masses that are equal up to float32 rounding are equal', () => {
  const third = Math.fround(1 / 3);
  const problem = makeProblem(3, 2, { a: weights(third, third, third), b: weights(0.5, 0.5), tau1: Infinity, tau2: Infinity });
  expect(solve(problem, { mode: 'fast' }).converged).toBe(true);
});
