import { assert } from '../base/assert.ts';
import { Mutex } from '../base/mutex.ts';
import { certificates } from '../core/ot/evaluate.ts';
import type { Potentials } from '../core/ot/fast.ts';
import { referenceMass } from '../core/ot/priors.ts';
import { validateConditions, type Conditions, type UotProblem } from '../core/ot/problem.ts';
import type { Mode, UotSolution } from '../core/ot/solve.ts';
import { Buffers, readBack } from './buffers.ts';
import { DeviceCost } from './device-cost.ts';
import { guarded } from './errors.ts';
import { checkMemory } from './large.ts';
import { onDevice, type DeviceMatrix } from './matrix.ts';
import type { GpuPlan } from './plan.ts';
import { handoverBefore, type GpuOutcome, type GpuSolver } from './solver.ts';
import { hostPrior, type LogPrior, type Task } from './task.ts';
import { destroyMatrix, measureTerm, sumOf, type ResidentTerm } from './terms.ts';

/** Everything of a tick that a slider can change. */
export interface ResidentSettings extends Omit<Conditions, 'n' | 'm'> {
  /** Divisor of M before the solve; reg, τ, potentials and costs of the solution are in units of M/σ. */
  readonly sigma: number;
  readonly mode: Mode;
  /** Potentials of a neighbouring problem (fast mode), in units of M/σ. */
  readonly warm?: Potentials | null;
}

/** A solution whose plan was evaluated on the device. */
export interface ResidentSolution extends Omit<UotSolution, 'plan'>, Pick<GpuOutcome, 'stalled' | 'handover'> {
  /** π, row-major n × m: the heatmap's pixels. */
  readonly plan: Float32Array<ArrayBuffer>;
  /** ⟨π,M_term⟩ of each term, before its weight, raw units. */
  readonly termCosts: Float64Array;
}

/**
 * The cost of a batch, on the device from the vectors to the plan. What crosses to the host in a tick: potentials, n + m
 * sums, a few scalars and the plan's pixels.
 *
 * M is measured and summed in float32: the problem that is solved, and that any check must solve, is the one whose M
 * `readTotal` gives. Calls take their turn, so a solve never meets a cost that is being replaced.
 */
export class ResidentCost {
  readonly solver: GpuSolver;
  readonly n: number;
  readonly m: number;
  readonly #terms: readonly DeviceMatrix[];
  readonly #turn = new Mutex();
  #cost: DeviceCost | null = null;
  #prior: { readonly conditions: Pick<Conditions, 'a' | 'b' | 'prior'>; readonly prior: LogPrior | null; readonly buffers: Buffers } | null = null;
  #termValues: Promise<Float32Array<ArrayBuffer>[]> | null = null;
  #float64: { readonly sigma: number; readonly cost: DeviceCost; readonly values: Float64Array } | null = null;

  private constructor(solver: GpuSolver, n: number, m: number, terms: readonly DeviceMatrix[]) {
    this.solver = solver;
    this.n = n;
    this.m = m;
    this.#terms = terms;
  }

  /**
   * Measure every term on the device. `combine` must follow before anything is solved.
   * @param solver its device holds the cost, and any buffers among the terms' vectors
   * @param n source samples  @param m target samples
   * @throws UserError `gpu-memory` before anything is allocated; as `measureTerm` and `guarded`
   */
  static async measure(solver: GpuSolver, n: number, m: number, terms: readonly ResidentTerm[]): Promise<ResidentCost> {
    assert(terms.length > 0, 'a cost has at least one term');
    checkMemory(solver.device, { n, m });
    const measured: DeviceMatrix[] = [];
    try {
      for (const term of terms) measured.push(await measureTerm(solver.device, solver.pipelines, n, m, term));
      return new ResidentCost(solver, n, m, measured);
    } catch (thrown) {
      for (const matrix of measured) destroyMatrix(matrix);
      throw thrown;
    }
  }

  /**
   * M = Σ term_weight·M_term, its transpose, and both centred for the solver. Replaces the M before.
   * @param weights one a term
   * @throws UserError `bad-problem` when an entry is no finite number; as `guarded`. There is no M then.
   */
  combine(weights: readonly number[]): Promise<void> {
    assert(weights.length === this.#terms.length, 'one weight a term');
    return this.#turn.run(async () => {
      const { device, pipelines } = this.solver;
      this.#dropTotal();
      const total = await sumOf(device, pipelines, this.#terms.map((matrix, k) => ({ matrix, weight: weights[k]! })));
      const buffers = new Buffers(device);
      buffers.adopt(total.straight);
      buffers.adopt(total.flipped);
      try {
        this.#cost = await DeviceCost.of(device, pipelines, this, total, buffers);
      } catch (thrown) {
        buffers.destroy();
        throw thrown;
      }
    });
  }

