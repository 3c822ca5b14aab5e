import { describe, expect, it } from 'vitest';
import { splitFrozen } from '../../../src/encoders/autodiff/freeze.ts';
import { toHalf } from '../../../src/encoders/dtypes.ts';
import { preflight } from '../../../src/encoders/preflight.ts';
import { EncoderSession, type EncoderFile, type Feed } from '../../../src/encoders/session.ts';
import { frozenInputs, type Extents, type RowFeeds } from '../../../src/engine/row-features.ts';
import { constant, floats, int, ints, longs, node, onnxModel, port, type ModelOptions } from '../../support/onnx.ts';

/* An encoder cut where its trained weights begin: both parts one after the other give what the whole gives. */

const numbers = (length: number, seed: number): number[] => Array.from({ length }, (_, k) => Math.fround(Math.sin(1 + seed + 3 * k)));
const weight = (name: string, dims: readonly number[]) => floats(name, dims, numbers(dims.reduce((product, size) => product * size, 1), name.codePointAt(0)!));
const encoder = (options: ModelOptions): EncoderFile => {
  const bytes = onnxModel({ outputs: [port('y', null)], ...options });
  return { bytes, preflight: preflight(bytes, 'net.onnx') };
};
const rowsOf = (rows: ArrayLike<number>): Feed => ({ dims: [rows.length, 4], values: Float64Array.from({ length: 4 * rows.length }, (_, k) => Math.sin(rows[Math.floor(k / 4)]! + (k % 4))) });
const feeds: RowFeeds = (side, rows) => new Map([['x', rowsOf(side === 'source' ? rows : Array.from(rows, (row) => row + 100))]]);
const EXTENTS: Extents = { source: { frames: 10, first: 2 }, target: { frames: 10, first: 0 } };

/** Largest difference between suffix ∘ prefix and the whole, and the cuts; null where the encoder is not cut. */
async function difference(file: EncoderFile, train: readonly string[]): Promise<{ cuts: readonly string[]; apart: number } | null> {
  const split = splitFrozen(file, train, ['y']);
  if (!split) return null;
  const inputs = await frozenInputs(split.prefix, split.cuts, feeds, EXTENTS, {});
  if (!inputs) return null;
  const suffix = await EncoderSession.create(split.suffix(inputs.shapes));
  const whole = await EncoderSession.create(file);
  let apart = 0;
  for (const [side, rows] of [['source', [3, 1, 4, 1, 5]], ['target', [9, 0]], ['source', [1, 7]]] as const) {
    const given = await inputs.rows(side, Int32Array.from(rows));
    const parts = await suffix.run(new Map([...given].map(([name, values]) => [name, { dims: [rows.length, ...inputs.shapes.get(name)!], values }])));
    const truth = (await whole.run(feeds(side, rows))).get('y')!;
    expect(parts.get('y')!.dims).toEqual(truth.dims);
    for (const [k, value] of (truth.data as Float32Array).entries()) apart = Math.max(apart, Math.abs((parts.get('y')!.data as Float32Array)[k]! - value));
  }
  await Promise.all([suffix.dispose(), whole.dispose(), inputs.dispose()]);
  return { cuts: split.cuts.toSorted(), apart };
}

const frozen = [node('MatMul', ['x', 'v'], ['h']), node('Tanh', ['h'], ['t'])];
const weights = [weight('v', [4, 5]), weight('w', [5, 4])];

