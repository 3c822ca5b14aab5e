import { beforeAll, describe, expect, it } from 'vitest';
import { openDataset } from '../../../src/datasets/open.ts';
import type { InputFile } from '../../../src/datasets/types.ts';
import { demo, groupAt, hdf5, header, npy, npyRows, robomimic, rows, zip } from './make-arrays.ts';
import { file } from './make.ts';

const again = 'copy or download the file again.';
const good = { hdf5: new ArrayBuffer(0), bomb: new ArrayBuffer(0), declared: new ArrayBuffer(0), round: new ArrayBuffer(0), hollow: new ArrayBuffer(0), lattice: new ArrayBuffer(0), npz: zip({ 'states.npy': npyRows([[1], [2]]) }, true) };

beforeAll(async () => {
  good.hdf5 = await robomimic({ demo_0: demo(0, 30), demo_1: demo(1, 20) });
  // What h5py makes of a file that is opened and closed.
  good.hollow = await hdf5({});
  good.lattice = await robomimic({ demo_0: { actions: rows([[1]]), a: {}, b: {}, c: {} } }, (made) => {
    for (let k = 0; k < 100; k++) {
      for (const [from, to] of ['ab', 'bc', 'ca'] as const) made.create_hard_link(`/data/demo_0/${to}`, `data/demo_0/${from}/${to}${k}`);
    }
  });
  good.declared = await hdf5({ data: { demo_0: {} } }, (made) => {
    const actions = groupAt(made, 'data/demo_0').create_dataset({ name: 'actions', data: new Float64Array(100), shape: [1, 100], maxshape: [null, 100], chunks: [5000, 100], compression: 'gzip' });
    actions.resize([500_000, 100]);
  });
  good.round = await hdf5({ data: {} }, (made) => {
    for (const [k, to] of ['/data', '/'].entries()) groupAt(made, 'data').create_hard_link(to, `demo_${k}`);
  });
  const frames = 700_000;
  good.bomb = await robomimic({ demo_0: { actions: { data: new Float64Array(20 * frames), shape: [frames, 20], gzip: true } } });
});

function changed(data: ArrayBuffer, change: (bytes: Uint8Array, view: DataView) => void): ArrayBuffer {
  const copy = data.slice(0);
  change(new Uint8Array(copy), new DataView(copy));
  return copy;
}

const buffer = (bytes: Uint8Array): ArrayBuffer => Uint8Array.from(bytes).buffer;
const ends = (...values: readonly number[]): Uint8Array => npy(header('<i8', [values.length]), new Uint8Array(BigInt64Array.from(values, BigInt).buffer));
const huge = (path: string): InputFile => ({ path, size: 2 ** 31, slice: async () => new ArrayBuffer(0) });

/** Where the first directory entry of `good.npz` begins. */
function directory(view: DataView): number {
  return view.getUint32(view.byteLength - 22 + 16, true);
}

/** The free space after the text of `env_args` claims to have no length. */
function endlessHeap(): ArrayBuffer {
  return changed(good.hdf5, (bytes, view) => {
    const heap = Buffer.from(bytes).indexOf('GCOL');
    const text = Number(view.getBigUint64(heap + 24, true));
    view.setBigUint64(heap + 32 + 8 * Math.ceil(text / 8) + 8, 0n, true);
  });
}

