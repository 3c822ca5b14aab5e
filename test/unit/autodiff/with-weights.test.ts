import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, StringStringEntryProtoSchema, TensorProtoSchema } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { toHalf, toNumbers } from '../../../src/encoders/dtypes.ts';
import type { Ties } from '../../../src/encoders/autodiff/source.ts';
import { trainability } from '../../../src/encoders/autodiff/source.ts';
import { withWeights } from '../../../src/encoders/autodiff/with-weights.ts';
import { preflight } from '../../../src/encoders/preflight.ts';
import { EncoderSession } from '../../../src/encoders/session.ts';
import { floats, node, onnxModel, outside, port } from '../../support/onnx.ts';

/* Encoders with trained weights in them, run as any other. */

async function run(bytes: Uint8Array, x: readonly number[], external?: ReadonlyMap<string, Uint8Array>): Promise<number[]> {
  const session = await EncoderSession.create({ bytes, preflight: preflight(bytes, 'net.onnx'), ...(external ? { external } : {}) });
  const { dtype, data } = (await session.run(new Map([['x', { dims: [1, x.length], values: x }]]))).get('y')!;
  await session.dispose();
  return [...toNumbers(dtype, data)];
}

const put = (bytes: Uint8Array, weights: Record<string, number[]>, ties?: Ties, external?: ReadonlyMap<string, Uint8Array>): Uint8Array<ArrayBuffer> =>
  withWeights({ bytes, preflight: preflight(bytes, 'net.onnx'), ...(external ? { external } : {}) }, new Map(Object.entries(weights).map(([name, values]) => [name, Float32Array.from(values)])), {}, ties);

describe('an encoder with other weights', () => {
  // y = x·w·again − mean: a normalisation with the variance 1 − ε.
  const merged = onnxModel({
    inputs: [port('x', ['batch', 2])],
    outputs: [port('y', null)],
    nodes: [node('Identity', ['w'], ['again']), node('Identity', ['again'], ['mean']), node('Mul', ['x', 'w'], ['a']), node('Mul', ['a', 'again'], ['b']), node('BatchNormalization', ['b', 'one', 'zero', 'mean', 'variance'], ['y'])],
    weights: [floats('w', [2], [2, 2]), floats('one', [2], [1, 1]), floats('zero', [2], [0, 0]), floats('variance', [2], [1 - 1e-5, 1 - 1e-5])],
  });
  const close = (values: readonly number[]): number[] => values.map((value) => expect.closeTo(value, 5) as number);

  it('has merged initialisers apart, and leaves alone what equalled one by chance', async () => {
    expect(await run(merged, [1, 10])).toEqual(close([2, 38]));
    expect(await run(put(merged, {}), [1, 10])).toEqual(close([2, 38]));
    expect(await run(put(merged, { w: [3, 5] }), [1, 10])).toEqual(close([4, 98]));
    expect(await run(put(merged, { again: [3, 5] }), [1, 10])).toEqual(close([4, 98]));
    const both = put(merged, { w: [3, 5], again: [7, 1] });
    expect(await run(both, [1, 10])).toEqual(close([19, 48]));
    expect(trainability(both, 'net.onnx')).toMatchObject({ ok: true, parameters: [{ name: 'w', aliases: [] }, { name: 'one' }, { name: 'zero' }, { name: 'again', aliases: [] }] });
  });

  it('keeps tied ones together', async () => {
    const tied = put(merged, { w: [3, 5] }, 'tied');
    expect(await run(tied, [1, 10])).toEqual(close([7, 248]));
    expect(trainability(tied, 'net.onnx', { ties: 'tied' })).toMatchObject({ parameters: [{ name: 'w', aliases: ['again'] }, { name: 'one' }, { name: 'zero' }] });
  });

  it('says what is in it beside what the file said, once', () => {
    const bytes = onnxModel({ outputs: [port('y', null)], nodes: [node('MatMul', ['x', 'w'], ['y'])], weights: [floats('w', [4, 1], [1, 1, 1, 1])] });
    const said = (file: Uint8Array<ArrayBuffer>, step: string): Uint8Array<ArrayBuffer> => withWeights({ bytes: file, preflight: preflight(file, 'net.onnx') }, new Map(), { step });
    const own = toBinary(ModelProtoSchema, { ...fromBinary(ModelProtoSchema, bytes), metadataProps: [create(StringStringEntryProtoSchema, { key: 'author', value: 'a' })] });
    expect(fromBinary(ModelProtoSchema, said(said(own, '1'), '2')).metadataProps).toMatchObject([{ key: 'author', value: 'a' }, { key: 'step', value: '2' }]);
  });

  it('keeps its types', async () => {
    const half = create(TensorProtoSchema, { name: 'w', dataType: 10, dims: [2n], int32Data: [1, 2].map(toHalf) });
    const bytes = onnxModel({ inputs: [port('x', ['batch', 2], 10)], outputs: [port('y', null, 10)], nodes: [node('Mul', ['x', 'w'], ['y'])], weights: [half] });
    expect(await run(put(bytes, { w: [0.5, 1 / 3] }), [2, 1])).toEqual([1, 0.333251953125]);
  });

  it('takes into the file what lay beside it', async () => {
    const bytes = onnxModel({ outputs: [port('y', null)], nodes: [node('MatMul', ['x', 'w'], ['y'])], weights: [outside('w', { location: 'w.bin' })] });
    const external = new Map([['w.bin', new Uint8Array(64)]]);
    const whole = put(bytes, { w: Array.from({ length: 16 }, (_, k) => k) }, 'separate', external);
    expect(preflight(whole, 'net.onnx').external).toEqual([]);
    expect(await run(whole, [1, 0, 0, 0])).toEqual([0, 1, 2, 3]);
  });
});
