import { chunkSize, lossDivisor, type BcLossSettings, type ChunkShape } from '../core/training/bc-loss.ts';
import { Buffers } from './buffers.ts';
import { guarded } from './errors.ts';
import { bindGroup, dispatch, type Pipelines } from './pipelines.ts';

/** What a loss is computed of, float32, batch × horizon × width, and where it goes. */
export interface BcLossBuffers {
  readonly prediction: GPUBuffer;
  readonly target: GPUBuffer;
  /** batch × horizon, 1 for a step that counts and 0 for padding, and how many count; null where none is padded. */
  readonly valid: { readonly buffer: GPUBuffer; readonly count: number } | null;
  /** ∂loss/∂prediction is written here. */
  readonly gradient: GPUBuffer;
  /** The loss is written to entry `slot`; `lossOf` reads it. */
  readonly losses: GPUBuffer;
  readonly slot: number;
}

/** What bc_loss.wgsl writes where an error is no finite number. */
const STRANGE = 1e30;

/** The loss that an entry of `losses` stands for: NaN where a prediction or target was not finite. */
export const lossOf = (written: number): number => (written < STRANGE ? written : Number.NaN);

/** `bcLoss` on a device (shaders/bc_loss.wgsl). A prediction that is not finite gets a gradient at which `GpuAdamW` halts. */
export class GpuBcLoss {
  readonly #buffers: Buffers;
  readonly #pipeline: GPUComputePipeline;
  readonly #settings: GPUBuffer;
  readonly #loss: BcLossSettings;

  private constructor(buffers: Buffers, pipeline: GPUComputePipeline, loss: BcLossSettings) {
    this.#buffers = buffers;
    this.#pipeline = pipeline;
    this.#settings = buffers.uniform(new Uint32Array(8));
    this.#loss = loss;
  }

  /** @throws UserError as `guarded` */
  static async create(device: GPUDevice, pipelines: Pipelines, loss: BcLossSettings): Promise<GpuBcLoss> {
    const pipeline = await pipelines.get(['bc_loss']);
    return guarded(device, 'the loss of a policy', () => new GpuBcLoss(new Buffers(device), pipeline, loss));
  }

  /**
   * Encode the loss of one batch. Its settings are written at once, so the pass has to be submitted before the next is
   * encoded; the caller does both under `guarded`.
   */
  encode(pass: GPUComputePassEncoder, shape: ChunkShape, { prediction, target, valid, gradient, losses, slot }: BcLossBuffers): void {
    const { device } = this.#buffers;
    const words = Uint32Array.of(chunkSize(shape), shape.width, slot, this.#loss.kind === 'l1' ? 1 : 2, valid ? 1 : 0, 0, 0, 0);
    new Float32Array(words.buffer)[5] = lossDivisor(this.#loss, shape, valid ? valid.count : shape.batch * shape.horizon);
    device.queue.writeBuffer(this.#settings, 0, words);
    dispatch(pass, this.#pipeline, bindGroup(device, this.#pipeline, [prediction, target, valid?.buffer ?? target, gradient, losses, this.#settings]), 1);
  }

  destroy(): void {
    this.#buffers.destroy();
  }
}
