import { bindGroup, dispatch, type Pipelines } from './pipelines.ts';

const THREADS = 64;
/** Workgroups a row of the dispatch: WebGPU guarantees 65535. */
const ROW = 32_768;

export interface EmbeddingGradientShape {
  /** Rows of the source, which come first, and of the target after them. */
  readonly n: number;
  readonly m: number;
  readonly width: number;
}

export interface EmbeddingGradientBuffers {
  /** z: (n + m) × width or more rows, float32, row-major. */
  readonly embeddings: GPUBuffer;
  /** π, n × m. */
  readonly plan: GPUBuffer;
  /** Its entry `place` is 2w; read when the dispatch runs, so a kernel before it may write it. */
  readonly factors: GPUBuffer;
  readonly place: number;
  /** As `embeddings`; rows beyond n + m are left as they are. */
  readonly gradient: GPUBuffer;
  /** 32 bytes, for this dispatch alone. */
  readonly uniform: GPUBuffer;
}

/** `embeddingGradient` (core/cost) on a device (shaders/embedding_grad.wgsl), of buffers that stay: made once, encoded each step. */
export class GpuEmbeddingGradient {
  readonly #pipeline: GPUComputePipeline;
  readonly #group: GPUBindGroup;
  readonly #groups: number;

  private constructor(pipeline: GPUComputePipeline, device: GPUDevice, { n, m, width }: EmbeddingGradientShape, { embeddings, plan, factors, place, gradient, uniform }: EmbeddingGradientBuffers) {
    this.#pipeline = pipeline;
    this.#groups = Math.ceil(((n + m) * width) / THREADS);
    device.queue.writeBuffer(uniform, 0, Uint32Array.of(n, m, width, ROW * THREADS, place, 0, 0, 0));
    this.#group = bindGroup(device, pipeline, [embeddings, plan, factors, gradient, uniform]);
  }

  /**
   * The bind group of these buffers. Its making belongs under the caller's `guarded`, so what is awaited comes first.
   * @throws UserError `gpu-invalid` when the kernel does not compile
   */
  static async prepare(device: GPUDevice, pipelines: Pipelines): Promise<(shape: EmbeddingGradientShape, buffers: EmbeddingGradientBuffers) => GpuEmbeddingGradient> {
    const pipeline = await pipelines.get(['embedding_grad']);
    return (shape, buffers) => new GpuEmbeddingGradient(pipeline, device, shape, buffers);
  }

  encode(pass: GPUComputePassEncoder): void {
    dispatch(pass, this.#pipeline, this.#group, Math.min(this.#groups, ROW), Math.ceil(this.#groups / ROW));
  }
}
