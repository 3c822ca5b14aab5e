import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readInChild } from '../../../scripts/node/read-dataset.ts';
import { UserError } from '../../../src/base/errors.ts';
import { nodeFiles } from '../../../src/datasets/node-files.ts';
import { openDataset } from '../../../src/datasets/open.ts';
import { decodeChunk } from '../../../src/datasets/parquet/decode.ts';
import { openTable } from '../../../src/datasets/parquet/table.ts';

/**
 * Real files, none of which may be committed: the folder `data` of OT_SHARED, or of `shared` beside the repository.
 */
const root = fileURLToPath(new URL('../../..', import.meta.url));
const data = join(resolve(root, process.env['OT_SHARED'] ?? '../shared'), 'data');
const present = existsSync(data);

/** What a real dataset reads as, by folder or file. Shapes are of the features that hold numbers, but for the index columns. */
interface Expected {
  readonly folder: string;
  /** Where it is not LeRobot's. */
  readonly format?: 'robomimic' | 'hdf5' | 'numpy';
  readonly version: string;
  readonly episodes: number;
  readonly frames: number;
  readonly fps: number | null;
  /** Names of the first and the last, where they are the files' own. */
  readonly names?: readonly [string, string];
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly warnings: readonly string[];
}

const noRate = 'The file does not say its frame rate (control_freq); time is counted in frames.';
const noVideos = (cameras: string): string => `No video files came along: ${cameras} cannot be shown.`;

const datasets: readonly Expected[] = [
  {
    folder: 'pusht_v30',
    version: 'v3.0',
    episodes: 206,
    frames: 25_650,
    fps: 10,
    shapes: { 'observation.state': [2], action: [2], 'next.reward': [1], 'next.done': [1], 'next.success': [1] },
    warnings: [noVideos('“observation.image”')],
  },
  {
    folder: 'so101_record_test_v30',
    version: 'v3.0',
    episodes: 4,
    frames: 1492,
    fps: 30,
    shapes: { action: [6], 'observation.state': [6] },
    warnings: [noVideos('“observation.images.front”, “observation.images.top”')],
  },
  {
    folder: 'piper_act_v30_tgt',
    version: 'v3.0',
    episodes: 55,
    frames: 13_331,
    fps: 15,
    shapes: { action: [6], 'observation.state': [7] },
    warnings: [noVideos('“observation.images.front”, “observation.images.wrist”')],
  },
  {
    folder: 'piper_smolvla_v30_src',
    version: 'v3.0',
    episodes: 19,
    frames: 4958,
    fps: 15,
    shapes: { action: [6], 'observation.state': [7] },
    warnings: [
      '“meta/info.json” declares 105 episodes (found 19) and 27,623 frames (found 4,958); the tables are what is used.',
      noVideos('“observation.images.front”, “observation.images.wrist”'),
    ],
  },
  {
    folder: 'gr1_sim_picknplace_v20',
    version: 'v2.0',
    episodes: 5,
    frames: 2096,
    fps: 20,
    shapes: {
      'observation.state': [44],
      action: [44],
      'annotation.human.action.task_description': [1],
      'annotation.human.validity': [1],
      'next.reward': [1],
      'next.done': [1],
    },
    warnings: [
      'There is no frame_index column; frames are in the order of the index column.',
      'data_path in “meta/info.json” does not lead to 4 tables (“data/chunk-000/episode_000001.parquet” and 3 more); the files were found by looking.',
      'There are no video files of “observation.images.egoview”, which “meta/info.json” declares.',
    ],
  },
  {
    folder: 'g1_real_v21',
    version: 'v2.1',
    episodes: 11,
    frames: 3294,
    fps: 30,
    shapes: { 'observation.state': [26], action: [26] },
    warnings: [
      '“meta/info.json” declares 100 episodes (found 11) and 35,965 frames (found 3,294); the tables are what is used.',
      '10 of 11 episodes have no video file of “observation.images.cam_high”.',
    ],
  },
  {
    folder: 'lingzu_open50_v30_part',
    version: 'v3.0',
    episodes: 5,
    frames: 2373,
    fps: 30,
    shapes: { actions: [34], state: [34] },
    warnings: [
      '“meta/info.json” declares 50 episodes (found 5) and 20,814 frames (found 2,373); the tables are what is used.',
      'video_path in “meta/info.json” does not lead to the videos of “image” (“video/image/chunk-000/file-028.mp4”); the files were found by looking.',
    ],
  },
  {
    folder: 'robosuite_lift_hdf5/session_1018_tgt.hdf5',
    format: 'robomimic',
    version: 'data',
    episodes: 4,
    frames: 427,
    fps: null,
    names: ['demo_1', 'demo_4'],
    shapes: { actions: [7], states: [32] },
    warnings: [noRate],
  },
  {
    folder: 'robosuite_lift_hdf5/session_1019_src.hdf5',
    format: 'robomimic',
    version: 'data',
    episodes: 9,
    frames: 1087,
    fps: null,
    names: ['demo_1', 'demo_9'],
    shapes: { actions: [7], states: [32] },
    warnings: [noRate],
  },
  {
    folder: 'act_gzip_hdf5',
    format: 'hdf5',
    version: 'flat',
    episodes: 1,
    frames: 158,
    fps: null,
    names: ['episode_0', 'episode_0'],
    shapes: { end_position: [6], gripper_state: [1], step: [1], transformed_hand_coords: [24, 3], transformed_hand_frames: [4, 3] },
    warnings: [noRate],
  },
  {
    folder: 'npz',
    format: 'numpy',
    version: 'npz',
    episodes: 1,
    frames: 82,
    fps: 60,
    names: ['humanoid_run', 'humanoid_run'],
    shapes: {
      dof_positions: [28],
      dof_velocities: [28],
      body_positions: [15, 3],
      body_rotations: [15, 4],
      body_linear_velocities: [15, 3],
      body_angular_velocities: [15, 3],
    },
    warnings: [],
  },
];

