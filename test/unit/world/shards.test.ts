import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import { DEMO_SEED, type DemoFile, demoFiles } from '../../../scripts/demo-files.ts';
import { fk, ik, norm, type Point } from '../../../src/world/arm.ts';
import { REAL, SIM } from '../../../src/world/domains.ts';
import { renderFrame } from '../../../src/world/render.ts';
import { buildWorld, frameState, observe, type Shard } from '../../../src/world/shards.ts';
import { inRegion } from '../../../src/world/task.ts';

const world = buildWorld(DEMO_SEED);
const files = demoFiles(DEMO_SEED);
const SHARDS: [string, Shard][] = [
  ['sim_pick', world.source],
  ['real_pick', world.target],
];

function digest(parts: readonly DemoFile[]): string {
  const hash = createHash('sha256');
  for (const { path, bytes } of parts) hash.update(path).update(bytes);
  return hash.digest('hex');
}

function values(shard: Shard, key: string): Float64Array {
  const column = shard.columns.get(key);
  if (column === undefined) throw new Error(`no column ${key}`);
  return column.values;
}

/** Where the disc of every episode lies at first. */
function goals(shard: Shard): Point[] {
  const goal = values(shard, 'ground_truth.goal');
  return shard.episodes.map(({ start }) => ({ x: goal[2 * start]!, y: goal[2 * start + 1]! }));
}

/** Mean commanded speed, as a share of the top speed. */
function pace(shard: Shard): number {
  const action = values(shard, 'action');
  let sum = 0;
  for (let row = 0; row < shard.frames; row++) sum += norm(action[3 * row]!, action[3 * row + 1]!);
  return sum / shard.frames;
}

function file(path: string): Uint8Array {
  const found = files.find((candidate) => candidate.path === path);
  if (found === undefined) throw new Error(`no file ${path}`);
  return found.bytes;
}

async function rows(path: string): Promise<Record<string, unknown>[]> {
  return parquetReadObjects({ file: file(path).slice().buffer });
}

function parse(path: string): unknown {
  return JSON.parse(new TextDecoder().decode(file(path)));
}

describe('the world of a seed', () => {
  it('is the same bytes every time, and the committed ones', () => {
    expect(digest(demoFiles(DEMO_SEED))).toBe(digest(files));
    const committed = files.map(({ path }) => ({
      path,
      bytes: readFileSync(new URL(`../../../public/demo/${path}`, import.meta.url)),
    }));
    expect(digest(committed)).toBe(digest(files));
  });

  it('is another world for another seed', () => {
    expect(digest(demoFiles(DEMO_SEED + 1))).not.toBe(digest(files));
    const other = buildWorld(DEMO_SEED + 1);
    expect(values(other.source, 'observation.state')).not.toEqual(values(world.source, 'observation.state'));
  });

  it('has 60 demonstrations over the whole table and 8 from its lower part', () => {
    expect(world.source.episodes).toHaveLength(60);
    expect(world.target.episodes).toHaveLength(8);
    expect(goals(world.target).every((goal) => inRegion(goal, 'lower'))).toBe(true);
    expect(goals(world.source).some((goal) => inRegion(goal, 'lower'))).toBe(true);
    expect(goals(world.source).some((goal) => inRegion(goal, 'upper'))).toBe(true);
  });

  it('moves more slowly on the real table', () => {
    expect(pace(world.target)).toBeLessThan(0.9 * pace(world.source));
  });
});

