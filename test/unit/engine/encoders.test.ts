import { describe, expect, it } from 'vitest';
import type { BatchColumn } from '../../../src/core/cost/features.ts';
import { builtinEncoders } from '../../../src/encoders/builtin.ts';
import { GROUP_BYTES } from '../../../src/encoders/limits.ts';
import type { EncoderInput, LoadedEncoder } from '../../../src/encoders/load.ts';
import { loadEncoder } from '../../../src/encoders/load.ts';
import type { EmbedRequest } from '../../../src/engine/encoders.ts';
import { EncoderRoom, signalWatch } from '../../../src/engine/encoders.ts';
import type { EngineSignal } from '../../../src/engine/protocol.ts';
import type { ModelOptions } from '../../support/onnx.ts';
import { constant, floats, int, ints, longs, node, onnxModel, outside, port } from '../../support/onnx.ts';

/* On the wasm provider, under Node; on a device: test/e2e/encoder.spec.ts. */

const input = (path: string, bytes: Uint8Array): EncoderInput => ({ path, size: bytes.length, slice: async (start, end) => Uint8Array.from(bytes.subarray(start, end)).buffer });
const loaded = (file: string, model: ModelOptions): Promise<LoadedEncoder> => loadEncoder([input(file, onnxModel(model))]);
const column = (shape: readonly number[], values: readonly number[]): BatchColumn => ({ shape, values: Float64Array.from(values) });
const double = (rows: number | string = 'batch', type = 1): ModelOptions => ({ inputs: [port('x', [rows, 2], type)], outputs: [port('y', [rows, 2], 1)], nodes: type === 1 ? [node('Add', ['x', 'x'], ['y'])] : [node('Cast', ['x'], ['y'], [int('to', 1)])] });

/** Ask for “y” of the source's “state”, unless told otherwise. */
function ask(file: string, state: BatchColumn, count: number, change: Partial<EmbedRequest> = {}): EmbedRequest {
  return { term: 'arm', file, output: 'y', side: 'source', inputs: [{ input: 'x', key: 'observation.state', column: state }], count, ...change };
}

async function roomOf(...encoders: Promise<LoadedEncoder>[]): Promise<EncoderRoom> {
  const room = new EncoderRoom();
  for (const encoder of await Promise.all(encoders)) room.put(encoder);
  return room;
}

const failure = (embedding: Promise<unknown>): Promise<unknown> => embedding.then(() => null, (error: unknown) => error);

