import { create, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/base/errors.ts';
import { embeddingOutputs, matchExternal, preflight } from '../../../src/encoders/preflight.ts';
import type { ModelOptions } from '../../support/onnx.ts';
import { constant, floats, int, ints, longs, node, onnxModel, outside, port, subgraph, text } from '../../support/onnx.ts';

const relu = node('Relu', ['x'], ['y']);
const good = onnxModel({ nodes: [relu] });
const bytesOf = (head: string): Uint8Array => new TextEncoder().encode(head.padEnd(80, '\n'));

/** The sentence with which a file is refused. */
function refusal(bytes: Uint8Array): string {
  try {
    preflight(bytes, 'net.onnx');
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    const { message } = error as UserError;
    // One line, ends as a sentence does, names the file.
    expect(message).toMatch(/^net\.onnx [^\n]+\.$/);
    expect(message.replaceAll(/“[^”]*”/g, '')).not.toMatch(/!|\b([Pp]lease|[Oo]ops|[Ww]e|I)\b/);
    return message;
  }
  return 'accepted';
}

/** A refusal of a model that differs from a good one in what is given. */
const refused = (options: ModelOptions): string => refusal(onnxModel(options));
/** A graph that makes “y” from a chain of nodes on “x”. */
const chain = (...nodes: ModelOptions['nodes']): ModelOptions => ({ nodes });

describe('bytes that are no ONNX model', () => {
  it.each([
    ['empty', new Uint8Array(0), /is empty \(0 bytes\)/],
    ['a zip', bytesOf('PK\u0003\u0004archive/data.pkl'), /zip archive, such as torch\.save writes/],
    ['a Git LFS pointer', bytesOf('version https://git-lfs.github.com/spec/v1\noid sha256:00'), /Git LFS pointer/],
    ['a web page', bytesOf('<!DOCTYPE html><html>'), /web page/],
    ['HDF5', Uint8Array.of(0x89, 0x48, 0x44, 0x46, 13, 10, 26, 10), /HDF5/],
    ['ONNX Runtime’s format', bytesOf('\u0018\0\0\0ORTM'), /\.ort/],
    ['TensorFlow Lite', bytesOf('\u001c\0\0\0TFL3'), /TensorFlow Lite/],
    ['safetensors', bytesOf('X\0\0\0\0\0\0\0{"weight":'), /safetensors/],
    ['a pickle', Uint8Array.of(0x80, 2, 0x7d, 0x71), /pickle/],
    ['plain text', bytesOf('{"name": "something"}'), /not an ONNX model, or it is damaged/],
    ['zeros', new Uint8Array(64), /field of number 0/],
    ['a protobuf without a graph', Uint8Array.of(8, 8), /no graph in it/],
    ['a varint without end', new Uint8Array(40).fill(0xff), /more than ten bytes/],
    ['a length beyond the end', Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x7f, 0), /declares [\d,]+ bytes and 1 follow/],
    ['two graphs', Uint8Array.of(0x3a, 0, 0x3a, 0), /two graphs/],
    ['a graph of nothing', Uint8Array.of(0x3a, 0), /which version of the ONNX operators|without operators/],
  ])('%s', (_, bytes, sentence) => expect(refusal(bytes)).toMatch(sentence));

  it('is refused when cut at any byte', () => {
    expect(refusal(good)).toBe('accepted');
    const accepted = Array.from({ length: good.length }, (_, length) => length).filter((length) => refusal(good.subarray(0, length)) === 'accepted');
    // The import of the second operator domain comes last, and the model is whole without it.
    expect(accepted).toEqual([good.length - 19]);
  });

  it('is refused or understood when any one bit is flipped, and never a defect of ours', () => {
    for (let bit = 0; bit < 8 * good.length; bit++) {
      const flipped = good.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      refusal(flipped);
    }
  });

  it('made of millions of empty fields is refused before it is parsed', () => {
    const body = new Uint8Array(5_000_000);
    for (let k = 0; k < body.length; k += 2) body[k] = 0x0a;
    expect(refusal(join(Uint8Array.of(0x3a, ...varint(body.length)), body))).toMatch(/more than 2,000,000 pieces/);
  });

  it('nested without end is refused before it is parsed', () => {
    let type = Uint8Array.of(8, 1);
    for (let k = 0; k < 2000; k++) type = join(Uint8Array.of(0x22, ...varint(type.length + 1 + varint(type.length).length), 0x0a, ...varint(type.length)), type);
    const value = join(Uint8Array.of(0x12, ...varint(type.length)), type);
    const input = join(Uint8Array.of(0x5a, ...varint(value.length)), value);
    expect(refusal(join(Uint8Array.of(0x3a, ...varint(input.length)), input))).toMatch(/more than 16 deep/);
  });
});

