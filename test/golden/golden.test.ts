import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runGolden } from '../../scripts/inspect/golden.ts';
import { readGolden, type GoldenCase, type GoldenTable } from '../../scripts/inspect/golden-files.ts';
import { potOutcome } from '../../src/core/ot/pot.ts';
import { referenceMeasure } from '../../src/core/ot/priors.ts';

/*
 * Tables of problems with answers that other programs computed: POT, a float64 log-domain solver with POT's stop rule,
 * and the converged optimum. The copy beside this file is part of the repository; the whole table is shared between
 * checkouts and is looked for in OT_SHARED or ../shared.
 */
const ROOT = resolve(import.meta.dirname, '../..');
const SHARED = join(process.env.OT_SHARED ?? resolve(ROOT, '../shared'), 'golden');
const isThere = existsSync(join(SHARED, 'golden.json'));

async function checkSolver(table: GoldenTable): Promise<void> {
  const { cases, parity, fast, maxGap } = await runGolden(table);
  expect(cases).toBe(table.cases.length);
  expect(parity.compared).toBe(cases);
  expect(parity.itersEqual).toBe(cases);
  expect(parity.maxPlanErr).toBeLessThanOrEqual(1e-11);
  expect(parity.nonFinite).toBe(0);
  expect(fast.compared).toBeGreaterThan(0.85 * cases);
  expect(fast.within1e6).toBe(fast.compared);
  expect(fast.stalled).toBe(0);
  expect(maxGap).toBeLessThanOrEqual(1e-6);
}

/** Our model of POT's own arithmetic against what POT printed and returned. */
function checkPot(table: GoldenTable): void {
  const model = (golden: GoldenCase): ReturnType<typeof potOutcome> => {
    const problem = table.problem(golden);
    return potOutcome(problem, referenceMeasure(problem));
  };
  for (const golden of table.cases) {
    if (!golden.pot) continue;
    const { brokeAt, mass } = model(golden);
    expect(brokeAt !== null, `${golden.id}: POT reports numerical errors`).toBe(golden.pot.numerical);
    if (golden.pot.mass !== null) expect(Math.abs(mass - golden.pot.mass), `${golden.id}: mass of POT's plan`).toBeLessThanOrEqual(1e-9 * Math.max(golden.pot.mass, 1e-3));
  }
}

describe('golden cases kept in the repository', async () => {
  const table = await readGolden(import.meta.dirname);

  test('every problem, reference measure and kind of τ is among them', () => {
    expect(new Set(table.cases.map((golden) => golden.prob))).toEqual(new Set(['p16', 'c12x20', 'g5x9', 'p32', 'g8', 'z8', 'g1x7', 'tie8', 'p16s100', 'p64']));
    expect(new Set(table.cases.map((golden) => golden.c))).toEqual(new Set(['ab', 'diag', 'dense', 'zrow', 'band']));
    for (const [hard1, hard2] of [[false, false], [false, true], [true, false], [true, true]])
      expect(table.cases.some((golden) => (golden.tau1 === null) === hard1 && (golden.tau2 === null) === hard2)).toBe(true);
    expect(table.cases.some((golden) => !golden.star)).toBe(true);
  });
  test('parity repeats POT and fast finds the optimum', () => checkSolver(table));
  test('the model of POT breaks where POT does and returns its mass', () => checkPot(table));
});

// On CI the shared folder must be there: a table that is silently skipped proves nothing.
describe.skipIf(!isThere && !process.env.CI)('the whole shared golden table', () => {
  test('is found', () => expect(isThere, `no golden table in ${SHARED}; set OT_SHARED`).toBe(true));
  test.runIf(isThere)('parity repeats POT and fast finds the optimum', async () => checkSolver(await readGolden(SHARED)));
  test.runIf(isThere)('the model of POT breaks where POT does and returns its mass', async () => checkPot(await readGolden(SHARED)));
});
