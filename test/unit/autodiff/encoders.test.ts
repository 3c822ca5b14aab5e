import { create } from '@bufbuild/protobuf';
import { TensorProtoSchema } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { builtinEncoders } from '../../../src/encoders/builtin.ts';
import { toHalf } from '../../../src/encoders/dtypes.ts';
import { differentiate } from '../../../src/encoders/autodiff/differentiate.ts';
import { projection } from '../../../src/encoders/autodiff/projection.ts';
import { gradientsOf } from '../../../src/encoders/autodiff/run.ts';
import { trainability } from '../../../src/encoders/autodiff/source.ts';
import { preflight } from '../../../src/encoders/preflight.ts';
import type { EncoderFile } from '../../../src/encoders/session.ts';
import { constant, floats, int, ints, longs, node, onnxModel, outside, port } from '../../support/onnx.ts';
import { check, deviation, encoderOf, op } from './check.ts';

/* Whole encoders: what of them is trained, what is refused and in which words, and shapes that exporters leave behind. */

const encoder = (bytes: Uint8Array, file = 'net.onnx'): EncoderFile => ({ bytes, preflight: preflight(bytes, file) });
const shapes = (dims: readonly number[]): ReadonlyMap<string, readonly number[]> => new Map([['x', dims]]);
const linear = { weights: [floats('w', [4, 2], [1, 2, 3, 4, 5, 6, 7, 8])], outputs: [port('y', null)], nodes: [node('MatMul', ['x', 'w'], ['y'])] };
const wasm = { name: 'wasm' } as const;

/** Gradients for L = the sum of the outputs, x = 1, 2, 3, … */
async function sums(file: EncoderFile, dims: readonly number[], options: Partial<Parameters<typeof differentiate>[1]> = {}): Promise<Record<string, number[]>> {
  const graphs = await differentiate(file, { shapes: shapes(dims), ...options });
  const length = dims.reduce((product, size) => product * size, 1);
  const ones = graphs.outputs.map((output) => [output.name, new Float32Array(output.dims.reduce((product, size) => product * size, 1)).fill(1)] as const);
  const { gradients } = await gradientsOf(graphs, wasm, 'net.onnx', { inputs: new Map([['x', Float32Array.from({ length }, (_, k) => k + 1)]]), outputGradients: new Map(ones) });
  return Object.fromEntries([...gradients].map(([name, values]) => [name, [...values]]));
}