const cases: readonly { what: string; files: () => readonly InputFile[]; code: string; sentence: string | RegExp }[] = [
  { what: 'an empty HDF5 file', files: () => [file('a.hdf5', '')], code: 'damaged', sentence: `“a.hdf5” is empty (0 bytes); ${again}` },
  { what: 'another format under the name', files: () => [file('a.h5', 'actions,states\n'.repeat(99))], code: 'damaged', sentence: `“a.h5” does not begin like an HDF5 file: it is damaged or not HDF5; ${again}` },
  { what: 'the beginning of HDF5 and no more', files: () => [file('a.hdf5', good.hdf5.slice(0, 8))], code: 'damaged', sentence: `“a.hdf5” does not begin like an HDF5 file: it is damaged or not HDF5; ${again}` },
  { what: 'an HDF5 file with nothing in it', files: () => [file('a.hdf5', good.hollow)], code: 'no-frames', sentence: '“a.hdf5” is an HDF5 file without any array; choose one that holds demonstrations.' },
  { what: 'a truncated HDF5 file', files: () => [file('a.hdf5', good.hdf5.slice(0, 9000))], code: 'damaged', sentence: /^“a\.hdf5” is cut short: it is 8\.8 KB long and says that it has [\d.]+ KB; copy or download the file again\.$/ },
  { what: 'an HDF5 file of the future', files: () => [file('a.hdf5', changed(good.hdf5, (bytes) => (bytes[8] = 9)))], code: 'damaged', sentence: `“a.hdf5” has a damaged header; ${again}` },
  { what: 'a damaged group of HDF5', files: () => [file('a.hdf5', changed(good.hdf5, (bytes) => bytes.fill(0xff, 96, 400)))], code: 'damaged', sentence: /^“a\.hdf5” (is damaged at “[^”]+”|cannot be opened: it is damaged, or its writer never closed it); copy or download the file again\.$/ },
  { what: 'a heap of text in which the library would go round for ever', files: () => [file('a.hdf5', endlessHeap())], code: 'damaged', sentence: `“a.hdf5” holds a heap of text that is damaged; ${again}` },
  {
    what: 'an HDF5 file of 0.1 MB that unpacks to 107 MB',
    files: () => [file('a.hdf5', good.bomb)],
    code: 'too-large',
    sentence: /^“a” takes \d+ KB and declares arrays of 107 MB, more than 100 times its size; it is damaged or made to fill the memory, save it again with the values that were recorded\.$/,
  },
  {
    what: 'an HDF5 file of a few kilobytes that declares 400 MB',
    files: () => [file('a.hdf5', good.declared)],
    code: 'too-large',
    sentence: /^“a” takes [\d.]+ KB and declares arrays of 381 MB, more than 100 times its size; it is damaged or made to fill the memory, save it again with the values that were recorded\.$/,
  },
  { what: 'an HDF5 file whose only links lead back', files: () => [file('a.hdf5', good.round)], code: 'no-frames', sentence: '“a” holds no frames; choose a dataset with at least one frame.' },
  { what: 'HDF5 groups that lead to each other in a million ways', files: () => [file('a.hdf5', good.lattice)], code: 'too-large', sentence: /^“a\.hdf5” holds one episode of more than 2,000 arrays \(around “\/data\/demo_0\/[abc0-9/]+”\); save those that are compared in a file of their own\.$/ },
  { what: 'several robomimic files', files: () => [file('x/a.hdf5', good.hdf5), file('x/b.hdf5', good.hdf5)], code: 'several-datasets', sentence: 'There are 2 datasets here (“a.hdf5”, “b.hdf5”); open one of these files by itself.' },
  { what: 'HDF5 beside NumPy', files: () => [file('x/a.hdf5', good.hdf5), file('x/b.npz', good.npz)], code: 'several-datasets', sentence: 'There are HDF5 and NumPy files here (“a.hdf5”, “b.npz”); open those of one kind by themselves.' },
  { what: 'HDF5 of 2 GB', files: () => [huge('a.hdf5')], code: 'too-large', sentence: '“a.hdf5” is 2 GB long, above the limit of 1 GB a file; save it without pictures, or in parts.' },
  { what: 'a truncated .npz', files: () => [file('a.npz', good.npz.slice(0, 90))], code: 'damaged', sentence: `“a.npz” does not end like a .npz archive: it is cut short or not .npz; ${again}` },
  { what: 'a .npz whose list is damaged', files: () => [file('a.npz', changed(good.npz, (_, view) => view.setUint32(directory(view), 0, true)))], code: 'damaged', sentence: `“a.npz” has a damaged list of arrays; ${again}` },
  { what: 'a .npz with a flipped bit', files: () => [file('a.npz', changed(good.npz, (bytes) => (bytes[60]! ^= 16)))], code: 'damaged', sentence: `“a.npz” holds an array “states.npy” that is damaged; ${again}` },
  { what: 'a .npz that declares an array of 2 GB', files: () => [file('a.npz', changed(good.npz, (_, view) => view.setUint32(directory(view) + 24, 2 ** 31, true)))], code: 'damaged', sentence: /^“a\.npz/ },
  { what: 'an encrypted .npz', files: () => [file('a.npz', changed(good.npz, (_, view) => view.setUint16(directory(view) + 8, 1, true)))], code: 'encrypted', sentence: '“a.npz” is an encrypted archive; save it again without encryption.' },
  { what: 'a .npz packed by LZMA', files: () => [file('a.npz', changed(good.npz, (_, view) => view.setUint16(directory(view) + 10, 14, true)))], code: 'unsupported-codec', sentence: '“a.npz” packs “states.npy” by method 14, which cannot be read here; save it with np.savez or np.savez_compressed.' },
  { what: 'a .npy that is none', files: () => [file('a.npy', 'not numpy at all')], code: 'damaged', sentence: `“a.npy” does not begin like a .npy array: it is damaged or not NumPy; ${again}` },
  { what: 'a .npy without a header', files: () => [file('a.npy', buffer(npy('{}', new Uint8Array(8))))], code: 'damaged', sentence: `“a.npy” has a damaged header; ${again}` },
  { what: 'a .npy that is shorter than its shape', files: () => [file('a.npy', buffer(npy(header('<f8', [1e6, 1e6]), new Uint8Array(8))))], code: 'damaged', sentence: `“a.npy” has another length than its shape needs; ${again}` },
  { what: 'a .npy without numbers', files: () => [file('a.npy', buffer(npy(header('|O', [3]), new Uint8Array(8))))], code: 'no-frames', sentence: '“a” holds no frames; choose a dataset with at least one frame.' },
  { what: 'episode ends that go back', files: () => [file('a.npz', zip({ 'x.npy': npyRows([[1], [2]]), 'episode_ends.npy': ends(2, 1) }))], code: 'bad-index', sentence: '“a.npz” has an array “episode_ends” that goes from 2 to 1, so that its episodes cannot be told apart; save it with whole numbers in ascending order.' },
  { what: 'episodes that are mixed', files: () => [file('a.npz', zip({ 'x.npy': npyRows([[1], [2], [3]]), 'episode_index.npy': ends(0, 1, 0) }))], code: 'bad-index', sentence: '“a.npz” has an array “episode_index” that comes back to episode 0 after another, so that its episodes cannot be told apart; save it with whole numbers in ascending order.' },
];

