import { SESSION_LIMITS } from '../config/session.ts';
import { solve } from '../core/ot/solve.ts';
import type { UotProblem } from '../core/ot/problem.ts';
import { REGIME_AXES, RESPONSE_POINTS, type RegimeMap, type ResponseCurves } from './protocol.ts';

/** Where a slider at position p ∈ [0, 1] puts its value, on a log scale. */
export const logPosition = (p: number, low: number, high: number): number => low * (high / low) ** p;

/**
 * π_sum along each solve slider. A generator that yields between solves, so that the engine stays free to answer a
 * slider in the middle of it.
 */
export function* responseCurves(problem: UotProblem): Generator<void, ResponseCurves> {
  const { reg, tau } = SESSION_LIMITS;
  return {
    reg: yield* massAlong((value) => ({ ...problem, reg: value }), reg.sliderLow, reg.sliderHigh),
    tau1: yield* massAlong((value) => ({ ...problem, tau1: value }), tau.sliderLow, tau.sliderHigh),
    tau2: yield* massAlong((value) => ({ ...problem, tau2: value }), tau.sliderLow, tau.sliderHigh),
  };
}

function* massAlong(at: (value: number) => UotProblem, low: number, high: number): Generator<void, Float64Array> {
  const mass = new Float64Array(RESPONSE_POINTS);
  let warm: { f: Float64Array; g: Float64Array } | null = null;
  // From the blurred end down: each solution is a good start for the next, sharper one.
  for (let k = RESPONSE_POINTS - 1; k >= 0; k--) {
    const solution = solve(at(logPosition(k / (RESPONSE_POINTS - 1), low, high)), { mode: 'fast', warm });
    warm = solution.converged ? solution : null;
    mass[k] = solution.converged ? solution.mass : Number.NaN;
    yield;
  }
  return mass;
}

/**
 * True solves over reg × τ₁, with τ₂/τ₁ held (1 where either is ∞).
 * @param sigma what divided M before the solve; the loss is given in raw units
 */
export function* regimeMap(problem: UotProblem, sigma: number): Generator<void, RegimeMap> {
  const { low, high, columns, rows } = REGIME_AXES;
  // A hard target marginal stays hard; a hard source marginal lies beyond the axis, and leaves τ₂ = τ₁.
  const ratio = problem.tau1 === Infinity ? 1 : problem.tau2 / problem.tau1;
  const map = { columns, rows, mass: new Float64Array(rows * columns), diagRatio: new Float64Array(rows * columns), perplexity: new Float64Array(rows * columns), loss: new Float64Array(rows * columns) };
  for (let row = 0; row < rows; row++) {
    const tau1 = logPosition(row / (rows - 1), low, high);
    let warm: { f: Float64Array; g: Float64Array } | null = null;
    for (let column = columns - 1; column >= 0; column--) {
      const reg = logPosition(column / (columns - 1), low, high);
      const solution = solve({ ...problem, reg, tau1, tau2: tau1 * ratio }, { mode: 'fast', warm });
      warm = solution.converged ? solution : null;
      const cell = row * columns + column;
      const known = (value: number): number => (solution.converged ? value : Number.NaN);
      map.mass[cell] = known(solution.mass);
      map.diagRatio[cell] = known(solution.diagonalMass === null ? Number.NaN : solution.diagonalMass / solution.mass);
      map.perplexity[cell] = known(solution.perplexity);
      map.loss[cell] = known(solution.transportCost * sigma);
      yield;
    }
  }
  return map;
}
