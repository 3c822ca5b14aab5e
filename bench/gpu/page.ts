import { Kernels } from './kernels.ts';

declare global {
  interface Window {
    /** What page.html offers to the process that opened it. */
    openKernels?: (sweepCost: Float64Array) => Promise<Pick<Kernels, 'adapter' | 'software' | 'absent'>>;
    kernels?: Kernels;
  }
}

window.openKernels = async (sweepCost) => {
  const kernels = await Kernels.open(navigator.gpu, sweepCost);
  await kernels.compile();
  window.kernels = kernels;
  return { adapter: kernels.adapter, software: kernels.software, absent: kernels.absent };
};
