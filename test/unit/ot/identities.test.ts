import { describe, expect, test } from 'vitest';
import { costStatistics, regime } from '../../../src/core/ot/diagnostics.ts';
import { diagonalOf } from '../../../src/core/ot/diagonal.ts';
import { DEAD_PULL, logMassBound, nearestZone, objectiveIdentity, welschLoss, welschPull, type ObjectiveForm } from '../../../src/core/ot/identities.ts';
import { referenceMass } from '../../../src/core/ot/priors.ts';
import type { UotProblem } from '../../../src/core/ot/problem.ts';
import { solve } from '../../../src/core/ot/solve.ts';
import { isCollapse } from '../../../src/core/ot/warnings.ts';
import { Random } from '../../../src/base/random.ts';
import { costResponse } from '../../../src/engine/sweeps.ts';
import { COST_SCALES } from '../../../src/engine/protocol.ts';
import { expectClose, makeProblem, randomWeights } from '../../support/ot.ts';

const random = new Random(9);
const identityOf = (problem: UotProblem, mode: 'fast' | 'parity' = 'fast') => objectiveIdentity(problem, referenceMass(problem), solve(problem, { mode }));

describe('the objective in closed form', () => {
  const weights = (n: number, m: number, [massA, massB]: [number, number] = [1, 1]) => ({ a: randomWeights(random, n, massA), b: randomWeights(random, m, massB) });
  test.each([
    ['unit masses', 'mass', makeProblem(7, 5, { tau1: 0.3, tau2: 2 })],
    ['weights of unit mass', 'mass', makeProblem(7, 5, weights(7, 5))],
    ['a band', 'mass', makeProblem(6, 6, { prior: { kind: 'band', width: 0.3 } })],
    ['the diagonal prior', 'mass', makeProblem(6, 6, { prior: { kind: 'diagonal' } })],
    ['ones, whose mass is n·m', 'finite', makeProblem(7, 5, { prior: { kind: 'ones' } })],
    ['unequal masses', 'finite', makeProblem(7, 5, weights(7, 5, [2, 0.7]))],
    ['a hard source', 'hard-source', makeProblem(7, 5, { tau1: Infinity, tau2: 0.4, ...weights(7, 5, [1.3, 0.8]) })],
    ['a hard target', 'hard-target', makeProblem(7, 5, { tau1: 0.4, tau2: Infinity, ...weights(7, 5, [1.3, 0.8]) })],
    ['two hard sides under ones', 'hard-both', makeProblem(7, 5, { tau1: Infinity, tau2: Infinity, prior: { kind: 'ones' } })],
  ] as [string, ObjectiveForm, UotProblem][])('%s: %s', (_, form, problem) => {
    const { primal } = solve(problem, { mode: 'fast' });
    const identity = identityOf(problem);
    expect(identity.form).toBe(form);
    expectClose(identity.value, primal, 1e-7);
    expect(identity.difference).toBe(primal - identity.value);
  });

  test('for unit masses it is (reg + τ₁ + τ₂)(1 − π_sum)', () => {
    const problem = makeProblem(8, 8, { tau1: 0.3, tau2: 0.2 });
    expectClose(identityOf(problem).value, 0.6 * (1 - solve(problem, { mode: 'fast' }).mass), 1e-12);
  });

  test('away from the optimum it is off', () => {
    const problem = makeProblem(8, 8, { reg: 0.002, tau1: 50, tau2: 50 });
    expect(Math.abs(identityOf(problem, 'parity').difference)).toBeGreaterThan(1e-3);
    expect(Math.abs(identityOf(problem).difference)).toBeLessThan(1e-5);
  });
});

