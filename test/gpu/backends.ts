import type { UotProblem } from '../../src/core/ot/problem.ts';
import type { SolveOptions } from '../../src/core/ot/solve.ts';
import { solveBatchWithHandover, solveResident, solveWithHandover, type HandedSolution } from '../../src/gpu/handover.ts';
import { ResidentCost } from '../../src/gpu/resident.ts';
import type { GpuSolveOptions, GpuSolver } from '../../src/gpu/solver.ts';
import type { ResidentTerm } from '../../src/gpu/terms.ts';
import { FLOAT64, type Answer, type Precision, type SuiteBackend } from '../suite/backend.ts';

/* The GPU's ways to an answer, as backends of the solver suite. */

/** Float32 knows log K to rounding of M/reg, and log π no better. */
const planPrecision = ({ cost, reg }: UotProblem, least: number): number => Math.max(least, cost.reduce((top, value) => Math.max(top, Math.abs(value)), 0) * (2e-7 / reg));

/** Float32 potentials, evaluated in float64. Gap and marginals are what an optimum must show to count as one (handover.ts). */
const float32 = (problem: UotProblem): Precision => ({ plan: planPrecision(problem, 2e-5), value: 2e-5, gap: 1e-5, marginal: 1e-4, reading: 0, iterations: 1, smallest: 0 });

/** A cost that lives on the device is float32 from its vectors to its plan, and so is what it hands over. */
const resident = (problem: UotProblem): Precision => ({ ...float32(problem), plan: planPrecision(problem, 3e-5), value: 5e-5, reading: 2e-5, smallest: 2 ** -126 });

const optionsOf = ({ mode, warm = null, parity }: SolveOptions): GpuSolveOptions => ({ mode, warm, ...(mode === 'parity' && parity ? { settings: parity } : {}) });

/** The closed form is computed in float64 wherever the costs lie there. */
const precisionOf = (problem: UotProblem, { mode }: SolveOptions): Precision => (mode === 'fast' && problem.prior.kind === 'diagonal' ? FLOAT64 : float32(problem));

/** The GPU where it holds a problem, float64 where it does not: every case, at float64's tolerances wherever it was handed over. */
export function handoverBackend(solver: GpuSolver, over: Pick<SuiteBackend, 'effort' | 'handsOver' | 'lacks'>): SuiteBackend {
  const answer = (problem: UotProblem, options: SolveOptions, solution: HandedSolution): Answer => ({ ...solution, precision: solution.handedOver ? FLOAT64 : precisionOf(problem, options) });
  return {
    name: 'float32 on the GPU with hand-over',
    solve: async (problem, options) => answer(problem, options, await solveWithHandover(solver, problem, optionsOf(options))),
    solveBatch: async (problems, options) => (await solveBatchWithHandover(solver, problems, optionsOf(options))).map((solution, k) => answer(problems[k]!, options, solution)),
    ...over,
  };
}

/** Ticks on a cost that is measured on the device, with hand-over. */
export function residentBackend(solver: GpuSolver, over: Pick<SuiteBackend, 'effort' | 'handsOver' | 'lacks'>): SuiteBackend {
  const solve = async (problem: UotProblem, { mode, warm = null, parity }: SolveOptions): Promise<Answer> => {
    if (parity && mode === 'parity') throw new Error('a tick has POT’s own stop rule and cap');
    const { n, m, cost: _cost, ...conditions } = problem;
    const cost = await ResidentCost.measure(solver, n, m, squaredDistances(problem));
    try {
      await cost.combine([1, -1]);
      return { ...(await solveResident(cost, { ...conditions, sigma: 1, mode, warm })), precision: resident(problem) };
    } finally {
      cost.destroy();
    }
  };
  return {
    name: 'a cost on the device, with hand-over',
    solve,
    solveBatch: () => Promise.reject(new Error('a cost on the device has one problem a tick')),
    ...over,
  };
}

/**
 * Any matrix as a difference of squared distances: M_ij = ⟨s·e_i, M_·j/s⟩ = ¼‖s·e_i + M_·j/s‖² − ¼‖s·e_i − M_·j/s‖². With
 * s² near the length of a column both distances are hardly larger than M.
 */
function squaredDistances({ n, m, cost }: UotProblem): ResidentTerm[] {
  const longest = Math.max(...Array.from({ length: m }, (_, j) => Math.hypot(...Array.from({ length: n }, (_unused, i) => cost[i * m + j]!))));
  const s = longest > 0 ? Math.sqrt(longest) : 1;
  const source = { width: n, values: Float32Array.from({ length: n * n }, (_, k) => (k % (n + 1) === 0 ? s : 0)) };
  const column = (sign: number): { width: number; values: Float32Array<ArrayBuffer> } => ({ width: n, values: Float32Array.from({ length: m * n }, (_, k) => (sign * cost[(k % n) * m + Math.floor(k / n)]!) / s) });
  return [
    { name: 'sum', embed: null, label: { source, target: column(-1), weight: 0.25 } },
    { name: 'difference', embed: null, label: { source, target: column(1), weight: 0.25 } },
  ];
}
