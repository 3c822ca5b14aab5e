import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspectGradients } from '../../../scripts/inspect/gradients.ts';
import { floats, node, onnxModel, port } from '../../support/onnx.ts';

/* `inspect gradients` on folders of truths: those of torch, and one made by hand. */

const TRUTHS = join(resolve(import.meta.dirname, '../../..', process.env['OT_SHARED'] ?? '../shared'), 'gradients');

describe.runIf(process.env['CI'] !== undefined)('the shared gradients', () => {
  it('are there', () => expect(existsSync(TRUTHS), `${TRUTHS} is missing; set OT_SHARED`).toBe(true));
});

describe.skipIf(!existsSync(TRUTHS))('gradients of torch in float64', () => {
  it('agree to 1e-5 of the largest in every net', async () => {
    const { nets, provider } = await inspectGradients([TRUTHS]);
    expect(provider).toBe('wasm');
    expect(nets).toMatchObject({ mlp: { parameters: 86_080, unmatched: [] }, mlpln: { parameters: 87_104, unmatched: [] }, cnn16: { parameters: 27_744, unmatched: [] } });
    for (const [name, { maxErr, outputErr }] of Object.entries(nets)) {
      expect(maxErr, name).toBeLessThan(1e-6);
      expect(outputErr, name).toBeLessThan(1e-6);
    }
  });
});

describe('a folder made by hand', () => {
  let folder = '';
  const write = (name: string, values: readonly number[]): void => writeFileSync(join(folder, name), new Uint8Array(Float32Array.from(values).buffer));
  const meta = (nets: unknown): void => writeFileSync(join(folder, 'meta.json'), JSON.stringify(nets));

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ot-gradients-'));
    // y = (x·w + v)·w′ + 0.5 with w′ merged into w: ∂L/∂w = Σ dy·w′·x, ∂L/∂v = Σ dy·w′, ∂L/∂w′ = Σ dy·(x·w + v).
    const bytes = onnxModel({ outputs: [port('y', null)], nodes: [node('Identity', ['w'], ['again']), node('Mul', ['x', 'w'], ['a']), node('Add', ['a', 'v'], ['b']), node('Mul', ['b', 'again'], ['c']), node('Add', ['c', 'number'], ['y'])], weights: [floats('w', [4], [1, 2, 3, 4]), floats('v', [4], [1, 1, 1, 1]), floats('number', [], [0.5])] });
    writeFileSync(join(folder, 'net.onnx'), bytes);
    write('net.x.bin', [1, 1, 1, 1, 2, 2, 2, 2]);
    write('net.g.bin', [1, 1, 1, 1, 1, 1, 1, 1]);
    write('net.z.bin', [2.5, 6.5, 12.5, 20.5, 3.5, 10.5, 21.5, 36.5]);
    // w, v, again, number
    write('net.grad.bin', [3, 6, 9, 12, 2, 4, 6, 8, 5, 8, 11, 14, 8, 8, 14, 20, 26]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const shape = { shape: [2, 4], out: [2, 4] };

  it('takes a name for what the truth takes it for: its own parameter, or one with the first', async () => {
    meta({ net: { ...shape, params: { w: [0, [4]], v: [4, [4]], again: [8, [4]], number: [12, []], gone: [0, [4]] } } });
    const { nets } = await inspectGradients([folder]);
    expect(nets['net']).toMatchObject({ parameters: 13, unmatched: ['gone'] });
    expect(Math.max(nets['net']!.maxErr, nets['net']!.outputErr)).toBeLessThan(1e-6);
    meta({ net: { ...shape, params: { w: [13, [4]], v: [4, [4]] } }, other: { shape: [1] } });
    expect(await inspectGradients([folder])).toMatchObject({ nets: { net: { maxErr: 0, parameters: 8, unmatched: [] } }, provider: 'wasm' });
    // A wrong truth shows.
    meta({ net: { ...shape, params: { w: [0, [4]], v: [4, [4]] } } });
    expect((await inspectGradients([folder])).nets['net']!.maxErr).toBeCloseTo(14 / 12, 5);
  });

  it('says what is missing, each in one sentence', async () => {
    const refused = async (message: string | RegExp): Promise<void> => expect(inspectGradients([folder])).rejects.toThrow(message);
    await expect(inspectGradients([])).rejects.toThrow('inspect gradients takes one path: the folder that holds meta.json.');
    meta({ net: { ...shape, params: { w: 'no' } } });
    await refused('meta.json does not describe "net" as {shape, out, params: {name: [offset, dims]}}.');
    meta({ net: { ...shape, params: { w: [15, [4]] } } });
    await refused('net.grad.bin ends before 19 numbers; the truth is cut short.');
    meta({ net: { ...shape, params: { w: [0, [3]] } } });
    await refused('The truth of net has 3 numbers for w, and the graph 4.');
    meta({ absent: { ...shape, params: {} } });
    await refused('There is no file absent.onnx at that path.');
    writeFileSync(join(folder, 'meta.json'), '{');
    await refused('meta.json is not valid JSON.');
  });
});