describe('what q bounds', () => {
  const boundOf = (problem: UotProblem) => logMassBound(problem, regime(problem, costStatistics(problem.cost)));
  test.each([1, 2, 3, 4])('the mass is at least e^−q, for product and diagonal priors (%i)', (seed) => {
    for (const prior of [{ kind: 'product' }, { kind: 'diagonal' }] as const) {
      const problem = makeProblem(6, 6, { prior, reg: 0.02, tau1: 0.1, tau2: 0.3 }, seed);
      expect(solve(problem, { mode: 'fast' }).logMass).toBeGreaterThanOrEqual(boundOf(problem)!);
    }
  });
  test('it is the mass itself where M is constant', () => {
    const problem = makeProblem(5, 7, { cost: new Float64Array(35).fill(0.8), reg: 0.05, tau1: 0.1, tau2: 0.2 });
    expectClose(solve(problem, { mode: 'fast' }).logMass, boundOf(problem)!, 1e-9);
  });
  test('there is none for a hard side, nor for a c of other marginals', () => {
    expect(boundOf(makeProblem(4, 4, { tau2: Infinity }))).toBeNull();
    expect(boundOf(makeProblem(4, 4, { prior: { kind: 'band', width: 0.2 } }))).toBeNull();
    expect(boundOf(makeProblem(4, 5, { prior: { kind: 'diagonal' } }))).toBeNull();
  });
  test('zones of q̃', () => expect([0, 0.99, 1, 5, 5.01].map((qNearest) => nearestZone({ qNearest }))).toEqual(['fine', 'fine', 'watch', 'watch', 'dead']));
});

describe('all costs times s', () => {
  /** For a constant M and the product prior the mass is e^{−sM/S}, so the shown cost is sM·e^{−sM/S}. */
  const [reg, tau1, tau2] = [0.05, 0.2, 0.15];
  const total = reg + tau1 + tau2;
  const respond = (cost: number) => {
    const run = costResponse(makeProblem(5, 6, { cost: new Float64Array(30).fill(cost), reg, tau1, tau2 }));
    for (;;) {
      const step = run.next();
      if (step.done) return step.value;
    }
  };
  test.each([0.2, 0.9, 1.1, 4])('constant M, q = %d: the curves, and a derivative M·e^−q·(1 − q) that turns at q = 1', (q) => {
    const cost = q * total;
    const { shown, value, slope, detached } = respond(cost);
    for (const [k, seen] of shown.entries()) {
      const s = COST_SCALES.low * (COST_SCALES.high / COST_SCALES.low) ** (k / (COST_SCALES.points - 1));
      expectClose(seen, s * cost * Math.exp(-s * q), 1e-6);
      expectClose(value[k]!, -total * Math.expm1(-s * q), 1e-6);
    }
    // The difference's own error is some 1e-4 of M·e^−q.
    expect(Math.abs(slope - cost * Math.exp(-q) * (1 - q))).toBeLessThan(1e-3 * cost * Math.exp(-q));
    expectClose(detached, cost * Math.exp(-q), 1e-7);
    expect(Math.sign(slope)).toBe(q < 1 ? 1 : -1);
    expect(detached).toBeGreaterThan(0);
  });
  test('1 is the middle scale', () => expectClose(COST_SCALES.low * (COST_SCALES.high / COST_SCALES.low) ** 0.5, 1, 1e-12));
});

describe('the Welsch loss under the diagonal prior', () => {
  const problem = makeProblem(9, 9, { prior: { kind: 'diagonal' }, reg: 0.02, tau1: 0.05, tau2: 0.13 });
  const total = 0.2;
  test('its mean over the pairs is the objective, and its derivative the plan', () => {
    const { plan, primal, mass } = solve(problem, { mode: 'fast' });
    const pairs = [...diagonalOf(problem)];
    const mean = pairs.reduce((sum, cost) => sum + welschLoss(cost, total), 0) / 9;
    expectClose(mean, primal, 1e-9);
    expectClose(mean, total * (1 - mass), 1e-12);
    for (const [i, cost] of pairs.entries()) {
      expectClose(welschPull(cost, total) / 9, plan[i * 10]!, 1e-12);
      expectClose((welschLoss(cost + 1e-6, total) - welschLoss(cost - 1e-6, total)) / 2e-6, welschPull(cost, total), 1e-7);
    }
  });
  test('M for near pairs, S for far ones, M itself without a bound', () => {
    expectClose(welschLoss(1e-9, total), 1e-9, 1e-7);
    expectClose(welschLoss(100, total), total, 1e-12);
    expect(welschLoss(3, Infinity)).toBe(3);
    expect(welschPull(3, Infinity)).toBe(1);
    expectClose(welschPull(-total * Math.log(DEAD_PULL), total), DEAD_PULL, 1e-12);
  });
});

test('the signature of a collapse is high mass with low variance, neither alone', () => {
  expect(isCollapse(0.92, 0.01)).toBe(true);
  expect(isCollapse(0.92, 0.7)).toBe(false);
  expect(isCollapse(0.15, 0.01)).toBe(false);
  expect(isCollapse(Number.NaN, Number.NaN)).toBe(false);
});
