import { lostError, scoped } from './errors.ts';

/** GPUBufferUsage and GPUMapMode by number: the globals of these names are absent under Node. */
const USAGE = { mapRead: 0x1, copySource: 0x4, copyTarget: 0x8, uniform: 0x40, storage: 0x80 } as const;
const MAP_READ = 1;
/** Readings up to this many bytes are mapped as one: each buffer that is mapped is a message of its own to another process. */
const TOGETHER = 2 ** 16;

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

/** The first `bytes` of a storage buffer. */
export interface Reading {
  readonly buffer: GPUBuffer;
  readonly bytes: number;
}

/**
 * Copies of storage buffers.
 * @throws UserError as `guarded`; `gpu-lost` when the device goes while the copy is under way
 */
export async function readBack(device: GPUDevice, sources: readonly Reading[]): Promise<ArrayBuffer[]> {
  return computed(device, 'reading a result back', () => sources);
}

/**
 * Do GPU work and read what it says, in one wait: a wait costs a trip to another process in a browser, and behind a
 * compositor that draws in software that is longer than most work.
 * @param work synchronous, as for `guarded`; gives what to read
 * @throws UserError as `readBack`
 */
export async function computed(device: GPUDevice, what: string, work: () => readonly Reading[]): Promise<ArrayBuffer[]> {
  const targets = new Set<GPUBuffer>();
  const parts: { readonly target: GPUBuffer; readonly start: number; readonly bytes: number }[] = [];
  try {
    const { checked } = scoped(device, what, () => {
      const sources = work().map(({ buffer, bytes }) => ({ buffer, bytes, size: Math.max(4, Math.ceil(bytes / 4) * 4) }));
      const small = sources.reduce((total, { size }) => total + (size <= TOGETHER ? size : 0), 0);
      const make = (size: number): GPUBuffer => {
        const target = device.createBuffer({ size, usage: USAGE.mapRead | USAGE.copyTarget });
        targets.add(target);
        return target;
      };
      const shared = small > 0 ? make(small) : null;
      const encoder = device.createCommandEncoder();
      let at = 0;
      for (const { buffer, bytes, size } of sources) {
        const [target, start] = shared && size <= TOGETHER ? [shared, at] : [make(size), 0];
        if (target === shared) at += size;
        parts.push({ target, start, bytes });
        encoder.copyBufferToBuffer(buffer, 0, target, start, size);
      }
      device.queue.submit([encoder.finish()]);
    });
    const mapped = Promise.allSettled([...targets].map((target) => target.mapAsync(MAP_READ)));
    await checked;
    for (const outcome of await mapped) if (outcome.status === 'rejected') throw lostError(outcome.reason instanceof Error ? outcome.reason.message : String(outcome.reason));
    const ranges = new Map([...targets].map((target) => [target, target.getMappedRange()]));
    return parts.map(({ target, start, bytes }) => ranges.get(target)!.slice(start, start + bytes));
  } finally {
    for (const target of targets) target.destroy();
  }
}
