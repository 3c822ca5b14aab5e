import { describe, expect, test } from 'vitest';
import { labelVectors } from '../../../src/core/cost/features.ts';
import { labelSpec, side } from '../../support/cost.ts';

const vectors = (...rest: Parameters<typeof labelVectors>): { values: number[]; width: number } => {
  const { values, width } = labelVectors(...rest);
  return { values: [...values], width };
};

describe('time, slice, flatten: in this order', () => {
  // Two samples of two steps of three values: 0…5 and 6…11.
  const batch = side(2, [2, 3]);
  test('flatten keeps every step', () => expect(vectors(labelSpec(), 'source', batch)).toEqual({ values: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], width: 6 }));
  test('first step', () => expect(vectors(labelSpec({ time_reduce: 'first' }), 'source', batch)).toEqual({ values: [0, 1, 2, 6, 7, 8], width: 3 }));
  test('last step', () => expect(vectors(labelSpec({ time_reduce: 'last' }), 'source', batch)).toEqual({ values: [3, 4, 5, 9, 10, 11], width: 3 }));
  test('a slice takes from the last axis of every step', () => expect(vectors(labelSpec({ dim_slice: [1, 3] }), 'source', batch)).toEqual({ values: [1, 2, 4, 5, 7, 8, 10, 11], width: 4 }));
  test('a slice of the last step', () => expect(vectors(labelSpec({ dim_slice: [0, 1], time_reduce: 'last' }), 'source', batch)).toEqual({ values: [3, 9], width: 1 }));
  test('no time axis, nothing to reduce', () => expect(vectors(labelSpec({ time_reduce: 'last' }), 'target', side(2, [3]))).toEqual({ values: [0, 1, 2, 3, 4, 5], width: 3 }));
  test('an image stack: the last axis is W', () => expect(vectors(labelSpec({ dim_slice: [0, 1], time_reduce: 'first' }), 'source', side(1, [2, 1, 2, 3]))).toEqual({ values: [0, 3], width: 2 }));
  test('scalars', () => expect(vectors(labelSpec({ dim_slice: [0, 1] }), 'source', side(3, [1]))).toEqual({ values: [0, 1, 2], width: 1 }));
});

describe('which axis is time', () => {
  test('a picture by itself has none: (C, H, W)', () => expect(vectors(labelSpec({ time_reduce: 'last' }), 'source', side(1, [3, 1, 2]))).toEqual({ values: [0, 1, 2, 3, 4, 5], width: 6 }));
  test('a window’s first axis is, whatever the number of axes', () => {
    const column = { shape: [2, 2, 2], values: Float64Array.from({ length: 8 }, (_, k) => k), windowed: true };
    const batch = { count: 1, columns: new Map([['observation.state', column]]) };
    expect(vectors(labelSpec({ time_reduce: 'last' }), 'source', batch)).toEqual({ values: [4, 5, 6, 7], width: 4 });
    expect(labelVectors(labelSpec(), 'source', batch)).toMatchObject({ width: 8, stepWidth: 4 });
    expect(labelVectors(labelSpec({ dim_slice: [0, 1] }), 'source', batch)).toMatchObject({ width: 4, stepWidth: 2 });
  });
});

describe('named errors', () => {
  test('missing key: the term, the side, the key and what there is', () => {
    expect(() => labelVectors(labelSpec({ src_key: 'action' }), 'source', side(2, [3]))).toThrow(
      expect.objectContaining({ code: 'missing-key', message: 'The source has no numeric column "action", which the term "state" asks for. Its columns are: observation.state.', detail: { term: 'state', side: 'source', key: 'action' } }),
    );
    expect(() => labelVectors(labelSpec(), 'target', { count: 1, columns: new Map() })).toThrow('The target has no numeric column "observation.state", which the term "state" asks for. Its columns are: none.');
  });

  test.each([[[0, 4]], [[2, 2]], [[-1, 2]], [[0.5, 2]], [[3, 1]]] as [[number, number]][])('slice %j of three values', (dim_slice) => {
    expect(() => labelVectors(labelSpec({ dim_slice }), 'target', side(2, [3]))).toThrow(
      expect.objectContaining({ code: 'bad-slice', message: `The term "state" slices target "observation.state" as ${dim_slice[0]}:${dim_slice[1]}, but its last axis has 3 values. A slice within 0:3 works.` }),
    );
  });

  test('a slice of a scalar speaks of one value', () => {
    expect(() => labelVectors(labelSpec({ dim_slice: [0, 2] }), 'source', side(2, [1]))).toThrow('its last axis has 1 value. A slice within 0:1 works.');
  });

  test.each([Number.NaN, Infinity, -Infinity])('%f in the data: side, key, dimension and sample', (bad) => {
    const batch = side(3, [2, 4]);
    batch.columns.get('observation.state')!.values[18] = bad;
    expect(() => labelVectors(labelSpec(), 'source', batch)).toThrow(
      expect.objectContaining({
        code: 'non-finite',
        message: `Source "observation.state" holds ${bad} at dimension 2 of sample 2 in this batch, so the term "state" has no distance there. Slice that dimension out, or leave those frames out.`,
      }),
    );
  });

  test('a slice that leaves the bad dimension out works', () => {
    const batch = side(3, [4]);
    batch.columns.get('observation.state')!.values[2] = Number.NaN;
    expect(labelVectors(labelSpec({ dim_slice: [0, 2] }), 'source', batch).width).toBe(2);
  });
});