describe('HDF5 and NumPy files that cannot be read are refused with one sentence', () => {
  it.each(cases)('$what', async ({ files, code, sentence }) => {
    await expect(openDataset(files())).rejects.toMatchObject({ name: 'UserError', code, message: typeof sentence === 'string' ? sentence : expect.stringMatching(sentence) });
  });

  it('says what array of HDF5 is damaged, with the library’s reason', async () => {
    const bytes = await robomimic({ demo_0: { actions: { ...rows(Array.from({ length: 500 }, (_, k) => [Math.sin(k), Math.cos(k)])), gzip: true } } });
    const view = new Uint8Array(bytes);
    // The header of deflate at level 4.
    const packed = view.findIndex((byte, k) => byte === 0x78 && view[k + 1] === 0x5e);
    expect(packed).toBeGreaterThan(0);
    view.fill(0x55, packed + 200, packed + 300);
    await expect(openDataset([file('a.hdf5', bytes)])).rejects.toMatchObject({ code: 'damaged', message: `“a.hdf5” is damaged at “/data/demo_0/actions”; ${again}`, detail: { cause: expect.stringMatching(/\w/) } });
  });

  it.each(['a.hdf5', 'a.npz'])('says so when %s changed while it was read', async (path) => {
    const data = path === 'a.npz' ? good.npz : good.hdf5;
    const other = changed(data, (bytes) => (bytes[bytes.length - 30]! ^= 1));
    const calls = { count: 0 };
    const changing = { path, size: data.byteLength, slice: async () => (calls.count++ === 0 ? data : other).slice(0) };
    await expect(openDataset([changing])).rejects.toMatchObject({ code: 'file-changed', message: `“${path}” changed while it was read; choose it again.` });
  });

  it.each(['a.hdf5', 'a.npz'])('%s can be cancelled at every step', async (path) => {
    const files = [file(path, path === 'a.npz' ? good.npz : good.hdf5)];
    const steps: string[] = [];
    await openDataset(files, { onProgress: ({ step }) => steps.push(step) });
    expect(new Set(steps)).toEqual(new Set(['meta', 'table', 'statistics']));
    for (const at of steps.keys()) {
      const controller = new AbortController();
      const reached = { count: 0 };
      const reading = openDataset(files, { signal: controller.signal, onProgress: () => reached.count++ === at && controller.abort() });
      await expect(reading).rejects.toMatchObject({ name: 'UserError', code: 'cancelled' });
      expect(reached.count).toBe(at + 1);
    }
  });
});
