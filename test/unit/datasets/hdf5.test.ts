import { describe, expect, it } from 'vitest';
import { openDataset } from '../../../src/datasets/open.ts';
import type { Dataset } from '../../../src/datasets/types.ts';
import { demo, groupAt, hdf5, robomimic, rows, type MadeGroup } from './make-arrays.ts';
import { file } from './make.ts';

function values(dataset: Dataset, key: string): number[] | null {
  const found = dataset.features.get(key)?.values;
  return found ? [...found] : null;
}

async function read(bytes: ArrayBuffer, path = 'lift.hdf5'): Promise<Dataset> {
  return openDataset([file(path, bytes)]);
}

function omit(group: MadeGroup, ...names: readonly string[]): MadeGroup {
  return Object.fromEntries(Object.entries(group).filter(([name]) => !names.includes(name)));
}

const noRate = 'The file does not say its frame rate (control_freq); time is counted in frames.';
const nextObs = 'next_obs is left out: it is obs, one frame later.';

describe('robomimic’s HDF5', () => {
  it('makes the Dataset shape: demonstrations by number, columns by their path', async () => {
    const dataset = await read(await robomimic({ demo_10: demo(10, 2), demo_2: demo(2, 3) }));
    expect(dataset).toMatchObject({ name: 'lift', format: 'robomimic', version: 'data', fps: 20, frames: 5, warnings: [nextObs] });
    expect(dataset.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(dataset.episodes).toEqual([
      { index: 2, name: 'demo_2', start: 0, length: 3 },
      { index: 10, name: 'demo_10', start: 3, length: 2 },
    ]);
    expect([...dataset.features.keys()].toSorted()).toEqual(['actions', 'dones', 'obs/eef', 'states']);
    expect(dataset.features.get('actions')).toMatchObject({ dtype: 'float32', shape: [2] });
    expect(dataset.features.get('states')).toMatchObject({ dtype: 'float64', shape: [3] });
    expect(dataset.features.get('dones')).toMatchObject({ dtype: 'int64', shape: [1] });
    expect(values(dataset, 'actions')).toEqual([2.5, 0.25, 2.5, 1.25, 2.5, 2.25, 10.5, 0.25, 10.5, 1.25]);
    expect(values(dataset, 'states')).toEqual([2, 0, 0, 2, 1, 2, 2, 2, 4, 10, 0, 0, 10, 1, 10]);
    expect(values(dataset, 'dones')).toEqual([0, 0, 1, 0, 1]);
    expect(values(dataset, 'obs/eef')?.map((x) => Math.round(10 * x))).toEqual([0, 20, 1, 20, 2, 20, 0, 100, 1, 100]);
    expect(dataset.features.get('states')?.stats?.mean[1]).toBeCloseTo(0.8, 12);
  });

  it('without obs, next_obs, num_samples or env_args is read all the same', async () => {
    const bare = (index: number, length: number): MadeGroup => omit(demo(index, length), 'obs', 'next_obs', 'dones');
    const dataset = await read(await hdf5({ data: { demo_1: bare(1, 2), demo_2: bare(2, 3) } }));
    expect(dataset.episodes.map(({ name, index, length }) => [name, index, length])).toEqual([['demo_1', 1, 2], ['demo_2', 2, 3]]);
    expect([...dataset.features.keys()].toSorted()).toEqual(['actions', 'states']);
    expect(dataset).toMatchObject({ fps: null, warnings: [noRate] });
  });

  it('says what it finds: filter keys, a wrong num_samples, columns of some demonstrations only', async () => {
    const bytes = await robomimic({ demo_0: demo(0, 2), demo_1: omit(demo(1, 3), 'obs') }, (made) => {
      made.create_group('mask');
      groupAt(made, 'mask').create_dataset({ name: 'train', data: ['demo_0'], shape: [1], dtype: 'S6' });
      groupAt(made, 'data/demo_1').create_attribute('num_samples', 7);
      groupAt(made, 'data/demo_0').create_attribute('num_samples', 2);
    });
    const dataset = await read(bytes);
    expect(dataset.warnings).toEqual([
      nextObs,
      'num_samples is not the number of frames (the frames are what is used): “demo_1” 7, holds 3.',
      'All episodes are read; the filter keys in mask choose none: “train” (1 episode).',
      'Column “obs/eef” is missing in 1 of 2 episodes; its values there are NaN.',
    ]);
    expect(values(dataset, 'obs/eef')?.slice(4)).toEqual(Array.from({ length: 6 }, () => Number.NaN));
  });

  it('takes num_samples where there are no actions', async () => {
    const bytes = await robomimic({ demo_0: { a: rows([[1], [2], [3]]), b: rows([[1], [2]]), c: rows([[1], [2]]) } }, (made) => groupAt(made, 'data/demo_0').create_attribute('num_samples', 3));
    const dataset = await read(bytes);
    expect(dataset.frames).toBe(3);
    expect(dataset.warnings).toEqual(['b', 'c'].map((key) => `Column “${key}” has 2 rows in “demo_0”, which has 3 frames; it is listed without values.`));
  });

  it('reads the observation after the last action of no episode', async () => {
    const dataset = await read(await robomimic({ demo_0: { actions: rows([[1], [2]]), obs: { x: rows([[5], [6], [7]]) } } }));
    expect(values(dataset, 'obs/x')).toEqual([5, 6]);
    expect(dataset.warnings).toEqual([]);
  });

  it('lists what is not one array of numbers a frame, without values', async () => {
    const bytes = await robomimic({
      demo_0: { actions: rows([[1], [2]]), text: { data: ['a', 'b'], shape: [2] }, odd: rows([[1, 2], [3, 4]]) },
      demo_1: { actions: rows([[3]]), text: { data: ['c'], shape: [1] }, odd: rows([[1, 2, 3]]) },
    });
    const dataset = await read(bytes);
    expect(dataset.features.get('text')).toMatchObject({ dtype: 'string', values: null });
    expect(dataset.features.get('odd')?.values).toBeNull();
    expect(dataset.warnings).toEqual(['Column “odd” holds frames of different shapes (2 and 3); it is listed without values.']);
  });

  it('reads pictures while there is room, and says which are left out', async () => {
    const picture = (fill: number): MadeGroup[string] => ({ data: new Uint8Array(2 * 64 * 64 * 3).fill(fill), shape: [2, 64, 64, 3], gzip: true });
    const small = await read(await robomimic({ demo_0: { actions: rows([[1], [2]]), obs: { camera: picture(7) } } }));
    expect(small.features.get('obs/camera')).toMatchObject({ dtype: 'uint8', shape: [64, 64, 3] });
    expect(small.features.get('obs/camera')?.values?.every((value) => value === 7)).toBe(true);
    const large = { data: new Uint8Array(2 * 3000 * 3000).fill(1), shape: [2, 3000, 3000], gzip: true };
    const dataset = await read(await robomimic({ demo_0: { actions: rows([[1], [2]]), obs: { a: large, b: large, camera: picture(7) } } }));
    expect(dataset.features.get('obs/a')?.values).not.toBeNull();
    expect(dataset.features.get('obs/b')).toMatchObject({ shape: [3000, 3000], values: null });
    expect(dataset.features.get('obs/camera')?.values).not.toBeNull();
    expect(dataset.warnings).toEqual(['One column of pictures is listed without values, because pictures may fill 256 MB of memory: “obs/b” (3000×3000).']);
  });

  it('leaves out links that go round, or nowhere', async () => {
    const bytes = await robomimic({ demo_0: demo(0, 2) }, (made) => {
      const group = groupAt(made, 'data/demo_0');
      group.create_hard_link('/data', 'round');
      group.create_hard_link('/data/demo_0', 'self');
      group.create_soft_link('/nowhere', 'dead');
      group.create_soft_link('/data/demo_0/chase', 'chase');
      group.create_soft_link('/data/demo_0/pong', 'ping');
      group.create_soft_link('/data/demo_0/ping', 'pong');
      group.create_soft_link('/data/demo_0/actions', 'again');
      group.create_external_link('/etc/passwd', '/', 'outside');
    });
    const dataset = await read(bytes);
    expect([...dataset.features.keys()].toSorted()).toEqual(['actions', 'again', 'dones', 'obs/eef', 'states']);
    expect(dataset.warnings).toEqual([
      nextObs,
      'Links that lead nowhere, or into another file, are left out: “/data/demo_0/chase”, “/data/demo_0/dead”, “/data/demo_0/outside” and 2 more.',
      'Links that lead back to a group around them are left out: “/data/demo_0/round”, “/data/demo_0/self”.',
    ]);
  });
});

describe('HDF5 without a data group', () => {
  it('is one episode of flat columns, named after its file', async () => {
    const dataset = await read(await hdf5({ action: rows([[1, 2], [3, 4]]), observations: { qpos: rows([[5], [6]]) } }), 'episode_3.hdf5');
    expect(dataset).toMatchObject({ name: 'episode_3', format: 'hdf5', version: 'flat', fps: null, warnings: [noRate] });
    expect(dataset.episodes).toEqual([{ index: 3, name: 'episode_3', start: 0, length: 2 }]);
    expect(values(dataset, 'observations/qpos')).toEqual([5, 6]);
  });

  it('in several files is an episode a file, in the order of their numbers', async () => {
    const made = async (value: number): Promise<ArrayBuffer> => hdf5({ action: rows([[value], [value]]) });
    const dataset = await openDataset([file('act/episode_10.hdf5', await made(10)), file('act/episode_9.h5', await made(9))]);
    expect(dataset.name).toBe('act');
    expect(dataset.episodes.map(({ name, index, start }) => [name, index, start])).toEqual([['episode_9', 9, 0], ['episode_10', 10, 2]]);
    expect(values(dataset, 'action')).toEqual([9, 9, 10, 10]);
  });

  it('may have its episodes as groups of the root', async () => {
    const dataset = await read(await hdf5({ traj_1: demo(1, 2), traj_0: demo(0, 3) }));
    expect(dataset).toMatchObject({ format: 'robomimic', version: 'groups', frames: 5 });
    expect(dataset.episodes.map(({ name }) => name)).toEqual(['traj_0', 'traj_1']);
  });
});
