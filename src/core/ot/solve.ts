import { diagonalOf, solveDiagonal } from './diagonal.ts';
import { evaluate, type Evaluation } from './evaluate.ts';
import { FAST_DEFAULTS, solveFast, type FastSettings, type Potentials } from './fast.ts';
import { PARITY_DEFAULTS, solveParity } from './parity.ts';
import { referenceMeasure, type Reference } from './priors.ts';
import { isHard, validateProblem, type UotProblem } from './problem.ts';

export type Mode = 'parity' | 'fast';

export interface SolveOptions {
  readonly mode: Mode;
  /** Potentials of a neighbouring problem (fast mode). */
  readonly warm?: Potentials | null;
  readonly parity?: { readonly maxIterations: number; readonly threshold: number };
  readonly fast?: FastSettings;
}

/** A solved problem: potentials, plan and certificates. */
export interface UotSolution extends Evaluation {
  readonly mode: Mode;
  /** f = reg·log u and g = reg·log v, in units of cost; −∞ where the literal scheme drives u or v to 0. */
  readonly f: Float64Array;
  readonly g: Float64Array;
  readonly iterations: number;
  /** The stop rule's last value: POT's err in parity mode, the largest move of log potentials in fast mode. */
  readonly error: number;
  readonly converged: boolean;
}

/** Hard marginals count as met below this (relative to the side's largest weight). */
const MARGINAL_TOLERANCE = 1e-6;
/** A finite-τ optimum is certified below this relative gap. */
const GAP_TOLERANCE = 1e-6;

/**
 * Solve one problem.
 * @throws UserError `bad-problem` for anything that is not a problem, `infeasible` (fast mode) when there is no plan.
 */
export function solve(problem: UotProblem, options: SolveOptions): UotSolution {
  validateProblem(problem);
  return solveOn(problem, referenceMeasure(problem), options);
}

/**
 * Solve problems one after another, each fast solve starting from the previous one's potentials when shapes agree:
 * neighbours in a sweep over reg and τ have neighbouring solutions.
 */
export function solveBatch(problems: readonly UotProblem[], options: SolveOptions): UotSolution[] {
  let warm = options.warm ?? null;
  return problems.map((problem) => {
    if (warm && (warm.f.length !== problem.n || warm.g.length !== problem.m)) warm = null;
    const solution = solve(problem, { ...options, warm });
    if (options.mode === 'fast' && solution.converged) warm = solution;
    return solution;
  });
}

function solveOn(problem: UotProblem, reference: Reference, options: SolveOptions): UotSolution {
  const solution = solveOnce(problem, reference, options);
  if (solution.converged || options.mode === 'parity' || !options.warm) return solution;
  // What is said of a problem must not depend on where the slider came from.
  return solveOnce(problem, reference, { ...options, warm: null });
}

function solveOnce(problem: UotProblem, reference: Reference, options: SolveOptions): UotSolution {
  const { mode } = options;
  const scaling =
    mode === 'parity'
      ? solveParity(problem, reference, options.parity ?? PARITY_DEFAULTS)
      : problem.prior.kind === 'diagonal'
        ? solveDiagonal(problem, diagonalOf(problem))
        : solveFast(problem, reference, options.warm ?? null, options.fast ?? FAST_DEFAULTS);
  const evaluation = evaluate(problem, reference, scaling);
  const certified = isHard(problem.tau1) || isHard(problem.tau2) ? evaluation.marginalViolation <= MARGINAL_TOLERANCE : evaluation.gap <= GAP_TOLERANCE;
  return {
    ...evaluation,
    mode,
    f: scaling.logU.map((value) => value * problem.reg),
    g: scaling.logV.map((value) => value * problem.reg),
    iterations: scaling.iterations,
    error: scaling.error,
    converged: scaling.converged && (mode === 'parity' || certified),
  };
}
