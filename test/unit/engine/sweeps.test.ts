import { beforeAll, describe, expect, it } from 'vitest';
import { SESSION_LIMITS, type SolveSettings } from '../../../src/config/session.ts';
import type { Dataset } from '../../../src/datasets/types.ts';
import { REGIME_AXES, RESPONSE_POINTS, type SolveReport } from '../../../src/engine/protocol.ts';
import { demoShard } from '../../support/demo.ts';
import { Engine, expectType, settingsOf, type Change } from '../../support/engine.ts';

let sim: Dataset;
let real: Dataset;
beforeAll(async () => {
  [sim, real] = await Promise.all([demoShard('sim_pick'), demoShard('real_pick')]);
});

const batch = { size: 12 };
const demo = (): Promise<Engine> => Engine.holding(sim, real);
const along = (k: number, count: number, { low, high }: { low: number; high: number }): number => low * (high / low) ** (k / (count - 1));

async function single(solve: Partial<SolveSettings>): Promise<SolveReport> {
  return (await (await demo()).solve({ batch, solve })).report;
}

async function ask(type: 'responses' | 'regime-map', change: Change, engine?: Engine): ReturnType<Engine['request']> {
  return (engine ?? (await demo())).request(type, { settings: settingsOf(change) });
}

describe('response curves', () => {
  const held = { tau1: 0.08, tau2: 0.3, reg: 0.02 };

  it('are the masses of single solves along each slider', async () => {
    const { curves } = expectType('responses', await ask('responses', { batch, solve: held }));
    for (const [name, { sliderLow: low, sliderHigh: high }] of [['reg', SESSION_LIMITS.reg], ['tau1', SESSION_LIMITS.tau], ['tau2', SESSION_LIMITS.tau]] as const) {
      expect(curves[name]).toHaveLength(RESPONSE_POINTS);
      for (const k of [0, 16, 25, RESPONSE_POINTS - 1]) {
        const { ot_pi_sum, converged } = await single({ ...held, [name]: along(k, RESPONSE_POINTS, { low, high }) });
        expect(converged).toBe(true);
        expect(curves[name][k]! / ot_pi_sum, `${name} ${k}`).toBeCloseTo(1, 6);
      }
    }
  });

  it('rise with τ, as the mass does for a product prior', async () => {
    const { curves } = expectType('responses', await ask('responses', { batch }));
    for (const curve of [curves.tau1, curves.tau2]) for (let k = 1; k < curve.length; k++) expect(curve[k]!).toBeGreaterThanOrEqual(curve[k - 1]! * (1 - 1e-9));
  });
});

describe('the regime map', () => {
  const cells: [number, number][] = [[0, 0], [0, REGIME_AXES.columns - 1], [REGIME_AXES.rows - 1, 0], [REGIME_AXES.rows - 1, REGIME_AXES.columns - 1], [9, 13], [4, 20]];

  it.each([
    ['a product prior', { tau1: 0.1, tau2: 0.2 }, 2],
    ['a mask', { prior: 'diagonal' }, 1],
    ['hard marginals', { tau1: Infinity, tau2: Infinity }, 1],
    ['a normalised cost', { normalisation: 'std', tau1: 1, tau2: 1 }, 1],
  ] as [string, Partial<SolveSettings>, number][])('holds single solves of every quantity, for %s', async (_, solve, ratio) => {
    const { map } = expectType('regime-map', await ask('regime-map', { batch, solve }));
    expect([map.rows, map.columns, map.mass.length]).toEqual([REGIME_AXES.rows, REGIME_AXES.columns, REGIME_AXES.rows * REGIME_AXES.columns]);
    for (const [row, column] of cells) {
      const tau1 = along(row, REGIME_AXES.rows, REGIME_AXES);
      const report = await single({ ...solve, reg: along(column, REGIME_AXES.columns, REGIME_AXES), tau1, tau2: ratio * tau1 });
      const cell = row * REGIME_AXES.columns + column;
      expect(report.converged).toBe(true);
      const close = (value: number, truth: number, what: string): void => expect(value / truth, `${what} at ${row}, ${column}`).toBeCloseTo(1, 6);
      close(map.mass[cell]!, report.ot_pi_sum, 'mass');
      close(map.diagRatio[cell]!, report.diag_ratio!, 'diag_ratio');
      close(map.perplexity[cell]!, report.perplexity, 'perplexity');
      close(map.loss[cell]!, report.ot_loss, 'ot_loss');
    }
  });

  it('of n ≠ m has no diagonal', async () => {
    const { map } = expectType('regime-map', await ask('regime-map', { batch: { kind: 'ranges', sourceRanges: '0:5', targetRanges: '0:4' } }));
    expect(map.diagRatio.every(Number.isNaN)).toBe(true);
    expect(map.mass.every(Number.isFinite)).toBe(true);
  });
});

describe('while a sweep runs', () => {
  const large = { batch: { size: 24 } };

  it('a newer one of its kind takes its place', async () => {
    const engine = await demo();
    const older = ask('regime-map', large, engine);
    const newer = ask('regime-map', { batch }, engine);
    expect((await older).type).toBe('superseded');
    expect((await newer).type).toBe('regime-map');
  });

  it('one of the other kind runs beside it', async () => {
    const engine = await demo();
    const map = ask('regime-map', { batch }, engine);
    const curves = ask('responses', { batch }, engine);
    expect((await curves).type).toBe('responses');
    expect((await map).type).toBe('regime-map');
  });

  it('a solve ends it: whoever moves a slider comes first', async () => {
    const engine = await demo();
    const map = ask('regime-map', large, engine);
    expect((await engine.solve()).report.converged).toBe(true);
    expect((await map).type).toBe('superseded');
  });

  it('the data may be taken away', async () => {
    const engine = await demo();
    const map = ask('regime-map', large, engine);
    await engine.request('clear', { side: 'source' });
    expect(['regime-map', 'superseded']).toContain((await map).type);
  });
});

describe('a sweep that cannot begin fails by name', () => {
  it.each(['responses', 'regime-map'] as const)('%s', async (type) => {
    expect(expectType('failed', await ask(type, { features: [] })).error.code).toBe('no-terms');
    expect(expectType('failed', await new Engine().request(type, { settings: settingsOf({}) })).error.code).toBe('no-data');
  });
});

describe('a τ for a wanted mass', () => {
  it.each([
    [0.15, {}],
    [0.5, {}],
    [0.3, { normalisation: 'std', reg: 0.05 }],
    [0.2, { prior: 'soft' }],
  ] as [number, Partial<SolveSettings>][])('gives a mass of %s with %j', async (mass, solve) => {
    const engine = await demo();
    const { tau } = expectType('tau', await engine.request('suggest-tau', { settings: settingsOf({ batch, solve }), mass }));
    expect((await engine.solve({ batch, solve: { ...solve, tau1: tau, tau2: tau } })).report.ot_pi_sum).toBeCloseTo(mass, 4);
  });

  it.each([0, 1, -1, 2, Number.NaN, 1e-300])('has none for a mass of %s, which is said', async (mass) => {
    const engine = await demo();
    expect(expectType('failed', await engine.request('suggest-tau', { settings: settingsOf({ batch, solve: { reg: 1 } }), mass })).error.code).toBe('no-such-tau');
    expect((await engine.solve({ batch })).report.converged).toBe(true);
  });
});
