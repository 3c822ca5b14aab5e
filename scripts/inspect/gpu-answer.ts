import { evaluateOutcome, settle } from '../../src/gpu/handover.ts';
import type { GpuSolver } from '../../src/gpu/solver.ts';
import type { Mode } from '../../src/core/ot/solve.ts';
import type { UotProblem } from '../../src/core/ot/problem.ts';
import type { GoldenAnswer } from './golden.ts';

/** One problem on the GPU, as it is and after hand-over. Runs in Node and in the page alike. */
export async function gpuAnswer(solver: GpuSolver, problem: UotProblem, mode: Mode): Promise<GoldenAnswer> {
  const outcome = await solver.solve(problem, { mode });
  const { plan } = evaluateOutcome(problem, outcome, { mode });
  const settled = settle(problem, outcome, { mode });
  return {
    iterations: outcome.iterations,
    plan,
    stalled: outcome.stalled,
    handedOver: settled.handedOver !== null,
    settled: { plan: settled.plan, converged: settled.converged, gap: settled.gap },
  };
}
