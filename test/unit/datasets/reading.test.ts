import { describe, expect, it } from 'vitest';
import { openDataset } from '../../../src/datasets/open.ts';
import type { Dataset } from '../../../src/datasets/types.ts';
import type { MadeColumn } from './make.ts';
import { file, frameColumns, infoFile, parquet, withData } from './make.ts';

const table = 'set/data/chunk-000/file-000.parquet';
const columns = frameColumns([[0, 3], [1, 2]]);

/** Read a v3.0 folder with a truthful info.json (but for `changes`) and one table. */
async function read(made: readonly MadeColumn[], changes: Record<string, unknown> = {}): Promise<Dataset> {
  return openDataset([infoFile(changes), file(table, parquet(made))]);
}

function values(dataset: Dataset, key: string): number[] | null {
  const found = dataset.features.get(key)?.values;
  return found ? [...found] : null;
}

describe('reading', () => {
  it('makes the Dataset shape of a sound folder, without warnings', async () => {
    const dataset = await read(columns);
    expect(dataset).toMatchObject({ name: 'set', format: 'lerobot', version: 'v3.0', fps: 10, frames: 5, warnings: [] });
    expect(dataset.episodes).toEqual([
      { index: 0, name: 'episode_0000', start: 0, length: 3 },
      { index: 1, name: 'episode_0001', start: 3, length: 2 },
    ]);
    // As info.json lists them, not as the table does.
    expect([...dataset.features.keys()]).toEqual(['action', 'observation.state', 'timestamp', 'frame_index', 'episode_index', 'next.done']);
    expect(values(dataset, 'action')).toEqual([0.5, 0.25, 0.5, 1.25, 0.5, 2.25, 1.5, 0.25, 1.5, 1.25]);
    expect(dataset.features.get('action')).toMatchObject({ dtype: 'float32', shape: [2], names: ['x', 'y'] });
    expect(dataset.features.get('observation.state')?.names).toEqual(['a', 'b', 'c']);
    expect(values(dataset, 'next.done')).toEqual([0, 0, 1, 0, 0]);
    expect(values(dataset, 'frame_index')).toEqual([0, 1, 2, 0, 1]);
    expect(dataset.features.get('frame_index')).toMatchObject({ dtype: 'int64', shape: [1], names: null });
  });

  it('computes statistics of every dimension', async () => {
    const { stats } = (await read(columns)).features.get('action') ?? {};
    expect([...(stats?.min ?? [])]).toEqual([0.5, 0.25]);
    expect([...(stats?.max ?? [])]).toEqual([1.5, 2.25]);
    expect(stats?.mean[0]).toBeCloseTo(0.9, 12);
    expect(stats?.std[0]).toBeCloseTo(Math.sqrt(0.24), 12);
    expect(stats?.nonFinite).toBe(0);
  });

  it('sorts rows that are out of order, over files and row groups', async () => {
    const shuffled = [4, 0, 3, 2, 1];
    const part = (rows: readonly number[]): MadeColumn[] => columns.map(({ name, type, data }) => ({ name, type, data: rows.map((row) => data[row]) }));
    const dataset = await openDataset([
      infoFile(),
      file('set/data/chunk-000/file-000.parquet', parquet(part(shuffled.slice(0, 2)))),
      file('set/data/chunk-000/file-001.parquet', parquet(part(shuffled.slice(2)), { rowGroupSize: 2 })),
    ]);
    const straight = await read(columns);
    expect(dataset.episodes).toEqual(straight.episodes);
    for (const key of straight.features.keys()) expect(values(dataset, key)).toEqual(values(straight, key));
    expect(dataset.warnings).toEqual([]);
  });

  it('reads loose files, deep folders and bare tables', async () => {
    const bytes = parquet(columns);
    const loose = await openDataset([infoFile({}, 'info.json'), file('file-000.parquet', bytes)]);
    expect(loose).toMatchObject({ name: 'file-000', version: 'v3.0', fps: 10, frames: 5 });
    const deep = await openDataset([infoFile({}, 'a/b/set/meta/info.json'), file(`a/b/${table}`, bytes), file('a/notes.txt', 'x')]);
    expect(deep).toMatchObject({ name: 'set', version: 'v3.0', frames: 5, warnings: [] });
    const bare = await openDataset([file('run.parquet', bytes)]);
    expect(bare).toMatchObject({ name: 'run', version: 'bare', fps: null, frames: 5 });
    expect(bare.warnings).toEqual(['There is no readable meta/info.json, so the frame rate and the names of joints are unknown.']);
    expect(new Set([loose.fingerprint, deep.fingerprint, bare.fingerprint]).size).toBe(1);
    expect(bare.fingerprint).toMatch(/^[0-9a-f]{64}$/);
  });

  it('gives other bytes another fingerprint', async () => {
    const other = withData(columns, 'timestamp', [0, 1, 2, 0, 1]);
    expect((await read(columns)).fingerprint).not.toBe((await read(other)).fingerprint);
  });

  it('reads v2.0 and v2.1 with one table an episode', async () => {
    const dataPath = 'data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet';
    const lengths = [3, 2];
    const tables = lengths.map((length, k) => file(`set/data/chunk-000/episode_00000${k}.parquet`, parquet(frameColumns([[k, length]]))));
    const list = file('set/meta/episodes.jsonl', lengths.map((length, k) => JSON.stringify({ episode_index: k, length })).join('\n'));
    for (const version of ['v2.0', 'v2.1']) {
      const info = infoFile({ codebase_version: version, data_path: dataPath, chunks_size: 1000, total_episodes: 2, total_frames: 5 });
      expect(await openDataset([...tables, list, info])).toMatchObject({ version, frames: 5, warnings: [] });
    }
  });

  it('keeps matrices, scalar columns per joint, pictures and texts apart', async () => {
    const dataset = await read([
      ...columns,
      { name: 'chunk', type: 'list of lists', data: Array.from({ length: 5 }, (_, k) => [[k, 1], [2, 3], [4, 5]]) },
      { name: 'joint_1', type: 'DOUBLE', data: [0.1, 0.2, 0.3, 0.4, 0.5] },
      { name: 'gripper', type: 'INT32', data: [0, 1, 2, 3, 4] },
      { name: 'task', type: 'STRING', data: ['a', 'b', 'c', 'd', 'e'] },
      { name: 'camera', type: 'BYTE_ARRAY', data: Array.from({ length: 5 }, () => new Uint8Array([255, 216, 255])) },
    ]);
    expect(dataset.features.get('chunk')).toMatchObject({ dtype: 'float32', shape: [3, 2] });
    expect(values(dataset, 'chunk')?.slice(6, 9)).toEqual([1, 1, 2]);
    expect(values(dataset, 'joint_1')).toEqual([0.1, 0.2, 0.3, 0.4, 0.5]);
    expect(dataset.features.get('gripper')).toMatchObject({ dtype: 'int32', shape: [1] });
    expect(dataset.features.get('task')).toMatchObject({ dtype: 'string', values: null, stats: null });
    expect(dataset.features.get('camera')).toMatchObject({ dtype: 'image', values: null });
    expect(dataset.warnings).toEqual(['“meta/info.json” does not mention 5 columns of the tables (“chunk”, “joint_1”, “gripper” and 2 more).']);
  });

  it('takes the structs of bytes and path as pictures of the declared size', async () => {
    const picture = { name: 'camera', type: 'struct' as const, data: Array.from({ length: 5 }, () => ({ bytes: new Uint8Array([1]), path: 'x.png' })) };
    const dataset = await read([...columns, picture], { features: { camera: { dtype: 'image', shape: [48, 64, 3] } } });
    expect(dataset.features.get('camera')).toEqual({ dtype: 'image', shape: [48, 64, 3], names: null, values: null, stats: null });
  });

  it.each(['UNCOMPRESSED', 'GZIP', 'BROTLI'] as const)('reads %s pages like snappy ones', async (codec) => {
    const dataset = await openDataset([infoFile(), file(table, parquet(columns, { codec }))]);
    const straight = await read(columns);
    for (const key of straight.features.keys()) expect(values(dataset, key)).toEqual(values(straight, key));
  });

  it('is not harmed by a column called __proto__', async () => {
    const dataset = await read([...columns, { name: '__proto__', type: 'DOUBLE', data: [1, 2, 3, 4, 5] }, { name: 'constructor', type: 'list', data: [[1], [2], [3], [4], [5]] }]);
    expect(values(dataset, '__proto__')).toEqual([1, 2, 3, 4, 5]);
    expect(values(dataset, 'constructor')).toEqual([1, 2, 3, 4, 5]);
    expect(({} as { dtype?: unknown }).dtype).toBeUndefined();
  });

  it('answers two reads that run at once', async () => {
    const [one, two] = await Promise.all([read(columns), read(frameColumns([[7, 4]]))]);
    expect(one?.frames).toBe(5);
    expect(two?.episodes).toEqual([{ index: 7, name: 'episode_0007', start: 0, length: 4 }]);
  });
});