const wanted = 'a LeRobotDataset (v2.0, v2.1 or v3.0) folder with its data folder, its parquet files, robomimic’s HDF5 or NumPy’s .npz and .npy can be read.';
const frameTable = 'a LeRobot frame table has an episode_index and a frame_index for every row.';
const refused: readonly { folder: string; code: string; sentence: string }[] = [
  {
    folder: 'cloth_jpeg_bytes',
    code: 'no-frame-table',
    sentence: `“episode_000066.parquet” has no episode_index and no frame_index column (its columns are “episode”, “t”, “arm1_j1”, “arm1_j2” and 12 more); ${frameTable}`,
  },
  {
    folder: 'hyparquet_fixtures',
    code: 'no-frame-table',
    sentence: `“boolean_rle.parquet” has no episode_index and no frame_index column (its columns are “BooleanColumn”); ${frameTable}`,
  },
  {
    folder: 'robosuite_lift_hdf5',
    code: 'several-datasets',
    sentence: 'There are 2 datasets here (“session_1018_tgt.hdf5”, “session_1019_src.hdf5”); open one of these files by itself.',
  },
  { folder: 'pair_info', code: 'unsupported-format', sentence: `This holds JSON (“piper_jan.json”) and no frames that can be read; ${wanted}` },
  { folder: 'ot_train_configs', code: 'unsupported-format', sentence: `This holds JSON (“act_fr3_ot.json”) and no frames that can be read; ${wanted}` },
  { folder: 'onnx', code: 'unsupported-format', sentence: `This holds JSON (“ort_expected.json”) and no frames that can be read; ${wanted}` },
];

const bookkeeping = new Set(['timestamp', 'frame_index', 'episode_index', 'index', 'task_index']);

