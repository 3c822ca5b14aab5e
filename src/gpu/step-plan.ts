import { isHard, type Conditions } from '../core/ot/problem.ts';
import type { Mode } from '../core/ot/solve.ts';
import type { Buffers, Reading } from './buffers.ts';
import type { DeviceMatrix } from './matrix.ts';
import type { HandoverReason } from './outcome.ts';
import { bindGroup, dispatch, type Pipelines } from './pipelines.ts';
import { summarise } from './plan.ts';
import { potentialOf, type Side } from './prepare.ts';
import { solutionOf, type ResidentSolution } from './resident.ts';
import { DEFAULTS, LARGEST_COST, LARGEST_POTENTIAL } from './solver.ts';
import { NUMBERS, type StepProblem, type StepShape } from './step-problem.ts';
import type { StepSolver } from './step-solver.ts';

const THREADS = 64;

/** step_check.wgsl's reasons, from 1. */
const REASONS: readonly HandoverReason[] = ['uncertified', 'stalled', 'potential-range', 'cost-range', 'non-finite'];

/** |log(π1)_i − (log a_i − f_i/τ)| up to which a plan counts as optimal: what MARGINAL_TOLERANCE (handover.ts) is for a hard side; a finite τ's gap is of its square. */
const TOLERANCE = { hard: 1e-4, finite: 1e-3 } as const;

interface Kernels {
  readonly factors: GPUComputePipeline;
  readonly plan: GPUComputePipeline;
  readonly check: GPUComputePipeline;
}

export async function stepPlanKernels(pipelines: Pipelines): Promise<Kernels> {
  return { factors: await pipelines.get(['step_factors']), plan: await pipelines.get(['plan']), check: await pipelines.get(['step_check']) };
}

/** What a step's solve came to, in units of M/σ but for what `ResidentSolution` says is raw; its plan stays on the device. */
export interface StepOutcome extends Omit<ResidentSolution, 'plan' | 'termCosts'> {
  readonly sigma: number;
  /** Mean of ‖z_i − z'_j‖². */
  readonly embeddingCost: number;
}

/** What the plan is made from. */
interface Parts {
  readonly shape: StepShape;
  readonly mode: Mode;
  readonly problem: StepProblem;
  readonly solver: StepSolver;
  readonly prior: DeviceMatrix | null;
  /** π, n × m: written. */
  readonly plan: GPUBuffer;
  /** Of a trained tensor: its entry 0 is overwritten where the step must not be taken. */
  readonly gradient: GPUBuffer;
}

/** The plan of a step's potentials, its sums, and whether they can be believed. */
export class StepPlan {
  readonly #parts: Parts;
  readonly #device: GPUDevice;
  readonly #kernels: Kernels;
  readonly #status: GPUBuffer;
  readonly #sums: { readonly rows: GPUBuffer; readonly columns: GPUBuffer; readonly diagonal: GPUBuffer };
  readonly #shapes: readonly [GPUBuffer, GPUBuffer];
  readonly #checked: GPUBuffer;
  readonly #groups: { readonly factors: GPUBindGroup; readonly rows: GPUBindGroup; readonly columns: GPUBindGroup; readonly check: GPUBindGroup };

