import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { childHandle } from '../../../scripts/node/read-dataset.ts';
import { UserError } from '../../../src/base/errors.ts';
import { Random } from '../../../src/base/random.ts';
import { nodeFiles } from '../../../src/datasets/node-files.ts';
import { builtinEncoders } from '../../../src/encoders/builtin.ts';
import { BUILTIN_ENCODERS } from '../../../src/config/session.ts';
import { groupEncoders, isEncoderDrop } from '../../../src/encoders/files.ts';
import { MAX_MODEL_BYTES } from '../../../src/encoders/limits.ts';
import type { EncoderInput, EncoderProgress, LoadedEncoder } from '../../../src/encoders/load.ts';
import { loadEncoder } from '../../../src/encoders/load.ts';
import { supervise } from '../../../src/engine/supervise.ts';
import { longs, node, onnxModel, outside, port, ONNX_FILES, hasOnnxFiles } from '../../support/onnx.ts';

const file = (path: string, bytes: Uint8Array, size = bytes.length): EncoderInput => ({ path, size, slice: async (start, end) => Uint8Array.from(bytes.subarray(start, end)).buffer });
const paths = (...names: string[]): { path: string }[] => names.map((path) => ({ path }));

const double = onnxModel({ inputs: [port('x', ['batch', 4])], nodes: [node('Add', ['x', 'x'], ['y'])] });
const split = (location: string): Uint8Array => onnxModel({ nodes: [node('MatMul', ['x', 'w'], ['y'])], weights: [outside('w', { location })] });
const weights = new Uint8Array(new Float32Array(16).fill(2).buffer);
const loop = onnxModel({ nodes: [node('Loop', ['x'], ['y'])] });
const giant = onnxModel({ nodes: [node('ConstantOfShape', ['s'], ['y'])], weights: [longs('s', [300_000_000])] });

describe('the encoders of a drop', () => {
  it('are told from data by one .onnx file', () => {
    expect(isEncoderDrop(paths('a/meta/info.json', 'a/data.parquet'))).toBe(false);
    expect(isEncoderDrop(paths('net.onnx.data', 'onnx'))).toBe(false);
    expect(isEncoderDrop(paths('net.onnx.data', 'NET.ONNX'))).toBe(true);
    // A dataset's folder may have a model lying about.
    expect(isEncoderDrop(paths('a/data.parquet', 'a/policy.onnx'))).toBe(false);
    expect(isEncoderDrop([])).toBe(false);
  });

  it('are one each, with what lies beside them', () => {
    const [side, deep, alone, other, notes] = paths('a/net.onnx.data', 'a/deep/w.bin', 'a/net.onnx', 'b/other.onnx', 'notes.txt');
    expect(groupEncoders([side!, deep!, alone!, other!, notes!])).toEqual([{ model: alone, weights: [side, deep] }, { model: other, weights: [] }]);
    const loose = paths('net.onnx', 'two.onnx', 'net.onnx.data');
    expect(groupEncoders(loose).map(({ model, weights: beside }) => [model.path, beside.map(({ path }) => path)])).toEqual([['net.onnx', ['net.onnx.data']], ['two.onnx', ['net.onnx.data']]]);
  });

  it.each([
    ['none', ['net.onnx.data'], 'no-encoder-file', 'There is no encoder among these files; drop an .onnx file, together with its files of weights where it has any.'],
    ['two of one name', ['a/net.onnx', 'b/net.onnx'], 'encoder-same-name', 'Two of the encoders are called net.onnx, and a term knows its encoder by this name; rename one of them.'],
  ])('%s is said', (_, names, code, message) => {
    expect(() => groupEncoders(paths(...names))).toThrow(expect.objectContaining({ name: 'UserError', code, message }));
  });

  it('of the demo are those that the page fetches', () => expect([...BUILTIN_ENCODERS]).toEqual([...builtinEncoders().keys()]));
});

