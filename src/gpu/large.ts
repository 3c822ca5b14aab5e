import { UserError } from '../base/errors.ts';
import type { Potentials } from '../core/ot/fast.ts';
import type { Conditions } from '../core/ot/problem.ts';
import type { Mode } from '../core/ot/solve.ts';
import { ATTEMPTS, closer, type Attempt } from './attempts.ts';
import { Buffers, computed } from './buffers.ts';
import { halfKernels, HalfStep, preferredPath, type HalfPath } from './half.ts';
import type { IterationSettings, RawOutcome } from './outcome.ts';
import { onDevice } from './matrix.ts';
import { bindGroup, dispatch, type Pipelines } from './pipelines.ts';
import { fitting, potentialOf, prepare, startOf, type Prepared } from './prepare.ts';
import type { Task } from './task.ts';

/** Sweeps a submission: fast solves are done after a few tens, and what is submitted beyond that returns at once. */
const CHUNK = { parity: 200, fast: 20 } as const;
/** Entries that a submission may sum, on a software adapter and on a real one: about a second. */
export const WORK = { software: 2e8, hardware: 2e10 } as const;

/** Threads of fast_large.wgsl's workgroup, at least as many as it has products to sum: on a software adapter barriers cost by the thread. */
export const MIXING_THREADS = { software: 32, hardware: 256 } as const;

/** large_common.wgsl's State, in bytes; fast_large.wgsl's history, in vectors of m numbers. */
const STATE_BYTES = 32;
const HISTORY = 12;

/** What a solve needs beside its problem. */
interface LargeParts {
  readonly device: GPUDevice;
  readonly pipelines: Pipelines;
  readonly task: Task;
  readonly mode: Mode;
  readonly settings: IterationSettings;
  readonly software: boolean;
  readonly path: HalfPath;
}

/** Where one try begins: potentials of a neighbour, or costs centred around its own last ones. */
interface Start {
  readonly warm: Potentials | null;
  readonly around: Potentials | null;
  readonly careful: boolean;
}

/**
 * Solve a problem that is too large for one workgroup: half-steps over the whole GPU (shaders/half_*.wgsl), followed by
 * POT's stop rule (check.wgsl) or by translation, mixing and the step to a finer ε (fast_large.wgsl). Many sweeps go in
 * one submission; the host reads n + m + 8 words after each.
 *
 * Fast mode takes the small solver's sequence of tries (attempts.ts).
 * @throws UserError `gpu-memory` when the matrices do not fit, before anything is allocated; as `guarded`
 */
export async function solveLarge(device: GPUDevice, pipelines: Pipelines, task: Task, mode: Mode, warm: Potentials | null, settings: IterationSettings, software: boolean, path = preferredPath(device, software)): Promise<RawOutcome> {
  checkMemory(device, task.problem);
  const parts = { device, pipelines, task, mode, software, path };
  const start = { warm: fitting(warm, task.problem), around: null, careful: false };
  if (mode === 'parity') return solveOnce({ ...parts, settings }, start);
  let outcome: RawOutcome | null = null;
  for (const attempt of ATTEMPTS) {
    const next: RawOutcome = await solveOnce({ ...parts, settings: { ...settings, maxIterations: Math.min(settings.maxIterations, attempt.sweeps) } }, startOfAttempt(attempt, start, outcome));
    outcome = outcome ? closer(outcome, next) : next;
    if (outcome.converged) break;
  }
  return outcome!;
}

function startOfAttempt({ careful, refine }: Attempt, first: Start, reached: RawOutcome | null): Start {
  if (refine) return { warm: null, around: reached, careful };
  return { warm: careful ? null : first.warm, around: null, careful };
}

/**
 * Refuse what the adapter cannot hold.
 * @throws UserError `gpu-memory` with both figures
 */
export function checkMemory({ limits }: GPUDevice, { n, m }: Pick<Conditions, 'n' | 'm'>): void {
  const needed = n * m * 4;
  const most = Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
  if (needed > most)
    throw new UserError('gpu-memory', `A ${n} × ${m} plan takes ${mebibytes(needed)} MiB a matrix, and this GPU allows ${mebibytes(most)} MiB. Draw a smaller batch, or use the CPU.`);
}

const mebibytes = (bytes: number): number => Math.ceil(bytes / 2 ** 20);

async function solveOnce(parts: LargeParts, { warm, around, careful }: Start): Promise<RawOutcome> {
  const { device, task, mode, settings } = parts;
  const { problem, cost, prior } = task;
  const { reg } = problem;
  const buffers = new Buffers(device);
  try {
    const prepared = prepare(problem, mode, around ? await cost.around(around, buffers) : cost.centred, prior);
    // The first level that ε ÷ 4 from the largest cost reaches; the largest itself would only average everything.
    const level = mode === 'parity' || warm || around ? reg : Math.max(reg, prepared.centred.span / 4);
    const open = await sweepOf(parts, buffers, prepared, level, careful);
    const { iterations, done, error, epsilon, x, y } = await iterate(parts, () => {
      const sweep = open();
      sweep.rows.start(startOf(prepared.rows, warm?.f ?? null, mode, reg));
      sweep.columns.start(startOf(prepared.columns, warm?.g ?? null, mode, reg));
      return sweep;
    });
    return {
      f: potentialOf(prepared.rows, x, epsilon, mode),
      g: potentialOf(prepared.columns, y, epsilon, mode),
      iterations,
      // Fast: log2 units to natural ones, which the float64 solver reports.
      error: mode === 'fast' ? error * Math.LN2 : error,
      converged: mode === 'fast' ? done === 1 : error < settings.threshold,
    };
  } finally {
    buffers.destroy();
  }
}

