import { solve, type SolveOptions, type UotSolution } from '../core/ot/solve.ts';
import type { UotProblem } from '../core/ot/problem.ts';
import { openDevice, type OpenedDevice } from '../gpu/device.ts';
import { solveResident, solveWithHandover, type HandedSolution, type ResidentHanded } from '../gpu/handover.ts';
import type { ResidentCost, ResidentSettings } from '../gpu/resident.ts';
import { GpuSolver, type GpuOutcome } from '../gpu/solver.ts';
import type { BackendChoice, BackendInfo, VerifyReport } from './protocol.ts';

/**
 * Which solver runs: float32 on WebGPU, or float64 on the CPU. `auto` takes the GPU where there is a real one; a software
 * adapter is no faster than the CPU and less precise. A problem that float32 cannot hold is handed to float64 and says so.
 */
export class Backend {
  #choice: BackendChoice = 'cpu';
  #opened: { device: OpenedDevice; solver: GpuSolver } | null = null;
  /** Whether the device that was in use is gone, and no other has been asked for since. */
  #lost = false;

  /** Choose, and find out what there is. Asking for WebGPU where there is none gives the CPU, and the reason. */
  async choose(choice: BackendChoice): Promise<BackendInfo> {
    this.#choice = choice;
    this.#opened?.device.device.destroy();
    this.#opened = null;
    this.#lost = false;
    if (choice === 'cpu') return { kind: 'cpu', adapter: null, reason: null };
    try {
      const device = await openDevice(navigator.gpu);
      if (choice === 'auto' && device.isFallback) {
        device.device.destroy();
        return { kind: 'cpu', adapter: device.adapterName, reason: null };
      }
      const opened = { device, solver: new GpuSolver(device.device) };
      this.#opened = opened;
      void device.lost.then(() => {
        if (this.#opened !== opened) return;
        this.#opened = null;
        this.#lost = true;
      });
      return this.info();
    } catch (thrown) {
      // `auto` promises nothing; who asked for WebGPU is told why it is not there.
      return { kind: 'cpu', adapter: null, reason: choice === 'webgpu' && thrown instanceof Error ? thrown.message : null };
    }
  }

  info(): BackendInfo {
    const device = this.#opened?.device;
    return { kind: device ? (device.isFallback ? 'software-gpu' : 'gpu') : 'cpu', adapter: device?.adapterName ?? null, reason: null };
  }

  /** Solve with what is chosen. A lost device is asked for again once; without one the CPU solves. */
  async solve(problem: UotProblem, options: SolveOptions): Promise<{ solution: UotSolution; handedOver: string | null }> {
    const solver = await this.solver();
    if (!solver) return { solution: solve(problem, options), handedOver: null };
    const { handedOver, ...solution } = await solveWithHandover(solver, problem, { mode: options.mode, warm: options.warm ?? null });
    return { solution, handedOver };
  }

  /**
   * The solver on whose device costs may live; null where the CPU solves. A lost device is asked for again once, and then
   * this is another solver: a cost that lives on the one before is to be measured anew.
   */
  async solver(): Promise<GpuSolver | null> {
    if (this.#lost) await this.choose(this.#choice);
    return this.#opened?.solver ?? null;
  }

  /** Solve on a cost that lives on the device of `solver()`. */
  async solveResident(cost: ResidentCost, settings: ResidentSettings): Promise<{ solution: UotSolution; termCosts: ResidentHanded['termCosts']; handedOver: string | null }> {
    const { handedOver, termCosts, ...solution } = await solveResident(cost, settings);
    return { solution, termCosts, handedOver };
  }

  /**
   * The problems of a sweep in one batch on the GPU, each cold, for `responseCurves` and `regimeMap` to read. null where
   * the CPU has to solve them: none is chosen, or they are too large for one workgroup each.
   */
  async solveSweep(problems: readonly UotProblem[]): Promise<GpuOutcome[] | null> {
    const solver = await this.solver();
    if (!solver || problems.some((problem) => !solver.solvesTogether(problem))) return null;
    return solver.solveBatch(problems, { mode: 'fast' });
  }

  /**
   * Both solvers on one problem, cold: the largest difference of their plans, relative to max π. Opens a device for this
   * alone where the CPU is in use.
   * @throws UserError `no-adapter`
   */
  async verify(problem: UotProblem, options: SolveOptions): Promise<VerifyReport> {
    const opened = this.#opened?.device ?? (await openDevice(navigator.gpu));
    try {
      const gpu = await solveWithHandover(this.#opened?.solver ?? new GpuSolver(opened.device), problem, { mode: options.mode });
      return compared(gpu, solve(problem, { ...options, warm: null }), opened.adapterName);
    } finally {
      if (!this.#opened) opened.device.destroy();
    }
  }

  /** `verify` for a cost on the device: float64 solves the very costs that lie there. */
  async verifyResident(cost: ResidentCost, settings: ResidentSettings): Promise<VerifyReport> {
    const gpu = await solveResident(cost, { ...settings, warm: null });
    return compared(gpu, solve(await cost.problem(settings), { mode: settings.mode }), this.info().adapter ?? '');
  }
}

function compared(gpu: HandedSolution, cpu: UotSolution, adapter: string): VerifyReport {
  let difference = 0;
  let top = 0;
  for (let k = 0; k < cpu.plan.length; k++) {
    difference = Math.max(difference, Math.abs(cpu.plan[k]! - gpu.plan[k]!));
    top = Math.max(top, cpu.plan[k]!);
  }
  return { difference: top > 0 ? difference / top : 0, gpuIterations: gpu.iterations, cpuIterations: cpu.iterations, handedOver: gpu.handedOver, adapter };
}
