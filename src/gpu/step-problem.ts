import type { Normalisation } from '../core/cost/terms.ts';
import type { Mode } from '../core/ot/solve.ts';
import { Buffers } from './buffers.ts';
import { TILE as CDIST_TILE } from './cdist.ts';
import type { DeviceMatrix } from './matrix.ts';
import { bindGroup, dispatch, type Pipelines } from './pipelines.ts';
import type { Side } from './prepare.ts';

const THREADS = 64;
const TILE = 8;

/** Places in `StepProblem.numbers`, which step_problem.wgsl writes. The first four are small_common.wgsl's reg, 1/τ₁, 1/τ₂ and a word unused. */
export const NUMBERS = { reg: 0, inverseTau1: 1, inverseTau2: 2, smallState: 4, largeState: 8, scale: 16, sigma: 17, embeddingCost: 20, gradientFactor: 21, count: 24 } as const;

/** Sizes of a step's problem; they stay. */
export interface StepShape {
  readonly n: number;
  readonly m: number;
  /** Values an embedding. */
  readonly width: number;
  /** Of M: w in M = F + w·‖z_i − z'_j‖². */
  readonly weight: number;
}

/** What a step's problem is posed with, beside its embeddings. */
export interface StepConditions {
  readonly reg: number;
  readonly tau1: number;
  readonly tau2: number;
  readonly mode: Mode;
  /** One that `normalisesOnDevice`. */
  readonly normalisation: Normalisation;
  /** λ: ∂(λ⟨π,M⟩/σ)/∂z is what the gradient's factor is for. */
  readonly lambda: number;
}

/** Whether σ can be had without sorting. */
export const normalisesOnDevice = (normalisation: Normalisation): boolean => normalisation !== 'median';

interface Kernels {
  readonly cdist: GPUComputePipeline;
  readonly cost: GPUComputePipeline;
  readonly extremes: GPUComputePipeline;
  readonly centre: GPUComputePipeline;
  readonly problem: GPUComputePipeline;
}

export async function stepProblemKernels(pipelines: Pipelines): Promise<Kernels> {
  return { cdist: await pipelines.get(['cdist']), cost: await pipelines.get(['step_cost']), extremes: await pipelines.get(['line_extremes']), centre: await pipelines.get(['centre']), problem: await pipelines.get(['step_problem']) };
}

/**
 * From embeddings to a problem as the solvers take it, on the device throughout: distances, M and its line minima, σ, and
 * what `prepare` makes of them on the host elsewhere. The buffers stay from step to step.
 */
export class StepProblem {
  /** M in raw units, and M centred at its line minima with its transpose. */
  readonly costs: GPUBuffer;
  readonly centred: DeviceMatrix;
  /** r, length n, and c, length m: what centring took out. */
  readonly rows: GPUBuffer;
  readonly columns: GPUBuffer;
  /** As step_problem.wgsl writes them. */
  readonly lines: GPUBuffer;
  readonly numbers: GPUBuffer;
  /** F, n × m: to be written before a step. */
  readonly fixed: GPUBuffer;
  readonly #shape: StepShape;
  readonly #device: GPUDevice;
  readonly #kernels: Kernels;
  readonly #embeddings: GPUBuffer;
  readonly #sides: readonly [GPUBuffer, GPUBuffer];
  readonly #base: GPUBuffer;
  readonly #settings: GPUBuffer;
  readonly #groups: { readonly cdist: GPUBindGroup; readonly cost: GPUBindGroup; readonly rows: GPUBindGroup; readonly columns: GPUBindGroup; readonly centre: GPUBindGroup; readonly problem: GPUBindGroup };