describe('what can be trained', () => {
  it('is every float initialiser on the way to an output, with its shape', () => {
    const bytes = onnxModel({ ...linear, nodes: [node('MatMul', ['x', 'w'], ['m']), node('Reshape', ['m', 'to'], ['r']), node('Clip', ['r', 'low'], ['c']), node('BatchNormalization', ['c', 'scale', 'bias', 'mean', 'bias2'], ['y'])], weights: [...linear.weights, longs('to', [0, 2]), floats('low', [], [-9]), floats('unused', [3], [1, 2, 3]), ...['scale', 'bias', 'mean', 'bias2'].map((name) => floats(name, [2], [1, 1]))] });
    expect(trainability(bytes, 'net.onnx')).toEqual({
      ok: true,
      outputs: ['y'],
      parameters: [
        { name: 'w', dims: [4, 2], elements: 8, aliases: [] },
        { name: 'scale', dims: [2], elements: 2, aliases: [] },
        { name: 'bias', dims: [2], elements: 2, aliases: [] },
      ],
    });
  });

  it('is what the chosen outputs need', () => {
    const bytes = onnxModel({ outputs: [port('a', null), port('b', null)], nodes: [node('MatMul', ['x', 'v'], ['a']), node('Sin', ['x'], ['s']), node('MatMul', ['s', 'w'], ['b'])], weights: [floats('v', [4, 1], [1, 1, 1, 1]), floats('w', [4, 1], [1, 1, 1, 1])] });
    expect(trainability(bytes, 'net.onnx')).toMatchObject({ ok: false, op: 'Sin', node: 's' });
    expect(trainability(bytes, 'net.onnx', { outputs: ['a'] })).toMatchObject({ ok: true, outputs: ['a'], parameters: [{ name: 'v' }] });
    expect(() => trainability(bytes, 'net.onnx', { outputs: ['c'] })).toThrow('net.onnx has no floating-point output “c”; choose one of “a”, “b”.');
  });

  it('is nothing behind an operator without a gradient, which is a constant where the data do not reach it', async () => {
    const bytes = onnxModel({ outputs: [port('y', null)], nodes: [node('Sin', ['frequencies'], ['s']), node('Add', ['x', 's'], ['a']), node('Mul', ['a', 'w'], ['y'])], weights: [floats('frequencies', [4], [0, 1, 2, 3]), floats('w', [4], [1, 1, 1, 1])] });
    expect(trainability(bytes, 'net.onnx')).toMatchObject({ ok: true, parameters: [{ name: 'w' }] });
    expect((await sums(encoder(bytes), [1, 4]))['w']!.map((value, k) => value - k - 1)).toEqual([0, 1, 2, 3].map((k) => expect.closeTo(Math.sin(k), 6)));
  });

  it('leaves numbers of formulas alone unless they are named', async () => {
    const bytes = onnxModel({ nodes: [node('Pow', ['x', 'two'], ['p']), node('Mul', ['p', 'w'], ['y'])], weights: [floats('two', [], [2]), floats('w', [4], [1, 1, 1, 1])] });
    expect(trainability(bytes, 'net.onnx')).toMatchObject({ parameters: [{ name: 'two', dims: [] }, { name: 'w' }] });
    expect(Object.keys(await sums(encoder(bytes), [2, 4]))).toEqual(['w']);
    expect(Object.keys(await sums(encoder(bytes), [2, 4], { train: ['two'] }))).toEqual(['two']);
  });

  it('can be chosen: what is frozen is fed and has no gradient', async () => {
    const file = encoderOf({ x: [3, 4], nodes: [node('MatMul', ['x', 'v'], ['h']), node('Tanh', ['h'], ['t']), node('MatMul', ['t', 'w'], ['y'])], weights: { v: [4, 5], w: [5, 2] } });
    const both = await differentiate(file, { shapes: shapes([3, 4]) });
    const last = await differentiate(file, { shapes: shapes([3, 4]), train: ['w'] });
    expect(last.weights.map(({ name, gradient }) => [name, gradient])).toEqual([['v', null], ['w', 'grad w']]);
    expect(last.forwardInputs).toEqual(['x', 'v', 'w']);
    // Of the frozen part nothing is computed backwards, and only its last activation is saved.
    expect([last.backwardInputs.length, last.steps.backward]).toEqual([2, 2]);
    expect(both.steps.backward).toBeGreaterThan(last.steps.backward);
    await expect(differentiate(file, { shapes: shapes([3, 4]), train: ['u'] })).rejects.toThrow('net.onnx has no parameter “u” on the way to its outputs; it has “v”, “w”.');
    await expect(differentiate(file, { shapes: shapes([3, 4]), train: [] })).rejects.toThrow('net.onnx is frozen as a whole: none of its 2 parameters is chosen to train; choose one.');
    await expect(differentiate(file, { shapes: shapes([3, 4]), inputGradients: ['y'] })).rejects.toThrow('net.onnx has no floating-point input “y” to take a gradient of; it has “x”.');
  });

  it('has no gradient where no chosen output is reached', async () => {
    const file = encoder(onnxModel({ outputs: [port('a', null), port('b', null)], nodes: [node('Mul', ['x', 'v'], ['a']), node('Mul', ['x', 'w'], ['b'])], weights: [floats('v', [4], [1, 1, 1, 1]), floats('w', [4], [1, 1, 1, 1])] }));
    const graphs = await differentiate(file, { shapes: shapes([2, 4]), outputs: ['b'] });
    expect(graphs.weights.map(({ name }) => name)).toEqual(['w']);
    expect(graphs.outputs.map(({ name, gradient }) => [name, gradient])).toEqual([['b', 'd b']]);
  });
});

