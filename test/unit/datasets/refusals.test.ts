import { describe, expect, it } from 'vitest';
import { openDataset } from '../../../src/datasets/open.ts';
import type { InputFile } from '../../../src/datasets/types.ts';
import type { MadeColumn } from './make.ts';
import { file, frameColumns, infoFile, parquet, withData } from './make.ts';

const columns = frameColumns([[0, 3], [1, 2]]);
const good = parquet(columns);
const wanted = 'a LeRobotDataset (v2.0, v2.1 or v3.0) folder with its data folder, its parquet files, robomimic’s HDF5 or NumPy’s .npz and .npy can be read.';
const frameTable = 'a LeRobot frame table has an episode_index and a frame_index for every row.';
const again = 'copy or download the file again.';

/** A copy of `good` with some bytes changed. */
function changed(change: (bytes: Uint8Array, view: DataView) => void): ArrayBuffer {
  const copy = good.slice(0);
  change(new Uint8Array(copy), new DataView(copy));
  return copy;
}

/** A file of constant columns: a few hundred bytes, whatever the number of rows. */
function constant(rows: number): ArrayBuffer {
  const data = Array.from({ length: rows }, () => 0n);
  const names = ['episode_index', 'frame_index'];
  return parquet(names.map((name) => ({ name, type: 'INT64', data })), { rowGroupSize: rows });
}

/** The same with every row count of its footer forged. Both counts take four bytes there. */
function forged(rows: number): ArrayBuffer {
  const honest = 1_050_001;
  const bytes = new Uint8Array(constant(honest));
  const from = varint(2 * honest);
  const to = varint(2 * rows);
  expect(to.length).toBe(from.length);
  for (let at = bytes.length - 600; at < bytes.length; at++) if (from.every((byte, k) => bytes[at + k] === byte)) bytes.set(to, at);
  return bytes.buffer;
}

