import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { solve, type Mode, type UotSolution } from '../src/core/ot/solve.ts';
import { distance, optimum } from './optimum.ts';
import { startPot, type Pot } from './pot.ts';
import { singles, sweep, SWEEP_ITERATIONS, type ProblemSet } from './problems.ts';
import { tickTimes } from './tick.ts';

/**
 * `npm run bench [-- --name cpu-float64] [--repeats 7]`: the float64 solver against POT in one run, both timed in turn on
 * the same problems, and the time of one slider step. Prints tables and writes bench/results/<name>.json.
 */

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

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { name: { type: 'string', default: 'cpu-float64' }, repeats: { type: 'string', default: '7' } } });
  const sets = [await sweep(), ...singles()];
  const pot = await startPot(sets);
  const machine = { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version, OMP_NUM_THREADS: process.env.OMP_NUM_THREADS ?? 'not set' };
  print(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, OMP_NUM_THREADS ${machine.OMP_NUM_THREADS}`);
  const peer = pot
    ? `POT ${pot.versions.version} (numpy ${pot.versions.numpy}, Python ${pot.versions.python}); before 0.9.5 its reference measure is 1, so it is given M − reg·log(abᵀ), formed outside its clock`
    : 'no python3 with POT here: its columns are empty';
  print(`${peer}\n`);

  const rows: Row[] = [];
  for (const set of sets) rows.push(await measure(set, pot, Number(values.repeats)));
  await pot?.close();
  printRows(rows);
  const total = rows[0]!.parityIterations;
  print(`\nParity iterations on the sweep: ${total}; POT ≥ 0.9.5 takes ${SWEEP_ITERATIONS}${total === SWEEP_ITERATIONS ? ', the same' : '. THEY DIFFER'}.`);

  const ticks = [tickTimes('reg 0.05·std, τ 0.5', 0.05, 0.5), tickTimes('reg 0.005·std, τ 10', 0.005, 10)];
  print('\nOne slider step at 64×64 (warm solve, shares, metrics, warnings), ms:');
  for (const tick of ticks) print(`  ${tick.name.padEnd(22)} median ${tick.median.toFixed(2)}   p95 ${tick.p95.toFixed(2)}   converged ${tick.converged}/${tick.ticks}`);

  const lock: { packages: Record<string, { version?: string }> } = JSON.parse(await readFile(resolve(import.meta.dirname, '../package-lock.json'), 'utf8'));
  const versions = { playground: lock.packages['']?.version, tsx: lock.packages['node_modules/tsx']?.version, pot: pot?.versions ?? null };
  const result = { date: new Date().toISOString().slice(0, 10), machine, versions, peer, repeats: Number(values.repeats), rows, sweepIterationsExpected: SWEEP_ITERATIONS, ticks };
  const folder = resolve(import.meta.dirname, 'results');
  await mkdir(folder, { recursive: true });
  await writeFile(resolve(folder, `${values.name}.json`), `${JSON.stringify(result, null, 2)}\n`);
  print(`\nWritten to bench/results/${values.name}.json`);
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

function median(values: readonly number[]): number {
  const sorted = values.toSorted((p, q) => p - q);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const ms = (value: number | null): string => (value === null ? '–' : value.toFixed(value < 10 ? 2 : 0));
const ratio = (value: number | null): string => (value === null ? '–' : `${value.toFixed(2)}×`);
const off = (value: number | null): string => (value === null ? '–' : value.toExponential(0));

function printRows(rows: readonly Row[]): void {
  const table = [
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
  ];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((line) => line[column]!.length)));
  for (const line of table) print(line.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('  '));
  print('(×: how many times faster than POT; off: largest distance of a plan from the optimum, of max π)');
}

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

await main();
