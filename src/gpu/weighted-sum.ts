import { assert } from '../base/assert.ts';
import { Buffers } from './buffers.ts';
import { guarded } from './errors.ts';
import { bindGroup, dispatch, type Pipelines } from './pipelines.ts';

const THREADS = 64;
/** Workgroups a row of the dispatch: WebGPU guarantees 65535. */
const ROW = 32_768;

export interface WeightedTerm {
  readonly buffer: GPUBuffer;
  readonly weight: number;
}

/**
 * M = Σ_k w_k·M_k, entry by entry (shaders/weighted_sum.wgsl), in the order given. The caller destroys the result.
 * @param count entries a term, float32
 * @throws UserError as `guarded`
 */
export async function weightedSum(device: GPUDevice, pipelines: Pipelines, terms: readonly WeightedTerm[], count: number): Promise<GPUBuffer> {
  assert(terms.length > 0, 'a cost has at least one term');
  const pipeline = await pipelines.get(['weighted_sum']);
  const buffers = new Buffers(device);
  const output = new Buffers(device);
  try {
    return await guarded(device, `the sum of ${terms.length} terms`, () => {
      const sum = output.storage(count * 4);
      const groups = Math.ceil(count / THREADS);
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      for (const [k, { buffer, weight }] of terms.entries()) {
        const words = new ArrayBuffer(16);
        new Uint32Array(words).set([count, ROW * THREADS]);
        new Float32Array(words).set([weight, k === 0 ? 0 : 1], 2);
        dispatch(pass, pipeline, bindGroup(device, pipeline, [buffer, sum, buffers.uniform(words)]), Math.min(groups, ROW), Math.ceil(groups / ROW));
      }
      pass.end();
      device.queue.submit([encoder.finish()]);
      return sum;
    });
  } catch (thrown) {
    output.destroy();
    throw thrown;
  } finally {
    buffers.destroy();
  }
}