describe('embeddings', () => {
  it('of the demo’s frames: the encoder is its two parts, one after the other', async () => {
    const room = new EncoderRoom();
    for (const [name, bytes] of builtinEncoders()) room.put(await loadEncoder([input(name, bytes)]));
    expect(room.list().map(({ file }) => file)).toEqual(['keypoints.onnx', 'mlp.onnx', 'demo-encoder.onnx']);
    const image = column([3, 32, 32], Array.from({ length: 2 * 3 * 32 * 32 }, (_, k) => 0.5 + 0.5 * Math.sin(0.37 * k)));
    const of = (file: string, output: string, from: string, given: BatchColumn): ReturnType<EncoderRoom['embed']> => room.embed({ term: 'camera', file, output, side: 'target', inputs: [{ input: from, key: 'observation.images.camera', column: given }], count: 2 });
    const keypoints = await of('keypoints.onnx', 'keypoints', 'image', image);
    expect(keypoints).toMatchObject({ rows: 2, width: 48 });
    const parts = await of('mlp.onnx', 'embedding', 'keypoints', column([48], [...keypoints.values]));
    const whole = await of('demo-encoder.onnx', 'embedding', 'image', image);
    expect(whole).toMatchObject({ rows: 2, width: 16 });
    expect(Math.max(...whole.values.map((value, k) => Math.abs(value - parts.values[k]!)))).toBeLessThan(1e-5);
  });

  it('of several inputs, each from its own key', async () => {
    const room = await roomOf(loaded('two.onnx', { inputs: [port('a', ['n', 2]), port('constructor', ['n', 2])], outputs: [port('y', ['n', 2])], nodes: [node('Sub', ['a', 'constructor'], ['y'])] }));
    const inputs = [
      { input: 'constructor', key: 'joints', column: column([2], [1, 2, 3, 4]) },
      { input: 'a', key: '__proto__', column: column([1, 2], [10, 20, 30, 40]) },
    ];
    expect((await room.embed(ask('two.onnx', inputs[0]!.column, 2, { inputs }))).values).toEqual(Float32Array.of(9, 18, 27, 36));
  });

  it('are as wide as the side’s values where the encoder leaves that open', async () => {
    const room = await roomOf(loaded('open.onnx', { inputs: [port('x', ['n', 'd'])], outputs: [port('y', ['n', 'd'])], nodes: [node('Neg', ['x'], ['y'])] }));
    expect(await room.embed(ask('open.onnx', column([3], [1, 2, 3]), 1))).toMatchObject({ width: 3 });
    expect(await room.embed(ask('open.onnx', column([2], [1, 2, 3, 4]), 2, { side: 'target' }))).toMatchObject({ rows: 2, width: 2 });
  });

  it('of whole numbers go into integer inputs', async () => {
    const room = await roomOf(loaded('int.onnx', double('n', 7)), loaded('byte.onnx', double('n', 2)));
    expect((await room.embed(ask('int.onnx', column([2], [3, -(2 ** 40)]), 1))).values).toEqual(Float32Array.of(3, -(2 ** 40)));
    expect((await room.embed(ask('byte.onnx', column([2], [0, 255]), 1))).values).toEqual(Float32Array.of(0, 255));
  });

  it('of a fixed batch of one come row by row, with a warning', async () => {
    const room = await roomOf(loaded('one.onnx', double(1)));
    expect((await room.embed(ask('one.onnx', column([2], [1, 2, 3, 4, 5, 6]), 3))).values).toEqual(Float32Array.of(2, 4, 6, 8, 10, 12));
    expect(room.warnings('one.onnx')).toEqual(['one.onnx was exported for one row at a time: it runs row by row, which is slow. Export it with a dynamic first axis.']);
  });

  it('of more rows than memory holds at once come in even groups', async () => {
    // One row is spread over 16 MB and summed again.
    const spread = 4 * 2 ** 20;
    const encoder = await loaded('wide.onnx', { inputs: [port('x', ['n', 1])], outputs: [port('y', ['n', 1])], nodes: [node('ConstantOfShape', ['size'], ['ones'], [constant('value', floats('', [1], [1]))]), node('Mul', ['x', 'ones'], ['wide']), node('ReduceMax', ['wide'], ['y'], [ints('axes', [1])])], weights: [longs('size', [1, spread])] });
    const rows = 40;
    expect(GROUP_BYTES / (4 * spread)).toBeLessThan(rows);
    const runs: string[] = [];
    const room = new EncoderRoom((what) => (runs.push(what), () => undefined));
    room.put(encoder);
    const values = Array.from({ length: rows }, (_, k) => k - 7);
    expect([...(await room.embed(ask('wide.onnx', column([1], values), rows))).values]).toEqual(values);
    expect(runs).toEqual(['loading wide.onnx', 'running wide.onnx', 'running wide.onnx']);
  });

  it('without a device stay in main memory', async () => {
    const room = await roomOf(loaded('net.onnx', double()));
    const embedding = await room.embedOnDevice(ask('net.onnx', column([2], [1, 2]), 1));
    expect('buffer' in embedding).toBe(false);
    expect(embedding).toEqual({ rows: 1, width: 2, values: Float32Array.of(2, 4) });
  });

  it('take weights from beside the model', async () => {
    const bytes = onnxModel({ nodes: [node('MatMul', ['x', 'w'], ['y'])], weights: [outside('w', { location: 'w.bin' })] });
    const room = new EncoderRoom();
    room.put(await loadEncoder([input('net.onnx', bytes), input('w.bin', new Uint8Array(new Float32Array(16).fill(2).buffer))]));
    expect((await room.embed(ask('net.onnx', column([4], [1, 1, 1, 1]), 1))).values).toEqual(Float32Array.of(8, 8, 8, 8));
  });
});