describe('initialisers that the exporter merged', () => {
  const bytes = onnxModel({ outputs: [port('y', null)], nodes: [node('Identity', ['w'], ['v']), node('Identity', ['v'], ['mean']), node('Mul', ['x', 'w'], ['a']), node('Mul', ['a', 'v'], ['b']), node('Add', ['b', 'mean'], ['y'])], weights: [floats('w', [4], [2, 2, 2, 2])] });

  it('are parameters of their own, as in the network that was exported', async () => {
    expect(trainability(bytes, 'net.onnx')).toMatchObject({ parameters: [{ name: 'w', aliases: ['v', 'mean'] }, { name: 'v', aliases: ['w', 'mean'] }, { name: 'mean', aliases: ['w', 'v'] }] });
    expect(await sums(encoder(bytes), [1, 4])).toEqual({ w: [2, 4, 6, 8], v: [2, 4, 6, 8], mean: [1, 1, 1, 1] });
  });

  it('are one parameter with the sum of the gradients where they are tied', async () => {
    expect(trainability(bytes, 'net.onnx', { ties: 'tied' })).toEqual({ ok: true, outputs: ['y'], parameters: [{ name: 'w', dims: [4], elements: 4, aliases: ['v', 'mean'] }] });
    expect(await sums(encoder(bytes), [1, 4], { ties: 'tied' })).toEqual({ w: [5, 9, 13, 17] });
  });

  it('sum up by themselves where one name is used twice', async () => {
    const shared = onnxModel({ nodes: [node('Mul', ['x', 'w'], ['a']), node('Mul', ['a', 'w'], ['y'])], weights: [floats('w', [4], [2, 2, 2, 2])] });
    expect(await sums(encoder(shared), [1, 4])).toEqual({ w: [4, 8, 12, 16] });
  });

  it('leave running statistics constant that equalled a fresh bias', async () => {
    const fresh = onnxModel({ nodes: [node('Identity', ['bias'], ['mean']), node('Identity', ['scale'], ['variance']), node('BatchNormalization', ['x', 'scale', 'bias', 'mean', 'variance'], ['y'])], weights: [floats('scale', [4], [1, 1, 1, 1]), floats('bias', [4], [0, 0, 0, 0])] });
    for (const ties of ['separate', 'tied'] as const) {
      expect(trainability(fresh, 'net.onnx', { ties })).toMatchObject({ parameters: [{ name: 'scale' }, { name: 'bias' }] });
      expect(await sums(encoder(fresh), [1, 4], { ties })).toMatchObject({ bias: [1, 1, 1, 1], scale: [1, 2, 3, 4].map((value) => expect.closeTo(value / Math.sqrt(1 + 1e-5), 5)) });
    }
  });
});