/** Datasets that load although something is wrong, and what is said about it. */
const oddities: readonly { what: string; made?: readonly MadeColumn[]; changes?: Record<string, unknown>; warnings: readonly string[] }[] = [
  {
    what: 'totals that differ',
    changes: { total_episodes: 9, total_frames: 1000 },
    warnings: ['“meta/info.json” declares 9 episodes (found 2) and 1,000 frames (found 5); the tables are what is used.'],
  },
  { what: 'no frame rate', changes: { fps: 0 }, warnings: ['“meta/info.json” gives no usable frame rate (fps is “0”); time is counted in frames.'] },
  { what: 'a wrong frame rate', changes: { fps: 50 }, warnings: ['“meta/info.json” declares 50 frames a second, but time stamps are 0.1 s apart (10 a second).'] },
  { what: 'an unknown version', changes: { codebase_version: 'v9' }, warnings: ['“meta/info.json” declares version “v9”; the files are laid out as v3.0.'] },
  { what: 'a version of another layout', changes: { codebase_version: 'v2.1' }, warnings: ['“meta/info.json” declares version “v2.1”; the files are laid out as v3.0.'] },
  {
    what: 'a path template that leads elsewhere',
    changes: { data_path: 'data/chunk-{chunk_index:03d}/file-{chunk_index:03d}-{file_index:03d}.parquet' },
    warnings: ['data_path in “meta/info.json” does not lead to 1 table (“data/chunk-000/file-000.parquet”); the files were found by looking.'],
  },
  {
    what: 'NaN and infinity',
    made: withData(columns, 'action', [[0, 1], [Number.NaN, 1], [2, Number.POSITIVE_INFINITY], [3, 1], [4, null]]),
    warnings: ['Column “action” holds 3 values that are NaN, infinite or empty; statistics leave them out.'],
  },
  {
    what: 'rows of different widths',
    made: withData(columns, 'action', [[0, 1], [0, 1, 2], [0, 1], [0, 1], [0, 1]]),
    warnings: ['Column “action” holds rows of different shapes (2 and 3); it is listed without values.'],
  },
  { what: 'empty lists', made: withData(columns, 'action', [[], [], [], [], []]), warnings: ['Column “action” holds empty lists; it is listed without values.'] },
  { what: 'only empty values', made: withData(columns, 'action', [null, null, null, null, null]), warnings: ['Column “action” holds no values; it is listed without values.'] },
  {
    what: 'the same column twice',
    made: [...columns, { name: 'action', type: 'list', data: [[9], [9], [9], [9], [9]] }],
    warnings: ['Column names occur more than once (“action”); the first of each is used.'],
  },
  {
    what: 'frames that repeat',
    made: withData(columns, 'frame_index', [0n, 1n, 1n, 0n, 1n]),
    warnings: ['1 row repeats a frame that is already there (first: episode 0, frame 1); all are kept, in the order of the files.'],
  },
  {
    what: 'frames that are missing',
    made: withData(columns, 'frame_index', [0n, 1n, 5n, 3n, 4n]),
    warnings: ['Frames are missing in 2 episodes: frame_index skips numbers (first: episode 0).'],
  },
  {
    what: 'wrong shapes, types and names, and a feature that is not there',
    changes: {
      features: {
        action: { dtype: 'float64', shape: [7], names: ['x', 'y', 'z'] },
        'observation.state': { dtype: 'float32', shape: [3] },
        gripper: { dtype: 'float32', shape: [1] },
        timestamp: {}, frame_index: null, episode_index: 3, 'next.done': 'bool',
      },
    },
    warnings: [
      'Column “action” is declared with shape 7 but holds 2.',
      'Column “action” has 3 names for 2 values; the names are left out.',
      '“meta/info.json” declares 1 feature that the tables do not hold (“gripper”).',
      '“meta/info.json” gives another type than is stored for “action” (float64, stored float32).',
    ],
  },
  { what: 'no features', changes: { features: null }, warnings: ['“meta/info.json” lists no features; names and shapes come from the tables.'] },
];

