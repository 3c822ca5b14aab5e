import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/base/errors.ts';
import { Mutex } from '../../../src/base/mutex.ts';
import { fromHalf, toHalf, toNumbers, toTyped } from '../../../src/encoders/dtypes.ts';
import { preflight } from '../../../src/encoders/preflight.ts';
import { EncoderSession } from '../../../src/encoders/session.ts';
import type { Watch } from '../../../src/encoders/ort.ts';
import type { ModelOptions } from '../../support/onnx.ts';
import { floats, int, node, onnxModel, outside, port } from '../../support/onnx.ts';

const load = (model: ModelOptions, watch?: Watch): Promise<EncoderSession> => {
  const bytes = onnxModel(model);
  return EncoderSession.create({ bytes, preflight: preflight(bytes, 'net.onnx') }, { name: 'wasm' }, watch ? { watch } : {});
};
const double = (rows: number | string): ModelOptions => ({ inputs: [port('x', [rows, 2])], outputs: [port('y', [rows, 2])], nodes: [node('Add', ['x', 'x'], ['y'])] });
const feed = (dims: number[], values: number[]): Map<string, { dims: number[]; values: number[] }> => new Map([['x', { dims, values }]]);

describe('an encoder session', () => {
  it('runs overlapping calls one after the other and answers each', async () => {
    const active: string[] = [];
    let most = 0;
    const watch: Watch = (what) => {
      active.push(what);
      most = Math.max(most, active.length);
      return () => void active.splice(active.indexOf(what), 1);
    };
    const [one, other] = await Promise.all([load(double('batch'), watch), load(double('batch'), watch)]);
    const runs = Array.from({ length: 20 }, (_, k) => (k % 2 ? one : other).embed('y', feed([1, 2], [k, -k]), 1));
    const results = await Promise.all(runs);
    expect(results.map(({ values }) => [...values])).toEqual(results.map((_, k) => [2 * k, -2 * k || -0]));
    expect(most).toBe(1);
    expect(active).toEqual([]);
    await Promise.all([one.dispose(), other.dispose()]);
  });

  it('goes on after a run that fails', async () => {
    const session = await load({ inputs: [port('x', ['n', 'k'])], outputs: [port('y', ['n', 'm'])], nodes: [node('MatMul', ['x', 'w'], ['y'])], weights: [floats('w', [2, 3], [1, 2, 3, 4, 5, 6])] });
    const bad = session.run(feed([1, 3], [1, 2, 3]));
    const fine = session.run(feed([1, 2], [1, 1]));
    await expect(bad).rejects.toMatchObject({ code: 'encoder-run', message: expect.stringMatching(/^net\.onnx failed while running \(.+\); check the shapes of its inputs\.$/) });
    expect([...(await fine).get('y')!.data]).toEqual([5, 7, 9]);
  });

  it('with a batch axis of 1 runs row by row, and says so', async () => {
    const session = await load(double(1));
    expect(session.warnings).toEqual(['net.onnx was exported for one row at a time: it runs row by row, which is slow. Export it with a dynamic first axis.']);
    expect(await session.embed('y', feed([3, 2], [1, 2, 3, 4, 5, 6]), 3)).toEqual({ rows: 3, width: 2, values: Float32Array.of(2, 4, 6, 8, 10, 12) });
  });

  it('with a fixed batch axis runs in groups, the last one filled up', async () => {
    const session = await load(double(2));
    expect(session.warnings[0]).toMatch(/2 rows at a time: it runs in groups of 2/);
    expect((await session.embed('y', feed([3, 2], [1, 2, 3, 4, 5, 6]), 3)).values).toEqual(Float32Array.of(2, 4, 6, 8, 10, 12));
  });

  it('with a dynamic batch axis runs once and carries no warning', async () => {
    const calls: string[] = [];
    const session = await load(double('batch'), (what) => (calls.push(what), () => undefined));
    expect(session.warnings).toEqual([]);
    await session.embed('y', feed([3, 2], [1, 2, 3, 4, 5, 6]), 3);
    expect(calls).toEqual(['loading net.onnx', 'running net.onnx']);
  });

  it('flattens what lies beyond the batch axis', async () => {
    const session = await load({ inputs: [port('x', ['b', 2, 3])], outputs: [port('y', ['b', 2, 3])], nodes: [node('Neg', ['x'], ['y'])] });
    expect(await session.embed('y', feed([1, 2, 3], [1, 2, 3, 4, 5, 6]), 1)).toMatchObject({ rows: 1, width: 6 });
  });

  it.each([
    ['float32', 1, [1.5, -2], [1.5, -2]],
    ['float64', 11, [1.5, -2], [1.5, -2]],
    ['float16', 10, [1.5, -0.1], [1.5, -0.0999755859375]],
    ['int64', 7, [3.7, -3.7], [3, -3]],
    ['int32', 6, [3.7, -3.7], [3, -3]],
    ['uint8', 2, [3.7, 255], [3, 255]],
    ['bool', 9, [0.5, 0], [1, 0]],
  ])('feeds and reads %s', async (dtype, type, values, wanted) => {
    const session = await load({ inputs: [port('x', ['b', 2], type)], outputs: [port('y', ['b', 2], type)], nodes: [node('Identity', ['x'], ['y'])] });
    const result = (await session.run(feed([1, 2], values))).get('y')!;
    expect(result.dtype).toBe(dtype);
    expect([...toNumbers(result.dtype, result.data)]).toEqual(wanted);
  });

  it('takes weights from beside the model', async () => {
    const bytes = onnxModel({ inputs: [port('x', ['b', 4])], nodes: [node('MatMul', ['x', 'w'], ['y'])], weights: [outside('w', { location: './sub/w.bin', offset: '4' })] });
    const data = new Float32Array(17).fill(2);
    const session = await EncoderSession.create({ bytes, external: new Map([['sub/w.bin', new Uint8Array(data.buffer)]]), preflight: preflight(bytes, 'net.onnx') });
    expect([...(await session.run(feed([1, 4], [1, 1, 1, 1]))).get('y')!.data]).toEqual([8, 8, 8, 8]);
  });

  it.each([
    ['NaN', { nodes: [node('Sqrt', ['x'], ['y'])] }, feed([2, 4], [1, 1, 1, 1, 1, 1, 1, -1]), 2, /not finite numbers in “y”, first at row 1/],
    ['infinity', { nodes: [node('Reciprocal', ['x'], ['y'])] }, feed([1, 4], [1, 0, 1, 1]), 1, /first at row 0/],
    ['an output without the frames', { outputs: [port('y', [])], nodes: [node('ReduceSum', ['x'], ['y'], [int('keepdims', 0)])] }, feed([2, 4], [1, 1, 1, 1, 1, 1, 1, 1]), 2, /shape \(\) for 2 rows; its first axis must be the frames/],
    ['inputs without a batch axis', { inputs: [port('x', [])], outputs: [port('y', [])], nodes: [node('Neg', ['x'], ['y'])] }, feed([], [1]), 1, /takes no frames at its input “x”/],
    ['no values for an input', double('b'), new Map(), 1, /the input “x”, for which there are no values/],
    ['a feed of another width', double('b'), feed([1, 3], [1, 2, 3]), 1, /wants the shape \(b, 2\) at its input “x” and gets \(1, 3\)/],
  ] as [string, ModelOptions, Map<string, { dims: number[]; values: number[] }>, number, RegExp][])('refuses %s', async (_, model, feeds, rows, sentence) => {
    const session = await load(model);
    const failed = await session.embed('y', feeds, rows).then(() => null, (error: unknown) => error);
    expect(failed).toBeInstanceOf(UserError);
    expect((failed as UserError).message).toMatch(sentence);
    expect((failed as UserError).message).toMatch(/^net\.onnx [^\n]+\.$/);
  });

  it('refuses an output that is not there, and a graph whose types do not agree', async () => {
    await expect((await load(double('b'))).embed('z', feed([1, 2], [1, 2]), 1)).rejects.toThrow('net.onnx has no output “z”; it gives “y”.');
    await expect(load({ inputs: [port('x', [1], 7)], nodes: [node('Sigmoid', ['x'], ['y'])] })).rejects.toMatchObject({ code: 'encoder-load', message: expect.stringMatching(/^net\.onnx is refused by ONNX Runtime \([^/]+\); export the encoder again, with opset 17\.$/) });
  });

  it('may be closed twice', async () => {
    const session = await load(double('b'));
    await session.dispose();
    await session.dispose();
  });
});

