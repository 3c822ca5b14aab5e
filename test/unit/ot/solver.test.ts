import { expect, test } from 'vitest';
import { uniformWeights } from '../../../src/core/ot/problem.ts';
import { solve, solveBatch } from '../../../src/core/ot/solve.ts';
import { solverSuite } from '../../suite/all.ts';
import { FLOAT64 } from '../../suite/backend.ts';
import { klDivergence } from '../../support/ot.ts';

/* The solver suite on the float64 solver, at its own tolerances and with every run. */

solverSuite({
  name: 'float64 on the CPU',
  solve: (problem, options) => Promise.resolve().then(() => ({ ...solve(problem, options), precision: FLOAT64, handedOver: null })),
  solveBatch: (problems, options) => Promise.resolve(solveBatch(problems, options).map((solution) => ({ ...solution, precision: FLOAT64, handedOver: null }))),
  effort: 1,
  handsOver: {},
  lacks: {},
});

test('KL in the tests is what it should be', () => {
  expect(klDivergence(Float64Array.of(0.5, 0), Float64Array.of(0.5, 0.2))).toBeCloseTo(0.2, 15);
  expect(klDivergence(Float64Array.of(1), Float64Array.of(2))).toBeCloseTo(1 - Math.log(2), 15);
});

test('uniform weights are what they say', () => {
  expect([...uniformWeights(4)]).toEqual([0.25, 0.25, 0.25, 0.25]);
});
