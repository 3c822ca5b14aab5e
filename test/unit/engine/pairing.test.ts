import { describe, expect, it } from 'vitest';
import type { DtwFeature, PairingRef } from '../../../src/config/pairing.ts';
import type { TrainingSettings } from '../../../src/config/training.ts';
import { sourceChances } from '../../../src/core/pairing/draw-pairs.ts';
import { parsePairInfo, type PairInfo } from '../../../src/core/pairing/pair-info.ts';
import { pairedSamples } from '../../../src/core/pairing/sampler.ts';
import { lerobotSampler, playgroundSampler, robomimicSampler, type SamplerSettings } from '../../../src/core/pairing/sampler-settings.ts';
import { sideOfLengths } from '../../../src/core/pairing/sides.ts';
import { labelTerm } from '../../../src/config/presets.ts';
import { madeDataset } from '../../support/demo.ts';
import { Engine, expectType, type Change } from '../../support/engine.ts';

const KEY = 'ab'.repeat(32);
const SOURCE = [6, 5, 7];
const TARGET = [3, 2];
const file: PairingRef = { kind: 'file', name: 'pair_info.json', fingerprint: KEY };
const dtw: Extract<PairingRef, { kind: 'dtw' }> = { kind: 'dtw', features: [{ src_key: 'observation.state', tgt_key: 'observation.state', dim_slice: null }], formula: 'path', stride: 1, band: null, keep: null };
const pairing = (sources: readonly number[]): Record<string, number[]> => Object.fromEntries(sources.map((source, target) => [target, [source, source + 1]]));
const TEXT = JSON.stringify({
  demo_0: [{ demo_name: 'demo_0', raw_dtw_dist: 0.001, pairing: pairing([0, 2, 4]) }, { demo_name: 'demo_2', raw_dtw_dist: 0.02, pairing: pairing([1, 3, 5]) }],
  demo_1: [{ demo_name: 'demo_1', raw_dtw_dist: 0.01, pairing: pairing([0, 3]) }],
});
const PAIRS: PairInfo = parsePairInfo(TEXT, 'pair_info.json').pairs;

const state = [labelTerm('state', 'observation.state', null, 1)];
const paired = (change: Change = {}): Change => ({ features: state, pairing: file, ...change });

async function engineWith(pairs: PairInfo | null = PAIRS): Promise<Engine> {
  const engine = await Engine.holding(madeDataset(SOURCE), madeDataset(TARGET), false);
  if (pairs) expectType('done', await engine.request('add-pairs', { key: KEY, pairs }));
  return engine;
}