describe('operators', () => {
  it.each(['If', 'Loop', 'Scan'])('%s is refused', (op) => {
    expect(refused(chain(node(op, ['x'], ['y'], [subgraph('body')])))).toMatch(/nests a graph/);
    expect(refused(chain(node(op, ['x'], ['y'])))).toMatch(/control flow/);
  });

  it.each([
    ['one that does not exist', chain(node('Frobnicate', ['x'], ['y'])), /the operator “Frobnicate”, which is not among/],
    ['one of another domain', chain(node('Relu', ['x'], ['y'], [], 'my.ops')), /the operator “Relu” of the domain “my\.ops”/],
    ['one of Microsoft’s that is no fused standard op', chain(node('Crop', ['x'], ['y'], [], 'com.microsoft')), /domain “com\.microsoft”/],
    ['a text op', chain(node('StringNormalizer', ['x'], ['y'])), /“StringNormalizer”/],
    ['a recurrent one with the batch first', chain(node('GRU', ['x'], ['y'], [int('layout', 1)])), /GRU with the batch axis first/],
    ['a name that would break the line', chain(node(`A\n${'b'.repeat(300)}`, ['x'], ['y'])), /“A�b+…”/],
  ])('%s', (_, model, sentence) => expect(refused(model)).toMatch(sentence));

  it('of ONNX Runtime’s optimiser are allowed', () => {
    expect(refused(chain(node('QuickGelu', ['x'], ['y'], [], 'com.microsoft')))).toBe('accepted');
  });
});

describe('graphs', () => {
  const weight = floats('w', [2], [1, 2]);
  it.each([
    ['no inputs', { inputs: [], nodes: [node('Constant', [], ['y'], [ints('value_ints', [1])])] }, /takes no inputs/],
    ['no outputs', { outputs: [], nodes: [relu] }, /gives no outputs/],
    ['a cycle', chain(node('Add', ['x', 'b'], ['a']), node('Relu', ['a'], ['b']), node('Relu', ['b'], ['y'])), /goes in a circle/],
    ['a name that nothing makes', chain(node('Add', ['x', 'ghost'], ['y'])), /reads “ghost”, which nothing in it makes/],
    ['an output that nothing makes', chain(node('Relu', ['x'], ['z'])), /reads “y”/],
    ['a name made twice', chain(relu, relu), /makes “y” twice/],
    ['two inputs of a name', { inputs: [port('x', [1]), port('x', [1])], nodes: [relu] }, /two inputs called “x”/],
    ['two weights of a name', { nodes: [relu], weights: [weight, weight] }, /two weights called “w”/],
    ['an input called __proto__', { inputs: [port('__proto__', [1])], nodes: [node('Relu', ['__proto__'], ['y'])] }, /an input called “__proto__”/],
    ['an output called __proto__', { outputs: [port('__proto__', [1])], nodes: [node('Relu', ['x'], ['__proto__'])] }, /an output called “__proto__”/],
    ['an input of text', { inputs: [port('x', [1], 8)], nodes: [relu] }, /of type string/],
    ['an input of bfloat16', { inputs: [port('x', [1], 16)], nodes: [relu] }, /of type bfloat16/],
    ['an input of no known type', { inputs: [port('x', [1], 77)], nodes: [relu] }, /unknown type 77/],
    ['a weight of no known type', { nodes: [relu], weights: [{ ...weight, dataType: 99 }] }, /the weight “w” of type unknown type 99/],
    ['a weight shorter than it says', { nodes: [relu], weights: [floats('w', [3], [1, 2])] }, /declares 12 bytes for the weight “w” and holds 8/],
    ['a weight of negative size', { nodes: [relu], weights: [floats('w', [-3], [1, 2])] }, /impossible shape -3/],
    ['a weight of astronomic size', { nodes: [relu], weights: [floats('w', [2 ** 40, 2 ** 40], [])] }, /impossible shape/],
    ['too new operators', { nodes: [relu], opset: 99 }, /version 99 of the ONNX operators/],
    ['too many axes', { inputs: [port('x', Array<number>(40).fill(1))], nodes: [relu] }, /40 axes/],
  ] satisfies [string, ModelOptions, RegExp][])('%s', (_, model, sentence) => expect(refused(model)).toMatch(sentence));

  it('in another order than they run in are understood', () => {
    expect(refused(chain(node('Relu', ['a'], ['y']), node('Neg', ['x'], ['a'])))).toBe('accepted');
  });

  it('without a float output have no embedding, but can be examined', () => {
    const examined = preflight(onnxModel({ outputs: [port('y', ['batch'], 7)], nodes: [node('ArgMax', ['x'], ['y'])] }), 'net.onnx');
    expect(() => embeddingOutputs(examined)).toThrow('net.onnx has no floating-point output to take as embedding (“y” is int64); export the encoder with its embedding as a float32 output.');
  });

  it('that draw random numbers carry a warning', () => {
    expect(preflight(onnxModel(chain(node('RandomNormalLike', ['x'], ['y']))), 'net.onnx').warnings).toEqual(['net.onnx draws random numbers at every run, so the same frame has another embedding each time.']);
  });
});

