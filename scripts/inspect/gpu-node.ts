import { openDevice } from '../../src/gpu/device.ts';
import { GpuSolver } from '../../src/gpu/solver.ts';
import { nodeGpu } from '../node/gpu.ts';
import { gpuAnswer } from './gpu-answer.ts';
import type { GoldenBackend } from './golden.ts';

/** The kernels under Node, on Dawn's bindings. */
export async function nodeBackend(): Promise<GoldenBackend> {
  const { device } = await openDevice(await nodeGpu());
  const solver = new GpuSolver(device);
  return {
    name: 'webgpu',
    solve: (problem, mode) => gpuAnswer(solver, problem, mode),
    close: () => Promise.resolve(device.destroy()),
  };
}