describe('what cannot be embedded is said by name, and the room goes on', () => {
  const two = column([2], [1, 2]);
  it.each([
    ['an encoder that is not loaded', { file: 'other.onnx' }, 'no-encoder', 'The term "arm" asks for other.onnx, which is not loaded. Drop the file, or set weight_embed to 0 and compare raw values by weight_label.'],
    ['a term that names none', { file: '' }, 'no-encoder', 'The term "arm" asks for an encoder, which is not loaded. Drop the file, or set weight_embed to 0 and compare raw values by weight_label.'],
    ['an output that the file lacks', { output: 'z' }, 'encoder-output', 'net.onnx has no floating-point output “z”; choose one of “y”.'],
    ['an input that the file lacks', { inputs: [{ input: 'w', key: 'observation.state', column: two }] }, 'encoder-input', 'net.onnx has no input “w”; it takes “x”.'],
    ['an input without a key', { inputs: [] }, 'encoder-input', 'net.onnx has the input “x”, to which no key of the dataset is mapped; choose one.'],
    ['a key of another shape', { inputs: [{ input: 'x', key: 'action', column: column([3], [1, 2, 3]) }] }, 'encoder-shape', 'net.onnx wants 2 a frame at its input “x”, and “action” has 3; map another key to it.'],
    ['NaN in a key', { count: 2, side: 'target', inputs: [{ input: 'x', key: 'action', column: column([2], [1, 2, 3, Number.NaN]) }] }, 'encoder-values', 'Target “action” holds NaN at sample 1 of this batch, and net.onnx takes finite numbers at its input “x” (float32); map another key to it, or leave those frames out.'],
  ] satisfies [string, Partial<EmbedRequest>, string, string][])('%s', async (_, change, code, message) => {
    const room = await roomOf(loaded('net.onnx', double()));
    const request = ask('net.onnx', two, 1, change);
    expect(await failure(room.embed(request))).toMatchObject({ name: 'UserError', code, message, detail: { term: 'arm', side: request.side, file: request.file } });
    expect((await room.embed(ask('net.onnx', two, 1))).values).toEqual(Float32Array.of(2, 4));
  });

  it.each([
    [7, [0.5, 1], /holds 0\.5 at sample 0 .+ takes whole numbers at its input “x” \(int64\)/],
    [2, [3, 256], /holds 256 .+ takes whole numbers from 0 to 255 at its input “x” \(uint8\)/],
    [3, [3, -129], /holds -129 .+ from -128 to 127/],
    [6, [3, 2 ** 31], /holds 2147483648 .+ from -2147483648 to 2147483647/],
    [10, [3, 70_000], /holds 70000 .+ finite numbers at its input “x” \(float16\)/],
    [1, [3, 1e300], /holds 1e\+300 .+ finite numbers/],
    [11, [3, -Infinity], /holds -Infinity .+ \(float64\)/],
  ])('values that an input of type %i cannot hold', async (type, values, sentence) => {
    const room = await roomOf(loaded('net.onnx', { ...double('n', type), nodes: [node('Cast', ['x'], ['y'], [int('to', 1)])] }));
    expect(await failure(room.embed(ask('net.onnx', column([2], values), 1)))).toMatchObject({ code: 'encoder-values', message: expect.stringMatching(sentence) });
  });

  it('an embedding that is not finite', async () => {
    const room = await roomOf(loaded('log.onnx', { inputs: [port('x', ['n', 2])], outputs: [port('y', ['n', 2])], nodes: [node('Log', ['x'], ['y'])] }));
    expect(await failure(room.embed(ask('log.onnx', column([2], [1, 1, 1, -1]), 2)))).toMatchObject({ code: 'encoder-non-finite', message: expect.stringMatching(/^log\.onnx gives values that are not finite numbers in “y”, first at row 1/), detail: { term: 'arm', side: 'source', file: 'log.onnx' } });
  });

  it('a file that ONNX Runtime refuses, every time it is asked for', async () => {
    const bad = loaded('bad.onnx', { inputs: [port('x', ['n', 2], 7)], outputs: [port('y', ['n', 2])], nodes: [node('Sigmoid', ['x'], ['y'])] });
    const room = await roomOf(bad, loaded('net.onnx', double()));
    const failures = await Promise.all([1, 2].map(() => failure(room.embed(ask('bad.onnx', two, 1)))));
    for (const error of failures) expect(error).toMatchObject({ code: 'encoder-load', message: expect.stringMatching(/^bad\.onnx is refused/) });
    expect((await room.embed(ask('net.onnx', two, 1))).values).toEqual(Float32Array.of(2, 4));
  });
});