describe('a batch drawn by pairs', () => {
  const CONVENTIONS: [Partial<TrainingSettings>, SamplerSettings][] = [
    [{ convention: 'playground', window: 1 }, playgroundSampler({ window: 1 })],
    [{ convention: 'lerobot', window: 2, sharpness: 30 }, lerobotSampler({ window: 2, sharpness: 30 })],
    [{ convention: 'robomimic', window: 2, sharpness: 50 }, robomimicSampler({ window: 2, sharpness: 50 })],
    [{ convention: 'lerobot', noWindow: true, topk: 1 }, lerobotSampler({ noWindow: true, topk: 1 })],
  ];

  it.each(CONVENTIONS)('with %j comes as often as the sampler says', async (training, settings) => {
    const engine = await engineWith();
    const { samples } = pairedSamples(PAIRS, sideOfLengths(SOURCE, 0), sideOfLengths(TARGET, 0), settings);
    const frames = SOURCE.reduce((sum, length) => sum + length, 0);
    const draws = 400;
    const seen = new Map<number, Map<number, number>>();
    for (let seed = 0; seed < draws; seed++) {
      const { report, matrices } = await engine.solve(paired({ training, batch: { size: 5, seed } }));
      expect(report).toMatchObject({ paired: true, n: 5, m: 5, pairing: { samples: 5 } });
      const { source, target } = matrices.costs!;
      for (const [k, row] of target.rows.entries()) {
        const of = seen.get(row) ?? new Map<number, number>();
        seen.set(row, of.set(source.rows[k]!, (of.get(source.rows[k]!) ?? 0) + 1));
      }
    }
    expect(seen.size).toBe(5);
    for (const sample of samples) {
      const chances = sourceChances(sample, settings, frames);
      const counts = seen.get(sample.target)!;
      for (const row of counts.keys()) expect(chances.has(row)).toBe(true);
      // Four and a half standard deviations of a binomial count.
      for (const [row, chance] of chances) expect(Math.abs((counts.get(row) ?? 0) - draws * chance)).toBeLessThanOrEqual(4.5 * Math.sqrt(draws * chance * (1 - chance)) + 1e-9);
    }
  });

  it('is the same at the same seed, and another at the next', async () => {
    const rows = async (seed: number): Promise<number[]> => [...(await (await engineWith()).solve(paired({ training: { window: 2 }, batch: { seed } }))).matrices.costs!.source.rows];
    expect(await rows(4)).toEqual(await rows(4));
    expect(await rows(4)).not.toEqual(await rows(5));
  });

  it('keeps to the chosen episodes of both sides', async () => {
    const { report, matrices } = await (await engineWith()).solve(paired({ batch: { sourceEpisodes: '2', targetEpisodes: '0' }, training: { window: 50 } }));
    expect(report).toMatchObject({ n: 3, pairing: { samples: 3, warnings: [] } });
    expect([...matrices.costs!.target.rows].toSorted((p, q) => p - q)).toEqual([0, 1, 2]);
    for (const row of matrices.costs!.source.rows) expect(row).toBeGreaterThanOrEqual(11);
  });

  it('goes by digits minus base index, and says where that does not fit', async () => {
    const engine = await engineWith();
    const { report } = await engine.solve(paired({ training: { baseIndexTarget: 1 } }));
    expect(report.pairing!.warnings.join(' ')).toMatch(/With base index 1 the paired frames fit .* target episodes; base index 0 fits/);
    expect((await engine.failure(paired({ training: { baseIndexTarget: 7 } }))).code).toBe('no-samples');
  });

  it('means the datasets’ own names where all of them are, whatever the base index', async () => {
    const own: PairInfo = new Map([...PAIRS].map(([name, entries]) => [name.replace('demo', 'episode'), entries.map((entry) => ({ ...entry, source: entry.source.replace('demo', 'episode') }))]));
    const { report } = await (await engineWith(own)).solve(paired({ training: { baseIndexTarget: 1 } }));
    expect(report.pairing).toEqual({ samples: 5, warnings: [] });
  });

  it('warns of a window beside the diagonal prior', async () => {
    const engine = await engineWith();
    const { report } = await engine.solve(paired({ solve: { prior: 'diagonal' }, training: { window: 3 } }));
    expect(report.warnings).toContainEqual({ code: 'window-diagonal', value: 3, facts: { seconds: 0.3 }, cure: { kind: 'window', window: 2 } });
    const jittered = async (change: Change): Promise<boolean> => (await engine.solve(paired({ solve: { prior: 'diagonal' }, training: { window: 9 }, ...change }))).report.warnings.some(({ code }) => code.endsWith('-diagonal') && code !== 'hard-diagonal');
    expect(await jittered({})).toBe(true);
    expect(await jittered({ training: { window: 2 } })).toBe(false);
    expect(await jittered({ solve: { prior: 'soft' } })).toBe(false);
    // Frames that were not drawn by pairs were not moved either.
    for (const change of [{ pairing: { kind: 'none' } }, { pairing: { kind: 'truth' } }, { batch: { kind: 'ranges', sourceRanges: '0:4', targetRanges: '0:4' } }] as const) expect(await jittered(change)).toBe(false);
  });

  it('warns of whole episodes beside the diagonal prior, whatever the window', async () => {
    const { report } = await (await engineWith()).solve(paired({ solve: { prior: 'diagonal' }, training: { noWindow: true } }));
    expect(report.warnings).toContainEqual({ code: 'episode-diagonal', value: 6, facts: { seconds: 0.6 }, cure: { kind: 'window', window: 2 } });
  });

  it('says where the sides have other frame rates, by a file and by DTW', async () => {
    const engine = await Engine.holding(madeDataset(SOURCE, { 'observation.state': 2 }, 20), madeDataset(TARGET), false);
    const sentence = 'The source has 20 frames a second and the target 10; frames are paired whatever their times.';
    expectType('done', await engine.request('add-pairs', { key: KEY, pairs: PAIRS }));
    expect((await engine.solve(paired())).report.pairing!.warnings).toEqual([sentence]);
    expect(expectType('paired', await engine.request('pair', { settings: dtw })).warnings).toEqual([sentence]);
    expect((await engine.solve(paired({ pairing: dtw }))).report.pairing!.warnings).toEqual([sentence]);
    const unknown = await Engine.holding(madeDataset(SOURCE, { 'observation.state': 2 }, null), madeDataset(TARGET), false);
    expectType('done', await unknown.request('add-pairs', { key: KEY, pairs: PAIRS }));
    expect((await unknown.solve(paired())).report.pairing!.warnings).toEqual([]);
  });

  it('of pairs that are not here is refused by name, as is what robomimic cannot draw', async () => {
    expect(await (await engineWith(null)).failure(paired())).toMatchObject({ code: 'no-pairing', message: expect.stringContaining('“pair_info.json”') as string });
    expect((await (await engineWith()).failure(paired({ pairing: dtw }))).code).toBe('no-pairing');
    expect((await (await engineWith()).failure(paired({ training: { convention: 'robomimic' } }))).code).toBe('bad-sampler');
  });

  it('without pairs is unpaired', async () => {
    const { report } = await (await engineWith()).solve(paired({ pairing: { kind: 'none' } }));
    expect(report).toMatchObject({ paired: false, pairing: null });
  });
});