describe.skipIf(!present)(`real datasets (skipped where there is no shared data folder)`, () => {
  it('has an expectation for every folder', () => {
    const folders = readdirSync(data, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    const named = [...datasets, ...refused].map(({ folder }) => folder);
    expect(named.filter((folder) => !folder.includes('/')).toSorted()).toEqual(folders.toSorted());
  });

  it.each(datasets)('$folder loads', async (expected) => {
    const dataset = await openDataset(await nodeFiles(join(data, expected.folder)));
    expect(dataset.name).toBe(expected.folder.replace(/^.*\/|\.hdf5$/g, ''));
    expect(dataset.format).toBe(expected.format ?? 'lerobot');
    if (expected.names) expect([dataset.episodes[0]?.name, dataset.episodes.at(-1)?.name]).toEqual(expected.names);
    expect(dataset.version).toBe(expected.version);
    expect(dataset.fps).toBe(expected.fps);
    expect(dataset.frames).toBe(expected.frames);
    expect(dataset.episodes.length).toBe(expected.episodes);
    expect(dataset.episodes.reduce((sum, { length }) => sum + length, 0)).toBe(expected.frames);
    expect(dataset.warnings).toEqual(expected.warnings);
    const shapes = [...dataset.features].filter(([key, { values }]) => values && !bookkeeping.has(key)).map(([key, { shape }]) => [key, shape]);
    expect(Object.fromEntries(shapes)).toEqual(expected.shapes);
    for (const { shape, values, names, stats } of dataset.features.values()) {
      if (!values) continue;
      const width = shape.reduce((product, n) => product * n, 1);
      expect(values.length).toBe(expected.frames * width);
      expect(stats?.nonFinite).toBe(0);
      if (names) expect(names.length).toBe(shape.at(-1));
    }
  });

  it.each(refused)('$folder is refused', async ({ folder, code, sentence }) => {
    await expect(openDataset(await nodeFiles(join(data, folder)))).rejects.toMatchObject({ name: 'UserError', code, message: sentence });
  });

  it('refuses the folder that holds them all', async () => {
    await expect(openDataset(await nodeFiles(data))).rejects.toMatchObject({
      code: 'several-datasets',
      message: 'There are 7 datasets here (“data/g1_real_v21”, “data/gr1_sim_picknplace_v20”, “data/lingzu_open50_v30_part” and 4 more); open one of these folders by itself.',
    });
  });

  it('reads the same in a child process', async () => {
    const path = join(data, 'so101_record_test_v30');
    expect(await readInChild(path)).toEqual(await openDataset(await nodeFiles(path)));
  });

  it('reads a table without its meta folder as bare', async () => {
    const dataset = await openDataset(await nodeFiles(join(data, 'piper_smolvla_v30_src/data/chunk-000/file-000.parquet')));
    expect(dataset).toMatchObject({ name: 'file-000', version: 'bare', fps: null, frames: 4958 });
    expect(dataset.warnings).toEqual(['There is no readable meta/info.json, so the frame rate and the names of joints are unknown.']);
  });

  it('keeps the values of NumPy and HDF5 files, as other readers give them', async () => {
    const first = async (folder: string, key: string, count: number): Promise<number[]> => [...((await openDataset(await nodeFiles(join(data, folder)))).features.get(key)?.values?.subarray(0, count) ?? [])];
    expect(await first('npz', 'dof_positions', 3)).toEqual([0.08052274584770203, 0.19152730703353882, 0.0731750875711441]);
    expect(await first('robosuite_lift_hdf5/session_1019_src.hdf5', 'states', 4)).toEqual([0, -0.018578978470759268, 0.20854930754761558, -0.01767537200703952]);
    expect(await first('act_gzip_hdf5', 'step', 3)).toEqual([368, 369, 370]);
  });

  it.each(['act_gzip_hdf5/episode_0.hdf5', 'npz/humanoid_run.npz'])('reads %s the same in a child process', async (path) => {
    expect(await readInChild(join(data, path))).toEqual(await openDataset(await nodeFiles(join(data, path))));
  });

  it('keeps the values of the files: PushT’s first state and action', async () => {
    const dataset = await openDataset(await nodeFiles(join(data, 'pusht_v30')));
    expect([...(dataset.features.get('observation.state')?.values?.subarray(0, 2) ?? [])]).toEqual([222, 97]);
    expect([...(dataset.features.get('action')?.values?.subarray(0, 2) ?? [])]).toEqual([233, 71]);
  });
});

const fixtures = join(data, 'hyparquet_fixtures');
const parquetFixtures = present ? readdirSync(fixtures).filter((name) => name.endsWith('.parquet')) : [];

describe.skipIf(!present)('the parquet library’s own fixtures (skipped where there is no shared data folder)', () => {
  it.each(parquetFixtures)('%s is refused with a sentence, in a process of its own', async (name) => {
    const error: unknown = await readInChild(join(fixtures, name)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect(error).toMatchObject({ code: 'no-frame-table', message: expect.stringContaining(`“${name}” has no episode_index and no frame_index column`) });
  });

  it.each(parquetFixtures)('%s: every numeric column decodes to the values beside it', async (name) => {
    const [input] = await nodeFiles(join(fixtures, name));
    const [answers] = await nodeFiles(join(fixtures, name.replace(/parquet$/, 'json')));
    if (!input || !answers) throw new Error('the fixture is gone');
    const bytes = await input.slice(0, input.size);
    const rows: unknown[][] = JSON.parse(new TextDecoder().decode(await answers.slice(0, answers.size)));
    const table = await openTable(input);
    expect(table.rows).toBe(rows.length);
    for (const [k, column] of table.columns.entries()) {
      if (column.depth === null) continue;
      const values: unknown[] = [];
      for (const chunk of column.chunks) for (const run of await decodeChunk(table, bytes, column, chunk)) values.push(...run);
      expect(JSON.parse(JSON.stringify(values, plainNumbers))).toEqual(rows.map((row) => row[k]));
    }
  });
});

function plainNumbers(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : (value ?? null);
}