describe('Mutex', () => {
  it('keeps the order and lets no failure hold up the next', async () => {
    const mutex = new Mutex();
    const log: number[] = [];
    const task = (k: number, fails = false) => async () => {
      log.push(k);
      await new Promise((resolve) => setTimeout(resolve, 3 - k));
      log.push(-k);
      if (fails) throw new Error('failed');
    };
    const results = await Promise.allSettled([mutex.run(task(1, true)), mutex.run(task(2)), mutex.run(task(3))]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect(log).toEqual([1, -1, 2, -2, 3, -3]);
  });
});

describe('float16', () => {
  it('goes through its bits and back for all 65,536 patterns', () => {
    for (let bits = 0; bits < 65_536; bits++) {
      const value = fromHalf(bits);
      if (Number.isNaN(value)) expect(toHalf(value)).toBe(0x7e00);
      else if (toHalf(value) !== bits) expect.fail(`${bits} → ${value} → ${toHalf(value)}`);
    }
  });

  it.each([[65_519, 65_504], [65_520, Infinity], [-1e9, -Infinity], [2 ** -25, 0], [1.5 * 2 ** -25, 2 ** -24], [1 + 2 ** -11, 1], [1 + 3 * 2 ** -11, 1 + 2 ** -9], [2 ** -14 - 2 ** -26, 2 ** -14], [0.1, 0.0999755859375]])('rounds %d to %d', (value, wanted) => {
    expect(fromHalf(toHalf(value))).toBe(wanted);
  });

  it('and integers survive NaN', () => {
    expect([...toTyped('int64', [Number.NaN, 1e3])]).toEqual([0n, 1000n]);
    expect([...toTyped('bool', [Number.NaN, 0])]).toEqual([1, 0]);
  });
});