describe('a few bytes that ask for gigabytes', () => {
  const big = [20_000, 15_000];
  const grown = (...nodes: ModelOptions['nodes']): ModelOptions => ({ nodes, weights: [longs('big', big), longs('one', [1]), longs('huge', [300_000_000]), floats('s', [2], [20_000, 20_000]), floats('wide', [1, 4], [1, 2, 3, 4])] });
  it.each([
    ['ConstantOfShape', grown(node('ConstantOfShape', ['big'], ['y']))],
    ['ConstantOfShape of computed sizes', grown(node('Concat', ['huge', 'one'], ['shape'], [int('axis', 0)]), node('ConstantOfShape', ['shape'], ['y']))],
    ['ConstantOfShape of a product', grown(node('Mul', ['big', 'big'], ['shape']), node('ConstantOfShape', ['shape'], ['y']))],
    ['ConstantOfShape of what is folded', grown(node('ReduceProd', ['big'], ['all']), node('Neg', ['all'], ['minus']), node('Abs', ['minus'], ['shape']), node('ConstantOfShape', ['shape'], ['y']))],
    ['ConstantOfShape of a Constant', grown(node('Constant', [], ['shape'], [ints('value_ints', big)]), node('ConstantOfShape', ['shape'], ['y']))],
    ['Expand', grown(node('Expand', ['one', 'big'], ['y']))],
    ['Tile', grown(node('Tile', ['wide', 'big'], ['y']))],
    ['RandomNormal', grown(node('RandomNormal', [], ['y'], [ints('shape', big)]))],
    ['Range', grown(node('Range', ['one', 'huge', 'one'], ['y']))],
    ['Resize by sizes', grown(node('Resize', ['wide', '', '', 'big'], ['y']))],
    ['Resize by scales', grown(node('Resize', ['wide', '', 's'], ['y']))],
    ['Pad', grown(node('Constant', [], ['pads'], [ints('value_ints', [0, 0, 20_000, 15_000])]), node('Pad', ['x', 'pads'], ['y']))],
    ['Einsum', grown(node('ConstantOfShape', ['p'], ['a']), node('Constant', [], ['p'], [ints('value_ints', [20_000])]), node('Einsum', ['a', 'a'], ['y'], [text('equation', 'i,j->ij')]))],
    ['MatMul of two thin matrices', grown(node('Constant', [], ['p'], [ints('value_ints', [20_000, 1])]), node('ConstantOfShape', ['p'], ['a']), node('Transpose', ['a'], ['b']), node('MatMul', ['a', 'b'], ['y']))],
    ['OneHot', grown(node('Constant', [], ['p'], [ints('value_ints', [1000])]), node('ConstantOfShape', ['p'], ['a']), node('OneHot', ['a', 'huge', 'one'], ['y']))],
    ['an input', { inputs: [port('x', [1, 300_000_000])], nodes: [relu] }],
  ] satisfies [string, ModelOptions][])('%s', (_, model) => {
    const bytes = onnxModel(model);
    expect(bytes.length).toBeLessThan(500);
    expect(refusal(bytes)).toMatch(/asks for too much memory: .+ has [\d,]+ MB, more than the 512 MB that one tensor may have here/);
  });

  it('by many tensors that are each allowed', () => {
    const nodes = [node('ConstantOfShape', ['size'], ['t0']), ...Array.from({ length: 40 }, (_, k) => node('Neg', [`t${k}`], [`t${k + 1}`])), node('Relu', ['x'], ['y'])];
    expect(refused({ nodes, weights: [longs('size', [30_000_000])] })).toMatch(/its tensors take more than 4,096 MB together/);
  });

  it('by sizes that double at every step, without taking long over it', () => {
    const doubled = Array.from({ length: 200 }, (_, k) => node('Concat', [`c${k}`, `c${k}`], [`c${k + 1}`], [int('axis', 0)]));
    expect(refused({ nodes: [...doubled, node('ConstantOfShape', ['c200'], ['y'])], weights: [longs('c0', [1, 1])] })).toMatch(/too much memory/);
    const lifted = Array.from({ length: 200 }, (_, k) => node('Unsqueeze', [`u${k}`, 'axes'], [`u${k + 1}`]));
    expect(refused({ nodes: [...lifted, node('Relu', ['u200'], ['y'])], weights: [longs('axes', [0, 1, 2]), floats('u0', [1], [1])] })).toMatch(/has 19 axes, more than the 16 that a tensor may have here/);
    expect(refused({ nodes: [node('Concat', Array<string>(5000).fill('x'), ['y'], [int('axis', 0)])] })).toMatch(/more than 4,096 inputs or outputs/);
  });

  it('only once its batch is given a size', () => {
    const bytes = onnxModel({ inputs: [port('x', ['batch', 1000])], nodes: [relu] });
    expect(refusal(bytes)).toBe('accepted');
    expect(() => preflight(bytes, 'net.onnx', new Map([['x', [1_000_000, 1000]]]))).toThrow(/too much memory/);
  });
});