describe('pairing by DTW', () => {
  it('gives pairs to draw from, and a file with the datasets’ names that reads back the same', async () => {
    const engine = await engineWith(null);
    expect(expectType('paired', await engine.request('pair', { settings: dtw }))).toMatchObject({ pairs: 6, warnings: [] });
    expect((await engine.solve(paired({ pairing: dtw }))).report).toMatchObject({ paired: true, pairing: { samples: 5, warnings: [] } });
    const { text } = expectType('pair-info', await engine.request('pair-info', {}));
    const { pairs } = parsePairInfo(text, 'saved.json');
    expect([...pairs.keys()]).toEqual(['episode_0', 'episode_1']);
    expect(pairs.get('episode_0')!.map(({ source }) => source).toSorted()).toEqual(['episode_0', 'episode_1', 'episode_2']);
  });

  it('refuses what it cannot compare, by name', async () => {
    const engine = await Engine.holding(madeDataset([4], { wide: 3 }), madeDataset([4], { narrow: 2 }), false);
    const failure = async (feature: Partial<DtwFeature>, change: Partial<typeof dtw> = {}): Promise<string> =>
      expectType('failed', await engine.request('pair', { settings: { ...dtw, features: [{ src_key: 'wide', tgt_key: 'narrow', dim_slice: null, ...feature }], ...change } })).error.code;
    expect(await failure({})).toBe('width-mismatch');
    expect(await failure({ src_key: 'other' })).toBe('missing-key');
    expect(await failure({ dim_slice: [1, 3] })).toBe('bad-slice');
    expect(await failure({ dim_slice: [0, 2] }, { stride: 0 })).toBe('bad-pairing');
    expect(await failure({ dim_slice: [0, 2] }, { band: -1 })).toBe('bad-pairing');
  });

  it('ends when it is cancelled or the data change, answers in between, and leaves nothing behind', async () => {
    const long = madeDataset([3000, 3000]);
    for (const end of ['cancel', 'load'] as const) {
      const engine = await Engine.holding(long, long, false);
      const run = engine.request('pair', { settings: dtw });
      if (end === 'cancel') expectType('done', await engine.request('cancel-pair', {}));
      else await engine.load('target', madeDataset([4]));
      expect(expectType('failed', await run).error.code).toBe('cancelled');
      expect((await engine.failure(paired({ pairing: dtw }))).code).toBe('no-pairing');
    }
  });
});
