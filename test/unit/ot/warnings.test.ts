import { describe, expect, test } from 'vitest';
import { costStatistics } from '../../../src/core/ot/diagnostics.ts';
import type { UotProblem } from '../../../src/core/ot/problem.ts';
import { solve, type SolveOptions } from '../../../src/core/ot/solve.ts';
import { suggestReg, suggestTau } from '../../../src/core/ot/suggest.ts';
import { planWarnings, type CostContext, type Cure, type Warning, type WarningCode } from '../../../src/core/ot/warnings.ts';
import { expectClose, makeProblem } from '../../support/ot.ts';

/* Every warning has a problem that raises it, the right figure, and a cure that takes it away. */

const FAST: SolveOptions = { mode: 'fast' };

function contextOf(problem: UotProblem, over: Partial<CostContext> = {}): CostContext {
  return { statistics: costStatistics(problem.cost), shares: new Map(), cameras: { count: 0, weight: 0 }, embeddingVariance: new Map(), constantDimensions: [], jitter: null, ...over };
}

const warningsOf = (problem: UotProblem, options = FAST, over: Partial<CostContext> = {}): Warning[] => planWarnings(problem, solve(problem, options), contextOf(problem, over));

function warningOf(code: WarningCode, ...rest: Parameters<typeof warningsOf>): Warning | undefined {
  return warningsOf(...rest).find((warning) => warning.code === code);
}

/** What the page does when a cure is pressed. */
function apply(problem: UotProblem, cure: Cure | null): UotProblem {
  if (cure?.kind === 'prior') return { ...problem, prior: cure.prior };
  if (cure?.kind === 'reg') return { ...problem, reg: cure.reg };
  if (cure?.kind === 'mass') {
    const tau = suggestTau(problem, cure.mass);
    return { ...problem, tau1: tau, tau2: tau };
  }
  throw new Error(`not a change of the problem: ${cure?.kind}`);
}

/** reg 0.05·std and the τ of mass 0.15, as the page starts. */
function healthy(n = 16, m = 16): UotProblem {
  const base = makeProblem(n, m);
  const problem = { ...base, reg: suggestReg(costStatistics(base.cost).std) };
  const tau = suggestTau(problem, 0.15);
  return { ...problem, tau1: tau, tau2: tau };
}

test('a healthy problem raises nothing', () => expect(warningsOf(healthy())).toEqual([]));

describe('hard-diagonal', () => {
  const problem = { ...healthy(), prior: { kind: 'diagonal' } as const };
  test('figure, sum of reg and τ, and the soft prior as its cure', () => {
    const warning = warningOf('hard-diagonal', problem)!;
    expectClose(warning.value, solve(problem, FAST).mass, 1e-12);
    expectClose(Number(warning.facts.total), problem.reg + 2 * problem.tau1, 1e-12);
    expect(warningOf('hard-diagonal', apply(problem, warning.cure))).toBeUndefined();
  });
});

describe('a window beside the diagonal prior', () => {
  const problem = { ...healthy(), prior: { kind: 'diagonal' } as const };
  const jitter = { window: 3, noWindow: false, fps: 15, episode: 120 };
  test('figure in frames and seconds, and a window of 2 as its cure', () => {
    expect(warningOf('window-diagonal', problem, FAST, { jitter })).toEqual({ code: 'window-diagonal', value: 3, facts: { seconds: 0.2 }, cure: { kind: 'window', window: 2 } });
    expect(warningOf('window-diagonal', problem, FAST, { jitter: { ...jitter, fps: null } })?.facts).toEqual({});
    expect(warningOf('episode-diagonal', problem, FAST, { jitter: { ...jitter, noWindow: true } })).toEqual({ code: 'episode-diagonal', value: 120, facts: { seconds: 8 }, cure: { kind: 'window', window: 2 } });
  });
  test.each<[string, UotProblem, Partial<CostContext>]>([
    ['a window of 2', problem, { jitter: { ...jitter, window: 2 } }],
    ['a batch that was not drawn by pairs', problem, { jitter: null }],
    ['another prior', { ...problem, prior: { kind: 'soft', epsilon: 0.1 } }, { jitter: { ...jitter, noWindow: true } }],
  ])('none with %s', (_, posed, over) => expect(warningsOf(posed, FAST, over).filter(({ code }) => code === 'window-diagonal' || code === 'episode-diagonal')).toEqual([]));
});

