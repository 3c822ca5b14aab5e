import { evaluate } from '../core/ot/evaluate.ts';
import type { Potentials } from '../core/ot/fast.ts';
import { referenceMeasure } from '../core/ot/priors.ts';
import { isHard, validateProblem, type Conditions, type UotProblem } from '../core/ot/problem.ts';
import { solve, type UotSolution } from '../core/ot/solve.ts';
import { handoverBefore, type GpuOutcome, type GpuSolveOptions, type GpuSolver } from './solver.ts';
import type { HandoverReason } from './outcome.ts';
import type { ResidentCost, ResidentSettings } from './resident.ts';
import { hostTasks } from './task.ts';

/** A solution, and why the float64 solver made it; null when the GPU did. */
export interface HandedSolution extends UotSolution {
  readonly handedOver: HandoverReason | null;
}

/** Relative gap, and relative violation of a hard marginal, up to which a float32 optimum counts as one. */
const GAP_TOLERANCE = 1e-5;
const MARGINAL_TOLERANCE = 1e-4;

/**
 * Solve on the GPU where float32 holds the problem, in float64 on the CPU where it does not.
 *
 * Plan, masses and certificates are evaluated in float64 from the GPU's potentials, so the reported gap is true.
 * @throws UserError as `solve` and `GpuSolver.solve`
 */
export async function solveWithHandover(solver: GpuSolver, problem: UotProblem, options: GpuSolveOptions): Promise<HandedSolution> {
  validateProblem(problem);
  const tasks = hostTasks([problem]);
  const before = handoverBefore(tasks[0]!, options.mode);
  if (before) return inFloat64(problem, options, before);
  const [outcome] = await solver.solveTasks(tasks, options);
  return settle(problem, outcome!, options);
}

/** `solveWithHandover` for many problems, on the GPU side by side. */
export async function solveBatchWithHandover(solver: GpuSolver, problems: readonly UotProblem[], options: GpuSolveOptions): Promise<HandedSolution[]> {
  const outcomes = await solver.solveBatch(problems, options);
  return problems.map((problem, k) => settle(problem, outcomes[k]!, options));
}

/** The solution that a float32 outcome stands for, or the float64 one where it cannot be believed. */
export function settle(problem: UotProblem, outcome: GpuOutcome, options: GpuSolveOptions): HandedSolution {
  if (outcome.handover) return inFloat64(problem, startFrom(outcome, options), outcome.handover);
  const solution = evaluateOutcome(problem, outcome, options);
  if (!isCertified(problem, solution)) return inFloat64(problem, startFrom(outcome, options), 'uncertified');
  return { ...solution, handedOver: null };
}

/** A solution, and the mean of each term under it: ⟨π,M_term⟩, before its weight, raw units. */
export interface ResidentHanded extends HandedSolution {
  readonly termCosts: Float64Array;
}

/**
 * `solveWithHandover` for a cost on the device. Plan and sums are evaluated there in float32, certificates from them in
 * float64. A marginal's error counts twice in the gap (it is a divergence), so 1e-7 in the sums is far below the tolerance.
 * @throws UserError as `ResidentCost.solve`
 */
export async function solveResident(cost: ResidentCost, settings: ResidentSettings): Promise<ResidentHanded> {
  const { mode, warm = null } = settings;
  const before = cost.handoverBefore(settings);
  if (before) return residentInFloat64(cost, settings, { mode, warm }, before);
  const { handover, stalled: _stalled, termCosts, ...solution } = await cost.solve(settings);
  const reason = handover ?? (isCertified(settings, solution) ? null : 'uncertified');
  if (reason) return residentInFloat64(cost, settings, startFrom(solution, { mode, warm }), reason);
  return { ...solution, plan: Float64Array.from(solution.plan), termCosts, handedOver: null };
}

async function residentInFloat64(cost: ResidentCost, settings: ResidentSettings, options: GpuSolveOptions, reason: HandoverReason): Promise<ResidentHanded> {
  const solution = inFloat64(await cost.problem(settings), options, reason);
  const terms = await cost.readTerms();
  return { ...solution, termCosts: Float64Array.from(terms, (values) => solution.plan.reduce((total, share, k) => total + share * values[k]!, 0)) };
}

/** Plan and certificates of a float32 outcome, believed or not. */
export function evaluateOutcome(problem: UotProblem, outcome: GpuOutcome, { mode }: GpuSolveOptions): UotSolution {
  const { f, g, iterations, error, converged } = outcome;
  const toLog = (value: number): number => value / problem.reg;
  const evaluation = evaluate(problem, referenceMeasure(problem), { logU: f.map(toLog), logV: g.map(toLog), iterations, error, converged });
  return { ...evaluation, mode, f, g, iterations, error, converged };
}

/** Parity promises what POT does, not an optimum. */
function isCertified({ tau1, tau2 }: Pick<Conditions, 'tau1' | 'tau2'>, { mode, gap, marginalViolation }: Pick<UotSolution, 'mode' | 'gap' | 'marginalViolation'>): boolean {
  if (mode === 'parity') return true;
  if (isHard(tau1) || isHard(tau2)) return marginalViolation <= MARGINAL_TOLERANCE;
  return Math.abs(gap) <= GAP_TOLERANCE;
}

/** Where float32 got to is where float64 goes on (fast mode): most hard problems then need a few Newton steps. */
function startFrom(outcome: Potentials, options: GpuSolveOptions): GpuSolveOptions {
  const usable = outcome.f.every(Number.isFinite) && outcome.g.every(Number.isFinite);
  return { ...options, warm: usable ? outcome : (options.warm ?? null) };
}

function inFloat64(problem: UotProblem, { mode, warm = null }: GpuSolveOptions, reason: HandoverReason): HandedSolution {
  return { ...solve(problem, { mode, warm }), handedOver: reason };
}
