import { beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_BATCH, type BatchSettings } from '../../../src/config/session.ts';
import type { Dataset } from '../../../src/datasets/types.ts';
import { drawBatch, type DrawnBatch } from '../../../src/engine/batch.ts';
import { byTruth } from '../../support/partners.ts';
import { demoShard, madeDataset, without } from '../../support/demo.ts';

let sim: Dataset;
let real: Dataset;
beforeAll(async () => {
  [sim, real] = await Promise.all([demoShard('sim_pick'), demoShard('real_pick')]);
});

const draw = (source: Dataset, target: Dataset, change: Partial<BatchSettings> = {}): DrawnBatch => drawBatch(source, target, { ...DEFAULT_BATCH, ...change }, byTruth({ ...DEFAULT_BATCH, ...change }));
const rows = (batch: DrawnBatch): { source: number[]; target: number[] } => ({ source: [...batch.sourceInfo.rows], target: [...batch.targetInfo.rows] });
const distinct = (values: Iterable<number>): number => new Set(values).size;
const column = (dataset: Dataset, key: string): Float64Array => dataset.features.get(key)!.values!;
const ascending = (values: ArrayLike<number>): boolean => Array.from(values).every((value, k) => k === 0 || value >= values[k - 1]!);

describe('pairs by ground truth', () => {
  it('stand side by side with close phases and close goals', () => {
    const batch = draw(sim, real, { size: 200 });
    const { source, target } = rows(batch);
    expect(batch.paired).toBe(true);
    expect(source.length).toBe(target.length);
    const phases = [column(sim, 'ground_truth.phase'), column(real, 'ground_truth.phase')] as const;
    const goals = [column(sim, 'ground_truth.goal'), column(real, 'ground_truth.goal')] as const;
    for (const [k, row] of target.entries()) {
      const partner = source[k]!;
      // No frame of the partner's own episode has a nearer phase.
      const episode = sim.episodes.find(({ start, length }) => partner >= start && partner < start + length)!;
      const offset = (candidate: number): number => Math.abs(phases[0][candidate]! - phases[1][row]!);
      for (let other = episode.start; other < episode.start + episode.length; other++) expect(offset(partner)).toBeLessThanOrEqual(offset(other));
      expect(offset(partner)).toBeLessThan(0.1);
      // At most four source episodes have a nearer goal.
      const away = (at: number): number => Math.hypot(goals[0][2 * at]! - goals[1][2 * row]!, goals[0][2 * at + 1]! - goals[1][2 * row + 1]!);
      expect(sim.episodes.filter(({ start }) => away(start) < away(partner)).length).toBeLessThan(5);
    }
  });

  it('take no target frame twice', () => expect(distinct(rows(draw(sim, real, { size: 200 })).target)).toBe(200));

  it('need both columns on both sides', () => {
    for (const key of ['ground_truth.phase', 'ground_truth.goal']) {
      expect(draw(without(sim, key), real).paired).toBe(false);
      expect(draw(sim, without(real, key)).paired).toBe(false);
    }
  });
});

describe('time order', () => {
  it('is the ground-truth phase where there is one', () => {
    const batch = draw(sim, real);
    expect(ascending(batch.targetInfo.progress)).toBe(true);
    expect(batch.targetInfo.truePhase).toBe(true);
    expect(Array.from(batch.targetInfo.progress)).toEqual(rows(batch).target.map((row) => column(real, 'ground_truth.phase')[row]));
  });

  it('is the place within the episode elsewhere, each side by itself', () => {
    const batch = draw(madeDataset([5, 11, 1]), madeDataset([7, 2]), { size: 9 });
    for (const info of [batch.sourceInfo, batch.targetInfo]) {
      expect(info.truePhase).toBe(false);
      expect(ascending(info.progress)).toBe(true);
      for (const value of info.progress) {
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(1);
      }
    }
  });
});

describe('chance', () => {
  it('is decided by the seed', () => {
    expect(rows(draw(sim, real, { seed: 5 }))).toEqual(rows(draw(sim, real, { seed: 5 })));
    expect(rows(draw(sim, real, { seed: 5 }))).not.toEqual(rows(draw(sim, real, { seed: 6 })));
    const [left, right] = [madeDataset([40]), madeDataset([40])];
    expect(rows(draw(left, right, { seed: 5, size: 10 }))).toEqual(rows(draw(left, right, { seed: 5, size: 10 })));
    expect(rows(draw(left, right, { seed: 5, size: 10 }))).not.toEqual(rows(draw(left, right, { seed: 6, size: 10 })));
  });
});

describe('without ground truth', () => {
  it('both sides are drawn by themselves, without repetition, and are not paired', () => {
    const batch = draw(madeDataset([30, 30]), madeDataset([25, 26]), { size: 40 });
    expect(batch.paired).toBe(false);
    const { source, target } = rows(batch);
    expect([distinct(source), distinct(target)]).toEqual([40, 40]);
  });

  it('a side that has fewer frames gives them all: n ≠ m', () => {
    const batch = draw(madeDataset([10]), madeDataset([50]), { size: 20 });
    expect([batch.source.count, batch.target.count]).toEqual([10, 20]);
    expect(batch.sourceInfo.weight).toBeCloseTo(0.1, 15);
    expect(batch.targetInfo.weight).toBeCloseTo(0.05, 15);
  });
});

