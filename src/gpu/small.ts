import type { Potentials } from '../core/ot/fast.ts';
import type { Mode } from '../core/ot/solve.ts';
import { ATTEMPTS, BOLD, closer } from './attempts.ts';
import { Buffers, computed } from './buffers.ts';
import { endToEnd, type Matrix } from './matrix.ts';
import type { IterationSettings, RawOutcome } from './outcome.ts';
import { bindGroup, dispatch, type Pipelines } from './pipelines.ts';
import { fitting, potentialOf, prepare, startOf, type Centred, type Prepared } from './prepare.ts';
import type { Task } from './task.ts';

/** Largest side of a problem that one workgroup solves. */
export const SMALL_SIDE = 64;
/** Workgroup memory of the larger kernel, in bytes: adapters with WebGPU's minimal limits have 16 KiB. */
export const SMALL_WORKGROUP_BYTES = 21_600;
/** Sweeps a dispatch: a GPU's watchdog ends a dispatch that takes seconds. */
export const CHUNK = 200;
/** Entries that a dispatch may sum, on a software adapter and on a real one: it takes about a second on the former. */
const WORK = { software: 2e8, hardware: 2e10 } as const;

/** A problem and where its iteration begins: potentials of a neighbour, or costs centred around its own last ones. */
interface Start {
  readonly task: Task;
  readonly warm: Potentials | null;
  readonly around: Potentials | null;
}

/** small_common.wgsl's Problem; its last four words are numbers of a problem rather than its places. */
export const PROBLEM_WORDS = 12;
const STATE_WORDS = 4;

/** Solve many problems with n, m ≤ 64, one workgroup each (shaders/parity_small.wgsl, fast_small.wgsl). */
export async function solveSmall(device: GPUDevice, pipelines: Pipelines, tasks: readonly Task[], mode: Mode, warm: Potentials | null, settings: IterationSettings, software: boolean): Promise<RawOutcome[]> {
  const work = Math.max(...tasks.map(({ problem: { n, m } }) => 2 * n * m)) * Math.min(CHUNK, settings.maxIterations);
  const together = Math.max(1, Math.min(65_535, Math.floor((software ? WORK.software : WORK.hardware) / work)));
  let results: RawOutcome[] = [];
  for (const attempt of mode === 'fast' ? ATTEMPTS : [BOLD]) {
    const open = tasks.flatMap((_, p) => (results[p]?.converged ? [] : [p]));
    const starts = open.map((p): Start => (attempt.refine ? { task: tasks[p]!, warm: null, around: results[p]! } : { task: tasks[p]!, warm: attempt.careful ? null : warm, around: null }));
    const sweeps = { ...settings, maxIterations: Math.min(settings.maxIterations, attempt.sweeps) };
    const outcomes: RawOutcome[] = [];
    for (let first = 0; first < starts.length; first += together) outcomes.push(...(await solveTogether(device, pipelines, starts.slice(first, first + together), mode, sweeps, attempt.careful)));
    results = results.length === 0 ? outcomes : merge(results, open, outcomes);
  }
  return results;
}

function merge(results: readonly RawOutcome[], places: readonly number[], outcomes: readonly RawOutcome[]): RawOutcome[] {
  const merged = [...results];
  for (const [k, p] of places.entries()) {
    merged[p] = closer(results[p]!, outcomes[k]!);
  }
  return merged;
}

async function solveTogether(device: GPUDevice, pipelines: Pipelines, problems: readonly Start[], mode: Mode, settings: IterationSettings, careful: boolean): Promise<RawOutcome[]> {
  const pipeline = await pipelines.get(mode === 'parity' ? ['small_common', 'parity_small'] : ['small_common', 'anderson', 'fast_small']);
  const buffers = new Buffers(device);
  try {
    const centred: Centred[] = [];
    for (const { task, around } of problems) centred.push(around ? await task.cost.around(around, buffers) : task.cost.centred);
    const batch = pack(problems, centred, mode);
    const open = (): { states: GPUBuffer; potentials: GPUBuffer; group: GPUBindGroup } => {
      const states = buffers.filled(batch.states);
      const potentials = buffers.filled(batch.potentials);
      const words = new ArrayBuffer(16);
      new Uint32Array(words).set([settings.maxIterations, CHUNK, 0, careful ? 1 : 0]);
      new Float32Array(words)[2] = settings.threshold;
      const inputs = [buffers.filled(batch.problems), endToEnd(buffers, batch.costs), endToEnd(buffers, batch.priors), buffers.filled(batch.lines)];
      return { states, potentials, group: bindGroup(device, pipeline, [...inputs, potentials, states, buffers.uniform(words)]) };
    };
    const count = problems.length;
    let opened: { readonly states: GPUBuffer; readonly potentials: GPUBuffer; readonly group: GPUBindGroup } | null = null;
    for (;;) {
      // Buffers are made in the scope of the first dispatch: one wait less.
      const [stateBytes, potentialBytes] = await computed(device, `the ${mode} solve of ${count} problems`, () => {
        opened ??= open();
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        dispatch(pass, pipeline, opened.group, count);
        pass.end();
        device.queue.submit([encoder.finish()]);
        return [
          { buffer: opened.states, bytes: batch.states.byteLength },
          { buffer: opened.potentials, bytes: batch.potentials.byteLength },
        ];
      });
      const flags = new Uint32Array(stateBytes!);
      let unfinished = false;
      for (let p = 0; p < count; p++) unfinished ||= flags[p * STATE_WORDS + 1] === 0;
      if (!unfinished) return unpack(batch.prepared, batch.starts, flags, new Float32Array(stateBytes!), new Float32Array(potentialBytes!), mode, settings);
    }
  } finally {
    buffers.destroy();
  }
}