describe('an encoder whose first part is frozen', () => {
  it.each<[string, ModelOptions, readonly string[]]>([
    ['one cut', { nodes: [...frozen, node('MatMul', ['t', 'w'], ['y'])], weights }, ['t']],
    ['two cuts', { nodes: [...frozen, node('MatMul', ['t', 'w'], ['m']), node('ReduceMax', ['h'], ['g'], [ints('axes', [1])]), node('Add', ['m', 'g'], ['y'])], weights }, ['g', 't']],
    ['an input past the cut', { nodes: [...frozen, node('MatMul', ['t', 'w'], ['m']), node('Add', ['m', 'x'], ['y'])], weights }, ['t', 'x']],
    ['two results of one operator', { nodes: [node('Split', ['x'], ['a', 'b'], [int('axis', 1)]), node('Mul', ['a', 'u'], ['m']), node('Add', ['m', 'b'], ['y'])], weights: [weight('u', [2])] }, ['a', 'b']],
    ['constants on both sides', { nodes: [node('Constant', [], ['c'], [constant('value', weight('constant', [4]))]), node('Sin', ['f'], ['s']), node('Mul', ['x', 's'], ['h']), node('Mul', ['h', 'u'], ['m']), node('Add', ['s', 'c'], ['o']), node('Add', ['m', 'o'], ['y'])], weights: [weight('f', [4]), weight('u', [4])] }, ['h']],
    ['the shape of the input', { nodes: [...frozen, node('MatMul', ['t', 'w'], ['m']), node('Shape', ['x'], ['s']), node('Gather', ['s', 'first'], ['n']), node('Concat', ['n', 'rest'], ['to'], [int('axis', 0)]), node('Reshape', ['m', 'to'], ['y'])], weights: [...weights, longs('first', [0]), longs('rest', [2, 2])] }, ['t', 'x']],
    ['the shape of what is frozen', { nodes: [...frozen, node('MatMul', ['t', 'w'], ['m']), node('Shape', ['t'], ['s']), node('Gather', ['s', 'first'], ['n']), node('Concat', ['n', 'rest'], ['to'], [int('axis', 0)]), node('Reshape', ['m', 'to'], ['y'])], weights: [...weights, longs('first', [0]), longs('rest', [-1])] }, ['t']],
    ['the shape of what is trained', { nodes: [...frozen, node('MatMul', ['t', 'w'], ['m']), node('Shape', ['m'], ['s']), node('Reshape', ['m', 's'], ['y'])], weights }, ['t']],
    ['a trained name of a frozen initialiser', { nodes: [node('Identity', ['q'], ['u']), node('MatMul', ['x', 'q'], ['h']), node('MatMul', ['h', 'u'], ['y'])], weights: [weight('q', [4, 4])] }, ['h']],
  ])('%s', async (_, options, cuts) => {
    const found = await difference(encoder(options), [options.weights!.some(({ name }) => name === 'w') ? 'w' : 'u']);
    expect(found?.cuts).toEqual(cuts);
    expect(found!.apart).toBeLessThan(1e-6);
  });

  it('takes any number of rows where the file takes one at a time', async () => {
    const whole = encoder({ inputs: [port('x', [1, 4])], nodes: [...frozen, node('MatMul', ['t', 'w'], ['y'])], weights });
    const split = splitFrozen(whole, ['w'], ['y'])!;
    const inputs = (await frozenInputs(split.prefix, split.cuts, feeds, EXTENTS, {}))!;
    const session = await EncoderSession.create(whole);
    const open = await EncoderSession.create(split.suffix(inputs.shapes));
    const values = (await inputs.rows('source', Int32Array.of(3, 8, 3))).get('t')!;
    expect((await open.embed('y', new Map([['t', { dims: [3, 5], values }]]), 3)).values).toEqual((await session.embed('y', feeds('source', [3, 8, 3]), 3)).values);
    await Promise.all([session.dispose(), open.dispose(), inputs.dispose()]);
  });

  it.each<[string, ModelOptions, readonly string[], readonly string[]]>([
    ['where nothing is frozen before the weights', { nodes: [node('MatMul', ['x', 'v'], ['h']), node('MatMul', ['h', 'w'], ['y'])], weights }, ['v', 'w'], ['y']],
    ['where an output is not trained', { outputs: [port('y', null), port('t', null)], nodes: [...frozen, node('MatMul', ['t', 'w'], ['y'])], weights }, ['w'], ['y', 't']],
    ['where random numbers are drawn', { nodes: [node('RandomNormalLike', ['x'], ['n']), node('Add', ['x', 'n'], ['h']), node('Mul', ['h', 'u'], ['y'])], weights: [weight('u', [4])] }, ['u'], ['y']],
  ])('is not cut %s', (_, options, train, outputs) => {
    expect(splitFrozen(encoder(options), train, outputs)).toBeNull();
  });

  it.each<[string, ModelOptions]>([
    ['a mask', { nodes: [node('Greater', ['x', 'zero'], ['mask']), node('Mul', ['x', 'u'], ['m']), node('Where', ['mask', 'm', 'zero'], ['y'])], weights: [weight('u', [4]), floats('zero', [], [0])] }],
    ['no rows', { nodes: [node('ReduceMean', ['x'], ['mean'], [ints('axes', [0]), int('keepdims', 0)]), node('Mul', ['x', 'u'], ['m']), node('Add', ['m', 'mean'], ['y'])], weights: [weight('u', [4])] }],
    ['rows that hang on each other', { nodes: [node('ReduceMean', ['x'], ['mean'], [ints('axes', [0])]), node('Sub', ['x', 'mean'], ['c']), node('Mul', ['c', 'u'], ['y'])], weights: [weight('u', [4])] }],
    ['half precision', { nodes: [node('Cast', ['x'], ['half'], [int('to', 10)]), node('Neg', ['half'], ['n']), node('Mul', ['n', 'k'], ['m']), node('Cast', ['m'], ['f'], [int('to', 1)]), node('Mul', ['f', 'u'], ['g']), node('Cast', ['n'], ['b'], [int('to', 1)]), node('Add', ['g', 'b'], ['y'])], weights: [weight('u', [4]), { ...longs('k', []), dataType: 10, dims: [4n], int64Data: [], int32Data: numbers(4, 2).map(toHalf) }] }],
  ])('is run whole where the cut has %s', async (title, options) => {
    expect(await difference(encoder(options), title === 'half precision' ? ['k'] : ['u'])).toBeNull();
  });

  it('says where the sides are fed in different widths', async () => {
    const file = encoder({ inputs: [port('x', ['batch', 'width'])], nodes: [node('Tanh', ['x'], ['t']), node('ReduceSum', ['t', 'one'], ['r']), node('Mul', ['r', 'u'], ['y'])], weights: [weight('u', [1]), longs('one', [1])] });
    const split = splitFrozen(file, ['u'], ['y'])!;
    const uneven: RowFeeds = (side, rows) => new Map([['x', side === 'source' ? rowsOf(rows) : { dims: [rows.length, 3], values: new Float64Array(3 * rows.length) }]]);
    await expect(frozenInputs(split.prefix, split.cuts, uneven, EXTENTS, {})).rejects.toMatchObject({ code: 'width-mismatch', message: 'net.onnx is fed (4) of a source frame and (3) of a target frame at its input “x”, and one batch holds both; feed it columns of one shape.' });
  });
});
