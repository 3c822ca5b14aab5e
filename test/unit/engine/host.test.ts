import { beforeAll, describe, expect, it } from 'vitest';
import { DEMO_ENCODER, labelTerm } from '../../../src/config/presets.ts';
import { DEFAULT_BATCH, DEFAULT_SOLVE } from '../../../src/config/session.ts';
import type { FeatureSpec } from '../../../src/core/cost/features.ts';
import { uniformWeights } from '../../../src/core/ot/problem.ts';
import { solve } from '../../../src/core/ot/solve.ts';
import type { Dataset } from '../../../src/datasets/types.ts';
import { drawBatch } from '../../../src/engine/batch.ts';
import { byTruth } from '../../support/partners.ts';
import { changed, demoShard, madeDataset, without } from '../../support/demo.ts';
import { Engine, expectType, settingsOf, worstDifference, type Change } from '../../support/engine.ts';
import { LABELS } from '../../support/labels.ts';

let sim: Dataset;
let real: Dataset;
beforeAll(async () => {
  [sim, real] = await Promise.all([demoShard('sim_pick'), demoShard('real_pick')]);
});

const demo = (): Promise<Engine> => Engine.holding(sim, real);
/** The plan of settings on an engine that has seen nothing else. */
const cold = async (change: Change): Promise<Awaited<ReturnType<Engine['solve']>>> => (await demo()).solve(change);
const total = (values: ArrayLike<number>): number => Array.from(values).reduce((sum, value) => sum + value, 0);
const dot = (left: ArrayLike<number>, right: ArrayLike<number>): number => Array.from(left).reduce((sum, value, k) => sum + value * right[k]!, 0);
const [first, ...others] = LABELS as [FeatureSpec, ...FeatureSpec[]];

it('the encoders that are loaded can be had as copies, and stay', async () => {
  const engine = await demo();
  for (let k = 0; k < 2; k++) {
    const { encoders } = expectType('encoders', await engine.request('encoders', {}));
    expect(encoders.map(({ file }) => file)).toEqual([DEMO_ENCODER]);
    expect(encoders[0]!.bytes.length).toBeGreaterThan(1000);
  }
});

