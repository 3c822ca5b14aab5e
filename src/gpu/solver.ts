import { solveDiagonal } from '../core/ot/diagonal.ts';
import type { Potentials } from '../core/ot/fast.ts';
import { validateProblem, type UotProblem } from '../core/ot/problem.ts';
import type { Mode } from '../core/ot/solve.ts';
import { isFallbackAdapter } from './device.ts';
import type { HandoverReason, IterationSettings, RawOutcome } from './outcome.ts';
import { Pipelines } from './pipelines.ts';
import { planOf, type GpuPlan, type PlanRequest } from './plan.ts';
import { solveLarge } from './large.ts';
import { SMALL_SIDE, SMALL_WORKGROUP_BYTES, solveSmall } from './small.ts';
import { hostTasks, type Task } from './task.ts';

/** A float32 solve, and whether it can be believed. */
export interface GpuOutcome extends RawOutcome {
  /** Fast mode: it did not settle. (Parity stops at its cap, as POT does.) */
  readonly stalled: boolean;
  /** Why the float64 solver should have this problem; null when float32 holds it. */
  readonly handover: HandoverReason | null;
}

export interface GpuSolveOptions {
  readonly mode: Mode;
  /** Potentials of a neighbouring problem (fast mode), in units of cost. */
  readonly warm?: Potentials | null;
  readonly settings?: Partial<IterationSettings>;
}

/** Parity: POT's. Fast: a move of 1e-5 nats; beyond this many sweeps float64 is the quicker way. */
export const DEFAULTS: Readonly<Record<Mode, IterationSettings>> = {
  parity: { maxIterations: 1000, threshold: 1e-6 },
  fast: { maxIterations: 200, threshold: 1e-5 * Math.LOG2E },
};
/** Beyond these float32 does not hold a problem (docs/method.md §3). */
export const LARGEST_COST = 1e4;
export const LARGEST_POTENTIAL = 1e3;

/** The float32 solver on a device it is handed. It keeps compiled kernels, nothing else; solves may overlap. */
export class GpuSolver {
  readonly device: GPUDevice;
  readonly pipelines: Pipelines;
  readonly #software: boolean;
  readonly #small: boolean;

  constructor(device: GPUDevice) {
    this.device = device;
    this.pipelines = new Pipelines(device);
    this.#software = isFallbackAdapter(device.adapterInfo);
    this.#small = device.limits.maxComputeWorkgroupStorageSize >= SMALL_WORKGROUP_BYTES;
  }

  /**
   * Solve one problem in float32.
   * @throws UserError `bad-problem`, `infeasible` as the float64 solver; `gpu-memory`, `gpu-invalid`, `gpu-lost`
   */
  async solve(problem: UotProblem, options: GpuSolveOptions): Promise<GpuOutcome> {
    const [outcome] = await this.solveBatch([problem], options);
    return outcome!;
  }

  /** Whether the device is a processor's imitation of one. */
  get software(): boolean {
    return this.#software;
  }

  /** Whether problems of a shape are solved side by side in one dispatch, a workgroup each. */
  solvesTogether({ n, m }: Pick<UotProblem, 'n' | 'm'>): boolean {
    return this.#small && n <= SMALL_SIDE && m <= SMALL_SIDE;
  }

  /** The plan of an outcome and its sums, on the GPU (`planOf`). */
  plan(request: PlanRequest): Promise<GpuPlan> {
    return planOf(this.device, this.pipelines, request);
  }

  /**
   * Solve problems side by side, each as `solve` would alone. Shapes and parameters may differ; problems that share the
   * same cost array, as in a sweep over reg and τ, share one copy on the GPU.
   */
  async solveBatch(problems: readonly UotProblem[], options: GpuSolveOptions): Promise<GpuOutcome[]> {
    for (const problem of problems) validateProblem(problem);
    const distinct = [...new Set(problems)];
    const outcomes = await this.solveTasks(hostTasks(distinct), options);
    const places = new Map(distinct.map((problem, k) => [problem, k]));
    return problems.map((problem) => outcomes[places.get(problem)!]!);
  }

  /** `solveBatch` for costs that may lie on the device. Conditions must be valid and tasks distinct. */
  async solveTasks(tasks: readonly Task[], options: GpuSolveOptions): Promise<GpuOutcome[]> {
    const { mode, warm = null } = options;
    const settings = { ...DEFAULTS[mode], ...options.settings };
    const results = new Map<Task, RawOutcome>();
    const small: Task[] = [];
    for (const task of tasks) {
      if (isClosedForm(task, mode)) results.set(task, await closedForm(task));
      else if (this.solvesTogether(task.problem)) small.push(task);
      else results.set(task, await solveLarge(this.device, this.pipelines, task, mode, warm, settings, this.#software));
    }
    if (small.length > 0) {
      const outcomes = await solveSmall(this.device, this.pipelines, small, mode, warm, settings, this.#software);
      for (const [k, task] of small.entries()) results.set(task, outcomes[k]!);
    }
    return tasks.map((task) => judge(task, results.get(task)!, mode));
  }
}

/** Whether float32 cannot hold a problem, seen before solving it. */
export function handoverBefore(task: Task, mode: Mode): HandoverReason | null {
  // The closed form is computed in float64, whatever the costs.
  if (isClosedForm(task, mode)) return null;
  return task.cost.largest / task.problem.reg > LARGEST_COST ? 'cost-range' : null;
}

/** Iterating on the hard mask is what POT does; the optimum is a formula. */
const isClosedForm = ({ problem }: Task, mode: Mode): boolean => mode === 'fast' && problem.prior.kind === 'diagonal';

function judge(task: Task, raw: RawOutcome, mode: Mode): GpuOutcome {
  const stalled = mode === 'fast' && !raw.converged;
  if (isClosedForm(task, mode)) return { ...raw, stalled, handover: null };
  const { problem } = task;
  let handover = handoverBefore(task, mode);
  for (const values of [raw.f, raw.g])
    for (const value of values) {
      if (value === -Infinity) continue;
      if (!Number.isFinite(value)) handover = 'non-finite';
      else if (Math.abs(value) / problem.reg > LARGEST_POTENTIAL) handover ??= 'potential-range';
    }
  if (!Number.isFinite(raw.error)) handover = 'non-finite';
  if (stalled) handover ??= 'stalled';
  return { ...raw, stalled, handover };
}

async function closedForm({ problem, cost }: Task): Promise<RawOutcome> {
  const { logU, logV } = solveDiagonal(problem, await cost.diagonal());
  return { f: logU.map((value) => value * problem.reg), g: logV.map((value) => value * problem.reg), iterations: 0, error: 0, converged: true };
}