describe('mass-collapse', () => {
  test.each([{ kind: 'product' }, { kind: 'ones' }, { kind: 'diagonal' }, { kind: 'soft', epsilon: 0.1 }, { kind: 'band', width: 0.2 }] as const)('under $kind: figure, its logarithm, and a mass as its cure', (prior) => {
    const base = makeProblem(12, 12, { reg: 0.02, tau1: 0.02, tau2: 0.03, prior });
    const problem = { ...base, cost: base.cost.map((value) => 2 + value) };
    const { mass, logMass } = solve(problem, FAST);
    const warning = warningOf('mass-collapse', problem)!;
    expect(warning.value).toBe(mass);
    expectClose(Number(warning.facts.log10), logMass / Math.LN10, 1e-12);
    const cured = apply(problem, warning.cure);
    expectClose(solve(cured, FAST).mass, 0.15, 1e-4);
    expect(warningOf('mass-collapse', cured)).toBeUndefined();
  });
  test('has a logarithm when the mass itself underflows', () => {
    const warning = warningOf('mass-collapse', makeProblem(4, 4, { cost: new Float64Array(16).fill(5000) }))!;
    expectClose(Number(warning.facts.log10), -5000 / 2.1 / Math.LN10, 1e-6);
  });
});

describe('transport-dominates', () => {
  test('figure, and a mass as its cure', () => {
    const problem = { ...healthy(), tau1: 10, tau2: 10 };
    const warning = warningOf('transport-dominates', problem)!;
    expect(warning.value).toBe(solve(problem, FAST).mass);
    expect(warning.value).toBeGreaterThan(0.6);
    expect(warning.cure).toEqual({ kind: 'mass', mass: 0.15 });
    expect(warningOf('transport-dominates', apply(problem, warning.cure))).toBeUndefined();
  });
  test('where no τ gives that mass, a smaller reg comes first', () => {
    const problem = { ...healthy(), reg: 2, tau1: 10, tau2: 10 };
    const first = warningOf('transport-dominates', problem)!;
    expect(first.cure?.kind).toBe('reg');
    const second = apply(problem, first.cure);
    const cured = apply(second, warningOf('transport-dominates', second)!.cure);
    expect(warningOf('transport-dominates', cured)).toBeUndefined();
  });
  test('is not said of hard marginals, whose mass is given', () => {
    expect(warningOf('transport-dominates', { ...healthy(), tau1: Infinity, tau2: Infinity })).toBeUndefined();
  });
});

test('mass-above-one: figure, and the product prior as its cure', () => {
  const problem = makeProblem(8, 8, { prior: { kind: 'ones' }, reg: 2, tau1: 0.1, tau2: 0.1 });
  const warning = warningOf('mass-above-one', problem)!;
  expect(warning.value).toBe(solve(problem, FAST).mass);
  expect(warning.value).toBeGreaterThan(1);
  expect(warningOf('transport-dominates', problem)).toBeUndefined();
  expect(solve(apply(problem, warning.cure), FAST).mass).toBeLessThanOrEqual(1);
});

describe('not-converged', () => {
  const problem = makeProblem(16, 16, { reg: 0.001, tau1: 10, tau2: 10 });
  test('parity at its cap: last change, iterations, and fast mode as its cure', () => {
    const parity: SolveOptions = { mode: 'parity' };
    const warning = warningOf('not-converged', problem, parity)!;
    expect(warning).toMatchObject({ value: solve(problem, parity).error, facts: { iterations: 1000 }, cure: { kind: 'mode', mode: 'fast' } });
    expect(warningOf('not-converged', problem)).toBeUndefined();
  });
  test('fast: a larger reg, never a smaller one', () => {
    const cures = [0.001, 5, 12].map((reg) => {
      const stalled = { ...solve({ ...problem, reg }, FAST), converged: false };
      return planWarnings({ ...problem, reg }, stalled, null).find(({ code }) => code === 'not-converged')?.cure;
    });
    expect(cures).toEqual([{ kind: 'reg', reg: 0.003 }, { kind: 'reg', reg: 10 }, null]);
  });
});

describe('float32-range', () => {
  test('by potentials or by exponents', () => {
    const problem = makeProblem(8, 8, { reg: 1e-5 });
    const { largestPotential } = solve(problem, FAST);
    const exponent = costStatistics(problem.cost).max / 1e-5;
    expect(warningOf('float32-range', problem)!.value).toBe(Math.max(largestPotential, exponent));
    expect(warningOf('float32-range', { ...problem, reg: 0.01 })).toBeUndefined();
  });
});

