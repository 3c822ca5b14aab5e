import { describe, expect, test } from 'vitest';
import { solve } from '../../../src/core/ot/solve.ts';
import { suggestReg, suggestTau } from '../../../src/core/ot/suggest.ts';
import { geomlossReach, ottTau, tauFromOtt, tauFromReach } from '../../../src/core/ot/conventions.ts';
import { expectClose, makeProblem, sumOf } from '../../support/ot.ts';

describe('suggestTau', () => {
  const problem = makeProblem(8, 10, { reg: 0.05 });
  test.each([0.03, 0.1, 0.15, 0.3, 0.6, 0.9, 0.99])('finds the τ at which π_sum is %f', (wanted) => {
    const tau = suggestTau(problem, wanted);
    expectClose(solve({ ...problem, tau1: tau, tau2: tau }, { mode: 'fast' }).mass, wanted, 1e-5);
  });

  test('constant M: e^(−M/(reg+2τ)) = wanted', () => {
    const constant = makeProblem(5, 5, { cost: new Float64Array(25).fill(3), reg: 0.5 });
    expectClose(suggestTau(constant, 0.2), (3 / Math.log(5) - 0.5) / 2, 1e-5);
  });

  test('does not depend on the τ that is set', () => {
    expect(suggestTau({ ...problem, tau1: Infinity, tau2: 1e-3 }, 0.15)).toBe(suggestTau(problem, 0.15));
  });

  test.each([1, 1.5, 0, -0.1, Number.NaN])('refuses %f, which no τ gives', (wanted) => {
    const floor = sumOf(problem.cost.map((value) => Math.exp(-value / 0.05) / 80));
    const message = `No τ gives a mass of ${wanted}: at this reg it lies between ${floor.toPrecision(3)} and 1.00. Choose a value in between, or change reg.`;
    expect(() => suggestTau(problem, wanted)).toThrow(expect.objectContaining({ code: 'no-such-tau', message }));
  });

  test('refuses a mass below that of τ → 0', () => {
    const loose = { ...problem, reg: 1 };
    const floor = sumOf(loose.cost.map((value) => Math.exp(-value) / 80));
    expect(() => suggestTau(loose, floor * 0.9)).toThrow(/^No τ gives a mass of/);
    expect(suggestTau(loose, floor * 1.01)).toBeGreaterThan(0);
  });
});

test('suggestReg is 0.05 of the spread', () => expect(suggestReg(2)).toBe(0.1));

describe('conventions of other libraries', () => {
  test.each([1e-6, 0.01, 1, 50, 1e6])('τ = %f survives OTT and GeomLoss', (tau) => {
    for (const reg of [1e-3, 0.1, 10]) expectClose(tauFromOtt(ottTau(tau, reg), reg), tau, 1e-6);
    expectClose(tauFromReach(geomlossReach(tau)), tau, 1e-14);
  });
  test('known values and the hard marginal', () => {
    expect(ottTau(0.3, 0.1)).toBeCloseTo(0.75, 15);
    expect(tauFromOtt(0.75, 0.1)).toBeCloseTo(0.3, 15);
    expect(ottTau(Infinity, 0.1)).toBe(1);
    expect(tauFromOtt(1, 0.1)).toBe(Infinity);
    expect(geomlossReach(0.25)).toBe(0.5);
    expect(geomlossReach(Infinity)).toBe(Infinity);
  });
});
