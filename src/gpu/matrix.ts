import { Buffers } from './buffers.ts';

/** A matrix on the device with its transpose: a kernel reads lines of either side as neighbours in memory. */
export interface DeviceMatrix {
  /** Row-major n × m, float32, and m × n. */
  readonly straight: GPUBuffer;
  readonly flipped: GPUBuffer;
  /** n·m. */
  readonly length: number;
}

/** A matrix that kernels read, row-major n × m: on the host until then, or on the device already. */
export type Matrix = Float32Array<ArrayBuffer> | DeviceMatrix;

const isHost = (matrix: Matrix): matrix is Float32Array<ArrayBuffer> => matrix instanceof Float32Array;

/** A matrix and its transpose on the device. What has to be uploaded belongs to `buffers`. */
export function onDevice(buffers: Buffers, matrix: Matrix, n: number, m: number): DeviceMatrix {
  if (!isHost(matrix)) return matrix;
  return { straight: buffers.filled(matrix), flipped: buffers.filled(transposed(matrix, n, m)), length: matrix.length };
}

/** Matrices laid end to end, row-major; one alone that is on the device already stays where it is. */
export function endToEnd(buffers: Buffers, matrices: readonly Matrix[]): GPUBuffer {
  const [first] = matrices;
  if (first && matrices.length === 1) return isHost(first) ? buffers.filled(first) : first.straight;
  const whole = buffers.storage(4 * matrices.reduce((total, { length }) => total + length, 0));
  const { queue } = buffers.device;
  const encoder = buffers.device.createCommandEncoder();
  let at = 0;
  for (const matrix of matrices) {
    if (isHost(matrix)) queue.writeBuffer(whole, at, matrix);
    else encoder.copyBufferToBuffer(matrix.straight, 0, whole, at, 4 * matrix.length);
    at += 4 * matrix.length;
  }
  queue.submit([encoder.finish()]);
  return whole;
}

/** Row-major n × m to m × n, in blocks that stay in the processor's cache. */
export function transposed(values: Float32Array, n: number, m: number): Float32Array<ArrayBuffer> {
  const result = new Float32Array(n * m);
  const block = 32;
  for (let i0 = 0; i0 < n; i0 += block)
    for (let j0 = 0; j0 < m; j0 += block)
      for (let i = i0; i < Math.min(i0 + block, n); i++) for (let j = j0; j < Math.min(j0 + block, m); j++) result[j * n + i] = values[i * m + j]!;
  return result;
}