describe('a room', () => {
  it('loads a session with its first use and keeps it', async () => {
    const log: string[] = [];
    const room = new EncoderRoom((what, file) => (log.push(`${what} (${file})`), () => void log.push('end')));
    room.put(await loaded('net.onnx', double()));
    expect(log).toEqual([]);
    await Promise.all([1, 2].map((k) => room.embed(ask('net.onnx', column([2], [k, k]), 1))));
    expect(log).toEqual(['loading net.onnx (net.onnx)', 'end', 'running net.onnx (net.onnx)', 'end', 'running net.onnx (net.onnx)', 'end']);
  });

  it('tells the page in signals', async () => {
    const signals: EngineSignal[] = [];
    const room = new EncoderRoom(signalWatch((signal) => signals.push(signal)));
    room.put(await loaded('net.onnx', double()));
    await room.embed(ask('net.onnx', column([2], [1, 2]), 1));
    expect(signals.map(({ work }) => work?.what ?? null)).toEqual(['loading net.onnx', null, 'running net.onnx', null]);
    expect(signals[0]).toEqual({ type: 'working', work: { what: 'loading net.onnx', file: 'net.onnx' } });
  });

  it('replaces an encoder of the same name; what was asked of the old one is still made', async () => {
    const log: string[] = [];
    const room = new EncoderRoom((what) => (log.push(what), () => undefined));
    room.put(await loaded('net.onnx', double(1)));
    await room.embed(ask('net.onnx', column([2], [1, 2]), 1));
    const old = room.embed(ask('net.onnx', column([2], [1, 2, 3, 4]), 2));
    const next = await loaded('net.onnx', { inputs: [port('x', ['n', 2])], outputs: [port('y', ['n', 2])], nodes: [node('Mul', ['x', 'w'], ['y'])], weights: [floats('w', [1], [10])] });
    room.put(next);
    expect(room.get('net.onnx')).toBe(next);
    expect((await room.embed(ask('net.onnx', column([2], [1, 2]), 1))).values).toEqual(Float32Array.of(10, 20));
    expect((await old).values).toEqual(Float32Array.of(2, 4, 6, 8));
    // The next run waits for what came before it, the closing of the old session included.
    await room.embed(ask('net.onnx', column([2], [1, 2]), 1));
    expect(log.filter((what) => what === 'closing net.onnx')).toHaveLength(1);
    expect(log.lastIndexOf('closing net.onnx')).toBeGreaterThan(log.indexOf('running net.onnx'));
  });

  it('forgets an encoder', async () => {
    const room = await roomOf(loaded('net.onnx', double()));
    await room.embed(ask('net.onnx', column([2], [1, 2]), 1));
    room.remove('net.onnx');
    room.remove('net.onnx');
    expect(room.list()).toEqual([]);
    expect(room.warnings('net.onnx')).toEqual([]);
    expect(await failure(room.embed(ask('net.onnx', column([2], [1, 2]), 1)))).toMatchObject({ code: 'no-encoder' });
  });
});
