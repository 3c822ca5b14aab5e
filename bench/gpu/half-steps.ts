import type { GpuSolver } from '../../src/gpu/solver.ts';
import { single } from '../problems.ts';
import { timed, type Contender } from './kernels.ts';

/** Iterations of the shorter and the longer solve. Their difference is iterations alone: set-up and read-back fall out. */
const ITERATIONS = { software: [5, 15], hardware: [100, 500] } as const;

/**
 * One half-step (the potentials of one side from those of the other, every entry of M read once) of a large problem, from
 * two parity solves without a stop rule: (t_long − t_short) / 2(k_long − k_short).
 */
export function halfStepContenders(solver: GpuSolver, size: number, software: boolean): { name: string; contenders: Contender[] } {
  const [problem] = single(size).problems;
  if (!problem) throw new Error('invariant: a single is one problem');
  const [short, long] = ITERATIONS[software ? 'software' : 'hardware'];
  const after = async (maxIterations: number): Promise<number> => (await timed(async () => solver.solve(problem, { mode: 'parity', settings: { maxIterations, threshold: 0 } }))).milliseconds;
  const name = 'wgsl';
  return {
    name: `half-step ${size}×${size}`,
    contenders: [
      {
        name,
        run: async () => {
          const before = await after(short);
          return ((await after(long)) - before) / (2 * (long - short));
        },
        facts: () => ({ difference: null }),
      },
    ],
  };
}

/** Bytes of M that a half-step reads. */
export const halfStepBytes = (size: number): number => 4 * size * size;
