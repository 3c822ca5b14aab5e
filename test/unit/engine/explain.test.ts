import { beforeAll, describe, expect, it } from 'vitest';
import { PRESETS } from '../../../src/config/presets.ts';
import type { Dataset } from '../../../src/datasets/types.ts';
import type { TrainingMetrics, TrainingSession } from '../../../src/engine/protocol.ts';
import { Trainer } from '../../../src/engine/trainer.ts';
import { demoShard } from '../../support/demo.ts';
import { Engine, expectType, settingsOf, type Change } from '../../support/engine.ts';
import { sumOf } from '../../support/ot.ts';
import { demoPlace, trainSettings } from '../../support/trainer.ts';

/* What the engine computes for explanations beyond a solve. */

let sim: Dataset;
let real: Dataset;
beforeAll(async () => {
  [sim, real] = await Promise.all([demoShard('sim_pick'), demoShard('real_pick')]);
});

const batch = { size: 12 };

describe('all costs times s', () => {
  const ask = async (change: Change) => expectType('cost-response', await (await Engine.holding(sim, real)).request('cost-response', { settings: settingsOf(change) })).response;

  it('passes through the plan on the page at s = 1, and its derivative is that of solves beside it', async () => {
    for (const solve of [{}, { normalisation: 'std', tau1: 1, tau2: 1 }, { prior: 'diagonal' }, { tau1: Infinity, tau2: Infinity }] as const) {
      const { shown, value, slope, detached } = await ask({ batch, solve });
      const { report } = await (await Engine.holding(sim, real)).solve({ batch, solve });
      expect(shown[15]! / (report.ot_loss / report.sigma)).toBeCloseTo(1, 6);
      expect(value[15]! / report.primal).toBeCloseTo(1, 6);
      expect(detached / (report.ot_loss / report.sigma)).toBeCloseTo(1, 6);
      // The neighbours are a fifth of a decade apart: a rough difference of them has the same sign.
      expect(Math.sign(slope)).toBe(Math.sign(shown[16]! - shown[14]!));
      // The optimum only rises with the costs.
      for (let k = 1; k < value.length; k++) expect(value[k]!).toBeGreaterThanOrEqual(value[k - 1]! * (1 - 1e-9));
    }
  });

  it('gives way to a solve', async () => {
    const engine = await Engine.holding(sim, real);
    const sweep = engine.request('cost-response', { settings: settingsOf({ batch: { size: 40 } }) });
    await engine.solve({ batch });
    expect((await sweep).type).toBe('superseded');
  });
});

describe('what POT returns', () => {
  it('where it breaks: its plan, whose mass the warning names; nothing where it works', async () => {
    const engine = await Engine.holding(sim, real);
    const solve = { reg: 1e-4 };
    const { pot } = expectType('pot-plan', await engine.request('pot-plan', { settings: settingsOf({ batch, solve }) }));
    const { report } = await engine.solve({ batch, solve });
    const warning = report.warnings.find(({ code }) => code === 'pot-breaks')!;
    expect(pot).toMatchObject({ brokeAt: warning.value, mass: warning.facts.mass, finite: true });
    expect(sumOf(pot!.plan)).toBeCloseTo(pot!.mass, 12);
    expect(Math.abs(pot!.mass - report.ot_pi_sum)).toBeGreaterThan(1e-3);
    expect(expectType('pot-plan', await engine.request('pot-plan', { settings: settingsOf({ batch }) })).pot).toBeNull();
  });
});

describe('what pulls at the encoder', () => {
  const small = (change: Parameters<typeof trainSettings>[0] = {}): TrainingSession => trainSettings({ batch: { size: 12 }, ...change, training: { batchSize: 10, ...change.training } });
  const balanceOf = async (settings: TrainingSession) => {
    const trainer = await Trainer.create(await demoPlace(), settings);
    try {
      return await trainer.balance();
    } finally {
      await trainer.dispose();
    }
  };

  it('is BC’s own gradient, and one of transport that is proportional to λ', async () => {
    const [one, three, none] = [await balanceOf(small()), await balanceOf(small({ training: { lambda: 3 } })), await balanceOf(small({ training: { lambda: 0 } }))];
    expect(one.bc).toBeGreaterThan(0);
    expect(three.transport / one.transport).toBeCloseTo(3, 4);
    expect(none).toMatchObject({ transport: 0, lambda: 0, step: 0 });
    for (const { bc } of [three, none]) expect(bc / one.bc).toBeCloseTo(1, 6);
    // A step without transport has no other gradient than BC's.
    const trainer = await Trainer.create(await demoPlace(), small({ training: { lambda: 0 } }));
    expect((await trainer.train()).encoderNorm / one.bc).toBeCloseTo(1, 6);
    await trainer.dispose();
  });

  it('the Fork preset’s transport is not heard', async () => {
    const { features, solve } = PRESETS.fork;
    const { bc, transport, mass } = await balanceOf(small({ features, solve }));
    expect(mass).toBeLessThan(1e-12);
    expect(transport / bc).toBeLessThan(1e-9);
  });

  it('is asked of a run without moving it', async () => {
    const settings = small();
    const trained = async (ask: boolean): Promise<TrainingMetrics[]> => {
      const engine = await Engine.holding(sim, real);
      expectType('trained', await engine.request('train', { settings, steps: 2 }));
      if (ask) expect(expectType('gradient-balance', await engine.request('gradient-balance', { settings })).balance.step).toBe(2);
      expectType('trained', await engine.request('train', { settings, steps: 2 }));
      return engine.told.map((at) => ({ ...at, ms: 0 }));
    };
    const plain = await trained(false);
    expect(plain).toHaveLength(4);
    expect(await trained(true)).toEqual(plain);
  });
});
