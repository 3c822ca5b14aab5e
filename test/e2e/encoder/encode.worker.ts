import type { ErrorReport } from '../../../src/base/errors.ts';
import { UserError, reportError } from '../../../src/base/errors.ts';
import { preflight } from '../../../src/encoders/preflight.ts';
import type { DeviceEmbedding, Feed, Provider } from '../../../src/encoders/session.ts';
import { EncoderSession } from '../../../src/encoders/session.ts';

export interface Order {
  readonly provider: Provider['name'];
  readonly file: string;
  readonly bytes: readonly number[];
  readonly output: string;
  readonly rows: number;
  readonly feeds: readonly (readonly [input: string, feed: Feed])[];
  /** How many such calls to make at once. */
  readonly times: number;
}

export type Answer = { readonly values: readonly number[]; readonly width: number; readonly warnings: readonly string[]; readonly deviceLost: boolean } | { readonly error: ErrorReport };

let device: Promise<GPUDevice> | null = null;
let lost = false;

globalThis.addEventListener('message', (event: MessageEvent<Order>) => {
  answer(event.data).then(
    post,
    (error: unknown) => post({ error: reportError(error) }),
  );
});

function post(message: Answer): void {
  globalThis.postMessage(message, { transfer: [] });
}

async function answer({ provider, file, bytes: numbers, output, rows, feeds: entries, times }: Order): Promise<Answer> {
  const bytes = Uint8Array.from(numbers);
  const feeds = new Map(entries);
  const gpu = provider === 'webgpu' ? await (device ??= getDevice()) : null;
  const session = await EncoderSession.create({ bytes, preflight: preflight(bytes, file) }, gpu ? { name: 'webgpu', device: gpu } : { name: 'wasm' });
  const { warnings } = session;
  const runs = await Promise.all(
    Array.from({ length: times }, async () => {
      if (!gpu) return session.embed(output, feeds, rows);
      const embedding = await session.embedOnDevice(output, feeds, rows);
      return { width: embedding.width, values: await readBack(gpu, embedding) };
    }),
  );
  // What comes down from the device is what stayed on it.
  if (gpu) runs.push(await session.embed(output, feeds, rows));
  await session.dispose();
  const [first] = runs;
  if (!first || runs.some(({ values }) => values.some((value, k) => value !== first.values[k]))) throw new UserError('test', 'Equal runs gave different embeddings.');
  return { values: [...first.values], width: first.width, warnings, deviceLost: lost };
}

async function getDevice(): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new UserError('test', 'There is no adapter.');
  const { maxStorageBuffersPerShaderStage } = adapter.limits;
  const found = await adapter.requestDevice({ requiredLimits: { maxStorageBuffersPerShaderStage } });
  void found.lost.then(() => (lost = true));
  return found;
}

/** By a copy of our own on the same queue, right after the run: no wait lies between. */
async function readBack(gpu: GPUDevice, { buffer, rows, width, release }: DeviceEmbedding): Promise<Float32Array> {
  const size = 4 * rows * width;
  const [mapRead, copyDestination] = [1, 8];
  const staging = gpu.createBuffer({ size, usage: mapRead | copyDestination });
  const commands = gpu.createCommandEncoder();
  commands.copyBufferToBuffer(buffer, 0, staging, 0, size);
  gpu.queue.submit([commands.finish()]);
  await staging.mapAsync(mapRead);
  const values = new Float32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  release();
  return values;
}
