import { parseArgs } from 'node:util';
import { UserError } from '../../src/base/errors.ts';
import { solve, type UotSolution } from '../../src/core/ot/solve.ts';
import type { UotProblem } from '../../src/core/ot/problem.ts';
import { planError, readGolden, type GoldenCase, type GoldenTable } from './golden-files.ts';

/** A table of cases run through one backend and compared with its truths. Counts, not shares; errors relative to max π. */
export interface GoldenReport {
  readonly backend: string;
  readonly cases: number;
  readonly parity: { compared: number; itersEqual: number; itersWithin1: number; maxPlanErr: number; nonFinite: number };
  readonly fast: { compared: number; geomeanIters: number; within1e3: number; within1e6: number; stalled: number; handedOver: number; within1e3AfterHandover: number };
  readonly maxGap: number;
  readonly seconds: number;
}

/** Optima with a larger residual are no truth to compare with. */
const TRUSTED_RESIDUAL = 1e-9;

/** `inspect golden <dir> [--backend cpu]` */
export async function inspectGolden(args: string[]): Promise<GoldenReport> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { backend: { type: 'string', default: 'cpu' } } });
  const folder = positionals[0];
  if (!folder) throw new UserError('usage', 'Name the folder that holds golden.json: npm run inspect -- golden <dir> --backend cpu.');
  if (values.backend !== 'cpu') throw new UserError('usage', `There is no backend "${values.backend}"; the one there is: cpu.`);
  return runGolden(await readGolden(folder));
}

/** Run every case of a table on the float64 solver. */
export function runGolden(table: GoldenTable): GoldenReport {
  const start = performance.now();
  const parity = { compared: 0, itersEqual: 0, itersWithin1: 0, maxPlanErr: 0, nonFinite: 0 };
  const fast = { compared: 0, geomeanIters: 0, within1e3: 0, within1e6: 0, stalled: 0, handedOver: 0, within1e3AfterHandover: 0 };
  let maxGap = 0;
  let logIterations = 0;
  let iterated = 0;
  for (const golden of table.cases) {
    const problem = table.problem(golden);
    if (golden.parity) {
      const solution = solve(problem, { mode: 'parity' });
      parity.compared++;
      const difference = Math.abs(solution.iterations - golden.parity.iters);
      if (difference === 0) parity.itersEqual++;
      if (difference <= 1) parity.itersWithin1++;
      if (!solution.plan.every(Number.isFinite)) parity.nonFinite++;
      parity.maxPlanErr = Math.max(parity.maxPlanErr, planError(solution.plan, table.array(golden.parity.plan)));
    }
    const solution = solveIfFeasible(problem, golden);
    if (!solution) continue;
    if (!solution.plan.every(Number.isFinite)) parity.nonFinite++;
    if (golden.c !== 'diag') {
      logIterations += Math.log(Math.max(1, solution.iterations));
      iterated++;
    }
    if (solution.converged) maxGap = Math.max(maxGap, Math.abs(solution.gap));
    else fast.stalled++;
    if (golden.star && (golden.star.kkt ?? 0) <= TRUSTED_RESIDUAL) {
      const error = planError(solution.plan, table.array(golden.star.plan));
      fast.compared++;
      if (error <= 1e-3) fast.within1e3++;
      if (error <= 1e-6) fast.within1e6++;
    }
  }
  fast.geomeanIters = iterated ? Math.exp(logIterations / iterated) : 0;
  fast.within1e3AfterHandover = fast.within1e3;
  return { backend: 'cpu', cases: table.cases.length, parity, fast, maxGap, seconds: (performance.now() - start) / 1000 };
}

/** Infeasible problems have no optimum to compare; parity mode has shown what its scheme makes of them. */
function solveIfFeasible(problem: UotProblem, golden: GoldenCase): UotSolution | null {
  try {
    return solve(problem, { mode: 'fast' });
  } catch (thrown) {
    if (thrown instanceof UserError && thrown.code === 'infeasible' && !golden.star) return null;
    throw thrown;
  }
}