describe('what is wrong but can be read', () => {
  it.each(oddities)('$what', async ({ made, changes, warnings }) => {
    const dataset = await read(made ?? columns, changes ?? {});
    expect(dataset.warnings).toEqual(warnings);
    expect(dataset.frames).toBe(5);
  });

  it('keeps NaN and infinity where they are', async () => {
    const dataset = await read(withData(columns, 'action', [[0, 1], [Number.NaN, 1], [2, Number.POSITIVE_INFINITY], null, [4, 1]]));
    expect(values(dataset, 'action')).toEqual([0, 1, Number.NaN, 1, 2, Number.POSITIVE_INFINITY, Number.NaN, Number.NaN, 4, 1]);
    const { stats } = dataset.features.get('action') ?? {};
    expect([...(stats?.max ?? [])]).toEqual([4, 1]);
    expect(stats?.nonFinite).toBe(4);
  });

  it('uses what is left of empty or broken meta files', async () => {
    const bytes = parquet(columns);
    for (const [content, warning] of [
      ['', '“meta/info.json” is empty (0 bytes) and was ignored.'],
      ['{"fps": 10', '“meta/info.json” is not valid JSON and was ignored.'],
      ['[]', '“meta/info.json” is not a JSON object and was ignored.'],
    ] as const) {
      const dataset = await openDataset([file('set/meta/info.json', content), file(table, bytes)]);
      expect(dataset).toMatchObject({ version: 'bare', fps: null, frames: 5 });
      expect(dataset.warnings).toEqual([warning, 'There is no readable meta/info.json, so the frame rate and the names of joints are unknown.']);
    }
    const dataset = await openDataset([infoFile(), file('set/meta/episodes/chunk-000/file-000.parquet', ''), file('set/meta/tasks.parquet', ''), file(table, bytes)]);
    expect(dataset.warnings).toEqual(['“meta/episodes/chunk-000/file-000.parquet” cannot be read, so the list of episodes was not checked.']);
  });

  it('compares the list of episodes with the rows', async () => {
    const list = [{ episode_index: 0, length: 3 }, { episode_index: 1, length: 4 }, { episode_index: 2, length: 0 }, { episode_index: 3, length: 6 }, { tasks: [] }];
    const lines = file('set/meta/episodes.jsonl', [...list.map((entry) => JSON.stringify(entry)), 'junk'].join('\n'));
    const { warnings } = await openDataset([infoFile(), lines, file(table, parquet(columns))]);
    expect(warnings).toEqual([
      '“meta/episodes.jsonl” has 2 lines without an episode_index and a length; they were ignored.',
      'The meta folder lists 1 episode of zero length (2).',
      'The meta folder gives another length for 1 episode (1: 4 listed, 2 found).',
      '1 episode of the meta folder is not in the tables (3).',
    ]);
    const v3 = parquet([{ name: 'episode_index', type: 'INT64', data: [1n] }, { name: 'length', type: 'INT64', data: [2n] }]);
    const again = await openDataset([infoFile(), file('set/meta/episodes/chunk-000/file-000.parquet', v3), file(table, parquet(columns))]);
    expect(again.warnings).toEqual(['The meta folder does not list 1 episode that the tables hold (0).']);
  });

  it('says which tables lack a column, and leaves strays out', async () => {
    const { warnings, features } = await openDataset([
      infoFile(),
      file('set/data/chunk-000/file-000.parquet', parquet(columns)),
      file('set/data/chunk-000/file-001.parquet', parquet(frameColumns([[2, 2]]).filter(({ name }) => name !== 'action'))),
      file('set/data/chunk-000/notes.parquet', parquet([{ name: 'note', type: 'STRING', data: ['x'] }])),
      file('set/export/copy.parquet', parquet(columns)),
    ]);
    expect(features.get('action')?.values?.at(-1)).toBeNaN();
    expect(warnings).toEqual([
      'Parquet files outside the data folder are left out: “export/copy.parquet”.',
      '1 parquet file without an episode_index column is left out (“data/chunk-000/notes.parquet”).',
      'Column “action” is missing in 1 of 2 tables; its values there are NaN.',
      'Column “action” holds 4 values that are NaN, infinite or empty; statistics leave them out.',
    ]);
  });
});