  /** Every M_term before its weight, row-major n × m. Read back once; the arrays are shared. */
  readTerms(): Promise<Float32Array<ArrayBuffer>[]> {
    return (this.#termValues ??= this.#turn.run(async () => {
      const bytes = await readBack(this.solver.device, this.#terms.map(({ straight, length }) => ({ buffer: straight, bytes: 4 * length })));
      return bytes.map((buffer) => new Float32Array(buffer));
    }));
  }

  /** M in raw units, row-major n × m. Read back once for each `combine`; the array is shared. */
  readTotal(): Promise<Float32Array<ArrayBuffer>> {
    return this.#turn.run(() => this.#current().values());
  }

  /** The same problem in float64: what `solve` approximates, and what solves it where float32 cannot hold it. */
  problem(settings: ResidentSettings): Promise<UotProblem> {
    return this.#turn.run(async () => {
      const { a, b, prior, reg, tau1, tau2, sigma } = settings;
      const cost = this.#current();
      if (this.#float64?.cost !== cost || this.#float64.sigma !== sigma) this.#float64 = { cost, sigma, values: Float64Array.from(await cost.values(), (value) => value / sigma) };
      return { n: this.n, m: this.m, cost: this.#float64.values, a, b, prior, reg, tau1, tau2 };
    });
  }

  /** Whether float32 cannot hold a problem, seen before solving it. */
  handoverBefore(settings: ResidentSettings): GpuOutcome['handover'] {
    return handoverBefore({ problem: this.#rawConditions(settings), cost: this.#current(), prior: null }, settings.mode);
  }

  /**
   * One tick, in float32; `solveResident` (handover.ts) says whether it can be believed.
   * @throws UserError `bad-problem`, `infeasible` as the float64 solver; as `GpuSolver.solve`
   */
  solve(settings: ResidentSettings): Promise<ResidentSolution> {
    return this.#turn.run(async () => {
      const { mode, warm = null, sigma } = settings;
      validateConditions({ ...settings, n: this.n, m: this.m });
      const problem = this.#rawConditions(settings);
      const cost = this.#current();
      const task: Task = { problem, cost, prior: await this.#priorOf(problem) };
      const [outcome] = await this.solver.solveTasks([task], { mode, warm: warm && scaled(warm, sigma) });
      const plan = await this.solver.plan({ ...task, centred: cost.centred, potentials: outcome!, terms: this.#terms.map(({ straight }) => straight) });
      return solutionOf(problem, outcome!, plan, mode, sigma);
    });
  }

  /** Free everything. What is under way ends first. */
  destroy(): void {
    void this.#turn.run(() => {
      this.#dropTotal();
      this.#prior?.buffers.destroy();
      this.#prior = null;
      for (const matrix of this.#terms) destroyMatrix(matrix);
      return Promise.resolve();
    });
  }

  #current(): DeviceCost {
    assert(this.#cost, 'a cost is combined before it is used');
    return this.#cost;
  }

  #dropTotal(): void {
    this.#cost?.destroy();
    this.#cost = null;
    this.#float64 = null;
  }

  /** ⟨π,M/σ⟩ + reg·KL + … is 1/σ of the same problem with M, σ·reg and σ·τ: the plan is the same, and M need not be divided. */
  #rawConditions({ a, b, prior, reg, tau1, tau2, sigma }: ResidentSettings): Conditions {
    return { n: this.n, m: this.m, a, b, prior, reg: reg * sigma, tau1: tau1 * sigma, tau2: tau2 * sigma };
  }

  /** log2 c, kept on the device while prior and weights stay the same: reg and τ do not change it. */
  async #priorOf(conditions: Conditions): Promise<LogPrior | null> {
    const kept = this.#prior;
    if (kept && samePrior(kept.conditions, conditions)) return kept.prior;
    kept?.buffers.destroy();
    this.#prior = null;
    const host = hostPrior(conditions);
    const buffers = new Buffers(this.solver.device);
    const prior = host && (await guarded(this.solver.device, 'the prior', () => ({ ...host, matrix: onDevice(buffers, host.matrix, this.n, this.m) })));
    this.#prior = { conditions: { a: conditions.a.slice(), b: conditions.b.slice(), prior: conditions.prior }, prior, buffers };
    return prior;
  }
}

/** Whether log2 c is the same for both. */
export function samePrior(one: Pick<Conditions, 'a' | 'b' | 'prior'>, other: Pick<Conditions, 'a' | 'b' | 'prior'>): boolean {
  const same = one.prior.kind === 'dense' || other.prior.kind === 'dense' ? one.prior === other.prior : JSON.stringify(one.prior) === JSON.stringify(other.prior);
  return same && one.a.every((value, i) => value === other.a[i]) && one.b.every((value, j) => value === other.b[j]);
}

const scaled = ({ f, g }: Potentials, factor: number): Potentials => ({ f: f.map((value) => value * factor), g: g.map((value) => value * factor) });

/** A solution in units of M/σ from an outcome in raw ones. Certificates follow in float64 from n + m numbers a side. */
export function solutionOf(problem: Conditions, outcome: GpuOutcome, plan: GpuPlan, mode: Mode, sigma: number): ResidentSolution {
  const { reg } = problem;
  const { rowReached: _rows, columnReached: _columns, ...readings } = plan;
  const logU = outcome.f.map((value) => value / reg);
  const logV = outcome.g.map((value) => value / reg);
  const crossed = inner(plan.rowMass, logU) + inner(plan.columnMass, logV);
  const { primal, dual, ...marks } = certificates(problem, referenceMass(problem), { ...plan, logU, logV, crossed });
  return {
    ...readings,
    ...marks,
    ...scaled(outcome, 1 / sigma),
    transportCost: plan.transportCost / sigma,
    primal: primal / sigma,
    dual: dual / sigma,
    mode,
    iterations: outcome.iterations,
    error: outcome.error,
    converged: outcome.converged,
    stalled: outcome.stalled,
    handover: outcome.handover,
  };
}

/** Σ p·x, where an entry without mass adds nothing whatever x is. */
function inner(mass: Float64Array, values: Float64Array): number {
  let total = 0;
  for (let k = 0; k < mass.length; k++) if (mass[k]! > 0) total += mass[k]! * values[k]!;
  return total;
}