describe('a report', () => {
  it('has the fork’s figures, and they belong to the plan that comes with it', async () => {
    const { report, matrices } = await (await demo()).solve();
    const { plan, costs } = matrices;
    expect(report).toMatchObject({ n: 64, m: 64, mode: 'fast', backend: 'cpu', converged: true, hard: false, sigma: 1, paired: true });
    expect(plan).toHaveLength(64 * 64);
    expect(report.ot_pi_sum).toBeCloseTo(total(plan), 12);
    expect(report.ot_pi_diag).toBeCloseTo(total(Array.from({ length: 64 }, (_, k) => plan[65 * k]!)), 12);
    expect(report.diag_ratio).toBeCloseTo(report.ot_pi_diag! / report.ot_pi_sum, 12);
    expect(report.ot_loss / dot(plan, costs!.total)).toBeCloseTo(1, 6);
    expect(report.logMass).toBeCloseTo(Math.log(report.ot_pi_sum), 10);
    for (let i = 0; i < 64; i++) {
      expect(matrices.rowMass[i]).toBeCloseTo(total(plan.subarray(64 * i, 64 * (i + 1))), 12);
      expect(matrices.columnMass[i]).toBeCloseTo(total(Array.from({ length: 64 }, (_, k) => plan[64 * k + i]!)), 12);
    }
    expect(report.perplexity).toBeGreaterThan(1);
    expect(report.perplexity).toBeLessThan(64);
  });

  it('names each term with its mean before the weight and its share', async () => {
    const { report, matrices } = await (await demo()).solve();
    const costs = matrices.costs!;
    expect(report.terms.map(({ name }) => name)).toEqual(LABELS.map(({ term_name }) => term_name));
    expect(total(report.terms.map(({ share }) => share))).toBeCloseTo(1, 10);
    for (const [k, term] of report.terms.entries()) {
      expect(term.mean / (total(costs.terms[k]!) / 4096)).toBeCloseTo(1, 5);
      expect(term.max / Math.max(...costs.terms[k]!)).toBeCloseTo(1, 6);
      expect(term.share).toBeCloseTo((term.weight * dot(matrices.plan, costs.terms[k]!)) / report.ot_loss, 5);
    }
    for (let cell = 0; cell < 4096; cell += 97) expect(costs.total[cell]! / total(report.terms.map(({ weight }, k) => weight * costs.terms[k]![cell]!))).toBeCloseTo(1, 5);
  });

  it.each(['product', 'soft', 'band', 'diagonal'] as const)('with the %s prior: the mass is the objective, P = S(1 − π_sum)', async (prior) => {
    const { report } = await (await demo()).solve({ solve: { prior, reg: 0.02, tau1: 0.3, tau2: 0.1 } });
    expect(report.primal / (0.42 * (1 - report.ot_pi_sum))).toBeCloseTo(1, 6);
    expect(report.gap).toBeLessThan(1e-6);
    expect(report.dual).toBeCloseTo(report.primal, 6);
  });

  it('with the mask: π_ii = exp(−M_ii/S)/n and nothing elsewhere, and that is said', async () => {
    const { report, matrices } = await (await demo()).solve({ solve: { prior: 'diagonal' } });
    for (let i = 0; i < 64; i++) expect(matrices.plan[65 * i]! / (Math.exp(-matrices.costs!.total[65 * i]! / 0.11) / 64)).toBeCloseTo(1, 4);
    expect(report.ot_pi_sum).toBe(report.ot_pi_diag);
    expect(matrices.plan.filter((value) => value !== 0)).toHaveLength(64);
    expect(report.warnings.map(({ code }) => code)).toContain('hard-diagonal');
  });

  it('with hard marginals: they are met, and the violation is the certificate', async () => {
    const { report, matrices } = await (await demo()).solve({ solve: { tau1: Infinity, tau2: Infinity } });
    expect(report).toMatchObject({ hard: true, converged: true });
    expect(report.marginalViolation).toBeLessThan(1e-6);
    for (const side of [matrices.rowMass, matrices.columnMass]) for (const mass of side) expect(mass * 64).toBeCloseTo(1, 5);
  });

  it('of a batch with n ≠ m has no diagonal', async () => {
    const { report } = await (await demo()).solve({ batch: { kind: 'ranges', sourceRanges: '0:10', targetRanges: '0:8' } });
    expect(report).toMatchObject({ n: 10, m: 8, ot_pi_diag: null, diag_ratio: null, paired: false, converged: true });
  });

  it('of one frame a side is the closed form π = exp(−M/S)', async () => {
    const { report } = await (await demo()).solve({ batch: { size: 1 } });
    expect(report.ot_pi_sum).toBeCloseTo(Math.exp(-report.statistics.mean / 0.11), 10);
  });
});

describe('what is sent and what is kept', () => {
  it('costs cross once for each version', async () => {
    const engine = await demo();
    const { matrices, report } = await engine.solve();
    expect(matrices.costs!.version).toBe(report.costVersion);
    const slider = await engine.solve({ solve: { reg: 0.02 } }, report.costVersion);
    expect(slider.matrices.costs).toBeNull();
    expect(slider.report.costVersion).toBe(report.costVersion);
    // A page that holds another version gets them again.
    expect((await engine.solve({ solve: { reg: 0.02 } }, report.costVersion - 1)).matrices.costs).not.toBeNull();
  });

  it('a weight makes a new version on the same batch', async () => {
    const engine = await demo();
    const before = await engine.solve();
    const after = await engine.solve({ features: [{ ...first, term_weight: 2 * first.term_weight }, ...others] }, before.report.costVersion);
    const [old, fresh] = [before.matrices.costs!, after.matrices.costs!];
    expect(fresh.version).not.toBe(old.version);
    expect(fresh.source.rows).toEqual(old.source.rows);
    expect(fresh.target.rows).toEqual(old.target.rows);
    expect(fresh.terms).toEqual(old.terms);
    expect(fresh.total).not.toEqual(old.total);
    expect(after.report.terms[0]).toMatchObject({ weight: 2 * first.term_weight, mean: before.report.terms[0]!.mean });
  });

  it('a new name is a new name and nothing else', async () => {
    const engine = await demo();
    const before = await engine.solve();
    const after = await engine.solve({ features: [{ ...first, term_name: '手' }, ...others] });
    expect(after.report.terms[0]).toEqual({ ...before.report.terms[0]!, name: '手', share: expect.closeTo(before.report.terms[0]!.share, 8) as number });
  });

  it('every setting that changes the batch, the terms or the data changes the costs', async () => {
    const engine = await demo();
    let { costVersion } = (await engine.solve()).report;
    const next = async (change: Change): Promise<void> => {
      const { report, matrices } = await engine.solve(change, costVersion);
      expect(matrices.costs).not.toBeNull();
      expect(report.costVersion).not.toBe(costVersion);
      costVersion = report.costVersion;
      const truth = await cold(change);
      expect(matrices.costs!.total).toEqual(truth.matrices.costs!.total);
      expect(matrices.costs!.source).toEqual(truth.matrices.costs!.source);
    };
    await next({ batch: { seed: 4 } });
    await next({ batch: { seed: 4, targetEpisodes: '2:5' } });
    await next({ batch: { seed: 4 }, features: others });
    await next({ features: [{ ...first, weight_label: 3 }, ...others] });
    await next({ features: [first, { ...others[0]!, weight_label: 3 }] });
    await next({ features: [first, { ...others[0]!, dim_slice: [0, 1] }] });
    await next({});
    await engine.load('source', changed(sim, 'observation.state', (values) => values.set(values.toReversed())), 'sim');
    expect((await engine.solve({}, costVersion)).matrices.costs).not.toBeNull();
  });

  it('nothing that was handed over is missed afterwards', async () => {
    const engine = await demo();
    const one = await engine.solve();
    const two = await engine.solve();
    expect(two.matrices.costs).toEqual(one.matrices.costs);
    expect(worstDifference(two.matrices.plan, one.matrices.plan)).toBeLessThan(1e-9);
  });
});

