import type { ErrorReport } from '../../../src/base/errors.ts';
import { UserError, reportError } from '../../../src/base/errors.ts';
import type { LoadedEncoder } from '../../../src/encoders/load.ts';
import type { DeviceEmbedding } from '../../../src/encoders/session.ts';
import { EncoderRoom } from '../../../src/engine/encoders.ts';
import { openDevice } from '../../../src/gpu/device.ts';

export interface Order {
  readonly encoder: LoadedEncoder;
  /** Where to run: the wasm provider, the device there is, a new one after the old was given up, or one that is lost. */
  readonly where: 'wasm' | 'webgpu' | 'new device' | 'lost device';
  readonly output: string;
  readonly rows: number;
  readonly feeds: readonly (readonly [input: string, feed: { readonly shape: readonly number[]; readonly values: readonly number[] }])[];
  /** How many such calls to make at once. */
  readonly times: number;
}

export type Answer = { readonly values: readonly number[]; readonly width: number; readonly stayed: boolean; readonly warnings: readonly string[]; readonly deviceLost: boolean } | { readonly error: ErrorReport };

const room = new EncoderRoom();
let device: GPUDevice | null = null;
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

async function answer({ encoder, where, output, rows, feeds, times }: Order): Promise<Answer> {
  const { file } = encoder;
  if (room.get(file)?.fingerprint !== encoder.fingerprint) room.put(encoder);
  const gpu = where === 'wasm' ? null : await deviceFor(where);
  room.setDevice(gpu);
  if (where === 'lost device') {
    gpu?.destroy();
    await gpu?.lost;
  }
  const request = { term: 'test', file, output, side: 'source', inputs: feeds.map(([input, { shape, values }]) => ({ input, key: input, column: { shape, values: Float64Array.from(values) } })), count: rows } as const;
  let stayed = false;
  const runs = await Promise.all(
    Array.from({ length: times }, async () => {
      const embedding = await room.embedOnDevice(request);
      if (!('buffer' in embedding)) return embedding;
      stayed = true;
      return { width: embedding.width, values: await readBack(gpu!, embedding) };
    }),
  );
  // What comes down from the device is what stayed on it.
  if (gpu) runs.push(await room.embed(request));
  const [first] = runs;
  if (!first || runs.some(({ values }) => values.some((value, k) => value !== first.values[k]))) throw new UserError('test', 'Equal runs gave different embeddings.');
  return { values: [...first.values], width: first.width, stayed, warnings: room.warnings(file), deviceLost: lost };
}

async function deviceFor(where: Exclude<Order['where'], 'wasm'>): Promise<GPUDevice> {
  if (device && where !== 'new device') return device;
  const old = device;
  const { device: found } = await openDevice(navigator.gpu);
  device = found;
  void found.lost.then(() => (lost = device === found));
  // As the engine does it: the room first, and then the device goes.
  room.setDevice(found);
  old?.destroy();
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
