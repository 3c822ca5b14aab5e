import { solve, type Mode, type UotSolution } from '../src/core/ot/solve.ts';
import { tickTimes } from './cpu-tick.ts';
import { lockedVersions, machine, writeResult } from './machine.ts';
import { distance, optimum } from './optimum.ts';
import type { Pot } from './pot.ts';
import { SWEEP_ITERATIONS, type ProblemSet } from './problems.ts';
import { median, ms, off, print, printTable, ratio } from './table.ts';

interface Row {
  readonly problems: string;
  readonly potMs: number | null;
  readonly parityMs: number;
  readonly fastMs: number;
  /** Time of POT over ours; medians of runs taken in turn. */
  readonly parityTimesPot: number | null;
  readonly fastTimesPot: number | null;
  readonly potIterations: number | null;
  readonly parityIterations: number;
  readonly fastIterations: number;
  readonly fastConverged: string;
  /** Largest max|π − π*|/max π* over the problems, π* the optimum. */
  readonly potFromOptimum: number | null;
  readonly parityFromOptimum: number;
  readonly fastFromOptimum: number;
  /** What is left of the optimality conditions at π*: how well the truth itself is known. */
  readonly optimumResidual: number;
}

/** The float64 solver against POT, and the time of one slider step without a page. Prints tables, writes a result. */
export async function cpuBench(sets: readonly ProblemSet[], pot: Pot | null, peer: string, name: string, repeats: number): Promise<void> {
  const rows: Row[] = [];
  for (const set of sets) rows.push(await measure(set, pot, repeats));
  printRows(rows);
  const total = rows[0]!.parityIterations;
  print(`\nParity iterations on the sweep: ${total}; POT ≥ 0.9.5 takes ${SWEEP_ITERATIONS}${total === SWEEP_ITERATIONS ? ', the same' : '. THEY DIFFER'}.`);

  const ticks = [tickTimes('reg 0.05·std, τ 0.5', 0.05, 0.5), tickTimes('reg 0.005·std, τ 10', 0.005, 10)];
  print('\nOne slider step at 64×64 (warm solve, shares, metrics, warnings), ms:');
  for (const tick of ticks) print(`  ${tick.name.padEnd(22)} median ${tick.median.toFixed(2)}   p95 ${tick.p95.toFixed(2)}   converged ${tick.converged}/${tick.ticks}`);

  const versions = { ...(await lockedVersions('../package-lock.json', ['', 'tsx'])), pot: pot?.versions ?? null };
  const date = new Date().toISOString().slice(0, 10);
  const path = await writeResult(name, { date, machine, versions, peer, repeats, rows, sweepIterationsExpected: SWEEP_ITERATIONS, ticks });
  print(`\nWritten to ${path}`);
}

/** POT, parity and fast take turns, so that a machine that slows down slows all three. */
async function measure(set: ProblemSet, pot: Pot | null, repeats: number): Promise<Row> {
  const times = { pot: [] as number[], parity: [] as number[], fast: [] as number[] };
  let potIterations: number | null = null;
  let parity = solveAll(set, 'parity');
  let fast = solveAll(set, 'fast');
  for (let repeat = 0; repeat < repeats; repeat++) {
    if (pot) {
      const run = await pot.run(set);
      times.pot.push(1000 * run.seconds);
      potIterations = run.iterations;
    }
    parity = solveAll(set, 'parity');
    times.parity.push(parity.milliseconds);
    fast = solveAll(set, 'fast');
    times.fast.push(fast.milliseconds);
  }
  const potPlans = pot ? await pot.plans(set) : null;
  const truths = set.problems.map((problem, k) => optimum(problem, fast.solutions[k]!));
  const furthest = (plans: readonly Float64Array[]): number => Math.max(...plans.map((plan, k) => distance(plan, truths[k]!.plan)));
  const potMs = pot ? median(times.pot) : null;
  const parityMs = median(times.parity);
  const fastMs = median(times.fast);
  return {
    problems: set.name,
    potMs,
    parityMs,
    fastMs,
    parityTimesPot: potMs === null ? null : potMs / parityMs,
    fastTimesPot: potMs === null ? null : potMs / fastMs,
    potIterations,
    parityIterations: parity.iterations,
    fastIterations: fast.iterations,
    fastConverged: `${fast.solutions.filter((solution) => solution.converged).length}/${set.problems.length}`,
    potFromOptimum: potPlans && furthest(potPlans),
    parityFromOptimum: furthest(parity.solutions.map(({ plan }) => plan)),
    fastFromOptimum: furthest(fast.solutions.map(({ plan }) => plan)),
    optimumResidual: Math.max(...truths.map(({ residual }) => residual)),
  };
}

function solveAll(set: ProblemSet, mode: Mode): { milliseconds: number; iterations: number; solutions: UotSolution[] } {
  const start = performance.now();
  const solutions = set.problems.map((problem) => solve(problem, { mode }));
  const milliseconds = performance.now() - start;
  return { milliseconds, solutions, iterations: solutions.reduce((total, { iterations }) => total + iterations, 0) };
}

function printRows(rows: readonly Row[]): void {
  printTable([
    ['problems', 'POT ms', 'parity ms', 'fast ms', 'parity/POT', 'fast/POT', 'it POT', 'it parity', 'it fast', 'fast conv', 'POT off', 'parity off', 'fast off', 'truth ±'],
    ...rows.map((row) => [
      row.problems,
      ms(row.potMs),
      ms(row.parityMs),
      ms(row.fastMs),
      ratio(row.parityTimesPot),
      ratio(row.fastTimesPot),
      String(row.potIterations ?? '–'),
      String(row.parityIterations),
      String(row.fastIterations),
      row.fastConverged,
      off(row.potFromOptimum),
      off(row.parityFromOptimum),
      off(row.fastFromOptimum),
      off(row.optimumResidual),
    ]),
  ]);
  print('(×: how many times faster than POT; off: largest distance of a plan from the optimum, of max π)');
}