describe.each(SHARDS)('columns of %s', (_, shard) => {
  it('have one row a frame, and episodes that follow each other', () => {
    let start = 0;
    for (const [index, episode] of shard.episodes.entries()) {
      expect(episode.start).toBe(start);
      for (let frame = 0; frame < episode.length; frame++) {
        const row = start + frame;
        expect(values(shard, 'episode_index')[row]).toBe(index);
        expect(values(shard, 'frame_index')[row]).toBe(frame);
        expect(values(shard, 'index')[row]).toBe(row);
        expect(values(shard, 'timestamp')[row]).toBe(Math.fround(frame / 20));
      }
      start += episode.length;
    }
    expect(start).toBe(shard.frames);
    for (const { shape, names, values: all } of shard.columns.values()) {
      expect(all).toHaveLength(shard.frames * shape[0]);
      expect(names === null || names.length === shape[0]).toBe(true);
    }
  });

  it('hold float32 values', () => {
    for (const { dtype, values: all } of shard.columns.values()) {
      if (dtype === 'float32') expect(all).toEqual(Float64Array.from(all, Math.fround));
    }
  });

  it('have a phase within [0, 1] that never falls in an episode', () => {
    const phase = values(shard, 'ground_truth.phase');
    expect(Math.min(...phase)).toBe(0);
    expect(Math.max(...phase)).toBeLessThanOrEqual(1);
    for (const { start, length } of shard.episodes) {
      for (let row = start + 1; row < start + length; row++) expect(phase[row]).toBeGreaterThanOrEqual(phase[row - 1]!);
    }
  });

  it('end every episode with the disc in the bin and the gripper open', () => {
    for (const { start, length } of shard.episodes) {
      const last = start + length - 1;
      const { obj, grip } = frameState(
        last,
        values(shard, 'observation.state'),
        values(shard, 'observation.environment_state'),
      );
      expect(Math.abs(obj.x)).toBeLessThan(0.12);
      expect(Math.abs(obj.y - 0.1)).toBeLessThan(0.12);
      expect(grip).toBe(0);
    }
  });

  it('give the frames back', () => {
    const state = values(shard, 'observation.state');
    const environment = values(shard, 'observation.environment_state');
    for (let row = 0; row < shard.frames; row++) {
      const shown = frameState(row, state, environment);
      const back = observe(shown);
      for (const [k, value] of back.entries()) expect(value).toBeCloseTo(state[5 * row + k]!, 5);
      const tip = fk({ q1: state[5 * row + 3]!, q2: state[5 * row + 4]! });
      expect(tip.x).toBeCloseTo(shown.ee.x, 5);
      expect(ik(shown.ee).q2).toBeCloseTo(state[5 * row + 4]!, 5);
      // While it is held, the disc is where the end effector is.
      if (environment[3 * row + 2] === 1) expect(shown.obj).toEqual(shown.ee);
    }
    const domain = shard.kind === 'sim' ? SIM : REAL;
    const first = renderFrame(domain, frameState(0, state, environment), 32, 32, null);
    expect(renderFrame(domain, frameState(shard.frames - 1, state, environment), 32, 32, null)).not.toEqual(first);
    expect(() => frameState(shard.frames, state, environment)).toThrow('no frame');
  });
});

describe.each(SHARDS)('files of %s', (folder, shard) => {
  it('hold what the world made', async () => {
    const table = await rows(`${folder}/data/chunk-000/file-000.parquet`);
    expect(table).toHaveLength(shard.frames);
    for (const [key, { shape, dtype, values: all }] of shard.columns) {
      const [width] = shape;
      for (const [row, record] of table.entries()) {
        const expected = [...all.subarray(row * width, (row + 1) * width)];
        if (width > 1) expect(record[key]).toEqual(expected);
        else expect(record[key]).toBe(dtype === 'int64' ? BigInt(expected[0]!) : expected[0]);
      }
    }
  });

  it('say where every episode is', async () => {
    const episodes = await rows(`${folder}/meta/episodes/chunk-000/file-000.parquet`);
    expect(episodes).toHaveLength(shard.episodes.length);
    for (const [index, { start, length }] of shard.episodes.entries()) {
      expect(episodes[index]).toMatchObject({
        episode_index: BigInt(index),
        length: BigInt(length),
        dataset_from_index: BigInt(start),
        dataset_to_index: BigInt(start + length),
        'data/chunk_index': 0n,
        'data/file_index': 0n,
        tasks: ['Pick up the disc and drop it into the bin.'],
      });
    }
    expect(await rows(`${folder}/meta/tasks.parquet`)).toEqual([
      { task_index: 0n, __index_level_0__: 'Pick up the disc and drop it into the bin.' },
    ]);
  });

  it('describe the dataset', () => {
    expect(parse(`${folder}/meta/info.json`)).toMatchObject({
      codebase_version: 'v3.0',
      fps: 20,
      total_episodes: shard.episodes.length,
      total_frames: shard.frames,
      features: {
        'observation.state': { dtype: 'float32', shape: [5], names: ['x', 'y', 'gripper', 'q1', 'q2'] },
        action: { dtype: 'float32', shape: [3], names: ['vx', 'vy', 'gripper'] },
        'ground_truth.phase': { dtype: 'float32', shape: [1] },
        frame_index: { dtype: 'int64', shape: [1], names: null },
      },
    });
    expect(parse(`${folder}/meta/stats.json`)).toMatchObject({
      'observation.environment_state': { count: [shard.frames], max: [expect.any(Number), expect.any(Number), 1] },
      index: { min: [0], max: [shard.frames - 1], mean: [(shard.frames - 1) / 2] },
    });
    expect(parse('files.json')).toHaveProperty(
      [folder],
      files
        .filter(({ path }) => path.startsWith(`${folder}/`))
        .map(({ path, bytes }) => ({ path: path.slice(folder.length + 1), size: bytes.byteLength })),
    );
  });
});
