import { evaluate } from '../core/ot/evaluate.ts';
import { referenceMeasure } from '../core/ot/priors.ts';
import { isHard, validateProblem, type UotProblem } from '../core/ot/problem.ts';
import { solve, type UotSolution } from '../core/ot/solve.ts';
import { handoverBefore, type GpuOutcome, type GpuSolveOptions, type GpuSolver } from './solver.ts';
import type { HandoverReason } from './outcome.ts';

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
  const before = options.mode === 'fast' && problem.prior.kind === 'diagonal' ? null : handoverBefore(problem);
  if (before) return inFloat64(problem, options, before);
  return settle(problem, await solver.solve(problem, options), options);
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
  const certified = isCertified(problem, solution);
  if (options.mode === 'fast' && !certified) return inFloat64(problem, startFrom(outcome, options), 'uncertified');
  return { ...solution, handedOver: null };
}

/** Plan and certificates of a float32 outcome, believed or not. */
export function evaluateOutcome(problem: UotProblem, outcome: GpuOutcome, { mode }: GpuSolveOptions): UotSolution {
  const { f, g, iterations, error, converged } = outcome;
  const toLog = (value: number): number => value / problem.reg;
  const evaluation = evaluate(problem, referenceMeasure(problem), { logU: f.map(toLog), logV: g.map(toLog), iterations, error, converged });
  return { ...evaluation, mode, f, g, iterations, error, converged };
}

function isCertified({ tau1, tau2 }: UotProblem, { gap, marginalViolation }: UotSolution): boolean {
  if (isHard(tau1) || isHard(tau2)) return marginalViolation <= MARGINAL_TOLERANCE;
  return Math.abs(gap) <= GAP_TOLERANCE;
}

/** Where float32 got to is where float64 goes on (fast mode): most hard problems then need a few Newton steps. */
function startFrom(outcome: GpuOutcome, options: GpuSolveOptions): GpuSolveOptions {
  const usable = outcome.f.every(Number.isFinite) && outcome.g.every(Number.isFinite);
  return { ...options, warm: usable ? outcome : (options.warm ?? null) };
}

function inFloat64(problem: UotProblem, { mode, warm = null }: GpuSolveOptions, reason: HandoverReason): HandedSolution {
  return { ...solve(problem, { mode, warm }), handedOver: reason };
}
