import { Buffers } from './buffers.ts';
import { guarded } from './errors.ts';
import { foldedOver, type Folded } from './fold.ts';
import { bindGroup, dispatch, type Pipelines } from './pipelines.ts';

const THREADS = 64;

/** Moving averages of weights on a device (shaders/ema.wgsl). They start as copies of the weights. */
export class GpuEma {
  /** One a parameter, float32: what a checkpoint reads and writes, and what is exported or evaluated. */
  readonly averages: readonly { readonly buffer: GPUBuffer; readonly bytes: number }[];
  readonly #device: GPUDevice;
  readonly #buffers: Buffers;
  readonly #pipeline: GPUComputePipeline;
  readonly #shares: GPUBuffer;
  readonly #groups: readonly { readonly group: GPUBindGroup; readonly size: Folded }[];

  private constructor(buffers: Buffers, pipeline: GPUComputePipeline, weights: readonly { readonly weights: GPUBuffer; readonly count: number }[], norms: GPUBuffer) {
    const { device } = buffers;
    this.#device = device;
    this.#buffers = buffers;
    this.#pipeline = pipeline;
    this.#shares = buffers.uniform(new Float32Array(4));
    this.averages = weights.map(({ count }) => ({ buffer: buffers.storage(4 * count), bytes: 4 * count }));
    const encoder = device.createCommandEncoder();
    this.#groups = weights.map((parameter, k) => {
      const { buffer, bytes } = this.averages[k]!;
      encoder.copyBufferToBuffer(parameter.weights, 0, buffer, 0, bytes);
      const size = foldedOver(parameter.count, THREADS);
      return { size, group: bindGroup(device, pipeline, [parameter.weights, buffer, norms, this.#shares, buffers.uniform(Uint32Array.of(parameter.count, size.stride, 0, 0))]) };
    });
    device.queue.submit([encoder.finish()]);
  }

  /**
   * @param parameters their weights as they stand now; the buffers allow copying from them
   * @param norms those of the optimiser that changes these weights: where it has halted, the averages stand still too
   * @throws UserError as `guarded`
   */
  static async create(device: GPUDevice, pipelines: Pipelines, parameters: readonly { readonly weights: GPUBuffer; readonly count: number }[], norms: GPUBuffer): Promise<GpuEma> {
    const pipeline = await pipelines.get(['ema']);
    const buffers = new Buffers(device);
    try {
      return await guarded(device, `the averages of ${parameters.length} tensors`, () => new GpuEma(buffers, pipeline, parameters, norms));
    } catch (thrown) {
      buffers.destroy();
      throw thrown;
    }
  }

  /** Encode average ← decay·average + (1 − decay)·weights, after the optimiser's step; once a submission, as there. */
  encode(pass: GPUComputePassEncoder, decay: number): void {
    this.#device.queue.writeBuffer(this.#shares, 0, Float32Array.of(decay, 1 - decay, 0, 0));
    for (const { group, size } of this.#groups) dispatch(pass, this.#pipeline, group, size.x, size.y);
  }

  destroy(): void {
    this.#buffers.destroy();
  }
}
