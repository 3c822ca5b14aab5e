import { nodeGpu } from '../../scripts/node/gpu.ts';
import { Kernels, type KernelHost } from './kernels.ts';

/** Kernels in this process, on the machine's own adapter where it has one. @throws UserError `no-adapter` */
export async function nodeHost(sweepCost: Float64Array): Promise<KernelHost> {
  const gpu = await nodeGpu();
  await offerGpu(gpu);
  const kernels = await Kernels.open(gpu, sweepCost);
  await kernels.compile();
  return {
    adapter: kernels.adapter,
    software: kernels.software,
    runtime: `Node ${process.version}`,
    absent: kernels.absent,
    prepare: async (task) => kernels.prepare(task),
    time: async (contender) => kernels.time(contender),
    close: async () => kernels.close(),
  };
}

/** The peers look for navigator.gpu and WebGPU's constants among the globals, as in a page. */
export async function offerGpu(gpu: GPU): Promise<void> {
  const { globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, 'navigator', { value: { userAgent: 'Node', gpu }, configurable: true });
}
