import { SESSION_LIMITS } from '../config/session.ts';
import type { Potentials } from '../core/ot/fast.ts';
import { solve, type UotSolution } from '../core/ot/solve.ts';
import type { UotProblem } from '../core/ot/problem.ts';
import { settle } from '../gpu/handover.ts';
import type { GpuOutcome } from '../gpu/solver.ts';
import { COST_SCALES, REGIME_AXES, RESPONSE_POINTS, type CostResponse, type RegimeMap, type ResponseCurves } from './protocol.ts';

/** Where a slider at position p ∈ [0, 1] puts its value, on a log scale. */
export const logPosition = (p: number, low: number, high: number): number => low * (high / low) ** p;

/** The problems of the response curves: reg, τ₁, τ₂, each from its slider's low end to its high end. */
export function responseProblems(problem: UotProblem): UotProblem[] {
  const { reg, tau } = SESSION_LIMITS;
  const along = (at: (value: number) => UotProblem, { sliderLow, sliderHigh }: { readonly sliderLow: number; readonly sliderHigh: number }): UotProblem[] =>
    Array.from({ length: RESPONSE_POINTS }, (_, k) => at(logPosition(k / (RESPONSE_POINTS - 1), sliderLow, sliderHigh)));
  return [...along((value) => ({ ...problem, reg: value }), reg), ...along((value) => ({ ...problem, tau1: value }), tau), ...along((value) => ({ ...problem, tau2: value }), tau)];
}

/** The problems of the regime map, row-major: τ₁ from below, with τ₂/τ₁ held (1 where either is ∞), and reg along each row. */
export function regimeProblems(problem: UotProblem): UotProblem[] {
  const { low, high, columns, rows } = REGIME_AXES;
  // A hard target marginal stays hard; a hard source marginal lies beyond the axis, and leaves τ₂ = τ₁.
  const ratio = problem.tau1 === Infinity ? 1 : problem.tau2 / problem.tau1;
  return Array.from({ length: rows * columns }, (_, cell) => {
    const tau1 = logPosition(Math.floor(cell / columns) / (rows - 1), low, high);
    return { ...problem, reg: logPosition((cell % columns) / (columns - 1), low, high), tau1, tau2: tau1 * ratio };
  });
}

/**
 * π_sum along each solve slider. A generator that yields between solves, so that the engine stays free to answer a
 * slider in the middle of it.
 * @param outcomes what the GPU made of `responseProblems` (`Backend.solveSweep`); null to solve in float64
 */
export function* responseCurves(problem: UotProblem, outcomes: readonly GpuOutcome[] | null = null): Generator<void, ResponseCurves> {
  const masses = new Float64Array(3 * RESPONSE_POINTS);
  yield* solveLines(responseProblems(problem), RESPONSE_POINTS, outcomes, (k, { converged, mass }) => {
    masses[k] = converged ? mass : Number.NaN;
  });
  const curve = (k: number): Float64Array => masses.slice(k * RESPONSE_POINTS, (k + 1) * RESPONSE_POINTS);
  return { reg: curve(0), tau1: curve(1), tau2: curve(2) };
}

/**
 * True solves over reg × τ₁ (`regimeProblems`).
 * @param sigma what divided M before the solve; the loss is given in raw units
 * @param outcomes what the GPU made of `regimeProblems` (`Backend.solveSweep`); null to solve in float64
 */
export function* regimeMap(problem: UotProblem, sigma: number, outcomes: readonly GpuOutcome[] | null = null): Generator<void, RegimeMap> {
  const { columns, rows } = REGIME_AXES;
  const map = { columns, rows, mass: new Float64Array(rows * columns), diagRatio: new Float64Array(rows * columns), perplexity: new Float64Array(rows * columns), loss: new Float64Array(rows * columns) };
  yield* solveLines(regimeProblems(problem), columns, outcomes, (cell, solution) => {
    const known = (value: number): number => (solution.converged ? value : Number.NaN);
    map.mass[cell] = known(solution.mass);
    map.diagRatio[cell] = known(solution.diagonalMass === null ? Number.NaN : solution.diagonalMass / solution.mass);
    map.perplexity[cell] = known(solution.perplexity);
    map.loss[cell] = known(solution.transportCost * sigma);
  });
  return map;
}

/** Half of the step, in log s, over which the shown loss is differenced at s = 1. */
const SLOPE_STEP = 0.02;

/**
 * What becomes of the plan when all costs are multiplied by s, in solved units: the shown ⟨π(sM),sM⟩, the optimum of s, and
 * the derivative of the first at s = 1, by a central difference. Always in float64, which a difference asks for.
 */
export function* costResponse(problem: UotProblem): Generator<void, CostResponse> {
  const { low, high, points } = COST_SCALES;
  const shown = new Float64Array(points);
  const value = new Float64Array(points);
  let warm: Potentials | null = null;
  const at = (scale: number): UotSolution => {
    const solution = solve({ ...problem, cost: problem.cost.map((entry) => entry * scale) }, { mode: 'fast', warm });
    warm = solution.converged ? solution : null;
    return solution;
  };
  // From small costs, which give a blurred plan, to large ones.
  for (let k = 0; k < points; k++) {
    const solution = at(logPosition(k / (points - 1), low, high));
    shown[k] = solution.converged ? solution.transportCost : Number.NaN;
    value[k] = solution.converged ? solution.primal : Number.NaN;
    yield;
  }
  warm = null;
  const [before, here, after] = [at(Math.exp(-SLOPE_STEP)), at(1), at(Math.exp(SLOPE_STEP))];
  const known = before.converged && here.converged && after.converged;
  return { shown, value, slope: known ? (after.transportCost - before.transportCost) / (2 * SLOPE_STEP) : Number.NaN, detached: here.converged ? here.transportCost : Number.NaN };
}

/**
 * The solutions of problems that lie in lines of `length`, each line from its end to its start: from the blurred end down
 * each solution is a good start for the next, sharper one. What the GPU's outcomes do not hold is solved in float64.
 */
function* solveLines(problems: readonly UotProblem[], length: number, outcomes: readonly GpuOutcome[] | null, keep: (place: number, solution: UotSolution) => void): Generator<void, void> {
  let warm: Potentials | null = null;
  for (let step = 0; step < problems.length; step++) {
    const place = step - (step % length) + (length - 1 - (step % length));
    if (step % length === 0) warm = null;
    const options = { mode: 'fast', warm } as const;
    const outcome = outcomes?.[place];
    const solution: UotSolution = outcome ? settle(problems[place]!, outcome, options) : solve(problems[place]!, options);
    warm = solution.converged ? solution : null;
    keep(place, solution);
    yield;
  }
}
