import { Buffers, computed } from './buffers.ts';
import { bindGroup, dispatch, type Pipelines } from './pipelines.ts';

const THREADS = 64;

/** What is read of vectors that stay on the device. */
export interface Moments {
  /** Σ‖x − x̄‖² / Σ‖x‖², as `relativeVariance` of the float64 path; 0 where all are 0. */
  readonly relativeVariance: number;
  /** Whether every value is a finite number. */
  readonly finite: boolean;
}

/**
 * Spread of row vectors on the device (shaders/moments.wgsl). Four numbers a dimension cross to the host.
 * @param buffer rows × width, float32, row-major
 * @throws UserError as `guarded`
 */
export async function momentsOf(device: GPUDevice, pipelines: Pipelines, buffer: GPUBuffer, rows: number, width: number): Promise<Moments> {
  const pipeline = await pipelines.get(['moments']);
  const buffers = new Buffers(device);
  try {
    const [bytes] = await computed(device, 'the spread of embeddings', () => {
      const output = buffers.storage(width * 16);
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      dispatch(pass, pipeline, bindGroup(device, pipeline, [buffer, output, buffers.uniform(Uint32Array.of(rows, width, 0, 0))]), Math.ceil(width / THREADS));
      pass.end();
      device.queue.submit([encoder.finish()]);
      return [{ buffer: output, bytes: width * 16 }];
    });
    const values = new Float32Array(bytes!);
    let apart = 0;
    let length = 0;
    let finite = true;
    for (let d = 0; d < width; d++) {
      apart += values[4 * d]!;
      length += values[4 * d + 1]!;
      finite &&= values[4 * d + 2] === 0;
    }
    return { relativeVariance: length > 0 ? apart / length : 0, finite };
  } finally {
    buffers.destroy();
  }
}
