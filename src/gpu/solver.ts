import { solveDiagonal } from '../core/ot/diagonal.ts';
import type { Potentials } from '../core/ot/fast.ts';
import { validateProblem, type UotProblem } from '../core/ot/problem.ts';
import type { Mode } from '../core/ot/solve.ts';
import { isFallbackAdapter } from './device.ts';
import type { HandoverReason, IterationSettings, RawOutcome } from './outcome.ts';
import { Pipelines } from './pipelines.ts';
import { planOf, type GpuPlan } from './plan.ts';
import { solveLarge } from './large.ts';
import { SMALL_SIDE, SMALL_WORKGROUP_BYTES, solveSmall } from './small.ts';

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
const DEFAULTS: Readonly<Record<Mode, IterationSettings>> = {
  parity: { maxIterations: 1000, threshold: 1e-6 },
  fast: { maxIterations: 200, threshold: 1e-5 * Math.LOG2E },
};
/** Beyond these float32 does not hold a problem (docs/method.md §3). */
const LARGEST_COST = 1e4;
const LARGEST_POTENTIAL = 1e3;

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

  /** The plan of an outcome and its sums, on the GPU (`planOf`). */
  plan(problem: UotProblem, potentials: Potentials): Promise<GpuPlan> {
    return planOf(this.device, this.pipelines, problem, potentials);
  }

  /**
   * Solve problems side by side, each as `solve` would alone. Shapes and parameters may differ; problems that share the
   * same cost array, as in a sweep over reg and τ, share one copy on the GPU.
   */
  async solveBatch(problems: readonly UotProblem[], options: GpuSolveOptions): Promise<GpuOutcome[]> {
    const { mode, warm = null } = options;
    const settings = { ...DEFAULTS[mode], ...options.settings };
    for (const problem of problems) validateProblem(problem);
    const results = new Map<UotProblem, RawOutcome>();
    const small: UotProblem[] = [];
    for (const problem of new Set(problems)) {
      // Iterating on the hard mask is what POT does; the optimum is a formula.
      if (mode === 'fast' && problem.prior.kind === 'diagonal') results.set(problem, closedForm(problem));
      else if (this.#small && problem.n <= SMALL_SIDE && problem.m <= SMALL_SIDE) small.push(problem);
      else results.set(problem, await solveLarge(this.device, this.pipelines, problem, mode, warm, settings, this.#software));
    }
    if (small.length > 0) {
      const outcomes = await solveSmall(this.device, this.pipelines, small, mode, small.map(() => warm), settings, this.#software);
      for (const [k, problem] of small.entries()) results.set(problem, outcomes[k]!);
    }
    return problems.map((problem) => judge(problem, results.get(problem)!, mode));
  }
}

/** Whether float32 cannot hold a problem, seen before solving it. */
export function handoverBefore({ cost, reg }: UotProblem): HandoverReason | null {
  let largest = 0;
  for (let k = 0; k < cost.length; k++) largest = Math.max(largest, Math.abs(cost[k]!));
  return largest / reg > LARGEST_COST ? 'cost-range' : null;
}

function judge(problem: UotProblem, raw: RawOutcome, mode: Mode): GpuOutcome {
  const stalled = mode === 'fast' && !raw.converged;
  // The closed form is computed in float64, whatever the costs.
  if (mode === 'fast' && problem.prior.kind === 'diagonal') return { ...raw, stalled, handover: null };
  let handover = handoverBefore(problem);
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

function closedForm(problem: UotProblem): RawOutcome {
  const { logU, logV } = solveDiagonal(problem);
  return { f: logU.map((value) => value * problem.reg), g: logV.map((value) => value * problem.reg), iterations: 0, error: 0, converged: true };
}