interface Packed {
  readonly prepared: readonly Prepared[];
  /** Where each problem's potentials start. */
  readonly starts: readonly number[];
  readonly problems: ArrayBuffer;
  /** Matrices that the problems read, each once. */
  readonly costs: readonly Matrix[];
  readonly priors: readonly Matrix[];
  readonly lines: Float32Array<ArrayBuffer>;
  readonly potentials: Float32Array<ArrayBuffer>;
  readonly states: ArrayBuffer;
}

/** Lay a batch out as small_common.wgsl reads it. @param centred the costs of each problem, centred for this attempt */
function pack(problems: readonly Start[], centred: readonly Centred[], mode: Mode): Packed {
  const costs = new Pool<Matrix>();
  const priors = new Pool<Matrix>();
  const words = new ArrayBuffer(problems.length * PROBLEM_WORDS * 4);
  const integers = new Uint32Array(words);
  const floats = new Float32Array(words);
  const states = new ArrayBuffer(problems.length * STATE_WORDS * 4);
  const levels = new Float32Array(states);
  const prepared: Prepared[] = [];
  const starts: number[] = [];
  let lineCount = 0;
  let potentialCount = 0;
  for (const [p, { task, warm, around }] of problems.entries()) {
    const { problem, prior } = task;
    const { n, m, reg, tau1, tau2 } = problem;
    const cost = centred[p]!;
    prepared.push(prepare(problem, mode, cost, prior));
    starts.push(potentialCount);
    integers.set([n, m, costs.place(cost.cost, n * m), prior ? priors.place(prior.matrix, n * m) : 0, lineCount, potentialCount, prior ? 1 : 0, 0], p * PROBLEM_WORDS);
    floats.set([reg, 1 / tau1, 1 / tau2, 0], p * PROBLEM_WORDS + 8);
    const cold = mode === 'fast' && !around && !fitting(warm, problem);
    // The first level that ε ÷ 4 from the largest cost reaches; the largest itself would only average everything.
    levels[p * STATE_WORDS + 3] = cold ? Math.max(reg, cost.span / 4) : reg;
    lineCount += 4 * (n + m);
    potentialCount += n + 2 * m;
  }
  const lines = new Float32Array(lineCount);
  const potentials = new Float32Array(potentialCount);
  let at = 0;
  for (const [p, { rows, columns }] of prepared.entries()) {
    for (const { bias, target, shift, mass } of [rows, columns])
      for (const values of [bias, target, shift, mass]) {
        lines.set(values, at);
        at += values.length;
      }
    const { task, warm } = problems[p]!;
    const start = fitting(warm, task.problem);
    potentials.set(startOf(rows, start?.f ?? null, mode, task.problem.reg), starts[p]);
    potentials.set(startOf(columns, start?.g ?? null, mode, task.problem.reg), starts[p]! + task.problem.n);
  }
  return { prepared, starts, problems: words, costs: costs.values, priors: priors.values, lines, potentials, states };
}

/** Things laid end to end, each once. */
class Pool<Value> {
  readonly #starts = new Map<Value, number>();
  #end = 0;

  /** Where a value of this length begins. */
  place(value: Value, length: number): number {
    const known = this.#starts.get(value);
    if (known !== undefined) return known;
    this.#starts.set(value, this.#end);
    this.#end += length;
    return this.#end - length;
  }

  get values(): Value[] {
    return [...this.#starts.keys()];
  }
}

function unpack(prepared: readonly Prepared[], starts: readonly number[], flags: Uint32Array, floats: Float32Array, potentials: Float32Array, mode: Mode, settings: IterationSettings): RawOutcome[] {
  return prepared.map(({ rows, columns }, p) => {
    const state = p * STATE_WORDS;
    const middle = starts[p]! + rows.bias.length;
    const error = floats[state + 2]!;
    const epsilon = floats[state + 3]!;
    return {
      f: potentialOf(rows, potentials.subarray(starts[p], middle), epsilon, mode),
      g: potentialOf(columns, potentials.subarray(middle, middle + columns.bias.length), epsilon, mode),
      iterations: flags[state]!,
      // Fast: log2 units to natural ones, which the float64 solver reports.
      error: mode === 'fast' ? error * Math.LN2 : error,
      converged: mode === 'fast' ? flags[state + 1] === 1 : error < settings.threshold,
    };
  });
}
