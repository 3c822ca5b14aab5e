import type { SchemaElement } from 'hyparquet';
import { type ColumnSource, parquetWriteBuffer } from 'hyparquet-writer';
import { buildWorld, type Shard, type ShardColumn, type ShardEpisode, TASK } from '../src/world/shards.ts';
import { FPS } from '../src/world/task.ts';

/** The default shards. Any seed would do; changing it changes every number that the page shows first. */
export const DEMO_SEED = 7;

/** A file that was made, with its path below `public/demo`. */
export interface DemoFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

const PARQUET = 'file-000.parquet';

/** Everything in `public/demo`: the two shards as LeRobotDataset v3.0 folders, and `files.json`, which lists them. */
export function demoFiles(seed: number): DemoFile[] {
  const world = buildWorld(seed);
  const folders = { sim_pick: shardFiles(world.source), real_pick: shardFiles(world.target) };
  const manifest = Object.fromEntries(
    Object.entries(folders).map(([folder, files]) => [
      folder,
      files.map(({ path, bytes }) => ({ path, size: bytes.byteLength })),
    ]),
  );
  const placed = Object.entries(folders).flatMap(([folder, files]) =>
    files.map(({ path, bytes }) => ({ path: `${folder}/${path}`, bytes })),
  );
  return [{ path: 'files.json', bytes: json(manifest) }, ...placed];
}

/** The files of one dataset, paths below its folder. No dates, so the same shard gives the same bytes. */
function shardFiles(shard: Shard): DemoFile[] {
  return [
    { path: 'meta/info.json', bytes: json(info(shard)) },
    { path: 'meta/stats.json', bytes: json(statistics(shard)) },
    { path: 'meta/tasks.parquet', bytes: tasks() },
    { path: `meta/episodes/chunk-000/${PARQUET}`, bytes: episodes(shard) },
    { path: `data/chunk-000/${PARQUET}`, bytes: frames(shard) },
  ];
}

function info(shard: Shard): object {
  const features = [...shard.columns].map(([key, { dtype, shape, names }]) => [key, { dtype, shape, names }]);
  return {
    codebase_version: 'v3.0',
    robot_type: shard.kind === 'sim' ? 'planar_arm_sim' : 'planar_arm_real',
    total_episodes: shard.episodes.length,
    total_frames: shard.frames,
    total_tasks: 1,
    chunks_size: 1000,
    data_files_size_in_mb: 100,
    video_files_size_in_mb: 500,
    fps: FPS,
    splits: { train: `0:${shard.episodes.length}` },
    data_path: 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet',
    video_path: 'videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4',
    features: Object.fromEntries(features),
  };
}

function statistics(shard: Shard): object {
  return Object.fromEntries([...shard.columns].map(([key, column]) => [key, columnStatistics(column, shard.frames)]));
}

/** Per entry: minimum, maximum, mean and population standard deviation over all frames. */
function columnStatistics({ shape: [width], values }: ShardColumn, count: number): Record<string, number[]> {
  const stats: Record<'min' | 'max' | 'mean' | 'std', number[]> = { min: [], max: [], mean: [], std: [] };
  for (let entry = 0; entry < width; entry++) {
    const series = values.filter((_, k) => k % width === entry);
    const mean = series.reduce((sum, value) => sum + value, 0) / count;
    stats.min.push(series.reduce((a, b) => Math.min(a, b)));
    stats.max.push(series.reduce((a, b) => Math.max(a, b)));
    stats.mean.push(mean);
    stats.std.push(Math.sqrt(series.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count));
  }
  return { ...stats, count: [count] };
}

/** LeRobot looks tasks up by their text, which pandas keeps as the table's index. */
function tasks(): Uint8Array {
  const pandas = {
    index_columns: ['__index_level_0__'],
    column_indexes: [],
    columns: [
      { name: 'task_index', field_name: 'task_index', pandas_type: 'int64', numpy_type: 'int64', metadata: null },
      { name: null, field_name: '__index_level_0__', pandas_type: 'unicode', numpy_type: 'object', metadata: null },
    ],
    pandas_version: '2.2.3',
  };
  return parquet([scalar('task_index', INT64, [0n]), scalar('__index_level_0__', TEXT, [TASK])], {
    pandas: JSON.stringify(pandas),
  });
}

/** Where the frames of every episode are. */
function episodes({ episodes: all }: Shard): Uint8Array {
  const integers = (name: string, pick: (episode: ShardEpisode, index: number) => number) =>
    scalar(name, INT64, all.map((episode, index) => BigInt(pick(episode, index))));
  return parquet([
    integers('episode_index', (_, index) => index),
    list('tasks', TEXT, all.map(() => [TASK])),
    integers('length', ({ length }) => length),
    integers('data/chunk_index', () => 0),
    integers('data/file_index', () => 0),
    integers('dataset_from_index', ({ start }) => start),
    integers('dataset_to_index', ({ start, length }) => start + length),
    integers('meta/episodes/chunk_index', () => 0),
    integers('meta/episodes/file_index', () => 0),
  ]);
}

/** The frame table. As in real v3.0 files, a vector is a list column and a feature of shape [1] is a plain one. */
function frames(shard: Shard): Uint8Array {
  return parquet(
    [...shard.columns].map(([key, { dtype, shape: [width], values }]) => {
      if (dtype === 'int64') return scalar(key, INT64, Array.from(values, BigInt));
      if (width === 1) return scalar(key, FLOAT, [...values]);
      const vector = (_: unknown, row: number) => [...values.subarray(row * width, (row + 1) * width)];
      return list(key, FLOAT, Array.from({ length: shard.frames }, vector));
    }),
  );
}

/** Parquet's types of one value. */
type Leaf = Pick<SchemaElement, 'type' | 'converted_type'>;
const INT64: Leaf = { type: 'INT64' };
const FLOAT: Leaf = { type: 'FLOAT' };
const TEXT: Leaf = { type: 'BYTE_ARRAY', converted_type: 'UTF8' };

interface Column {
  readonly source: ColumnSource;
  readonly schema: readonly SchemaElement[];
}

function scalar(name: string, leaf: Leaf, data: (number | bigint | string)[]): Column {
  return { source: { name, data }, schema: [{ name, repetition_type: 'OPTIONAL', ...leaf }] };
}

/** Three levels, as pyarrow writes lists: name (LIST) → list (repeated) → element. */
function list(name: string, leaf: Leaf, data: (number | string)[][]): Column {
  return {
    source: { name, data },
    schema: [
      { name, repetition_type: 'OPTIONAL', converted_type: 'LIST', num_children: 1 },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { name: 'element', repetition_type: 'OPTIONAL', ...leaf },
    ],
  };
}

function parquet(columns: readonly Column[], metadata: Record<string, string> = {}): Uint8Array {
  const buffer = parquetWriteBuffer({
    columnData: columns.map(({ source }) => source),
    schema: [{ name: 'schema', num_children: columns.length }, ...columns.flatMap(({ schema }) => schema)],
    kvMetadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  });
  return new Uint8Array(buffer);
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}