describe('size', () => {
  it('1 is a batch', () => expect(draw(sim, real, { size: 1 })).toMatchObject({ source: { count: 1 }, target: { count: 1 }, paired: true }));

  it('0 is refused by name', () => expect(() => draw(sim, real, { size: 0 })).toThrow(expect.objectContaining({ code: 'empty-batch' })));

  it('larger than the data takes every target frame once', () => {
    const batch = draw(sim, real, { size: 1024 });
    expect(rows(batch).target.toSorted((p, q) => p - q)).toEqual(Array.from({ length: real.frames }, (_, k) => k));
    expect(batch.source.count).toBe(real.frames);
  });
});

describe('chosen episodes', () => {
  it('are the only ones drawn from', () => {
    const batch = draw(sim, real, { sourceEpisodes: '2:5, 9', targetEpisodes: '1, 3' });
    expect([...new Set(batch.sourceInfo.episode)].every((episode) => [2, 3, 4, 9].includes(episode))).toBe(true);
    expect([...new Set(batch.targetInfo.episode)].toSorted((p, q) => p - q)).toEqual([1, 3]);
  });

  it('are a set: naming one twice draws none of its frames twice', () => {
    const batch = draw(madeDataset([10, 10]), madeDataset([10, 10]), { size: 64, sourceEpisodes: '0, 0', targetEpisodes: '0:2, 1' });
    expect(rows(batch).source.toSorted((p, q) => p - q)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(distinct(rows(batch).target)).toBe(batch.target.count);
    const paired = draw(sim, real, { size: 1024, targetEpisodes: '0, 0' });
    expect(paired.target.count).toBe(real.episodes[0]!.length);
  });

  it('that do not exist are refused by side', () => {
    expect(() => draw(sim, real, { sourceEpisodes: '0:1000' })).toThrow(expect.objectContaining({ code: 'bad-range', message: expect.stringContaining('source episodes') as string }));
    expect(() => draw(sim, real, { targetEpisodes: '8' })).toThrow(expect.objectContaining({ code: 'bad-range', message: expect.stringContaining('target episodes') as string }));
  });

  it('without frames leave that side empty, which is said of that side', () => {
    const empty = madeDataset([3, 0, 2]);
    expect(() => draw(empty, madeDataset([4]), { sourceEpisodes: '1' })).toThrow(expect.objectContaining({ code: 'empty-batch', message: expect.stringContaining('No source frames') as string }));
    expect(() => draw(madeDataset([4]), empty, { targetEpisodes: '1' })).toThrow(expect.objectContaining({ code: 'empty-batch', message: expect.stringContaining('No target frames') as string }));
    expect(() => draw(sim, real, { targetEpisodes: ',' })).toThrow(expect.objectContaining({ code: 'empty-batch', message: expect.stringContaining('No target frames') as string }));
  });
});

describe('ranges of frames', () => {
  const ranges = { kind: 'ranges', sourceRanges: '4:7, 0', targetRanges: '9, 2:4' } as const;

  it('are taken as written, in their order, and are not paired', () => {
    const batch = draw(sim, real, ranges);
    expect(rows(batch)).toEqual({ source: [4, 5, 6, 0], target: [9, 2, 3] });
    expect(batch.paired).toBe(false);
    expect(rows(draw(sim, real, { ...ranges, seed: 77, size: 2 }))).toEqual(rows(batch));
  });

  it('may name a frame twice', () => expect(rows(draw(sim, real, { ...ranges, sourceRanges: '1, 1' })).source).toEqual([1, 1]));

  it('empty means all frames', () => expect(draw(sim, real, { ...ranges, targetRanges: '' }).target.count).toBe(real.frames));

  it('beyond the data, or more than fit in a plan, are refused by side', () => {
    expect(() => draw(sim, real, { ...ranges, targetRanges: `0:${real.frames + 1}` })).toThrow(expect.objectContaining({ code: 'bad-range', message: expect.stringContaining('target frames') as string }));
    expect(() => draw(madeDataset([5000]), real, { ...ranges, sourceRanges: '' })).toThrow(expect.objectContaining({ code: 'too-large', message: expect.stringContaining('source') as string }));
  });
});

describe('what a batch says of its samples', () => {
  it('episode, frame, seconds and values are those of the rows', () => {
    const source = madeDataset([3, 0, 4], { 'observation.state': 2, timestamp: 1, image_features: 65 });
    const batch = draw(source, source, { kind: 'ranges', sourceRanges: '2:5', targetRanges: '6' });
    expect([...batch.sourceInfo.episode]).toEqual([0, 2, 2]);
    expect([...batch.sourceInfo.frame]).toEqual([2, 0, 1]);
    expect([...batch.sourceInfo.seconds]).toEqual([0.2, 0, 0.1]);
    expect([...batch.targetInfo.progress]).toEqual([1]);
    // Book-keeping columns and very wide ones are not shown, but can be compared.
    expect(batch.sourceInfo.columns.map(({ key }) => key)).toEqual(['observation.state']);
    expect([...batch.source.columns.keys()]).toEqual(['observation.state', 'timestamp', 'image_features']);
    expect([...batch.sourceInfo.columns[0]!.values]).toEqual([2, 12, 3, 13, 4, 14]);
    expect([...batch.source.columns.get('observation.state')!.values]).toEqual([2, 12, 3, 13, 4, 14]);
  });

  it('seconds are not there without fps, nor values without numbers', () => {
    const source = { ...madeDataset([3], undefined, null), features: new Map([['task', { dtype: 'string', shape: [1], names: null, values: null, stats: null }]]) };
    const batch = draw(source, source, { size: 2 });
    expect([...batch.sourceInfo.seconds]).toEqual([Number.NaN, Number.NaN]);
    expect(batch.source.columns.size).toBe(0);
  });

  it('leaves the datasets as they were', () => {
    const before = column(sim, 'observation.state').slice();
    const batch = draw(sim, real);
    batch.source.columns.get('observation.state')!.values.fill(0);
    expect(column(sim, 'observation.state')).toEqual(before);
  });
});

describe('windows in time', () => {
  const DIFFUSION = { obsSteps: 2, actionHorizon: 3 };
  const COLUMNS = { 'observation.state': 2, action: 1, timestamp: 1, 'next.reward': 1, 'observation.pixels': { shape: [3, 1, 1], values: Float64Array.from({ length: 21 }, (_, k) => k) } };
  const side = (fps: number | null = 10): Dataset => madeDataset([4, 3], COLUMNS, fps);
  const windowed = (source: Dataset, target: Dataset, windows = DIFFUSION): DrawnBatch => drawBatch(source, target, { ...DEFAULT_BATCH, kind: 'ranges', sourceRanges: '0, 4', targetRanges: '3, 6' }, () => null, windows);

  it('stack observations up to the frame and actions from the same frame on, within the episode, with masks', () => {
    const { source, target } = windowed(side(), side());
    expect(source.columns.get('observation.state')).toEqual({ shape: [2, 2], windowed: true, values: Float64Array.of(0, 10, 0, 10, 4, 14, 4, 14) });
    expect(source.columns.get('observation.state_is_pad')).toEqual({ shape: [2], windowed: true, values: Float64Array.of(1, 0, 1, 0) });
    expect(source.columns.get('action')).toEqual({ shape: [3, 1], windowed: true, values: Float64Array.of(0, 0, 1, 4, 4, 5) });
    expect(target.columns.get('action')).toEqual({ shape: [3, 1], windowed: true, values: Float64Array.of(2, 3, 3, 5, 6, 6) });
    expect(target.columns.get('action_is_pad')).toEqual({ shape: [3], windowed: true, values: Float64Array.of(0, 0, 1, 0, 0, 1) });
  });

  it('leave clocks, outcomes and pictures as they are, and what is shown of the frames', () => {
    const batch = windowed(side(), side());
    for (const key of ['timestamp', 'next.reward', 'observation.pixels']) {
      expect(batch.source.columns.get(key)?.windowed).toBeUndefined();
      expect(batch.source.columns.has(`${key}_is_pad`)).toBe(false);
    }
    expect(batch.sourceInfo).toEqual(windowed(side(), side(), { obsSteps: 1, actionHorizon: 1 }).sourceInfo);
  });

  it('say what they did, and where the same frames span other times', () => {
    const decision = 'Observations are stacks of 2 frames that end at the frame itself and actions are chunks of 3 frames from 1 before it on, on both sides; beyond an episode its edge frame is repeated (30 % of the places here) and marked in *_is_pad.';
    const pictures = '“observation.pixels” is not stacked (pictures, and columns beyond 33,554,432 numbers a batch): a term takes the frame itself.';
    expect(windowed(side(), side()).notes).toEqual([decision, pictures]);
    expect(windowed(side(20), side(10)).notes).toEqual([decision, pictures, 'The window spans 0.1 s at 20 frames a second in the source and 0.2 s at 10 frames a second in the target: offsets are the same number of frames on both sides, not the same time.']);
    expect(windowed(side(null), side(10)).notes).toEqual([decision, pictures]);
    expect(windowed(side(), side(), { obsSteps: 1, actionHorizon: 2 }).notes).toEqual([expect.stringMatching(/^Actions are chunks of 2 frames from the frame itself on, on both sides;/)]);
  });

  it('of one step and one action change nothing', () => {
    expect(windowed(side(), side(20), { obsSteps: 1, actionHorizon: 1 })).toEqual(drawBatch(side(), side(20), { ...DEFAULT_BATCH, kind: 'ranges', sourceRanges: '0, 4', targetRanges: '3, 6' }, () => null));
    expect(windowed(side(), side(20), { obsSteps: 1, actionHorizon: 1 }).notes).toEqual([]);
  });
});
