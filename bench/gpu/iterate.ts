import { solveParity } from '../../src/core/ot/parity.ts';
import { referenceMeasure } from '../../src/core/ot/priors.ts';
import type { UotProblem } from '../../src/core/ot/problem.ts';
import type { GpuSolver } from '../../src/gpu/solver.ts';
import { distance } from '../optimum.ts';
import { single } from '../problems.ts';
import { timed, type Contender } from './kernels.ts';
import type { Iterated, Peer } from './peers/peer.ts';

/** A fixed number of plain log-domain iterations by ours, the peers and the float64 solver; log u and log v come back. */
export function iterateContenders(solver: GpuSolver, peers: ReadonlyMap<string, Peer>, size: number, iterations: number): { name: string; contenders: Contender[] } {
  const [problem] = single(size).problems;
  if (!problem) throw new Error('invariant: a single is one problem');
  const ways = waysToIterate(solver, peers, problem, iterations);
  const truth = planOf(problem, inFloat64(problem, iterations));
  return {
    name: `${iterations} iterations, ${size}×${size}`,
    contenders: [...ways].map(([name, work]) => {
      let last: Iterated = [];
      return {
        name,
        run: async () => {
          const { result, milliseconds } = await timed(work);
          last = result;
          return milliseconds;
        },
        facts: () => ({ difference: name === 'float64' ? null : distance(planOf(problem, last), truth) }),
      };
    }),
  };
}

function waysToIterate(solver: GpuSolver, peers: ReadonlyMap<string, Peer>, problem: UotProblem, iterations: number): Map<string, () => Iterated | Promise<Iterated>> {
  const ways = new Map<string, () => Iterated | Promise<Iterated>>();
  ways.set('wgsl', async () => {
    const { f, g } = await solver.solve(problem, { mode: 'parity', settings: { maxIterations: iterations, threshold: 0 } });
    return [...f, ...g].map((value) => value / problem.reg);
  });
  for (const [name, peer] of peers) ways.set(name, peer.iterate(problem, iterations));
  ways.set('float64', () => inFloat64(problem, iterations));
  return ways;
}

function inFloat64(problem: UotProblem, iterations: number): Iterated {
  const { logU, logV } = solveParity(problem, referenceMeasure(problem), { maxIterations: iterations, threshold: 0 });
  return [...logU, ...logV];
}

/** π = u K v with c = a bᵀ, in float64. */
export function planOf({ n, m, cost, a, b, reg }: UotProblem, potentials: Iterated): Float64Array {
  return Float64Array.from(cost, (value, k) => {
    const i = Math.floor(k / m);
    const j = k % m;
    return a[i]! * b[j]! * Math.exp(potentials[i]! + potentials[n + j]! - value / reg);
  });
}
