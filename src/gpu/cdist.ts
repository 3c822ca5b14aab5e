import { Buffers } from './buffers.ts';
import { guarded } from './errors.ts';
import { bindGroup, dispatch, type Pipelines } from './pipelines.ts';

/** Rows and columns that a workgroup of cdist.wgsl computes. */
export const TILE = 32;

export interface CloudShape {
  readonly batch: number;
  readonly n: number;
  readonly m: number;
  /** Features a sample. */
  readonly dim: number;
}

/** Distances of a batch of pairs of clouds. The caller destroys both buffers. */
export interface Distances {
  /** batch × n × m, and its transpose batch × m × n, float32. */
  readonly distances: GPUBuffer;
  readonly flipped: GPUBuffer;
}

/**
 * M_ij = ‖x_i − y_j‖² by direct differences (shaders/cdist.wgsl), on buffers that stay on the GPU.
 * @param x batch × n × dim, float32, row-major  @param y batch × m × dim
 * @throws UserError as `guarded`
 */
export async function cdist(device: GPUDevice, pipelines: Pipelines, x: GPUBuffer, y: GPUBuffer, { batch, n, m, dim }: CloudShape): Promise<Distances> {
  const pipeline = await pipelines.get(['cdist']);
  const buffers = new Buffers(device);
  const outputs = new Buffers(device);
  try {
    return await guarded(device, `the distances of ${batch} × ${n} × ${m} pairs`, () => {
      const distances = outputs.storage(batch * n * m * 4);
      const flipped = outputs.storage(batch * n * m * 4);
      const group = bindGroup(device, pipeline, [x, y, distances, flipped, buffers.uniform(Uint32Array.of(n, m, dim, batch))]);
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      dispatch(pass, pipeline, group, Math.ceil(m / TILE), Math.ceil(n / TILE), batch);
      pass.end();
      device.queue.submit([encoder.finish()]);
      return { distances, flipped };
    });
  } catch (thrown) {
    outputs.destroy();
    throw thrown;
  } finally {
    buffers.destroy();
  }
}
