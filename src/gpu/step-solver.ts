import type { Mode } from '../core/ot/solve.ts';
import type { Buffers } from './buffers.ts';
import { halfKernels, HalfStep, preferredPath } from './half.ts';
import { MIXING_THREADS, WORK } from './large.ts';
import type { DeviceMatrix } from './matrix.ts';
import { bindGroup, dispatch, type Pipelines } from './pipelines.ts';
import type { Side } from './prepare.ts';
import { CHUNK, PROBLEM_WORDS } from './small.ts';
import { DEFAULTS } from './solver.ts';
import { NUMBERS, type StepProblem, type StepShape } from './step-problem.ts';

/** Most sweeps of a fast solve: what has not settled by then is solved in float64. */
const SWEEPS = { small: 200, large: 100 } as const;
const HISTORY = 12;
const LARGE_STATE_BYTES = 32;

/** A solve whose sweeps are all submitted at once: those after the last one that is needed return. */
export interface StepSolver {
  /** n + m, log2, less the shift: what the kernels leave. */
  readonly potentials: GPUBuffer;
  /** (iterations, done, error, …), 32 bytes. */
  readonly state: GPUBuffer;
  /** The level at which potentials stand, as a word of `state`. */
  readonly levelWord: number;
  /** After `StepProblem.encode` in the same encoder. */
  encode(encoder: GPUCommandEncoder): void;
}

/** What a solver is made for. */
interface Parts {
  readonly problem: StepProblem;
  readonly shape: StepShape;
  readonly mode: Mode;
  readonly prior: DeviceMatrix | null;
  /** Of costs that are not centred. */
  readonly sides: readonly [Side, Side];
}

type Maker = (buffers: Buffers, parts: Parts) => StepSolver;

/** One workgroup for the whole problem; both sides at most `SMALL_SIDE`. */
export async function smallStepSolver(pipelines: Pipelines, mode: Mode): Promise<Maker> {
  const pipeline = await pipelines.get(mode === 'parity' ? ['small_common', 'parity_small'] : ['small_common', 'anderson', 'fast_small']);
  return (buffers, { problem, shape: { n, m }, prior }) => {
    const { device } = buffers;
    const most = mode === 'parity' ? DEFAULTS.parity.maxIterations : SWEEPS.small;
    const words = Uint32Array.of(most, CHUNK, 0, 0);
    new Float32Array(words.buffer)[2] = DEFAULTS[mode].threshold;
    const problems = buffers.filled(Uint32Array.of(n, m, 0, 0, 0, 0, prior ? 1 : 0, 0, 0, 0, 0, 0));
    const potentials = buffers.storage(4 * (n + 2 * m));
    const state = buffers.storage(LARGE_STATE_BYTES);
    const group = bindGroup(device, pipeline, [problems, problem.centred.straight, (prior ?? problem.centred).straight, problem.lines, potentials, state, buffers.uniform(words)]);
    return {
      potentials,
      state,
      levelWord: 3,
      encode: (encoder) => {
        encoder.copyBufferToBuffer(problem.numbers, 0, problems, 4 * (PROBLEM_WORDS - 4), 16);
        encoder.copyBufferToBuffer(problem.numbers, 4 * NUMBERS.smallState, state, 0, 16);
        encoder.clearBuffer(potentials);
        encoder.copyBufferToBuffer(problem.lines, 16 * (n + m), potentials, 0, 4 * (n + m));
        const pass = encoder.beginComputePass();
        for (let sweeps = 0; sweeps < most; sweeps += CHUNK) dispatch(pass, pipeline, group, 1);
        pass.end();
      },
    };
  };
}

/** Half-steps over the whole GPU, fast mode. */
export async function largeStepSolver(device: GPUDevice, pipelines: Pipelines, hasPrior: boolean, software: boolean): Promise<Maker> {
  const kernels = await halfKernels(pipelines, preferredPath(device, software), 'fast', hasPrior);
  const finisher = await pipelines.get(['large_common', 'anderson', 'fast_large'], { THREADS: software ? MIXING_THREADS.software : MIXING_THREADS.hardware });
  return (buffers, { problem, shape: { n, m }, prior, sides }) => {
    const state = buffers.storage(LARGE_STATE_BYTES);
    const common = { device, buffers, kernels, state, mode: 'fast', cost: problem.centred, prior, tau: Infinity } as const;
    const rows = new HalfStep({ ...common, of: 'rows', side: sides[0], length: m });
    const columns = new HalfStep({ ...common, of: 'columns', side: sides[1], length: n });
    const [rowSettings, columnSettings] = [rows.connect(columns), columns.connect(rows)];
    const most = Math.max(1, Math.min(SWEEPS.large, Math.floor((software ? WORK.software : WORK.hardware) / (2 * n * m))));
    const words = Uint32Array.of(n, m, most, 0, 0, 0, 0, 0);
    new Float32Array(words.buffer)[7] = DEFAULTS.fast.threshold;
    const settings = buffers.uniform(words);
    const potentials = buffers.storage(4 * (n + m));
    const group = bindGroup(device, finisher, [rows.potential, columns.potential, columns.moved, rows.side, columns.side, columns.outgoing, state, buffers.storage(HISTORY * m * 4), settings]);
    return {
      potentials,
      state,
      levelWord: 4,
      encode: (encoder) => {
        const { numbers, lines } = problem;
        rows.start(new Float32Array(n));
        columns.start(new Float32Array(m));
        encoder.copyBufferToBuffer(lines, 0, rows.side, 0, 16 * n);
        encoder.copyBufferToBuffer(lines, 16 * n, columns.side, 0, 16 * m);
        encoder.copyBufferToBuffer(numbers, 4 * NUMBERS.largeState, state, 0, LARGE_STATE_BYTES);
        // reg, 1/τ₁, 1/τ₂.
        encoder.copyBufferToBuffer(numbers, 0, settings, 16, 12);
        encoder.copyBufferToBuffer(numbers, 4 * NUMBERS.inverseTau1, rowSettings, 12, 4);
        encoder.copyBufferToBuffer(numbers, 4 * NUMBERS.inverseTau2, columnSettings, 12, 4);
        const pass = encoder.beginComputePass();
        for (let k = 0; k < most; k++) {
          rows.encode(pass);
          columns.encode(pass);
          dispatch(pass, finisher, group, 1);
        }
        pass.end();
        encoder.copyBufferToBuffer(rows.potential, 0, potentials, 0, 4 * n);
        encoder.copyBufferToBuffer(columns.potential, 0, potentials, 4 * n, 4 * m);
      },
    };
  };
}
