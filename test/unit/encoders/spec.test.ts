import { describe, expect, it } from 'vitest';
import type { Port } from '../../../src/encoders/graph.ts';
import type { Preflight } from '../../../src/encoders/preflight.ts';
import { batchOf, checkSpec, feedOf, flatten, inputDims, suggestSpec, trialShapes } from '../../../src/encoders/spec.ts';

const port = (...shape: (number | string | null)[]): Port => ({ dtype: 'float32', shape });
const encoder = (inputs: Record<string, Port>, outputs: Record<string, Port> = { embedding: port('b', 16) }): Preflight => ({
  file: 'net.onnx', opset: 17, inputs: new Map(Object.entries(inputs)), outputs: new Map(Object.entries(outputs)), ops: new Map(), nodes: 1, parameters: 0, weightBytes: 0, runBytes: 0, external: [], warnings: [],
});
const features = (shapes: Record<string, number[]>) => new Map(Object.entries(shapes).map(([key, shape]) => [key, { shape }]));

describe('batchOf', () => {
  it.each([
    ['any', [port('n', 3)], { kind: 'any' }],
    ['any, with a shape left open', [{ dtype: 'float32', shape: null }], { kind: 'any' }],
    ['fixed', [port(4, 3), port('n', 2)], { kind: 'fixed', size: 4 }],
    ['two that differ', [port(4, 3), port(2, 2)], { kind: 'none', why: 'net.onnx takes 4 rows at one input and 2 at “i1”; export the encoder with a dynamic first axis.' }],
    ['no axes', [port()], { kind: 'none', why: 'net.onnx takes no frames at its input “i0”: it has no axes. Export the encoder with a dynamic first axis.' }],
  ] as [string, Port[], object][])('%s', (_, ports, wanted) => expect(batchOf(new Map(ports.map((value, k) => [`i${k}`, value])), 'net.onnx')).toEqual(wanted));
});

describe('inputDims', () => {
  it.each([
    ['the same shape', port('b', 5), [5], [7, 5]],
    ['another grouping', port('b', 3, 3), [9], [7, 3, 3]],
    ['an open axis', port('b', 'n'), [5], [7, 5]],
    ['an open axis beside a fixed one', port('b', 'n', 2), [6], [7, 3, 2]],
    ['no declared shape', { dtype: 'float32', shape: null }, [3, 4], [7, 3, 4]],
    ['one number', port('b'), [1], [7]],
  ] as [string, Port, number[], number[]][])('takes %s', (_, value, shape, wanted) => expect(inputDims('x', value, 'state', { shape }, 7, 'net.onnx')).toEqual(wanted));

  it('refuses what has another size, naming both', () => {
    expect(() => inputDims('x', port('b', 6), 'action', { shape: [7] }, 1, 'net.onnx')).toThrow('net.onnx wants 6 a frame at its input “x”, and “action” has 7; map another key to it.');
  });
});

describe('feedOf', () => {
  it('gathers the rows asked for, in their order and as often', () => {
    const feature = { shape: [2], values: Float64Array.of(0, 1, 10, 11, 20, 21) };
    expect(feedOf('x', port('b', 1, 2), 'state', feature, [2, 0, 2], 'net.onnx')).toEqual({ dims: [3, 1, 2], values: Float64Array.of(20, 21, 0, 1, 20, 21) });
  });
});

describe('suggestSpec', () => {
  it('goes by name, then by the last part of it, then by what alone fits', () => {
    const net = encoder({ 'observation.state': port('b', 6), action: port('b', 6), rest: port('b', 3) });
    expect(suggestSpec(net, features({ 'observation.state': [6], 'robot.action': [6], 'environment': [3] }))).toEqual({
      file: 'net.onnx', output: 'embedding',
      inputs: [{ input: 'observation.state', key: 'observation.state' }, { input: 'action', key: 'robot.action' }, { input: 'rest', key: 'environment' }],
    });
  });

  it('leaves open what it cannot tell, and takes the first float output when none is called embedding', () => {
    const net = encoder({ x: port('b', 2) }, { index: { dtype: 'int64', shape: ['b'] }, z: port('b', 4) });
    expect(suggestSpec(net, features({ a: [2], c: [2] }))).toEqual({ file: 'net.onnx', output: 'z', inputs: [] });
  });
});

describe('checkSpec', () => {
  const net = encoder({ x: port('b', 2) }, { embedding: port('b', 16), index: { dtype: 'int64', shape: ['b'] } });
  const spec = { file: 'net.onnx', output: 'embedding', inputs: [{ input: 'x', key: 'state' }] };
  it('lets through what fits', () => expect(() => checkSpec(spec, net, features({ state: [2] }))).not.toThrow());
  it.each([
    ['an integer output', { ...spec, output: 'index' }, { state: [2] }, 'net.onnx has no floating-point output “index”; choose one of “embedding”.'],
    ['an input that is not there', { ...spec, inputs: [{ input: 'y', key: 'state' }] }, { state: [2] }, 'net.onnx has no input “y”; it takes “x”.'],
    ['an input without a key', { ...spec, inputs: [] }, { state: [2] }, 'net.onnx has the input “x”, to which no key of the dataset is mapped; choose one.'],
    ['a key that is not there', spec, { other: [2] }, 'The key “state”, mapped to “x” of net.onnx, is not in the dataset; choose another.'],
    ['a key of another size', spec, { state: [3] }, 'net.onnx wants 2 a frame at its input “x”, and “state” has 3; map another key to it.'],
  ] as [string, typeof spec, Record<string, number[]>, string][])('refuses %s', (_, given, shapes, sentence) => expect(() => checkSpec(given, net, features(shapes))).toThrow(sentence));
});

describe('flatten', () => {
  it.each([[[4, 16], 16], [[4, 2, 3], 6], [[4], 1], [[4, 0], 0]])('%j', (dims, width) => expect(flatten(dims, 4, 'z', 'net.onnx')).toEqual({ rows: 4, width }));
  it('refuses another number of rows', () => expect(() => flatten([8, 2], 4, 'z', 'net.onnx')).toThrow('net.onnx gives “z” of shape (8, 2) for 4 rows; its first axis must be the frames.'));
});

describe('trialShapes', () => {
  const net = encoder({ x: port('batch', 3), img: port(null, 3, 'height', null) });
  it('keeps what is fixed, takes 2 for the batch and the rest from what is given', () => {
    expect([...trialShapes(encoder({ x: port('batch', 3), y: port(1, 4), z: port() }), new Map())]).toEqual([['x', [2, 3]], ['y', [1, 4]], ['z', []]]);
    expect([...trialShapes(net, new Map([['img', [5, 3, 8, 9]]]))]).toEqual([['x', [2, 3]], ['img', [5, 3, 8, 9]]]);
  });
  it.each([
    ['an open axis', new Map(), 'Axis 2 (“height”) of the input “img” of net.onnx has no fixed size; give the input\'s shape with --shape img=2,3,…,….'],
    ['an input that is not there', new Map([['im', [1]]]), '--shape names “im”, which is no input of net.onnx; its inputs are “x”, “img”.'],
    ['another number of axes', new Map([['img', [1, 3]]]), '--shape gives 2 axes for the input “img” of net.onnx, which has 4: ? × 3 × height × ?.'],
    ['another size of a fixed axis', new Map([['img', [1, 4, 8, 8]]]), '--shape gives 4 for axis 1 of the input “img” of net.onnx, which is fixed at 3.'],
  ] as [string, Map<string, number[]>, string][])('refuses %s', (_, given, sentence) => expect(() => trialShapes(net, given)).toThrow(sentence));
});
