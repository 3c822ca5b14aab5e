import type { UotProblem } from '../../src/core/ot/problem.ts';
import { solve, type Mode } from '../../src/core/ot/solve.ts';
import { evaluateOutcome, solveBatchWithHandover } from '../../src/gpu/handover.ts';
import type { GpuSolver } from '../../src/gpu/solver.ts';
import { distance } from '../optimum.ts';
import type { ProblemSet } from '../problems.ts';
import { timed, type Contender, type Facts } from './kernels.ts';

/** Problems of a set that the float64 solver is timed on (its time is scaled up), and whose plans are compared. */
const COMPARED = 64;

interface Solved {
  readonly plan: Float64Array;
  readonly iterations: number;
  readonly converged: boolean;
  readonly handedOver?: string | null;
}

/**
 * The ways to solve a set of problems, each from cold:
 * - `wgsl parity`, `wgsl fast`: the kernels alone; float32 potentials come back.
 * - `wgsl fast + float64`: what the page has of it: plans and certificates evaluated in float64, and problems that
 *   float32 cannot hold solved there.
 * - `float64 parity`, `float64 fast`: the CPU solver, plans and certificates included.
 * @param modes parity is left out where it would take minutes
 */
export function solveContenders(solver: GpuSolver, { name, problems }: ProblemSet, modes: readonly Mode[]): { name: string; contenders: Contender[] } {
  const compared = problems.slice(0, COMPARED);
  const truths: Partial<Record<Mode, Float64Array[]>> = {};
  const truth = (mode: Mode): Float64Array[] => (truths[mode] ??= compared.map((problem) => solve(problem, { mode }).plan));
  const inFloat64 = (mode: Mode): Contender =>
    contender(`float64 ${mode}`, problems.length / compared.length, () => compared.map((problem) => solve(problem, { mode })), {
      solved: (answer) => answer,
      difference: () => null,
    });
  const kernels = (mode: Mode): Contender =>
    contender(`wgsl ${mode}`, 1, async () => solver.solveBatch(problems, { mode }), {
      solved: (answer) => answer.map((outcome, k) => ({ ...outcome, plan: k < COMPARED ? evaluateOutcome(problems[k]!, outcome, { mode }).plan : NO_PLAN })),
      // What float32 cannot hold is the float64 solver's, and compared there.
      difference: (solved) => furthest(solved, compared, truth(mode), (_, k) => solved[k]!.handedOver === null),
      handover: (answer) => answer.map(({ handover }) => handover),
    });
  const complete = contender('wgsl fast + float64', 1, async () => solveBatchWithHandover(solver, problems, { mode: 'fast' }), {
    solved: (answer) => answer,
    difference: (solved) => furthest(solved, compared, truth('fast'), () => true),
    handover: (answer) => answer.map(({ handedOver }) => handedOver),
  });
  return { name, contenders: [...modes.map(kernels), complete, ...modes.map(inFloat64)] };
}

const NO_PLAN = new Float64Array();

function furthest(solved: readonly Solved[], compared: readonly UotProblem[], truths: readonly Float64Array[], counts: (problem: UotProblem, k: number) => boolean): number {
  return Math.max(0, ...compared.map((problem, k) => (counts(problem, k) ? distance(solved[k]!.plan, truths[k]!) : 0)));
}

interface Reading<Answer> {
  readonly solved: (answer: Answer) => readonly Solved[];
  readonly difference: (solved: readonly Solved[]) => number | null;
  readonly handover?: (answer: Answer) => readonly (string | null)[];
}

function contender<Answer>(name: string, scale: number, work: () => Answer | Promise<Answer>, reading: Reading<Answer>): Contender {
  let last: Answer | null = null;
  return {
    name,
    run: async () => {
      const { result, milliseconds } = await timed(work);
      last = result;
      return scale * milliseconds;
    },
    facts: (): Facts => {
      if (last === null) throw new Error(`invariant: ${name} has not run`);
      const handed = reading.handover?.(last);
      const solved = reading.solved(last).map((one, k) => (handed ? { ...one, handedOver: handed[k] ?? null } : one));
      return {
        difference: reading.difference(solved),
        iterations: scale * solved.reduce((total, { iterations }) => total + iterations, 0),
        converged: `${solved.filter(({ converged }) => converged).length}/${solved.length}`,
        ...(handed ? { handedOver: handed.filter((reason) => reason !== null).length } : {}),
      };
    },
  };
}