describe('a slider that moves', () => {
  it('costs a few iterations and gives the plan of a cold solve', async () => {
    const engine = await demo();
    await engine.solve();
    for (const reg of [0.0102, 0.0105, 0.0103]) {
      const warm = await engine.solve({ solve: { reg } });
      const truth = await cold({ solve: { reg } });
      expect(warm.report.iterations).toBeLessThan(0.75 * truth.report.iterations);
      expect(worstDifference(warm.matrices.plan, truth.matrices.plan)).toBeLessThan(1e-7);
    }
  });

  it('gives the cold plan after whatever was solved before', async () => {
    const engine = await demo();
    const batch = { size: 24 };
    const path: Change[] = [
      { batch },
      { batch, solve: { tau2: 3 } },
      { batch, solve: { tau1: Infinity } },
      { batch, solve: { tau1: Infinity, tau2: Infinity, reg: 0.05 } },
      { batch, solve: { prior: 'diagonal' } },
      { batch, solve: { prior: 'ones' } },
      { batch, solve: { prior: 'band' } },
      { batch, solve: { mode: 'parity' } },
      { batch, solve: { reg: 10, tau1: 100, tau2: 100 } },
      { batch, solve: { reg: 1e-4, tau1: 1e-3, tau2: 1e-3 } },
      { batch, solve: { normalisation: 'std' } },
      { batch, features: others },
      { batch: { size: 24, kind: 'ranges', sourceRanges: '0:9' } },
      { batch: { size: 1 } },
      { batch },
    ];
    for (const change of path) {
      const warm = await engine.solve(change);
      const truth = await cold(change);
      expect(warm.report.converged, JSON.stringify(change)).toBe(truth.report.converged);
      expect(worstDifference(warm.matrices.plan, truth.matrices.plan), JSON.stringify(change)).toBeLessThan(1e-6);
    }
  });
});

describe('POT parity', () => {
  it('is the core’s parity solve of the drawn batch, figure for figure', async () => {
    const { report, matrices } = await (await demo()).solve({ solve: { mode: 'parity', reg: 0.05, tau1: 0.2, tau2: 0.4 } });
    const batch = drawBatch(sim, real, DEFAULT_BATCH, byTruth());
    const values = [batch.source, batch.target].map((side) => side.columns.get('observation.state')!.values) as [Float64Array, Float64Array];
    const cost = Float64Array.from({ length: 4096 }, (_, cell) => {
      const [i, j] = [Math.floor(cell / 64), cell % 64];
      const square = (d: number): number => (values[0][5 * i + d]! - values[1][5 * j + d]!) ** 2;
      return 5 * (square(0) + square(1)) + 5 * square(2);
    });
    const truth = solve({ n: 64, m: 64, cost, a: uniformWeights(64), b: uniformWeights(64), prior: { kind: 'product' }, reg: 0.05, tau1: 0.2, tau2: 0.4 }, { mode: 'parity' });
    expect(report).toMatchObject({ mode: 'parity', iterations: truth.iterations, converged: truth.converged });
    expect(worstDifference(matrices.plan, truth.plan)).toBeLessThan(1e-9);
    expect(report.ot_loss).toBeCloseTo(truth.transportCost, 12);
  });
});