/** Definition levels of `frame_index` replaced by one run of two billion, on which the decoder would abort the process. */
function bomb(): ArrayBuffer {
  const rows = Array.from({ length: 200 }, (_, k) => BigInt(k));
  const made: MadeColumn[] = [
    { name: 'episode_index', type: 'INT64', data: rows },
    { name: 'frame_index', type: 'INT64', data: rows.map((row, k) => (k % 7 === 3 ? null : row)) },
  ];
  const bytes = new Uint8Array(parquet(made, { codec: 'UNCOMPRESSED' }));
  // The header of 25 packed groups of eight one-bit levels; the first group has its fourth bit unset.
  const at = bytes.findIndex((byte, k) => byte === 51 && bytes[k + 1] === 0b1111_0111);
  expect(at).toBeGreaterThan(0);
  bytes.set([0xfe, 0xff, 0xff, 0xff, 0x0f, 1], at);
  return bytes.buffer;
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

const cases: readonly { what: string; files: () => readonly InputFile[]; code: string; sentence: string | RegExp }[] = [
  { what: 'nothing at all', files: () => [], code: 'nothing-found', sentence: `No files were found; ${wanted}` },
  { what: 'only hidden files', files: () => [file('set/.DS_Store', 'x')], code: 'nothing-found', sentence: `No files were found; ${wanted}` },
  { what: 'an empty file', files: () => [file('a.parquet', '')], code: 'damaged', sentence: `“a.parquet” is empty (0 bytes); ${again}` },
  { what: 'five bytes', files: () => [file('a.parquet', 'PAR1!')], code: 'damaged', sentence: `“a.parquet” is 5 bytes long, too short for a parquet file; ${again}` },
  {
    what: 'a truncated file',
    files: () => [file('a.parquet', good.slice(0, good.byteLength - 100))],
    code: 'damaged',
    sentence: `“a.parquet” does not end like a parquet file: it is cut short or not parquet; ${again}`,
  },
  {
    what: 'another format under the name',
    files: () => [file('a.parquet', 'episode_index,frame_index\n0,0\n')],
    code: 'damaged',
    sentence: `“a.parquet” does not end like a parquet file: it is cut short or not parquet; ${again}`,
  },
  {
    what: 'an encrypted file',
    files: () => [file('a.parquet', changed((bytes) => bytes.set([0x45], bytes.length - 1)))],
    code: 'encrypted',
    sentence: '“a.parquet” is an encrypted parquet file; save it again without encryption.',
  },
  {
    what: 'a footer longer than the file',
    files: () => [file('a.parquet', changed((bytes, view) => view.setUint32(bytes.length - 8, bytes.length, true)))],
    code: 'damaged',
    sentence: `“a.parquet” has a footer longer than the file; ${again}`,
  },
  {
    what: 'a damaged footer',
    files: () => [file('a.parquet', changed((bytes) => bytes.fill(0xff, bytes.length - 60, bytes.length - 20)))],
    code: 'damaged',
    sentence: `“a.parquet” has a damaged footer; ${again}`,
  },
  {
    what: 'a damaged page',
    files: () => [file('a.parquet', changed((bytes) => bytes.fill(0xff, 4, 40)))],
    code: 'damaged',
    sentence: `“a.parquet” has a column “observation.state” whose pages are damaged; ${again}`,
  },
  {
    what: '50 million rows declared in a few hundred bytes',
    files: () => [file('a.parquet', forged(50_000_000))],
    code: 'too-large',
    sentence: '“a.parquet” declares 50,000,000 rows, above the limit of 5,000,000; split the dataset and open a part of it.',
  },
  {
    what: 'more rows than its bytes can hold',
    files: () => [file('a.parquet', constant(400_000))],
    code: 'damaged',
    sentence: /^“a.parquet” declares 400,000 rows, which cannot fit in its \d+ bytes; copy or download the file again\.$/,
  },
  {
    what: 'a run of two billion values in six bytes',
    files: () => [file('a.parquet', bomb())],
    code: 'damaged',
    sentence: `“a.parquet” has a column “frame_index” whose pages are damaged; ${again}`,
  },
  {
    what: 'no frames',
    files: () => [file('a.parquet', parquet(frameColumns([])))],
    code: 'no-frames',
    sentence: 'The tables hold no frames (“a.parquet”); choose a dataset with at least one frame.',
  },
  {
    what: 'no frame_index and nothing in its place',
    files: () => [file('a.parquet', parquet(columns.filter(({ name }) => name !== 'frame_index')))],
    code: 'no-frame-table',
    sentence: `“a.parquet” has no frame_index column (its columns are “observation.state”, “action”, “timestamp”, “episode_index” and 1 more); ${frameTable}`,
  },
  {
    what: 'an empty value in episode_index',
    files: () => [file('a.parquet', parquet(withData(columns, 'episode_index', [0n, 0n, null, 1n, 1n])))],
    code: 'bad-index',
    sentence: 'Column “episode_index” holds an empty value, but frames can only be told apart by whole numbers; repair the table.',
  },
  {
    what: 'meta files without tables',
    files: () => [infoFile(), file('set/meta/tasks.jsonl', '{}'), file('set/videos/chunk-000/cam/episode_000000.mp4', 'x')],
    code: 'no-tables',
    sentence: 'There is a meta folder but no table with frames; add the data folder with its parquet files.',
  },
  {
    what: 'frames as JSON lines',
    files: () => [infoFile(), file('set/data/chunk-000/episode_000000.jsonl', '{"frame_index":0}')],
    code: 'unsupported-format',
    sentence: `This holds JSON lines (“data/chunk-000/episode_000000.jsonl”) and no frames that can be read; ${wanted}`,
  },
  { what: 'csv', files: () => [file('log.csv', 'a,b')], code: 'unsupported-format', sentence: `This holds CSV tables (“log.csv”) and no frames that can be read; ${wanted}` },
  { what: 'a zip archive', files: () => [file('set.zip', 'PK')], code: 'unsupported-format', sentence: `This holds a zip archive (“set.zip”) and no frames that can be read; ${wanted}` },
  { what: 'an unknown file', files: () => [file('notes.xyz', 'x')], code: 'unsupported-format', sentence: `There are no frames among the 1 file found (“notes.xyz”); ${wanted}` },
  {
    what: 'two datasets',
    files: () => [infoFile({}, 'both/a/meta/info.json'), infoFile({}, 'both/b/meta/info.json'), file('both/a/data/file-000.parquet', good)],
    code: 'several-datasets',
    sentence: 'There are 2 datasets here (“both/a”, “both/b”); open one of these folders by itself.',
  },
];

describe('a dataset that cannot be read is refused with one sentence', () => {
  it.each(cases)('$what', async ({ files, code, sentence }) => {
    await expect(openDataset(files())).rejects.toMatchObject({ name: 'UserError', code, message: typeof sentence === 'string' ? sentence : expect.stringMatching(sentence) });
  });

  it('names the file that is damaged among sound ones', async () => {
    const files = [infoFile(), file('set/data/chunk-000/file-000.parquet', good), file('set/data/chunk-000/file-001.parquet', good.slice(0, 200))];
    await expect(openDataset(files)).rejects.toMatchObject({ code: 'damaged', message: expect.stringContaining('“data/chunk-000/file-001.parquet”') });
  });

  it('says so when a file changed while it was read', async () => {
    const longer = parquet(frameColumns([[0, 4], [1, 2]]));
    const calls = { count: 0 };
    const changing = { path: 'a.parquet', size: good.byteLength, slice: async (start: number, end: number) => (calls.count++ === 0 ? good.slice(start, end) : longer.slice(0, good.byteLength - 1)) };
    await expect(openDataset([changing])).rejects.toMatchObject({ name: 'UserError', message: expect.stringContaining('“a.parquet”') });
  });

  it('can be cancelled at every step', async () => {
    const files = [infoFile(), file('set/data/chunk-000/file-000.parquet', good)];
    const steps: string[] = [];
    await openDataset(files, { onProgress: ({ step }) => steps.push(step) });
    expect(new Set(steps)).toEqual(new Set(['meta', 'table', 'statistics']));
    for (const at of steps.keys()) {
      const controller = new AbortController();
      const reached = { count: 0 };
      const reading = openDataset(files, { signal: controller.signal, onProgress: () => reached.count++ === at && controller.abort() });
      await expect(reading).rejects.toMatchObject({ name: 'UserError', code: 'cancelled', message: 'Reading was cancelled.' });
      expect(reached.count).toBe(at + 1);
    }
    await expect(openDataset(files, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
  });
});
