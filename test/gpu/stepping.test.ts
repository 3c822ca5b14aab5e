import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { embedTerm } from '../../src/config/presets.ts';
import { UserError } from '../../src/base/errors.ts';
import { DEFAULT_ADAMW } from '../../src/core/training/adamw.ts';
import { differentiate } from '../../src/encoders/autodiff/differentiate.ts';
import { preflight } from '../../src/encoders/preflight.ts';
import { Backend } from '../../src/engine/backend.ts';
import { openStepper } from '../../src/engine/stepping.ts';
import { Trainer, type TrainerPlace } from '../../src/engine/trainer.ts';
import type { PolicyDesign } from '../../src/training/stepper.ts';
import { nodeGpu } from '../../scripts/node/gpu.ts';
import { changed, madeDataset } from '../support/demo.ts';
import { encoderOf } from '../support/engine.ts';
import { floats, int, node, onnxModel, port } from '../support/onnx.ts';
import { placeOf, trainSettings } from '../support/trainer.ts';
import { describeOnGpu } from './device.ts';

/* Which runs a device does not get. ONNX Runtime has no webgpu provider in Node, so here every run ends on the host, and says why; test/e2e has those that stay. */

const draw = (name: string, dims: readonly number[]): ReturnType<typeof floats> => floats(name, dims, Array.from({ length: dims.reduce((product, size) => product * size, 1) }, (_, k) => Math.sin(1 + 7 * k)));
const scaled = (lengths: readonly number[]): ReturnType<typeof madeDataset> => changed(madeDataset(lengths, { state: 4, action: 2 }), 'state', (values) => values.forEach((value, k) => (values[k] = Math.sin(value + k))));

async function place(): Promise<TrainerPlace> {
  const bytes = onnxModel({ inputs: [port('x', ['batch', 4])], outputs: [port('y', ['batch', 3])], nodes: [node('MatMul', ['x', 'w'], ['y'])], weights: [draw('w', [4, 3])] });
  return placeOf(scaled([7, 9]), scaled([8]), [await encoderOf('net.onnx', bytes)]);
}

const settings = trainSettings({ features: [embedTerm('embedding', 'state', { file: 'net.onnx', input: 'x', output: 'y', others: [] }, 1)], batch: { size: 6 }, training: { batchSize: 5 }, policy: { frozen: [], proprio: '', hidden: [4] } });

describeOnGpu('a run beside a device', () => {
  const backend = new Backend();
  beforeAll(async () => {
    vi.stubGlobal('navigator', { gpu: await nodeGpu() });
    await backend.choose('webgpu');
  });
  afterAll(async () => {
    await backend.choose('cpu');
    vi.unstubAllGlobals();
  });

  test.each([
    ['whose graphs the runtime does not take there is stepped on the host', null, { code: expect.stringMatching(/^encoder-/) as string }],
    ['that is kept off it says why', new UserError('train-gpu-lost', 'It was lost.'), { code: 'train-gpu-lost' }],
  ])('%s', async (_, keepOff, reason) => {
    const trainer = await Trainer.create({ ...(await place()), backend }, settings, keepOff);
    expect(trainer.runsOn).toMatchObject({ kind: 'cpu', reason });
    expect((await trainer.train()).total).toBeGreaterThan(0);
    await trainer.dispose();
  });

  test('that is fed integers is stepped on the host', async () => {
    const bytes = onnxModel({ inputs: [port('x', ['batch', 4]), port('k', ['batch', 1], 7)], outputs: [port('y', ['batch', 3])], nodes: [node('Cast', ['k'], ['f'], [int('to', 1)]), node('Concat', ['x', 'f'], ['j'], [int('axis', 1)]), node('MatMul', ['j', 'w'], ['y'])], weights: [draw('w', [5, 3])] });
    const graphs = await differentiate({ bytes, preflight: preflight(bytes, 'net.onnx') }, { shapes: new Map([['x', [4, 4]], ['k', [4, 1]]]) });
    const design: PolicyDesign = { encoder: { graphs, file: 'net.onnx' }, head: null, embedding: 'y', action: null, weight: 1, sizes: { n: 2, m: 2, bc: 0 }, chunk: { horizon: 1, width: 1 }, loss: { kind: 'l2', mean: 'unpadded' }, groups: [{ name: 'encoder', rate: 1, weightDecay: 0 }], adamw: DEFAULT_ADAMW, averaged: false, alignment: 'transport' };
    const { stepper, runsOn } = await openStepper(design, { backend, options: {} }, null);
    expect(runsOn).toMatchObject({ kind: 'cpu', reason: { code: 'train-gpu-input', message: expect.stringContaining('net.onnx takes int64 at its input “k”') as string } });
    await stepper.dispose();
  });

  test('on the CPU that was chosen has nothing to say', async () => {
    const trainer = await Trainer.create({ ...(await place()), backend: new Backend() }, settings);
    expect(trainer.runsOn).toEqual({ kind: 'cpu', reason: null });
    await trainer.dispose();
  });
});
