import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examineInChild } from '../../../scripts/node/examine-encoder.ts';
import { INSPECT, inspectHere, inspectInProcess } from '../../support/inspect.ts';
import { floats, ints, longs, node, onnxModel, outside, port } from '../../support/onnx.ts';

/* `inspect encoder` on files; some of it as a person runs it, in a process of its own. */

const ROOT = resolve(import.meta.dirname, '../../..');
let folder = '';
const at = (name: string): string => join(folder, name);

async function answer(...args: string[]): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await inspectHere('encoder', ...args);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ot-encoder-'));
  process.chdir(folder);
  const two = [port('a', ['batch', 2]), port('b', ['batch', 2, 'width'])];
  writeFileSync(at('two.onnx'), onnxModel({ inputs: two, outputs: [port('y', ['batch', 2, 'width']), port('m', [''], 7)], nodes: [node('Unsqueeze', ['a', 'axes'], ['c']), node('Add', ['b', 'c'], ['y']), node('Shape', ['b'], ['m'])], weights: [longs('axes', [2]), floats('unused', [5], [1, 2, 3, 4, 5])] }));
  writeFileSync(at('nan.onnx'), onnxModel({ nodes: [node('Log', ['x'], ['y'])] }));
  const beside = { nodes: [node('MatMul', ['x', 'w'], ['y'])] };
  writeFileSync(at('split.onnx'), onnxModel({ ...beside, weights: [outside('w', { location: 'split.onnx.data' })] }));
  writeFileSync(at('linked.onnx'), onnxModel({ ...beside, weights: [outside('w', { location: 'linked.bin' })] }));
  symlinkSync('/etc/hostname', at('linked.bin'));
  writeFileSync(at('loop.onnx'), onnxModel({ nodes: [node('Loop', ['x'], ['y'])] }));
  writeFileSync(at('giant.onnx'), onnxModel({ nodes: [node('ConstantOfShape', ['s'], ['y'])], weights: [longs('s', [300_000_000])] }));
  writeFileSync(at('integers.onnx'), onnxModel({ inputs: [port('x', ['n', 3], 7)], outputs: [port('y', ['n', 3], 7)], nodes: [node('Add', ['x', 'one'], ['y'])], weights: [longs('one', [1])] }));
  writeFileSync(at('slow.onnx'), onnxModel({ inputs: [port('x', [3000, 3000])], outputs: [port('y', [3000, 3000])], nodes: Array.from({ length: 60 }, (_, k) => node('MatMul', [k === 0 ? 'x' : `t${k}`, 'x'], [k === 59 ? 'y' : `t${k + 1}`])) }));
  writeFileSync(at('pads.onnx'), onnxModel({ inputs: [port('x', ['n', 1, 'h', 'w'])], outputs: [port('y', ['n', 1, 'h2', 'w2'])], nodes: [node('MaxPool', ['x'], ['y'], [ints('kernel_shape', [2, 2])])] }));
});
afterAll(() => {
  process.chdir(ROOT);
  rmSync(folder, { recursive: true, force: true });
});