  constructor(buffers: Buffers, kernels: Kernels, parts: Parts) {
    const { device } = buffers;
    const { problem, solver, prior, plan, gradient } = parts;
    const { n, m } = parts.shape;
    this.#parts = parts;
    this.#device = device;
    this.#kernels = kernels;
    this.#status = buffers.storage(4);
    this.#sums = { rows: buffers.storage(16 * n), columns: buffers.storage(16 * m), diagonal: buffers.storage(4 * m) };
    const [fromRows, fromColumns] = [buffers.storage(4 * n), buffers.storage(4 * m)];
    const shape = (lines: number, store: number): GPUBuffer => buffers.uniform(Uint32Array.of(lines, n + m - lines, store, prior ? 1 : 0, 0, 0, 0, 0));
    this.#shapes = [shape(n, 0), shape(m, 1)];
    this.#checked = buffers.uniform(new Uint32Array(8));
    const { straight, flipped } = problem.centred;
    const priors = prior ?? problem.centred;
    const bind = (pipeline: GPUComputePipeline, all: readonly GPUBuffer[]): GPUBindGroup => bindGroup(device, pipeline, all);
    this.#groups = {
      factors: bind(kernels.factors, [solver.potentials, problem.lines, fromRows, fromColumns, buffers.uniform(Uint32Array.of(n, m, 0, 0))]),
      columns: bind(kernels.plan, [straight, priors.straight, straight, fromRows, fromColumns, plan, this.#sums.diagonal, this.#sums.columns, this.#shapes[1]]),
      // Bound where nothing is stored: a buffer may not be bound for writing twice.
      rows: bind(kernels.plan, [flipped, priors.flipped, flipped, fromColumns, fromRows, buffers.storage(16), buffers.storage(16), this.#sums.rows, this.#shapes[0]]),
      check: bind(kernels.check, [this.#sums.rows, this.#sums.columns, problem.lines, solver.potentials, solver.state, problem.numbers, this.#status, gradient, this.#checked]),
    };
  }

  /** After the solver, in the same encoder. */
  encode(encoder: GPUCommandEncoder): void {
    const { n, m } = this.#parts.shape;
    for (const shape of this.#shapes) encoder.copyBufferToBuffer(this.#parts.problem.numbers, 4 * NUMBERS.scale, shape, 16, 4);
    const pass = encoder.beginComputePass();
    dispatch(pass, this.#kernels.factors, this.#groups.factors, Math.ceil((n + m) / THREADS));
    dispatch(pass, this.#kernels.plan, this.#groups.columns, Math.ceil(m / THREADS));
    dispatch(pass, this.#kernels.plan, this.#groups.rows, Math.ceil(n / THREADS));
    pass.end();
  }

  /** Between the gradients and the optimiser: keep it from a step that float32 has wrong. */
  encodeCheck(encoder: GPUCommandEncoder, { tau1, tau2 }: Pick<Conditions, 'tau1' | 'tau2'>): void {
    const { shape: { n, m }, mode } = this.#parts;
    const words = Uint32Array.of(n, m, mode === 'fast' ? 1 : 0, 0, 0, 0, 0, 0);
    const tolerance = (tau: number): number => (isHard(tau) ? TOLERANCE.hard : TOLERANCE.finite);
    new Float32Array(words.buffer).set([tolerance(tau1), tolerance(tau2), LARGEST_COST, LARGEST_POTENTIAL], 4);
    this.#device.queue.writeBuffer(this.#checked, 0, words);
    encoder.clearBuffer(this.#status);
    const pass = encoder.beginComputePass();
    dispatch(pass, this.#kernels.check, this.#groups.check, 1);
    pass.end();
  }

  /** What to read for `outcomeOf`, once the check has run: n + m numbers a few times over. */
  get readings(): Reading[] {
    const { shape: { n, m }, problem, solver } = this.#parts;
    return [
      { buffer: this.#status, bytes: 4 },
      { buffer: solver.state, bytes: 32 },
      { buffer: problem.numbers, bytes: 4 * NUMBERS.count },
      { buffer: solver.potentials, bytes: 4 * (n + m) },
      { buffer: problem.rows, bytes: 4 * n },
      { buffer: problem.columns, bytes: 4 * m },
      { buffer: this.#sums.diagonal, bytes: 4 * m },
      { buffer: this.#sums.columns, bytes: 16 * m },
      { buffer: this.#sums.rows, bytes: 16 * n },
    ];
  }

  /**
   * The readings' bytes in words. Certificates are float64's of float32's sums, as in a tick (`ResidentCost.solve`).
   * @param conditions in units of M/σ  @param sides of costs that are not centred
   */
  outcomeOf(bytes: readonly ArrayBuffer[], conditions: Conditions, sides: readonly [Side, Side]): StepOutcome {
    const { shape: { n, m }, mode, solver: { levelWord } } = this.#parts;
    const [status, state, ...rest] = bytes as [ArrayBuffer, ArrayBuffer, ...ArrayBuffer[]];
    const [numbers, potentials, rows, columns, diagonal, columnSums, rowSums] = rest.map((part) => new Float32Array(part)) as [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array, Float32Array, Float32Array];
    const reason = new Uint32Array(status)[0]!;
    const [iterations, done] = new Uint32Array(state);
    const ended = new Float32Array(state);
    const sigma = numbers[NUMBERS.sigma]!;
    const raw = { ...conditions, reg: conditions.reg * sigma, tau1: conditions.tau1 * sigma, tau2: conditions.tau2 * sigma };
    const offsets = { rows: Float64Array.from(rows), columns: Float64Array.from(columns) };
    const potential = (side: Side, offset: Float64Array, from: number): Float64Array =>
      potentialOf({ ...side, offset, shift: Float32Array.from(offset, (value) => (value / raw.reg) * Math.LOG2E) }, potentials.subarray(from, from + offset.length), ended[levelWord]!, mode);
    const plan = summarise(new Float32Array(0), n === m ? diagonal : null, [columnSums, rowSums], offsets);
    const error = mode === 'fast' ? ended[2]! * Math.LN2 : ended[2]!;
    const outcome = {
      f: potential(sides[0], offsets.rows, 0),
      g: potential(sides[1], offsets.columns, n),
      iterations: iterations!,
      error,
      // A parity solve ends like POT's, at its threshold or its cap.
      converged: mode === 'fast' ? done === 1 : error < DEFAULTS.parity.threshold,
      stalled: mode === 'fast' && done !== 1,
      handover: reason === 0 ? null : REASONS[reason - 1]!,
    };
    const { plan: _plan, termCosts: _terms, ...solution } = solutionOf(raw, outcome, plan, mode, sigma);
    return { ...solution, sigma, embeddingCost: numbers[NUMBERS.embeddingCost]! };
  }
}
