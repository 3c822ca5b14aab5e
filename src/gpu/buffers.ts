import { guarded, lostError } from './errors.ts';

/** GPUBufferUsage and GPUMapMode by number: the globals of these names are absent under Node. */
const USAGE = { mapRead: 0x1, copySource: 0x4, copyTarget: 0x8, uniform: 0x40, storage: 0x80 } as const;
const MAP_READ = 1;

/** The buffers of one computation: allocated, filled and destroyed together. Sizes are rounded up to 16 bytes. */
export class Buffers {
  readonly device: GPUDevice;
  #all: GPUBuffer[] = [];

  constructor(device: GPUDevice) {
    this.device = device;
  }

  /** Zeroed storage of `bytes`. */
  storage(bytes: number): GPUBuffer {
    return this.#make(bytes, USAGE.storage | USAGE.copySource | USAGE.copyTarget);
  }

  /** Storage with contents. */
  filled(data: ArrayBuffer | Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): GPUBuffer {
    return this.#write(this.storage(data.byteLength), data);
  }

  uniform(data: ArrayBuffer | Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): GPUBuffer {
    return this.#write(this.#make(data.byteLength, USAGE.uniform | USAGE.copyTarget), data);
  }

  /** Take a buffer in that was made elsewhere. */
  adopt(buffer: GPUBuffer): void {
    this.#all.push(buffer);
  }

  destroy(): void {
    for (const buffer of this.#all) buffer.destroy();
    this.#all = [];
  }

  #make(bytes: number, usage: number): GPUBuffer {
    const buffer = this.device.createBuffer({ size: Math.max(16, Math.ceil(bytes / 16) * 16), usage });
    this.#all.push(buffer);
    return buffer;
  }

  #write(buffer: GPUBuffer, data: ArrayBuffer | Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): GPUBuffer {
    this.device.queue.writeBuffer(buffer, 0, data);
    return buffer;
  }
}

/**
 * Copies of the first `bytes` of storage buffers.
 * @throws UserError as `guarded`; `gpu-lost` when the device goes while the copy is under way
 */
export async function readBack(device: GPUDevice, sources: readonly { readonly buffer: GPUBuffer; readonly bytes: number }[]): Promise<ArrayBuffer[]> {
  const staging: GPUBuffer[] = [];
  try {
    await guarded(device, 'reading a result back', () => {
      const encoder = device.createCommandEncoder();
      for (const { buffer, bytes } of sources) {
        const size = Math.max(4, Math.ceil(bytes / 4) * 4);
        const target = device.createBuffer({ size, usage: USAGE.mapRead | USAGE.copyTarget });
        staging.push(target);
        encoder.copyBufferToBuffer(buffer, 0, target, 0, size);
      }
      device.queue.submit([encoder.finish()]);
    });
    await Promise.all(
      staging.map((target) =>
        target.mapAsync(MAP_READ).catch((thrown: unknown) => {
          throw lostError(thrown instanceof Error ? thrown.message : String(thrown));
        }),
      ),
    );
    return staging.map((target, k) => target.getMappedRange().slice(0, sources[k]!.bytes));
  } finally {
    for (const target of staging) target.destroy();
  }
}