interface Sweep {
  readonly rows: HalfStep;
  readonly columns: HalfStep;
  readonly state: GPUBuffer;
  /** What follows the half-steps. */
  readonly finish: (pass: GPUComputePassEncoder) => void;
}

/** What makes the buffers of a sweep, synchronously, once its kernels are compiled. */
async function sweepOf({ device, pipelines, task, mode, settings, software, path }: LargeParts, buffers: Buffers, prepared: Prepared, level: number, careful: boolean): Promise<() => Sweep> {
  const { n, m, reg, tau1, tau2 } = task.problem;
  const { centred, prior } = prepared;
  const kernels = await halfKernels(pipelines, path, mode, prior !== null);
  const finisher = mode === 'parity' ? await pipelines.get(['large_common', 'check']) : await pipelines.get(['large_common', 'anderson', 'fast_large'], { THREADS: software ? MIXING_THREADS.software : MIXING_THREADS.hardware });
  return () => {
    const words = new ArrayBuffer(STATE_BYTES);
    new Float32Array(words).set([level, 0, 0, 1e30], 4);
    const state = buffers.filled(words);
    const common = { device, buffers, kernels, state, mode, cost: onDevice(buffers, centred.cost, n, m), prior: prior && onDevice(buffers, prior.matrix, n, m) };
    const rows = new HalfStep({ ...common, of: 'rows', side: prepared.rows, length: m, tau: tau1 });
    const columns = new HalfStep({ ...common, of: 'columns', side: prepared.columns, length: n, tau: tau2 });
    rows.connect(columns);
    columns.connect(rows);
    const group = mode === 'parity' ? checkGroup() : fastGroup();
    return { rows, columns, state, finish: (pass) => dispatch(pass, finisher, group, 1) };

    function checkGroup(): GPUBindGroup {
      const uniform = new ArrayBuffer(16);
      new Uint32Array(uniform).set([n, m, settings.maxIterations]);
      new Float32Array(uniform)[3] = settings.threshold;
      return bindGroup(device, finisher, [rows.potential, rows.moved, columns.potential, columns.moved, rows.side, columns.side, state, buffers.uniform(uniform)]);
    }
    function fastGroup(): GPUBindGroup {
      const uniform = new ArrayBuffer(32);
      new Uint32Array(uniform).set([n, m, settings.maxIterations, careful ? 1 : 0]);
      new Float32Array(uniform).set([reg, 1 / tau1, 1 / tau2, settings.threshold], 4);
      const history = buffers.storage(HISTORY * m * 4);
      return bindGroup(device, finisher, [rows.potential, columns.potential, columns.moved, rows.side, columns.side, columns.outgoing, state, history, buffers.uniform(uniform)]);
    }
  };
}

interface FinalState {
  readonly iterations: number;
  readonly done: number;
  readonly error: number;
  readonly epsilon: number;
  /** Potentials of rows and columns, log2 units at level ε. */
  readonly x: Float32Array;
  readonly y: Float32Array;
}

/** Submit sweeps, a chunk at a time, until one of them has set `done`. */
async function iterate({ device, task: { problem: { n, m } }, mode, settings, software }: LargeParts, open: () => Sweep): Promise<FinalState> {
  const chunk = Math.max(1, Math.min(CHUNK[mode], settings.maxIterations, Math.floor((software ? WORK.software : WORK.hardware) / (2 * n * m))));
  let sweep: Sweep | null = null;
  for (;;) {
    // Buffers are made in the scope of the first submission: one wait less.
    const [bytes, x, y] = await computed(device, `the ${mode} solve of a ${n} × ${m} problem`, () => {
      const { rows, columns, state, finish } = (sweep ??= open());
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      for (let k = 0; k < chunk; k++) {
        rows.encode(pass);
        columns.encode(pass);
        finish(pass);
      }
      pass.end();
      device.queue.submit([encoder.finish()]);
      return [
        { buffer: state, bytes: STATE_BYTES },
        { buffer: rows.potential, bytes: n * 4 },
        { buffer: columns.potential, bytes: m * 4 },
      ];
    });
    const [iterations, done] = new Uint32Array(bytes!);
    if (done === 0) continue;
    const floats = new Float32Array(bytes!);
    return { iterations: iterations!, done: done!, error: floats[2]!, epsilon: floats[4]!, x: new Float32Array(x!), y: new Float32Array(y!) };
  }
}
