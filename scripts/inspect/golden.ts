import { parseArgs } from 'node:util';
import { UserError } from '../../src/base/errors.ts';
import { solve, type Mode } from '../../src/core/ot/solve.ts';
import type { UotProblem } from '../../src/core/ot/problem.ts';
import { planError, readGolden, type GoldenCase, type GoldenTable } from './golden-files.ts';

/** A table of cases run through one backend and compared with its truths. Counts, not shares; errors relative to max π. */
export interface GoldenReport {
  readonly backend: string;
  readonly cases: number;
  /** Iterations as the backend counted them; plans after hand-over. */
  readonly parity: { compared: number; itersEqual: number; itersWithin1: number; maxPlanErr: number; nonFinite: number };
  readonly fast: { compared: number; geomeanIters: number; within1e3: number; within1e6: number; stalled: number; handedOver: number; within1e3AfterHandover: number };
  readonly maxGap: number;
  readonly seconds: number;
}

/** What a backend says about one problem: by itself, and after handing over to float64 what it cannot hold. */
export interface GoldenAnswer {
  readonly iterations: number;
  readonly plan: Float64Array;
  readonly stalled: boolean;
  readonly handedOver: boolean;
  readonly settled: { readonly plan: Float64Array; readonly converged: boolean; readonly gap: number };
}

export interface GoldenBackend {
  readonly name: string;
  /** @throws UserError `infeasible` (fast mode) when there is no plan */
  solve(problem: UotProblem, mode: Mode): Promise<GoldenAnswer>;
  close(): Promise<void>;
}

const cpu: GoldenBackend = {
  name: 'cpu',
  solve: (problem, mode) => {
    const { iterations, plan, converged, gap } = solve(problem, { mode });
    return Promise.resolve({ iterations, plan, stalled: mode === 'fast' && !converged, handedOver: false, settled: { plan, converged, gap } });
  },
  close: () => Promise.resolve(),
};

/** Optima with a larger residual are no truth to compare with. */
const TRUSTED_RESIDUAL = 1e-9;

/** `inspect golden <dir> [--backend cpu|webgpu] [--host chromium|node]` */
export async function inspectGolden(args: string[]): Promise<GoldenReport> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { backend: { type: 'string', default: 'cpu' }, host: { type: 'string' } } });
  const folder = positionals[0];
  if (!folder) throw new UserError('usage', 'Name the folder that holds golden.json: npm run inspect -- golden <dir> --backend cpu.');
  const table = await readGolden(folder);
  const backend = await openBackend(values.backend, values.host);
  try {
    return await runGolden(table, backend);
  } finally {
    await backend.close();
  }
}

async function openBackend(name: string, host: string | undefined): Promise<GoldenBackend> {
  if (name === 'cpu') {
    if (host !== undefined) throw new UserError('usage', '--host says where WebGPU runs; it goes with --backend webgpu.');
    return cpu;
  }
  if (name !== 'webgpu') throw new UserError('usage', `There is no backend "${name}"; the ones there are: cpu, webgpu.`);
  // Loaded only here: the float64 solver needs neither a browser nor Dawn.
  if (host === undefined || host === 'chromium') return (await import('./gpu-chromium.ts')).chromiumBackend();
  if (host === 'node') return (await import('./gpu-node.ts')).nodeBackend();
  throw new UserError('usage', `There is no host "${host}"; the ones there are: chromium, node.`);
}

/** Run every case of a table on a backend. */
export async function runGolden(table: GoldenTable, backend: GoldenBackend = cpu): Promise<GoldenReport> {
  const start = performance.now();
  const parity = { compared: 0, itersEqual: 0, itersWithin1: 0, maxPlanErr: 0, nonFinite: 0 };
  const fast = { compared: 0, geomeanIters: 0, within1e3: 0, within1e6: 0, stalled: 0, handedOver: 0, within1e3AfterHandover: 0 };
  let maxGap = 0;
  let logIterations = 0;
  let iterated = 0;
  for (const golden of table.cases) {
    const problem = table.problem(golden);
    if (golden.parity) {
      const answer = await backend.solve(problem, 'parity');
      parity.compared++;
      const difference = Math.abs(answer.iterations - golden.parity.iters);
      if (difference === 0) parity.itersEqual++;
      if (difference <= 1) parity.itersWithin1++;
      if (!isFinite(answer)) parity.nonFinite++;
      parity.maxPlanErr = Math.max(parity.maxPlanErr, planError(answer.settled.plan, table.array(golden.parity.plan)));
    }
    const answer = await solveIfFeasible(backend, problem, golden);
    if (!answer) continue;
    if (!isFinite(answer)) parity.nonFinite++;
    if (golden.c !== 'diag') {
      logIterations += Math.log(Math.max(1, answer.iterations));
      iterated++;
    }
    if (answer.settled.converged) maxGap = Math.max(maxGap, Math.abs(answer.settled.gap));
    if (answer.stalled) fast.stalled++;
    if (answer.handedOver) fast.handedOver++;
    if (golden.star && (golden.star.kkt ?? 0) <= TRUSTED_RESIDUAL) {
      const truth = table.array(golden.star.plan);
      const error = planError(answer.plan, truth);
      fast.compared++;
      if (error <= 1e-3) fast.within1e3++;
      if (error <= 1e-6) fast.within1e6++;
      if (planError(answer.settled.plan, truth) <= 1e-3) fast.within1e3AfterHandover++;
    }
  }
  fast.geomeanIters = iterated ? Math.exp(logIterations / iterated) : 0;
  return { backend: backend.name, cases: table.cases.length, parity, fast, maxGap, seconds: (performance.now() - start) / 1000 };
}

const isFinite = ({ plan, settled }: GoldenAnswer): boolean => plan.every(Number.isFinite) && settled.plan.every(Number.isFinite);

/** Infeasible problems have no optimum to compare; parity mode has shown what its scheme makes of them. */
async function solveIfFeasible(backend: GoldenBackend, problem: UotProblem, golden: GoldenCase): Promise<GoldenAnswer | null> {
  try {
    return await backend.solve(problem, 'fast');
  } catch (thrown) {
    if (thrown instanceof UserError && thrown.code === 'infeasible' && !golden.star) return null;
    throw thrown;
  }
}
