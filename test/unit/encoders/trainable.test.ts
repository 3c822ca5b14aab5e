import { describe, expect, it } from 'vitest';
import { POLICY_LIMITS } from '../../../src/config/policy.ts';
import { DEMO_POLICY } from '../../../src/config/presets.ts';
import { LONGEST_NAME, trainableOutputs } from '../../../src/encoders/trainable.ts';
import { builtinEncoder } from '../../support/engine.ts';
import { floats, node, onnxModel, port } from '../../support/onnx.ts';

/* What a person is shown of an encoder to choose from before it is trained. */

const ones = (name: string, dims: readonly number[] = [4]): ReturnType<typeof floats> => floats(name, dims, Array.from({ length: dims.reduce((product, size) => product * size, 1) }, () => 1));
const chain = (names: readonly string[]): Uint8Array => onnxModel({ nodes: names.map((name, k) => node('Mul', [k === 0 ? 'x' : `h${k}`, name], [k === names.length - 1 ? 'y' : `h${k + 1}`])), weights: names.map((name) => ones(name)) });

describe('what of an encoder can be trained', () => {
  it('is said of each output alone: a list, or the sentence why not', () => {
    const bytes = onnxModel({ outputs: [port('a', null), port('b', null)], nodes: [node('MatMul', ['x', 'v'], ['a']), node('Mul', ['x', 'w'], ['h']), node('Sin', ['h'], ['b'])], weights: [ones('v', [4, 1]), ones('w')] });
    expect([...trainableOutputs(bytes, 'net.onnx')]).toEqual([
      ['a', { ok: true, parameters: [{ name: 'v', dims: [4, 1], elements: 4, aliases: [] }], unlisted: { tensors: 0, numbers: 0 } }],
      ['b', { ok: false, op: 'Sin', node: 'b', message: 'net.onnx: this encoder can be evaluated but not trained: op Sin at node “b”; keep it frozen and train a projection on top of it.' }],
    ]);
  });

  it('names an operator without a gradient and what has to be frozen for it, where something is left behind it', () => {
    const nodes = [node('Mul', ['x', 'v'], ['h']), node('Sin', ['h'], ['s']), node('Mul', ['s', 'w'], ['m']), node('Mul', ['m', 'two'], ['y'])];
    expect(trainableOutputs(onnxModel({ nodes, weights: [ones('v'), ones('w'), ones('two', [])] }), 'net.onnx').get('y')).toMatchObject({
      ok: true,
      parameters: [{ name: 'v' }, { name: 'w' }],
      obstacle: { op: 'Sin', node: 's', before: ['v'], message: 'net.onnx: this encoder can be evaluated but not trained as a whole: op Sin at node “s” has no gradient; freeze what stands before it (“v”), or keep the encoder frozen and train a projection on top of it.' },
    });
    // Nothing learns before it.
    expect(trainableOutputs(onnxModel({ nodes: nodes.map((entry) => (entry.opType === 'Mul' && entry.input[1] === 'v' ? node('Neg', ['x'], ['h']) : entry)), weights: [ones('w'), ones('two', [])] }), 'net.onnx').get('y')).toMatchObject({ ok: true, parameters: [{ name: 'w' }], obstacle: { before: [], message: expect.stringContaining('has no gradient; nothing that can be trained stands before it.') as string } });
  });

  it('counts every operator without a gradient, and what hangs on it by another way', () => {
    const nodes = [node('Mul', ['x', 'u'], ['a']), node('Cos', ['a'], ['c']), node('Identity', ['u'], ['copy']), node('Mul', ['c', 'v'], ['h']), node('Sin', ['h'], ['s']), node('Add', ['s', 'copy'], ['b']), node('Mul', ['b', 'w'], ['y'])];
    expect(trainableOutputs(onnxModel({ nodes, weights: [ones('u'), ones('v'), ones('w')] }), 'net.onnx').get('y')).toMatchObject({ ok: true, parameters: [{ name: 'u' }, { name: 'v' }, { name: 'w' }, { name: 'copy' }], obstacle: { op: 'Cos', before: ['u', 'v'] } });
  });

  it.each([
    ['nothing is left behind it', [node('Mul', ['x', 'v'], ['h']), node('Sin', ['h'], ['y'])], ['v']],
    ['what stands before it cannot be named in a session', [node('Mul', ['x', 'v'.repeat(201)], ['h']), node('Sin', ['h'], ['s']), node('Mul', ['s', 'w'], ['y'])], ['v'.repeat(201), 'w']],
    ['it draws random numbers', [node('RandomNormalLike', ['x'], ['r']), node('Mul', ['r', 'w'], ['y'])], ['w']],
  ])('is nothing where %s', (_, nodes, names) => {
    expect(trainableOutputs(onnxModel({ nodes, weights: names.map((name) => ones(name)) }), 'net.onnx').get('y')).toMatchObject({ ok: false });
  });

  it('leaves numbers of formulas out, which are never trained; with nothing beside them there is nothing to train', () => {
    const nodes = [node('Pow', ['x', 'two'], ['p']), node('Mul', ['p', 'w'], ['y'])];
    expect(trainableOutputs(onnxModel({ nodes, weights: [ones('two', []), ones('w')] }), 'net.onnx').get('y')).toMatchObject({ ok: true, parameters: [{ name: 'w' }] });
    expect(trainableOutputs(onnxModel({ nodes, weights: [ones('two', []), ones('w', [])] }), 'net.onnx').get('y')).toEqual({ ok: false, op: null, node: null, message: 'net.onnx has no floating-point weights on the way to its outputs, so there is nothing in it to train; train a projection on top of it.' });
  });

  it('is a list that stays small; what it leaves out is counted', () => {
    const names = Array.from({ length: 2100 }, (_, k) => `w${k}`);
    const found = trainableOutputs(chain(names), 'net.onnx').get('y')!;
    expect(found).toMatchObject({ ok: true, unlisted: { tensors: 100, numbers: 400 } });
    expect(found.ok && found.parameters.map(({ name }) => name)).toEqual(names.slice(0, 2000));
  });

  it('names nothing that a session could not keep', () => {
    expect(LONGEST_NAME).toBe(POLICY_LIMITS.text);
    const long = 'w'.repeat(LONGEST_NAME + 1);
    expect(trainableOutputs(chain(['v', long]), 'net.onnx').get('y')).toMatchObject({ parameters: [{ name: 'v' }], unlisted: { tensors: 1, numbers: 4 } });
  });

  it('names a few of the tensors that the file has as one', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const bytes = onnxModel({ nodes: [...names.map((name) => node('Identity', ['w'], [name])), ...names.map((name, k) => node('Mul', [k === 0 ? 'x' : `h${k}`, name], [k === 5 ? 'y' : `h${k + 1}`]))], weights: [ones('w')] });
    const found = trainableOutputs(bytes, 'net.onnx').get('y')!;
    expect(found.ok && found.parameters.find(({ name }) => name === 'a')?.aliases).toEqual(['w', 'b', 'c', 'd']);
  });

  it('comes with the encoder; of the demo’s everything that is frozen is there, and a part that learns', async () => {
    const found = (await builtinEncoder('demo-encoder.onnx')).trainable.get('embedding')!;
    const names = found.ok ? found.parameters.map(({ name }) => name) : [];
    expect(names).toEqual(expect.arrayContaining([...DEMO_POLICY.frozen]));
    expect(names.length).toBeGreaterThan(DEMO_POLICY.frozen.length);
  });
});
