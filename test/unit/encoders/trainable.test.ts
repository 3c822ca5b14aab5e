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
    const bytes = onnxModel({ outputs: [port('a', null), port('b', null)], nodes: [node('MatMul', ['x', 'v'], ['a']), node('Sin', ['x'], ['s']), node('Mul', ['s', 'w'], ['b'])], weights: [ones('v', [4, 1]), ones('w')] });
    expect([...trainableOutputs(bytes, 'net.onnx')]).toEqual([
      ['a', { ok: true, parameters: [{ name: 'v', dims: [4, 1], elements: 4, aliases: [] }], unlisted: { tensors: 0, numbers: 0 } }],
      ['b', { ok: false, op: 'Sin', node: 's', message: 'net.onnx: this encoder can be evaluated but not trained: op Sin at node “s”; keep it frozen and train a projection on top of it.' }],
    ]);
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