describe('reading an encoder', () => {
  it('gives its bytes, what they are, and a fingerprint of all of them', async () => {
    const seen: EncoderProgress[] = [];
    const read = await loadEncoder([file('drop/net.onnx', split('sub/w.bin')), file('drop/sub/w.bin', weights), file('drop/readme.md', weights)], (progress) => seen.push(progress));
    expect(read).toMatchObject({ file: 'net.onnx', bytes: split('sub/w.bin'), external: new Map([['sub/w.bin', weights]]), preflight: { file: 'net.onnx', parameters: 16 }, warnings: [] });
    expect(read.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(seen.map(({ step, done, total }) => [step, done / total])).toEqual([['model', 1], ['graph', 0], ['graph', 1], ['weights', 1]]);
    const again = await loadEncoder([file('net.onnx', split('sub/w.bin')), file('w.bin', weights)]);
    expect(again.fingerprint).toBe(read.fingerprint);
    const other = await loadEncoder([file('net.onnx', split('sub/w.bin')), file('w.bin', weights.map((byte) => byte ^ 1))]);
    expect(other.fingerprint).not.toBe(read.fingerprint);
  });

  it('survives a worker boundary', async () => {
    const read = await loadEncoder([file('net.onnx', split('w.bin')), file('w.bin', weights)]);
    expect(structuredClone(read)).toEqual(read);
  });

  it('passes on what a person should know', async () => {
    const fixed = onnxModel({ inputs: [port('x', [1, 4])], nodes: [node('RandomNormalLike', ['x'], ['y'])] });
    const { warnings } = await loadEncoder([file('net.onnx', fixed)]);
    expect(warnings).toEqual([expect.stringMatching(/draws random numbers/), expect.stringMatching(/runs row by row/)]);
    const long = new Uint8Array(100);
    expect((await loadEncoder([file('net.onnx', split('w.bin')), file('w.bin', long)])).warnings).toEqual(['w.bin has 100 bytes and net.onnx reads 64 of them: if it belongs to another model, the embeddings mean nothing.']);
  });

  it.each([
    ['a model cut short', [file('net.onnx', double.subarray(0, 60))], 'encoder-damaged'],
    ['random bytes', [file('net.onnx', Uint8Array.from({ length: 4000 }, ((random) => () => Math.floor(random.between(0, 256)))(new Random(7))))], /^encoder-/],
    ['an empty file', [file('net.onnx', new Uint8Array(0))], 'encoder-not-onnx'],
    ['a cycle', [file('net.onnx', onnxModel({ nodes: [node('Add', ['x', 'b'], ['a']), node('Relu', ['a'], ['b']), node('Relu', ['b'], ['y'])] }))], 'encoder-cyclic'],
    ['a loop', [file('net.onnx', loop)], 'encoder-op'],
    ['a few bytes that ask for gigabytes', [file('net.onnx', giant)], 'encoder-too-large'],
    ['an input called __proto__', [file('net.onnx', onnxModel({ inputs: [port('__proto__', ['b', 4])], nodes: [node('Relu', ['__proto__'], ['y'])] }))], 'encoder-refused'],
    ['no floating-point output', [file('net.onnx', onnxModel({ outputs: [port('y', ['batch'], 7)], nodes: [node('ArgMax', ['x'], ['y'])] }))], 'encoder-no-float-output'],
    ['inputs without a batch axis', [file('net.onnx', onnxModel({ inputs: [port('x', [])], outputs: [port('y', [])], nodes: [node('Neg', ['x'], ['y'])] }))], 'encoder-batch'],
    ['weights outside the folder', [file('a/net.onnx', split('../w.bin')), file('w.bin', weights)], 'encoder-external-path'],
    ['weights at a root', [file('net.onnx', split('/w.bin')), file('w.bin', weights)], 'encoder-external-path'],
    ['missing weights', [file('net.onnx', split('w.bin'))], 'encoder-external-missing', 'net.onnx keeps its weights in w.bin, which is missing: drop both together.'],
    ['weights of another folder', [file('a/net.onnx', split('w.bin')), file('b/w.bin', weights)], 'encoder-external-missing'],
    ['weights that are too short', [file('net.onnx', split('w.bin')), file('w.bin', weights.subarray(4))], 'encoder-external-short'],
    ['a model larger than any', [file('net.onnx', double, MAX_MODEL_BYTES + 1)], 'encoder-too-large'],
    ['weights larger than any', [file('net.onnx', split('w.bin')), file('w.bin', weights, MAX_MODEL_BYTES + 1)], 'encoder-too-large'],
    ['no model', [file('w.bin', weights)], 'no-encoder-file'],
  ] as [string, EncoderInput[], string | RegExp, string?][])('refuses %s', async (_, files, code, message) => {
    const failed = await loadEncoder(files).then(() => null, (error: unknown) => error);
    expect(failed).toBeInstanceOf(UserError);
    expect((failed as UserError).code).toMatch(code);
    expect((failed as UserError).message).toMatch(/^[^\n]+\.$/);
    if (message) expect((failed as UserError).message).toBe(message);
  });

  it.skipIf(!hasOnnxFiles)('takes a real one with its weights beside it', async () => {
    const read = await loadEncoder(await nodeFiles(join(ONNX_FILES, 'ferroflow_mlp')));
    expect([...read.external.keys()]).toEqual(['mlp.onnx.data']);
    expect(read.warnings).toEqual([]);
  });
});

describe('a supervised reader of encoders', () => {
  let folder = '';
  const script = fileURLToPath(new URL('load.child.ts', import.meta.url));
  const read = (name: string): Promise<LoadedEncoder> => supervise(childHandle<LoadedEncoder, EncoderProgress>(script, join(folder, name)), { advice: 'export the encoder again' });
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ot-load-'));
    writeFileSync(join(folder, 'good.onnx'), double);
    writeFileSync(join(folder, 'giant.onnx'), giant);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('hands over what was read', async () => {
    expect(await read('good.onnx')).toEqual(await loadEncoder([file('good.onnx', double)]));
  });

  it('passes a refusal on, and says what may work when it dies', async () => {
    await expect(read('giant.onnx')).rejects.toMatchObject({ name: 'UserError', code: 'encoder-too-large', message: expect.stringMatching(/^giant\.onnx asks for too much memory/) });
    const misbehave = fileURLToPath(new URL('../datasets/misbehave.child.ts', import.meta.url));
    await expect(supervise(childHandle<LoadedEncoder, EncoderProgress>(misbehave, 'kill'), { advice: 'export the encoder again' })).rejects.toThrow('The reader ended without an answer; a file is probably damaged or too large for the memory here, export the encoder again.');
  });
});
