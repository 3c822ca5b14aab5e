import { normalisationScale } from '../core/cost/terms.ts';
import { uniformWeights, validateConditions, type Conditions, type Prior } from '../core/ot/problem.ts';
import { solve, type UotSolution } from '../core/ot/solve.ts';
import { Buffers, readBack, type Reading } from './buffers.ts';
import { GpuEmbeddingGradient } from './embedding-gradient.ts';
import { guarded } from './errors.ts';
import { checkMemory } from './large.ts';
import { onDevice } from './matrix.ts';
import { prepare, type Side } from './prepare.ts';
import { samePrior } from './resident.ts';
import type { GpuSolver } from './solver.ts';
import { StepPlan, stepPlanKernels, type StepOutcome } from './step-plan.ts';
import { normalisesOnDevice, NUMBERS, StepProblem, stepProblemKernels, type StepConditions, type StepShape } from './step-problem.ts';
import { largeStepSolver, smallStepSolver } from './step-solver.ts';
import { hostPrior } from './task.ts';

/** What a step's problem is posed with: weights are uniform. */
export interface StepSettings extends StepConditions {
  readonly prior: Prior;
}

export interface StepBuffers {
  /** z: n rows of the source, m of the target, and any after them; float32, row-major. */
  readonly embeddings: GPUBuffer;
  /** ∂loss/∂z: its first n + m rows are written. */
  readonly gradient: GPUBuffer;
  /** The gradient of a trained tensor: made so large that the optimiser refuses it where float32 has the plan wrong. */
  readonly guard: GPUBuffer;
}

/** What is kept while mode and prior stay the same. */
interface Opened {
  readonly mode: StepSettings['mode'];
  readonly prior: Prior;
  readonly buffers: Buffers;
  readonly encode: (encoder: GPUCommandEncoder) => void;
  readonly plan: StepPlan;
}

/** A problem solved in float64, and what its M was divided by. */
export interface HostOutcome {
  readonly solution: UotSolution;
  readonly sigma: number;
  readonly embeddingCost: number;
}

/**
 * The transport part of a training step on a device: from z to π to ∂(λ⟨π,M⟩/σ)/∂z, M = F + w·‖z_i − z'_j‖², with no wait
 * in between. Whether float32 holds the problem is decided there (step_check.wgsl), which the optimiser heeds; who reads
 * that it does not calls `solveOnHost` and goes on from its gradient.
 */
export class StepTransport {
  readonly #solver: GpuSolver;
  readonly #shape: StepShape;
  readonly #buffers: Buffers;
  readonly #guard: GPUBuffer;
  readonly #problem: StepProblem;
  readonly #kernels: Awaited<ReturnType<typeof stepPlanKernels>>;
  readonly #plan: GPUBuffer;
  readonly #gradient: GpuEmbeddingGradient;
  /** The same with a factor that the host writes. */
  readonly #hostGradient: { readonly kernel: GpuEmbeddingGradient; readonly factor: GPUBuffer };
  #opened: Opened | null = null;
  #posed: { readonly conditions: Conditions; readonly settings: StepSettings; readonly sides: readonly [Side, Side] } | null = null;

