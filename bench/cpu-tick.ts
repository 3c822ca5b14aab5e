import { Random } from '../src/base/random.ts';
import { combineTerms, costTerms, termShares } from '../src/core/cost/terms.ts';
import { costStatistics, planMetrics, regime } from '../src/core/ot/diagnostics.ts';
import { uniformWeights, type UotProblem } from '../src/core/ot/problem.ts';
import { solve, type UotSolution } from '../src/core/ot/solve.ts';
import { labelTerm } from '../src/config/presets.ts';
import { planWarnings } from '../src/core/ot/warnings.ts';
import { POT_WORK } from '../src/engine/problem.ts';

const SIZE = 64;
const TICKS = 400;

export interface TickTimes {
  readonly name: string;
  /** Milliseconds from the slider's value to everything that the page shows of a plan. */
  readonly median: number;
  readonly p95: number;
  readonly converged: number;
  readonly ticks: number;
}

/** A slider dragged back and forth over reg in steps of 2 %, with everything that a worker answers to one step. */
export function tickTimes(name: string, regOfStd: number, tau: number): TickTimes {
  const random = new Random(7);
  const side = (): { count: number; columns: Map<string, { values: Float64Array; shape: number[] }> } => ({
    count: SIZE,
    columns: new Map([
      ['action', { values: Float64Array.from({ length: SIZE * 7 }, () => random.normal()), shape: [7] }],
      ['observation.state', { values: Float64Array.from({ length: SIZE * 14 }, () => random.normal()), shape: [14] }],
    ]),
  });
  const terms = costTerms([labelTerm('action', 'action', null, 1), labelTerm('observation.state', 'observation.state', null, 0.5)], side(), side());
  const cost = combineTerms(terms);
  const scale = costStatistics(cost).median;
  const normalised = cost.map((value) => value / scale);
  const statistics = costStatistics(normalised);
  const base = { n: SIZE, m: SIZE, cost: normalised, a: uniformWeights(SIZE), b: uniformWeights(SIZE), prior: { kind: 'product' }, tau1: tau, tau2: tau } as const;

  let warm: UotSolution | null = null;
  let converged = 0;
  const times: number[] = [];
  for (let tick = -50; tick < TICKS; tick++) {
    const turn = Math.abs((((tick + 50) % 100) - 50) / 50);
    const start = performance.now();
    const problem: UotProblem = { ...base, reg: regOfStd * statistics.std * 1.02 ** (50 * turn - 25) };
    const solution: UotSolution = solve(problem, { mode: 'fast', warm });
    warm = solution;
    planMetrics(solution);
    regime(problem, statistics);
    const shares = termShares(terms, solution.plan);
    planWarnings(problem, solution, { statistics, shares, cameras: { count: 0, weight: 0 }, embeddingVariance: new Map(), constantDimensions: [], jitter: null }, POT_WORK);
    if (tick < 0) continue;
    times.push(performance.now() - start);
    if (solution.converged) converged++;
  }
  times.sort((p, q) => p - q);
  return { name, median: times[TICKS >> 1]!, p95: times[Math.floor(TICKS * 0.95)]!, converged, ticks: TICKS };
}