describe('refusals', () => {
  it.each([
    ['an operator without a gradient', [node('Sin', ['x'], ['s']), node('Mul', ['s', 'w'], ['y'])], 'Sin', 's', ''],
    ['an operator of another domain', [node('Gelu', ['x'], ['s'], [], 'com.microsoft'), node('Mul', ['s', 'w'], ['y'])], 'com.microsoft:Gelu', 's', ''],
    ['indices from the data', [node('ArgMax', ['x'], ['i']), node('Gather', ['w', 'i'], ['y'])], 'ArgMax', 'i', ''],
    ['an index from the data', [node('Cast', ['x'], ['i'], [int('to', 7)]), node('Gather', ['w', 'i'], ['y'])], 'Gather', 'y', ' (its input “i” is computed from the data)'],
    ['a mask that is used', [node('Dropout', ['x', '', ''], ['d', 'mask']), node('Cast', ['mask'], ['m'], [int('to', 1)]), node('Mul', ['m', 'w'], ['y'])], 'Dropout', 'd', ' (its result “mask” is used)'],
    ['random numbers', [node('RandomNormalLike', ['x'], ['r']), node('Mul', ['r', 'w'], ['y'])], 'RandomNormalLike', 'r', ' (it draws random numbers)'],
  ])('%s', async (_, nodes, name, at, why) => {
    const bytes = onnxModel({ outputs: [port('y', null)], nodes, weights: [floats('w', [4], [1, 1, 1, 1])] });
    const message = `net.onnx: this encoder can be evaluated but not trained: op ${name} at node “${at}”${why}; keep it frozen and train a projection on top of it.`;
    expect(trainability(bytes, 'net.onnx')).toEqual({ ok: false, op: name, node: at, message });
    await expect(differentiate(encoder(bytes), { shapes: shapes([2, 4]) })).rejects.toMatchObject({ code: 'encoder-untrainable', message });
  });

  it('convolution over three axes, once shapes are known', async () => {
    const file = encoderOf({ x: [1, 1, 2, 2, 2], nodes: [op('Conv', ['w'])], weights: { w: [1, 1, 1, 1, 1] } });
    expect(trainability(file.bytes, 'net.onnx')).toMatchObject({ ok: true });
    await expect(differentiate(file, { shapes: shapes([1, 1, 2, 2, 2]) })).rejects.toMatchObject({ code: 'encoder-untrainable', message: expect.stringContaining('not trained: op Conv at node “y” (it has 3 spatial axes)') as string });
  });

  it('no parameters', async () => {
    const bytes = onnxModel({ nodes: [op('Relu')] });
    const message = 'net.onnx has no floating-point weights on the way to its outputs, so there is nothing in it to train; train a projection on top of it.';
    expect(trainability(bytes, 'net.onnx')).toEqual({ ok: false, op: null, node: null, message });
    await expect(differentiate(encoder(bytes), { shapes: shapes([2, 4]) })).rejects.toThrow(message);
    // The gradient of its input is there all the same.
    expect(await sums(encoder(bytes), [1, 4], { inputGradients: ['x'] })).toEqual({ x: [1, 1, 1, 1] });
  });

  it('shapes that do not fit, each in one sentence', async () => {
    const file = encoder(onnxModel(linear));
    for (const [given, message] of [
      [new Map(), 'net.onnx has the input “x”, whose shape is not given; map a key to it.'],
      [shapes([2, 5]), 'net.onnx wants the shape (batch, 4) at its input “x” and gets (2, 5).'],
      [shapes([0, 4]), 'net.onnx gets no rows at its input “x”; give it at least one frame.'],
    ] as const) await expect(differentiate(file, { shapes: given })).rejects.toThrow(message);
  });
});