describe('pot-breaks', () => {
  const base = makeProblem(10, 10, { reg: 0.02, tau1: 0.5, tau2: 0.5 });
  test('one outlier row: iteration, POT’s mass beside the true one, and a larger reg as its cure', () => {
    const problem = { ...base, cost: base.cost.map((value, k) => (k < 10 ? 40 + value : value)) };
    const warning = warningOf('pot-breaks', problem)!;
    const { mass } = solve(problem, FAST);
    expect(warning.value).toBe(0);
    expect(warning.facts.trueMass).toBe(mass);
    expect(Math.abs(Number(warning.facts.mass) - mass)).toBeGreaterThan(0.01);
    expect(warningOf('pot-breaks', apply(problem, warning.cure))).toBeUndefined();
  });
  test('the diagonal prior looks at its own cells only', () => {
    const cost = base.cost.map((value, k) => (k === 33 ? 100 : value));
    const problem = { ...base, cost, prior: { kind: 'diagonal' } as const };
    expect(warningOf('pot-breaks', { ...base, cost })).toBeUndefined();
    expect(warningOf('pot-breaks', apply(problem, warningOf('pot-breaks', problem)!.cure))).toBeUndefined();
  });
  test.each([
    ['a weight of 0', { a: new Float64Array(10).fill(0.1).with(3, 0) }],
    ['an empty line of a dense prior', { prior: { kind: 'dense', values: Float64Array.from({ length: 100 }, (_, k) => (k < 10 ? 0 : 0.01)) } }],
  ] satisfies [string, Partial<UotProblem>][])('%s breaks POT at once, and no reg helps', (_, change) => {
    expect(warningOf('pot-breaks', { ...base, ...change })).toMatchObject({ value: 0, cure: null });
  });
  test('n ≠ m under the diagonal prior breaks POT at once', () => {
    expect(warningOf('pot-breaks', makeProblem(3, 5, { prior: { kind: 'diagonal' } }))).toMatchObject({ value: 0, cure: null });
  });
  test('weights of 0 under ones are no trouble to POT', () => {
    expect(warningOf('pot-breaks', { ...base, a: new Float64Array(10).fill(0.1).with(3, 0), prior: { kind: 'ones' } })).toBeUndefined();
  });
});

test('term-dominates: share and name; one term alone does not dominate', () => {
  const problem = healthy();
  const shares = new Map([['state', 0.97], ['action', 0.03]]);
  expect(warningOf('term-dominates', problem, FAST, { shares })).toEqual({ code: 'term-dominates', value: 0.97, facts: { term: 'state' }, cure: { kind: 'term-weight', term: 'state', factor: 0.2 } });
  // The cure, pressed: 0.97/5 against 0.03.
  const share = 0.97 / 5 / (0.97 / 5 + 0.03);
  expect(warningOf('term-dominates', problem, FAST, { shares: new Map([['state', share], ['action', 1 - share]]) })).toBeUndefined();
  expect(warningOf('term-dominates', problem, FAST, { shares: new Map([['state', 1]]) })).toBeUndefined();
});

test('cameras-unweighted: count; weights of 1/N cure it', () => {
  const warning = warningOf('cameras-unweighted', healthy(), FAST, { cameras: { count: 3, weight: 3 } });
  expect(warning).toMatchObject({ value: 3, cure: { kind: 'camera-weights', count: 3 } });
  expect(warningOf('cameras-unweighted', healthy(), FAST, { cameras: { count: 3, weight: 1 } })).toBeUndefined();
  expect(warningOf('cameras-unweighted', healthy(), FAST, { cameras: { count: 1, weight: 1 } })).toBeUndefined();
});

test('encoder-collapse: variance, feature and mass; less of λ as its cure', () => {
  const embeddingVariance = new Map([['image', 0.004], ['wrist', 0.9]]);
  const found = warningsOf(healthy(), FAST, { embeddingVariance });
  expect(found).toEqual([{ code: 'encoder-collapse', value: 0.004, facts: { feature: 'image', mass: solve(healthy(), FAST).mass }, cure: { kind: 'lambda', factor: 0.1 } }]);
});

test('encoder-collapse: a variance of 0.03 is one beside a high mass alone', () => {
  const embeddingVariance = new Map([['image', 0.03]]);
  const heavy = { ...healthy(), tau1: 50, tau2: 50 };
  expect([solve(healthy(), FAST).mass, solve(heavy, FAST).mass].map((mass) => mass > 0.6)).toEqual([false, true]);
  expect(warningOf('encoder-collapse', healthy(), FAST, { embeddingVariance })).toBeUndefined();
  expect(warningOf('encoder-collapse', heavy, FAST, { embeddingVariance })).toMatchObject({ value: 0.03 });
});

test('constant-dimensions: how many, and the first few by name', () => {
  const constantDimensions = ['a[0]', 'a[1]', 'a[2]', 'a[3]', 'a[4]'];
  expect(warningOf('constant-dimensions', healthy(), FAST, { constantDimensions })).toMatchObject({ value: 5, facts: { dimensions: 'a[0], a[1], a[2], a[3]' } });
});

test('diffuse-plan: matches a row, of how many, and the suggested reg as its cure', () => {
  const problem = { ...healthy(), reg: 5 };
  const warning = warningOf('diffuse-plan', problem)!;
  expectClose(warning.value, solve(problem, FAST).perplexity, 1e-12);
  expect(warning.value).toBeGreaterThan(15);
  expect(warning.facts.m).toBe(16);
  expect(warningOf('diffuse-plan', apply(problem, warning.cure))).toBeUndefined();
  // A flat cost has no spread to suggest a reg from.
  const flat = { ...problem, cost: new Float64Array(256).fill(1) };
  expect(warningOf('diffuse-plan', flat)!.cure).toBeNull();
});

test('without a cost context the solver’s own warnings remain', () => {
  const problem = { ...healthy(), prior: { kind: 'diagonal' } as const };
  expect(planWarnings(problem, solve(problem, FAST), null).map(({ code }) => code)).toContain('hard-diagonal');
});
