import type { Pot } from '../pot.ts';
import type { ProblemSet } from '../problems.ts';
import { median, print } from '../table.ts';
import type { Facts, KernelHost, Task } from './kernels.ts';

/** What takes longer in its first run is not run again: that run is its time, a peer's compilation in it. */
const SLOW_MS = 8000;
/** A task is repeated until its turns have taken this long. */
const BUDGET_MS = 8_000;

export interface Timing extends Facts {
  /** Median of the runs. */
  readonly ms: number;
  readonly runs: number;
}

/** One task by everyone who does it. */
export interface Row {
  readonly kind: Task['kind'];
  readonly task: string;
  readonly times: Readonly<Record<string, Timing>>;
  /** Time of each over that of `ratiosOf`: above 1 it is slower. */
  readonly timesOurs: Readonly<Record<string, number>>;
  readonly ratiosOf: string;
  readonly failed: Readonly<Record<string, string>>;
}

/**
 * Time a task: everyone in turn, so that a machine that slows down slows all. POT takes its turn where it holds the
 * problems.
 */
export async function measureTask(host: KernelHost, task: Task, pot: Pot | null, sets: readonly ProblemSet[], repeats: number): Promise<Row> {
  const { name, contenders, failed } = await host.prepare(task);
  const set = pot ? sets.find((candidate) => candidate.name === name) : undefined;
  const runs = new Map<string, number[]>(contenders.map((contender) => [contender.name, contender.firstMs > SLOW_MS ? [contender.firstMs] : []]));
  const inTurn = contenders.filter(({ firstMs }) => firstMs <= SLOW_MS);
  const potTimes: number[] = [];
  let potIterations = 0;
  const start = performance.now();
  for (let repeat = 0; repeat < repeats && (repeat === 0 || performance.now() - start < BUDGET_MS); repeat++) {
    if (pot && set) {
      const { seconds, iterations } = await pot.run(set);
      potTimes.push(1000 * seconds);
      potIterations = iterations;
    }
    for (const contender of inTurn) runs.get(contender.name)!.push(await host.time(contender.name));
  }
  const times: Record<string, Timing> = {};
  if (set) times.POT = { difference: null, iterations: potIterations, ms: median(potTimes), runs: potTimes.length };
  for (const contender of contenders) {
    const taken = runs.get(contender.name)!;
    times[contender.name] = { ...contender.facts, ms: median(taken), runs: taken.length };
  }
  print(`  ${name}: ${Object.entries(times).map(([who, timing]) => `${who} ${timing.ms.toFixed(1)}`).join(', ')}`);
  const ratiosOf = times['wgsl fast + float64'] ? 'wgsl fast + float64' : 'wgsl';
  const ours = times[ratiosOf]?.ms;
  const timesOurs = ours === undefined ? {} : Object.fromEntries(Object.entries(times).flatMap(([who, timing]) => (who === ratiosOf ? [] : [[who, timing.ms / ours]])));
  return { kind: task.kind, task: name, times, timesOurs, ratiosOf, failed };
}