describe('weights outside the file', () => {
  const model = (entries: Record<string, string>): Uint8Array => onnxModel({ nodes: [node('MatMul', ['x', 'w'], ['y'])], weights: [outside('w', entries)] });

  it.each(['../secret.bin', '/etc/passwd', 'a/../../b', '..\\b', 'C:\\b', 'C:/b', 'file:///etc/passwd', '\\\\host\\share', '*/_ORT_MEM_ADDR_/*', 'a\u0000b'])('at %j are not read', (location) => {
    expect(refusal(model({ location }))).toMatch(/outside its own folder, where nothing is read/);
  });

  it.each([
    ['no place', {}, /does not say which/],
    ['an offset that is no number', { location: 'w.bin', offset: '-8' }, /“-8” as the offset/],
    ['another length than the tensor has', { location: 'w.bin', length: '8' }, /takes 8 bytes of w\.bin for the weight “w”, which has 64/],
  ])('with %s', (_, entries: Record<string, string>, sentence) => expect(refusal(model(entries))).toMatch(sentence));

  it('are matched by path or bare name, and measured', () => {
    const examined = preflight(model({ location: './sub/w.bin', offset: '100' }), 'net.onnx');
    expect(examined.external).toEqual([{ location: 'sub/w.bin', bytes: 164 }]);
    expect([...matchExternal(examined, new Map([['w.bin', { size: 164 }]])).keys()]).toEqual(['sub/w.bin']);
    expect(() => matchExternal(examined, new Map([['w.bin', { size: 163 }]]))).toThrow('sub/w.bin has 163 bytes and net.onnx needs 164 of it: it is cut short, or belongs to another model. Copy or export both again.');
    expect(() => matchExternal(examined, new Map())).toThrow('net.onnx keeps its weights in sub/w.bin, which is missing: drop both together.');
  });

  it('inside a constant are refused', () => {
    const attribute = constant('value', outside('', { location: 'w.bin' }));
    expect(refused(chain(node('Constant', [], ['c'], [attribute]), node('MatMul', ['x', 'c'], ['y'])))).toMatch(/keeps a constant inside/);
  });
});

it('functions of the file’s own are refused', () => {
  const model = create(ModelProtoSchema, { functions: [{ name: 'Mine', domain: 'f' }], graph: { node: [relu] }, opsetImport: [{ version: 17n }] });
  expect(refusal(toBinary(ModelProtoSchema, model))).toMatch(/functions of its own \(“Mine”\)/);
});

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))];
}

function join(head: Uint8Array, tail: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}
