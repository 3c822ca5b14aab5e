import { reportError, type ErrorReport } from '../../src/base/errors.ts';
import { openDevice } from '../../src/gpu/device.ts';
import { GpuSolver } from '../../src/gpu/solver.ts';
import type { Mode } from '../../src/core/ot/solve.ts';
import type { UotProblem } from '../../src/core/ot/problem.ts';
import { gpuAnswer } from './gpu-answer.ts';
import type { GoldenAnswer } from './golden.ts';

/** What gpu-page.html offers to the process that opened it. */
export interface GpuPage {
  readonly adapterName: string;
  solve(problem: UotProblem, mode: Mode): Promise<GoldenAnswer | { failed: ErrorReport }>;
}

declare global {
  interface Window {
    gpuPage?: Promise<GpuPage>;
  }
}

async function open(): Promise<GpuPage> {
  const { device, adapterName } = await openDevice(navigator.gpu);
  const solver = new GpuSolver(device);
  return {
    adapterName,
    // Errors cross as reports: an exception would lose its code on the way.
    solve: (problem, mode) => gpuAnswer(solver, problem, mode).catch((thrown: unknown) => ({ failed: reportError(thrown) })),
  };
}

window.gpuPage = open();