  /** @param embeddings z: n rows, then m, then any */
  constructor(buffers: Buffers, kernels: Kernels, shape: StepShape, embeddings: GPUBuffer) {
    const { device } = buffers;
    const { n, m, width, weight } = shape;
    this.#shape = shape;
    this.#device = device;
    this.#kernels = kernels;
    this.#embeddings = embeddings;
    const matrix = (): GPUBuffer => buffers.storage(4 * n * m);
    const line = (count: number): GPUBuffer => buffers.storage(4 * count);
    this.#sides = [line(n * width), line(m * width)];
    const distances = { straight: matrix(), flipped: matrix() };
    this.fixed = matrix();
    this.costs = matrix();
    const flipped = matrix();
    const sums = line(4 * m);
    this.rows = line(n);
    this.columns = line(m);
    const [rowMost, columnMost] = [line(n), line(m)];
    this.centred = { straight: matrix(), flipped: matrix(), length: n * m };
    this.#base = line(3 * (n + m));
    this.lines = line(5 * (n + m));
    this.numbers = line(NUMBERS.count);
    this.#settings = buffers.uniform(new Uint32Array(8));
    const words = Uint32Array.of(n, m, 0, 0);
    new Float32Array(words.buffer)[2] = weight;
    const pairs = (one: number, other: number): GPUBuffer => buffers.uniform(Uint32Array.of(one, other, 0, 0));
    const bind = (pipeline: GPUComputePipeline, all: readonly GPUBuffer[]): GPUBindGroup => bindGroup(device, pipeline, all);
    this.#groups = {
      cdist: bind(kernels.cdist, [...this.#sides, distances.straight, distances.flipped, buffers.uniform(Uint32Array.of(n, m, width, 1))]),
      cost: bind(kernels.cost, [distances.straight, this.fixed, this.costs, flipped, sums, buffers.uniform(words)]),
      rows: bind(kernels.extremes, [flipped, line(m), this.rows, rowMost, pairs(n, m)]),
      columns: bind(kernels.extremes, [this.costs, this.rows, this.columns, columnMost, pairs(m, n)]),
      centre: bind(kernels.centre, [this.costs, this.rows, this.columns, this.centred.straight, this.centred.flipped, pairs(n, m)]),
      problem: bind(kernels.problem, [this.rows, rowMost, this.columns, columnMost, sums, this.#base, this.lines, this.numbers, this.#settings]),
    };
  }

  /** What a step is posed with; written at once. @param sides of costs that are not centred (`prepare` with offsets 0) */
  write({ reg, tau1, tau2, mode, normalisation, lambda }: StepConditions, sides: readonly [Side, Side]): void {
    const { n, m, weight } = this.#shape;
    const base = new Float32Array(3 * (n + m));
    let at = 0;
    for (const { bias, target, mass } of sides)
      for (const values of [bias, target, mass]) {
        base.set(values, at);
        at += values.length;
      }
    const words = Uint32Array.of(n, m, normalisation === 'max' ? 1 : normalisation === 'std' ? 2 : 0, mode === 'parity' ? 1 : 0, 0, 0, 0, 0);
    new Float32Array(words.buffer).set([reg, 1 / tau1, 1 / tau2, 2 * lambda * weight], 4);
    this.#device.queue.writeBuffer(this.#base, 0, base);
    this.#device.queue.writeBuffer(this.#settings, 0, words);
  }

  encode(encoder: GPUCommandEncoder): void {
    const { n, m, width } = this.#shape;
    const { cdist, cost, extremes, centre, problem } = this.#kernels;
    // A kernel reads clouds from the start of a buffer.
    encoder.copyBufferToBuffer(this.#embeddings, 0, this.#sides[0], 0, 4 * n * width);
    encoder.copyBufferToBuffer(this.#embeddings, 4 * n * width, this.#sides[1], 0, 4 * m * width);
    const pass = encoder.beginComputePass();
    dispatch(pass, cdist, this.#groups.cdist, Math.ceil(m / CDIST_TILE), Math.ceil(n / CDIST_TILE));
    dispatch(pass, cost, this.#groups.cost, Math.ceil(m / THREADS));
    dispatch(pass, extremes, this.#groups.rows, Math.ceil(n / THREADS));
    dispatch(pass, extremes, this.#groups.columns, Math.ceil(m / THREADS));
    dispatch(pass, centre, this.#groups.centre, Math.ceil(m / TILE), Math.ceil(n / TILE));
    dispatch(pass, problem, this.#groups.problem, 1);
    pass.end();
  }
}