describe('normalisation', () => {
  it.each(['max', 'median', 'std'] as const)('by %s divides what is solved and leaves the readings in raw units', async (normalisation) => {
    const engine = await demo();
    const raw = await engine.solve();
    const { report, matrices } = await engine.solve({ solve: { normalisation } });
    expect(report.sigma).toBe(raw.report.statistics[normalisation]);
    expect(report.statistics).toEqual(raw.report.statistics);
    expect(matrices.costs!.total).toEqual(raw.matrices.costs!.total);
    expect(report.ot_loss / dot(matrices.plan, raw.matrices.costs!.total)).toBeCloseTo(1, 6);
    expect(report.terms.map(({ mean }) => mean)).toEqual(raw.report.terms.map(({ mean }) => mean));
    // M/σ at reg and τ is M at σ·reg and σ·τ.
    const { sigma } = report;
    const scaled = await cold({ solve: { reg: 0.01 * sigma, tau1: 0.05 * sigma, tau2: 0.05 * sigma } });
    expect(worstDifference(matrices.plan, scaled.matrices.plan)).toBeLessThan(1e-6);
  });

  it('of a flat cost is refused by name', async () => {
    const engine = await Engine.holding(madeDataset([1]), madeDataset([1]), false);
    expect(await engine.failure({ features: [labelTerm('s', 'observation.state', null, 1)], batch: { size: 1 }, solve: { normalisation: 'std' } })).toMatchObject({ code: 'flat-cost' });
  });
});

describe('what cannot be solved is said by name, and the engine goes on', () => {
  const term = labelTerm('state', 'observation.state', null, 1);
  const cases: [string, Change, Record<string, unknown>][] = [
    ['sides of different width', { features: [{ ...term, tgt_key: 'action' }] }, { code: 'width-mismatch', detail: { term: 'state', source: 'observation.state · (64, 5)', target: 'action · (64, 3)', setting: 'dim_slice = null', common: '3' } }],
    ['a missing source key', { features: [{ ...term, src_key: 'nothing' }] }, { code: 'missing-key', detail: { term: 'state', side: 'source', key: 'nothing' } }],
    ['a missing target key', { features: [{ ...term, tgt_key: '__proto__' }] }, { code: 'missing-key', detail: { term: 'state', side: 'target', key: '__proto__' } }],
    ['a slice beyond the values', { features: [{ ...term, dim_slice: [3, 6] }] }, { code: 'bad-slice' }],
    ['no terms', { features: [] }, { code: 'no-terms' }],
    ['two terms of one name', { features: [term, { ...term, dim_slice: [0, 2] }] }, { code: 'duplicate-term' }],
    ['an encoder that is not there', { features: [{ ...term, use_learned_embed: true, weight_embed: 1 }] }, { code: 'no-encoder' }],
    ['a term without weight', { features: [{ ...term, weight_label: 0 }] }, { code: 'no-weight' }],
    ['a batch of nothing', { batch: { size: 0 } }, { code: 'empty-batch' }],
    ['a range that is none', { batch: { sourceEpisodes: 'x' } }, { code: 'bad-range' }],
    ['a mask that leaves hard rows empty', { batch: { kind: 'ranges', sourceRanges: '0:10', targetRanges: '0:8' }, solve: { prior: 'diagonal', tau1: Infinity } }, { code: 'infeasible' }],
    ['a reg of 0', { solve: { reg: 0 } }, { code: 'bad-problem' }],
  ];

  it.each(cases)('%s', async (_, change, error) => {
    const engine = await demo();
    const before = await engine.solve();
    expect(await engine.failure(change)).toMatchObject(error);
    const after = await engine.solve({}, before.report.costVersion);
    expect(worstDifference(after.matrices.plan, before.matrices.plan)).toBeLessThan(1e-9);
  });

  it('a term that was measured before and is now misnamed or misweighted', async () => {
    const engine = await demo();
    await engine.solve();
    expect(await engine.failure({ features: [{ ...first, term_name: others[0]!.term_name }, ...others] })).toMatchObject({ code: 'duplicate-term' });
    for (const term_weight of [-1, Number.NaN, Infinity]) expect(await engine.failure({ features: [{ ...first, term_weight }, ...others] })).toMatchObject({ code: 'bad-weight', detail: { term: first.term_name } });
    expect((await engine.solve()).report.converged).toBe(true);
  });

  it('the slice that a width mismatch offers is one that works', async () => {
    const engine = await demo();
    expect((await engine.solve({ features: [{ ...term, tgt_key: 'action', dim_slice: [0, 3] }] })).report.converged).toBe(true);
  });

  it('no data, one side only, and a side taken away', async () => {
    const engine = new Engine();
    expect(await engine.failure({})).toMatchObject({ code: 'no-data' });
    await engine.load('source', sim, 'sim');
    expect(await engine.failure({})).toMatchObject({ code: 'no-data' });
    await engine.load('target', real, 'real');
    const before = await engine.solve();
    await engine.request('clear', { side: 'source' });
    expect(await engine.failure({})).toMatchObject({ code: 'no-data' });
    await engine.load('source', sim, 'sim');
    expect((await engine.solve()).matrices.plan).toEqual(before.matrices.plan);
  });

  it('an infeasible problem in parity mode gives the scheme’s result, flagged', async () => {
    const { report } = await (await demo()).solve({ batch: { kind: 'ranges', sourceRanges: '0:10', targetRanges: '0:8' }, solve: { prior: 'diagonal', tau1: Infinity, mode: 'parity' } });
    expect(report.marginalViolation).toBeGreaterThan(0.5);
  });

  it('NaN in a column that a term reads; elsewhere it harms nothing', async () => {
    const engine = await demo();
    const before = await engine.solve();
    const broken = changed(sim, 'action', (values) => values.fill(Number.NaN));
    await engine.load('source', broken, 'sim');
    const after = await engine.solve();
    expect(after.matrices.plan).toEqual(before.matrices.plan);
    const error = await engine.failure({ features: [labelTerm('action', 'action', null, 1)] });
    expect(error).toMatchObject({ code: 'non-finite', detail: { term: 'action', side: 'source', key: 'action' } });
    expect(error.message).toMatch(/NaN/);
  });

  it('∞ in one dimension can be sliced away, as the sentence says', async () => {
    const engine = await Engine.holding(changed(sim, 'observation.state', (values) => values.forEach((_, k) => (values[k] = k % 5 === 4 ? Infinity : values[k]!))), real);
    expect(await engine.failure({ features: [labelTerm('s', 'observation.state', null, 1)] })).toMatchObject({ code: 'non-finite' });
    expect((await engine.solve({ features: [labelTerm('s', 'observation.state', [0, 4], 1)] })).report.converged).toBe(true);
  });
});