describe('inspect encoder', () => {
  it('says what a file takes, gives and is made of', async () => {
    expect(await answer('two.onnx')).toEqual({
      inputs: { a: { dtype: 'float32', shape: ['batch', 2] }, b: { dtype: 'float32', shape: ['batch', 2, 'width'] } },
      outputs: { y: { dtype: 'float32', shape: ['batch', 2, 'width'] }, m: { dtype: 'int64', shape: [null] } },
      ops: { Unsqueeze: 1, Add: 1, Shape: 1 },
      parameters: 5,
      warnings: [],
    });
  });

  it('runs on sines, each input from k = 0, with shapes from --shape', async () => {
    const { run } = (await answer('two.onnx', '--run', '--shape', 'b=2,2,3')) as { run: Record<string, { shape: number[]; values: number[] }> };
    expect(run['m']).toEqual({ shape: [3], values: [2, 2, 3] });
    expect(run['y']!.shape).toEqual([2, 2, 3]);
    for (const [k, value] of run['y']!.values.entries()) expect(value).toBeCloseTo(Math.sin(k) + Math.sin(Math.floor(k / 3)), 6);
  });

  it('cuts sines towards zero for integers, and names numbers that JSON lacks', async () => {
    expect(await answer('integers.onnx', '--run')).toMatchObject({ run: { y: { shape: [2, 3], values: [1, 1, 1, 1, 1, 1] } } });
    const { run } = (await answer('nan.onnx', '--run')) as { run: { y: { values: unknown[] } } };
    expect(run.y.values).toEqual(['-Infinity', expect.any(Number), expect.any(Number), expect.any(Number), 'NaN', 'NaN', 'NaN', expect.any(Number)]);
  });

  it.each([
    ['no file', [], /^inspect encoder takes one path/],
    ['a file that is not there', ['nothing.onnx'], /^There is no file nothing\.onnx at that path\.$/],
    ['a folder', ['.'], /is not a file; name an \.onnx file\.$/],
    ['an axis left open', ['two.onnx', '--run'], /^Axis 2 \(“width”\) of the input “b” of two\.onnx has no fixed size; give the input's shape with --shape b=2,2,…\.$/],
    ['two axes left open', ['pads.onnx', '--run'], /^Axis 2 \(“h”\) of the input “x”/],
    ['a shape of no input', ['two.onnx', '--run', '--shape', 'c=1'], /“c”, which is no input of two\.onnx; its inputs are “a”, “b”\.$/],
    ['a shape that is none', ['two.onnx', '--run', '--shape', 'b=2,x'], /^--shape takes an input and its shape, as in .*, and not "b=2,x"\.$/],
    ['an axis of zero', ['two.onnx', '--run', '--shape', 'b=0,2,3'], /axis outside 1 to/],
    ['an axis that is fixed', ['two.onnx', '--run', '--shape', 'b=2,3,3'], /gives 3 for axis 1 of the input “b” of two\.onnx, which is fixed at 2\.$/],
    ['shapes beyond memory', ['two.onnx', '--run', '--shape', 'b=2,2,2000000000'], /^two\.onnx asks for too much memory: the input “b” has/],
    ['missing weights', ['split.onnx'], /^split\.onnx keeps its weights in split\.onnx\.data, which is missing: drop both together\.$/],
    ['weights linked from elsewhere', ['linked.onnx', '--run'], /^linked\.onnx keeps its weights in linked\.bin, which is missing/],
    ['a loop', ['loop.onnx', '--run'], /^loop\.onnx uses the operator Loop/],
    ['a giant', ['giant.onnx', '--run'], /^giant\.onnx asks for too much memory/],
    ['an unknown option', ['two.onnx', '--rum'], /--rum/],
  ])('refuses %s in one sentence', async (_, args, sentence) => {
    const { status, stdout, stderr } = await inspectHere('encoder', ...args);
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr.trim()).toMatch(sentence);
    expect(stderr.trim()).not.toContain('\n');
  });

  it('refuses in a process of its own with the sentence and status 1', async () => {
    expect(await inspectInProcess('encoder')).toEqual({ status: 1, stdout: '', stderr: 'inspect encoder takes one path: an .onnx file.\n' });
  });

  it('hands a long answer through a pipe whole', async () => {
    const command = [...INSPECT, 'encoder', at('pads.onnx'), '--run', '--shape', 'x=1,1,200,200'];
    const piped = await new Promise<string>((done, fail) => {
      execFile('sh', ['-c', '"$@" | cat', 'sh', ...command], { maxBuffer: 2 ** 26 }, (error, stdout) => (error ? fail(error) : done(stdout)));
    });
    expect((JSON.parse(piped) as { run: { y: { values: number[] } } }).run.y.values.length).toBe(199 * 199);
  });

  it('ends a run that does not return', async () => {
    await expect(examineInChild({ path: at('slow.onnx'), run: true, shapes: new Map() }, 5000)).rejects.toMatchObject({ code: 'encoder-hung', message: 'slow.onnx did not get further for 5 seconds and was ended; it is too heavy for this machine, or damaged.' });
  });
});