describe('what exporters leave behind', () => {
  it('a batch axis of one row is opened where the graph allows it', async () => {
    const fixed = { ...linear, inputs: [port('x', [1, 4])], outputs: [port('y', [1, 2])] };
    expect(await sums(encoder(onnxModel(fixed)), [3, 4])).toEqual({ w: [15, 15, 18, 18, 21, 21, 24, 24] });
    const baked = onnxModel({ ...fixed, nodes: [node('Reshape', ['x', 'to'], ['r']), node('MatMul', ['r', 'w'], ['y'])], weights: [...linear.weights, longs('to', [1, 4])] });
    const message = 'net.onnx was exported for one row at a time and cannot be trained on 3, because that number is written into its graph; export it with a dynamic first axis.';
    await expect(differentiate(encoder(baked), { shapes: shapes([3, 4]) })).rejects.toThrow(message);
    expect(await sums(encoder(baked), [1, 4])).toEqual({ w: [1, 1, 2, 2, 3, 3, 4, 4] });
    // It runs on three rows, but then they are mixed.
    const mixing = onnxModel({ ...fixed, nodes: [node('ReduceMean', ['x'], ['m'], [ints('axes', [0])]), node('Add', ['x', 'm'], ['a']), node('MatMul', ['a', 'w'], ['y'])] });
    await expect(differentiate(encoder(mixing), { shapes: shapes([3, 4]) })).rejects.toThrow(message);
  });

  it('arithmetic on shapes is done beforehand, and whole numbers of the data stay what they are', async () => {
    const bytes = onnxModel({
      inputs: [port('x', ['batch', 4]), port('n', ['batch', 1], 7)],
      outputs: [port('y', null)],
      nodes: [node('Shape', ['x'], ['s']), node('Div', ['s', 'two'], ['h']), node('Mul', ['h', 'one'], ['k']), node('Cast', ['k'], ['f'], [int('to', 1)]), node('ReduceMean', ['f'], ['m'], [int('keepdims', 0)]), node('Add', ['n', 'two'], ['o']), node('Cast', ['o'], ['p'], [int('to', 1)]), node('Mul', ['x', 'p'], ['q']), node('Mul', ['q', 'm'], ['r']), node('Mul', ['r', 'w'], ['y'])],
      weights: [longs('two', [2]), longs('one', [1]), floats('w', [4], [1, 1, 1, 1])],
    });
    const graphs = await differentiate(encoder(bytes), { shapes: new Map([['x', [2, 4]], ['n', [2, 1]]]) });
    expect(graphs.forwardInputs).toEqual(['x', 'n', 'w']);
    expect(graphs.inputs).toEqual([{ name: 'x', dtype: 'float32', dims: [2, 4] }, { name: 'n', dtype: 'int64', dims: [2, 1] }]);
    expect(graphs.weights).toMatchObject([{ name: 'w', gradient: 'grad w' }]);
  });

  it('weights of half precision are trained in single', async () => {
    const half = create(TensorProtoSchema, { name: 'w', dataType: 10, dims: [4n], int32Data: [1, 2, 3, 0.5].map(toHalf) });
    const bytes = onnxModel({ inputs: [port('x', ['batch', 4], 10)], outputs: [port('y', null, 10)], nodes: [node('Mul', ['x', 'w'], ['y'])], weights: [half] });
    const file = encoder(bytes);
    const graphs = await differentiate(file, { shapes: shapes([2, 4]) });
    expect([...graphs.weights[0]!.read()]).toEqual([1, 2, 3, 0.5]);
    expect(graphs.inputs).toEqual([{ name: 'x', dtype: 'float32', dims: [2, 4] }]);
    expect(await sums(file, [1, 4])).toEqual({ w: [1, 2, 3, 4] });
  });

  it('weights that lie beside the model', async () => {
    const bytes = onnxModel({ nodes: [node('MatMul', ['x', 'w'], ['y'])], weights: [outside('w', { location: 'w.bin', offset: '8' })] });
    const stored = Float32Array.from({ length: 18 }, (_, k) => k - 2);
    const file = { ...encoder(bytes), external: new Map([['w.bin', new Uint8Array(stored.buffer)]]) };
    const graphs = await differentiate(file, { shapes: shapes([1, 4]), inputGradients: ['x'] });
    expect([...graphs.weights[0]!.read()]).toEqual(Array.from({ length: 16 }, (_, k) => k));
    expect((await sums(file, [1, 4], { inputGradients: ['x'] }))['x']).toEqual([6, 22, 38, 54]);
  });

  it('names that the graphs would give themselves, outputs that are inputs, and one tensor twice', async () => {
    const bytes = onnxModel({ outputs: [port('f0', null), port('d y', null), port('z', null)], nodes: [node('Mul', ['x', 'c0'], ['f0']), node('Tanh', ['f0'], ['b0']), node('Mul', ['b0', 'grad w'], ['d y']), node('Identity', ['d y'], ['z'])], weights: [floats('c0', [4], [2, 2, 2, 2]), floats('grad w', [4], [1, 1, 1, 1])] });
    const found = await sums(encoder(bytes), [1, 4]);
    const tanh = [1, 2, 3, 4].map((x) => Math.tanh(2 * x));
    expect(found['grad w']).toEqual(tanh.map((value) => expect.closeTo(2 * value, 5) as number));
    expect(found['c0']).toEqual(tanh.map((value, k) => expect.closeTo((k + 1) * (1 + 2 * (1 - value * value)), 4) as number));
  });

  it('constants of any kind', async () => {
    const kinds = [node('Constant', [], ['a'], [constant('value', floats('', [1], [2]))]), node('ConstantOfShape', ['four'], ['b'], [constant('value', floats('', [1], [3]))]), node('Range', ['start', 'end', 'step'], ['c'])];
    const net = { x: [2, 4], nodes: [...kinds, node('Mul', ['x', 'a'], ['d']), node('Add', ['d', 'b'], ['e']), node('Mul', ['e', 'c'], ['f']), node('Mul', ['f', 'w'], ['y'])], weights: { w: [4] }, others: [longs('four', [4]), floats('start', [], [1]), floats('end', [], [5]), floats('step', [], [1])] };
    const { gradient, output, parameters } = await check(net);
    expect(parameters).toEqual(['w', 'x']);
    expect(Math.max(gradient, output)).toBeLessThan(1e-6);
  });

  it('only what the backward graph reads is saved', async () => {
    const file = encoderOf({ x: [3, 4], nodes: [node('MatMul', ['x', 'w'], ['a']), node('Relu', ['a'], ['b']), node('Add', ['b', 'v'], ['c']), node('Neg', ['c'], ['y'])], weights: { w: [4, 5], v: [5] } });
    const { saved, backwardInputs } = await differentiate(file, { shapes: shapes([3, 4]) });
    expect(saved).toHaveLength(1);
    expect(backwardInputs).toEqual(['x', 'd y', saved[0]!.name]);
  });
});