describe('data without ground truth', () => {
  it('are solved unpaired, with sides of different size', async () => {
    const engine = await Engine.holding(without(sim, 'ground_truth.phase'), madeDataset([20], { 'observation.state': 5 }), false);
    const { report } = await engine.solve({ features: [labelTerm('s', 'observation.state', null, 1)] });
    expect(report).toMatchObject({ n: 64, m: 20, paired: false });
  });
});

describe('frames', () => {
  it('of the demo are drawn; other data and other rows have none', async () => {
    const engine = await demo();
    const frame = (side: 'source' | 'target', row: number): Promise<unknown> => engine.request('frame', { side, row, width: 24, height: 18 });
    const [simPixels, realPixels] = (await Promise.all([frame('source', 0), frame('target', real.frames - 1)])) as { pixels: Uint8ClampedArray }[];
    for (const { pixels } of [simPixels!, realPixels!]) {
      expect(pixels).toBeInstanceOf(Uint8ClampedArray);
      expect(pixels).toHaveLength(24 * 18 * 4);
      expect(pixels.every((value, k) => k % 4 !== 3 || value === 255)).toBe(true);
      expect(new Set(pixels).size).toBeGreaterThan(10);
    }
    expect(await frame('source', -1)).toMatchObject({ type: 'frame', pixels: null });
    expect(await frame('source', sim.frames)).toMatchObject({ pixels: null });
    await engine.load('source', sim, null);
    expect(await frame('source', 0)).toMatchObject({ pixels: null });
    await engine.load('source', without(sim, 'observation.environment_state'), 'sim');
    expect(await frame('source', 0)).toMatchObject({ pixels: null });
    expect(await new Engine().request('frame', { side: 'source', row: 0, width: 4, height: 4 })).toMatchObject({ pixels: null });
  });
});

it('settings are read, never changed', async () => {
  const settings = settingsOf({ solve: { ...DEFAULT_SOLVE, normalisation: 'max' } });
  const before = structuredClone(settings);
  await (await demo()).request('solve', { settings, known: 0 });
  expect(settings).toEqual(before);
});