  private constructor(solver: GpuSolver, buffers: Buffers, shape: StepShape, { embeddings, gradient, guard }: StepBuffers, kernels: { problem: Awaited<ReturnType<typeof stepProblemKernels>>; plan: Awaited<ReturnType<typeof stepPlanKernels>>; gradient: Awaited<ReturnType<typeof GpuEmbeddingGradient.prepare>> }) {
    this.#solver = solver;
    this.#shape = shape;
    this.#guard = guard;
    this.#buffers = buffers;
    this.#kernels = kernels.plan;
    this.#problem = new StepProblem(buffers, kernels.problem, shape, embeddings);
    this.#plan = buffers.storage(4 * shape.n * shape.m);
    const factor = buffers.storage(4);
    const common = { embeddings, plan: this.#plan, gradient };
    this.#gradient = kernels.gradient(shape, { ...common, factors: this.#problem.numbers, place: NUMBERS.gradientFactor, uniform: buffers.uniform(new Uint32Array(8)) });
    this.#hostGradient = { kernel: kernels.gradient(shape, { ...common, factors: factor, place: 0, uniform: buffers.uniform(new Uint32Array(8)) }), factor };
  }

  /** @throws UserError `gpu-memory` before anything is allocated; as `guarded` */
  static async create(solver: GpuSolver, shape: StepShape, buffers: StepBuffers): Promise<StepTransport> {
    const { device, pipelines } = solver;
    checkMemory(device, shape);
    const kernels = { problem: await stepProblemKernels(pipelines), plan: await stepPlanKernels(pipelines), gradient: await GpuEmbeddingGradient.prepare(device, pipelines) };
    const own = new Buffers(device);
    try {
      return await guarded(device, 'the problem of a training step', () => new StepTransport(solver, own, shape, buffers, kernels));
    } catch (thrown) {
      own.destroy();
      throw thrown;
    }
  }

  /**
   * Pose the problem of one step. What is compiled or allocated for a new mode or prior is waited for here.
   * @param fixed F, n × m: what no trained weight moves of M
   * @returns whether it is solved on the device: `encode`; otherwise `encodeCost`, and `solveOnHost` in its place
   * @throws UserError `bad-problem`, `infeasible` as the float64 solver; as `guarded`
   */
  async pose(settings: StepSettings, fixed: Float64Array): Promise<boolean> {
    const { n, m } = this.#shape;
    const { prior, mode, reg, tau1, tau2 } = settings;
    const conditions: Conditions = { n, m, a: uniformWeights(n), b: uniformWeights(m), prior, reg, tau1, tau2 };
    validateConditions(conditions);
    const small = this.#solver.solvesTogether({ n, m });
    // The hard mask has a closed form, a median wants sorting, and a large parity solve has thousands of dispatches.
    const here = normalisesOnDevice(settings.normalisation) && !(mode === 'fast' && prior.kind === 'diagonal') && (small || mode === 'fast');
    if (here) await this.#open(settings, conditions, small);
    const logPrior = hostPrior(conditions);
    const uncentred = { cost: new Float32Array(0), rows: new Float64Array(n), columns: new Float64Array(m), span: 0 };
    const { rows, columns } = prepare(conditions, here ? mode : 'parity', uncentred, logPrior);
    this.#posed = { conditions, settings, sides: [rows, columns] };
    this.#problem.write(settings, [rows, columns]);
    this.#solver.device.queue.writeBuffer(this.#problem.fixed, 0, Float32Array.from(fixed));
    return here;
  }

  /** M, its solve, π and the gradient, of z as it will stand then. To be submitted before the next problem is posed. */
  encode(encoder: GPUCommandEncoder): void {
    this.encodeCost(encoder);
    const { encode, plan } = this.#current();
    encode(encoder);
    plan.encode(encoder);
    const pass = encoder.beginComputePass();
    this.#gradient.encode(pass);
    pass.end();
  }

  /** M alone. */
  encodeCost(encoder: GPUCommandEncoder): void {
    this.#problem.encode(encoder);
  }

  /** Between the backward run and the optimiser, where `encode` was before it. */
  encodeCheck(encoder: GPUCommandEncoder): void {
    this.#current().plan.encodeCheck(encoder, this.#conditions());
  }

  /** What to read for `outcomeOf`. */
  get readings(): Reading[] {
    return this.#current().plan.readings;
  }

  /** The readings' bytes in words: `handover` says why the step was not taken, if it was not. */
  outcomeOf(bytes: readonly ArrayBuffer[]): StepOutcome {
    return this.#current().plan.outcomeOf(bytes, this.#conditions(), this.#posed!.sides);
  }

  /**
   * The same problem in float64, from M as the device has it, and its gradient there. One wait, for M.
   * @throws UserError `bad-problem`, `flat-cost`, `infeasible` as the float64 path; as `guarded`
   */
  async solveOnHost(): Promise<HostOutcome> {
    const { device } = this.#solver;
    const { n, m, weight } = this.#shape;
    const { settings, ...posed } = this.#posed!;
    const [matrix, numbers] = await readBack(device, [{ buffer: this.#problem.costs, bytes: 4 * n * m }, { buffer: this.#problem.numbers, bytes: 4 * NUMBERS.count }]);
    const cost = Float64Array.from(new Float32Array(matrix!));
    const sigma = normalisationScale(cost, settings.normalisation);
    if (sigma !== 1) for (let k = 0; k < cost.length; k++) cost[k] = cost[k]! / sigma;
    const solution = solve({ ...posed.conditions, cost }, { mode: settings.mode });
    await guarded(device, 'the gradient of the embeddings', () => {
      device.queue.writeBuffer(this.#plan, 0, Float32Array.from(solution.plan));
      device.queue.writeBuffer(this.#hostGradient.factor, 0, Float32Array.of((2 * settings.lambda * weight) / sigma));
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      this.#hostGradient.kernel.encode(pass);
      pass.end();
      device.queue.submit([encoder.finish()]);
    });
    return { solution, sigma, embeddingCost: new Float32Array(numbers!)[NUMBERS.embeddingCost]! };
  }

  destroy(): void {
    this.#opened?.buffers.destroy();
    this.#opened = null;
    this.#buffers.destroy();
  }

  #current(): Opened {
    if (!this.#opened) throw new Error('invariant: a problem was posed that is solved on the device');
    return this.#opened;
  }

  #conditions(): Conditions {
    return this.#posed!.conditions;
  }

  async #open({ mode, prior }: StepSettings, conditions: Conditions, small: boolean): Promise<void> {
    const kept = this.#opened;
    const { a, b } = conditions;
    if (kept?.mode === mode && samePrior({ a, b, prior: kept.prior }, conditions)) return;
    kept?.buffers.destroy();
    this.#opened = null;
    const { device, pipelines, software } = this.#solver;
    const { n, m } = this.#shape;
    const host = hostPrior(conditions);
    const make = small ? await smallStepSolver(pipelines, mode) : await largeStepSolver(device, pipelines, host !== null, software);
    const buffers = new Buffers(device);
    try {
      this.#opened = await guarded(device, 'the solver of a training step', () => {
        const matrix = host && onDevice(buffers, host.matrix, n, m);
        const { rows, columns } = prepare(conditions, mode, { cost: new Float32Array(0), rows: new Float64Array(n), columns: new Float64Array(m), span: 0 }, host);
        const solver = make(buffers, { problem: this.#problem, shape: this.#shape, mode, prior: matrix, sides: [rows, columns] });
        const plan = new StepPlan(buffers, this.#kernels, { shape: this.#shape, mode, problem: this.#problem, solver, prior: matrix, plan: this.#plan, gradient: this.#guard });
        return { mode, prior, buffers, encode: (encoder) => solver.encode(encoder), plan };
      });
    } catch (thrown) {
      buffers.destroy();
      throw thrown;
    }
  }
}
