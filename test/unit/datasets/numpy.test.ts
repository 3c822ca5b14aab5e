import { describe, expect, it } from 'vitest';
import { openDataset } from '../../../src/datasets/open.ts';
import type { Dataset } from '../../../src/datasets/types.ts';
import { header, npy, npyjsRows, npyRows, zip } from './make-arrays.ts';
import { file } from './make.ts';

const bytesOf = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
const int64 = (...numbers: readonly number[]): Uint8Array => npy(header('<i8', [numbers.length]), bytesOf(BigInt64Array.from(numbers, BigInt)));
const states = npyRows([[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]);
const noRate = 'No array called fps gives the frame rate; time is counted in frames.';

function values(dataset: Dataset, key: string): number[] | null {
  const found = dataset.features.get(key)?.values;
  return found ? [...found] : null;
}

async function one(descr: string, shape: readonly number[], data: Uint8Array, fortran = false): Promise<Dataset> {
  return openDataset([file('x.npy', Uint8Array.from(npy(header(descr, shape, fortran), data)).buffer)]);
}

describe('NumPy archives', () => {
  it.each([
    ['stored', false],
    ['deflated', true],
  ])('make one episode of columns (%s)', async (_how, deflate) => {
    const dataset = await openDataset([file('walk.npz', zip({ 'states.npy': states, 'step.npy': int64(0, 1, 2, 3, 4), 'fps.npy': npy(header('<i8', []), bytesOf(BigInt64Array.of(60n))) }, deflate))]);
    expect(dataset).toMatchObject({ name: 'walk', format: 'numpy', version: 'npz', fps: 60, frames: 5, warnings: [] });
    expect(dataset.episodes).toEqual([{ index: 0, name: 'walk', start: 0, length: 5 }]);
    expect(values(dataset, 'states')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(values(dataset, 'step')).toEqual([0, 1, 2, 3, 4]);
    expect([...dataset.features.keys()]).toEqual(['states', 'step']);
  });

  it.each([
    ['episode_ends', [2, 2, 5]],
    ['episode_index', [0, 0, 2, 2, 2]],
  ])('are cut into episodes by %s', async (key, numbers) => {
    const dataset = await openDataset([file('set.npz', zip({ 'states.npy': states, [`${key}.npy`]: int64(...numbers) }))]);
    expect(dataset.episodes).toEqual([
      { index: 0, name: 'episode_0000', start: 0, length: 2 },
      { index: 2, name: 'episode_0002', start: 2, length: 3 },
    ]);
    expect(dataset.frames).toBe(5);
    expect(dataset.warnings).toEqual([noRate]);
  });

  it('list text, Python objects and structures without values', async () => {
    const dataset = await openDataset([
      file('x.npz', zip({
        'states.npy': states,
        'names.npy': npy(header('<U3', [2]), new Uint8Array(24)),
        'objects.npy': npy(header('|O', [5]), new Uint8Array(9)),
        'records.npy': npy("{'descr': [('a', '<f4'), ('b', '<i4')], 'fortran_order': False, 'shape': (5,), }", new Uint8Array(40)),
        'short.npy': npyRows([[1], [2]]),
      })),
    ]);
    expect([...dataset.features].map(([key, { dtype, values: held }]) => [key, dtype, held !== null])).toEqual([
      ['states', 'float64', true],
      ['names', 'string', false],
      ['objects', 'object', false],
      ['records', 'struct', false],
      ['short', 'float64', false],
    ]);
    expect(dataset.warnings).toEqual([noRate, 'Column “short” has 2 rows in “x”, which has 5 frames; it is listed without values.']);
  });

  it('beside each other are an episode each', async () => {
    const dataset = await openDataset([file('set/run_2.npz', zip({ 'x.npy': npyRows([[2]]) })), file('set/run_1.npz', zip({ 'x.npy': npyRows([[1], [1]]) }))]);
    expect(dataset.episodes.map(({ name, index, start }) => [name, index, start])).toEqual([['run_1', 1, 0], ['run_2', 2, 2]]);
    expect(values(dataset, 'x')).toEqual([1, 1, 2]);
  });
});

describe('NumPy arrays', () => {
  it('side by side are the columns of one episode', async () => {
    const dataset = await openDataset([file('set/states.npy', Uint8Array.from(states).buffer), file('set/actions.npy', Uint8Array.from(npyjsRows([[1], [2], [3], [4], [5]])).buffer)]);
    expect(dataset).toMatchObject({ name: 'set', version: 'npy', frames: 5 });
    expect(values(dataset, 'actions')).toEqual([1, 2, 3, 4, 5]);
  });

  it('in Fortran order are turned round', async () => {
    // numpy: np.asfortranarray(np.arange(12).reshape(2, 3, 2))
    const data = Int32Array.of(0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11);
    const dataset = await one('<i4', [2, 3, 2], bytesOf(data), true);
    expect(values(dataset, 'x')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(dataset.features.get('x')?.shape).toEqual([3, 2]);
  });

  it.each([
    ['>f8', [0x3f, 0xf8, 0, 0, 0, 0, 0, 0], 1.5, 'float64'],
    ['>f4', [0x3f, 0xc0, 0, 0], 1.5, 'float32'],
    ['>i8', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe], -2, 'int64'],
    ['<u8', [0, 1, 0, 0, 0, 0, 0, 0], 256, 'uint64'],
    ['>i2', [0xff, 0xfe], -2, 'int16'],
    ['<u2', [1, 1], 257, 'uint16'],
    ['|i1', [0xff], -1, 'int8'],
    ['|u1', [0xff], 255, 'uint8'],
    ['|b1', [2], 1, 'bool'],
    ['<f2', [0x00, 0xc1], -2.5, 'float16'],
    ['<f2', [0x01, 0x00], 2 ** -24, 'float16'],
    ['<u4', [0, 0, 0, 0x80], 2 ** 31, 'uint32'],
  ])('of %s %j hold %s', async (descr, data, value, dtype) => {
    const dataset = await one(descr, [1], Uint8Array.from(data));
    expect(values(dataset, 'x')).toEqual([value]);
    expect(dataset.features.get('x')?.dtype).toBe(dtype);
  });

  it('with infinities in float16 say so', async () => {
    const dataset = await one('<f2', [3], Uint8Array.of(0, 0x7c, 0, 0xfc, 1, 0x7c));
    expect(values(dataset, 'x')).toEqual([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]);
    expect(dataset.warnings).toContain('Column “x” holds 3 values that are NaN or infinite; statistics leave them out.');
  });
});