describe('the built-in encoders and the projection', () => {
  it('demo-encoder.onnx trains its small network', async () => {
    const bytes = builtinEncoders().get('demo-encoder.onnx')!;
    const known = trainability(bytes, 'demo-encoder.onnx');
    expect(known).toMatchObject({ ok: true, outputs: ['embedding'] });
    const train = known.ok ? known.parameters.map(({ name }) => name).filter((name) => name.startsWith('net.')) : [];
    const graphs = await differentiate({ bytes, preflight: preflight(bytes, 'demo-encoder.onnx') }, { shapes: new Map([['image', [8, 3, 32, 32]]]), train });
    expect(graphs.weights.flatMap(({ name, gradient }) => (gradient === null ? [] : [name]))).toEqual(['net.0.weight', 'net.0.bias', 'net.2.weight', 'net.2.bias']);
    expect(graphs.saved.every(({ dims }) => dims.length === 2)).toBe(true);
  });

  it('a projection on top of a frozen encoder is an encoder, and its gradients are those of the two together', async () => {
    const frozen = encoderOf({ x: [5, 6], nodes: [node('MatMul', ['x', 'v'], ['a']), node('Tanh', ['a'], ['y'])], weights: { v: [6, 4] } });
    const graphs = await differentiate(frozen, { shapes: shapes([5, 6]) });
    const x = Float32Array.from({ length: 30 }, (_, k) => Math.sin(k));
    const z = (await gradientsOf(graphs, wasm, 'net.onnx', { inputs: new Map([['x', x]]), outputGradients: new Map() })).outputs.get('y')!;
    for (const layerNorm of [false, true]) {
      const head = projection('projection', { width: 4, features: 3, layerNorm, seed: 2 });
      const made = await differentiate(head, { shapes: new Map([['features', [5, 4]]]) });
      expect(made.weights.map(({ name }) => name)).toEqual(['projection.weight', 'projection.bias', ...(layerNorm ? ['norm.weight', 'norm.bias'] : [])]);
      const dy = Float32Array.from({ length: 15 }, (_, k) => Math.cos(k));
      const { outputs, gradients } = await gradientsOf(made, wasm, 'projection', { inputs: new Map([['features', z]]), outputGradients: new Map([['embedding', dy]]) });
      // dW = dyᵀ·z and y = W·z + b, by hand.
      const [weight, bias] = [made.weights[0]!.read(), made.weights[1]!.read()];
      if (layerNorm) {
        expect([...gradients.get('norm.bias')!]).toEqual([0, 1, 2].map((k) => expect.closeTo([0, 1, 2, 3, 4].reduce((sum, row) => sum + dy[3 * row + k]!, 0), 5) as number));
        continue;
      }
      const product = Float64Array.from({ length: 15 }, (_, k) => bias[k % 3]! + [0, 1, 2, 3].reduce((sum, d) => sum + weight[4 * (k % 3) + d]! * z[4 * Math.floor(k / 3) + d]!, 0));
      const expected = Float64Array.from({ length: 12 }, (_, k) => [0, 1, 2, 3, 4].reduce((sum, row) => sum + dy[3 * row + Math.floor(k / 4)]! * z[4 * row + (k % 4)]!, 0));
      expect(deviation(product, outputs.get('embedding')!)).toBeLessThan(1e-6);
      expect(deviation(expected, gradients.get('projection.weight')!)).toBeLessThan(1e-6);
    }
  });
});
