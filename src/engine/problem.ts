import { UserError } from '../base/errors.ts';
import { Mutex } from '../base/mutex.ts';
import { potSnippet, type PotSnippet } from '../config/pot-snippet.ts';
import { priorOf, SESSION_LIMITS } from '../config/session.ts';
import { isPicture, wantsEmbedding, type BatchSide, type FeatureSpec } from '../core/cost/features.ts';
import { checkSpecs, combineTerms, normalisationScale, termShares, type CostTerm } from '../core/cost/terms.ts';
import { costStatistics, planMetrics, regime, type CostStatistics } from '../core/ot/diagnostics.ts';
import { logMassBound, objectiveIdentity } from '../core/ot/identities.ts';
import { potPlan, type PotPlan } from '../core/ot/pot.ts';
import { referenceMass, referenceMeasure } from '../core/ot/priors.ts';
import { uniformWeights, type UotProblem } from '../core/ot/problem.ts';
import { solve as solveInFloat64, type UotSolution } from '../core/ot/solve.ts';
import { planWarnings, type CostContext } from '../core/ot/warnings.ts';
import { matchErrors, type MatchGauge } from '../core/pairing/match.ts';
import { medianLength } from '../core/pairing/window-size.ts';
import type { Dataset } from '../datasets/types.ts';
import type { ResidentCost } from '../gpu/resident.ts';
import type { GpuSolver } from '../gpu/solver.ts';
import type { Backend } from './backend.ts';
import { drawBatch, type DrawnBatch, type Partners } from './batch.ts';
import { BatchEmbeddings, measureTerms, type MeasuredTerms } from './cost.ts';
import { addDemoImages, type DemoImages } from './demo-images.ts';
import type { EncoderRoom } from './encoders.ts';
import { matchGauges } from './gauges.ts';
import type { PairingRoom } from './pairing.ts';
import type { EncoderRun, ProblemSettings, SolveMatrices, SolveReport, TriedWindow, VerifyReport, WindowTrial } from './protocol.ts';
import { tryWindow } from './window-trial.ts';

/** Multiplications a tick may spend on finding out whether POT breaks (122 iterations at 64 × 64); most failures are at once. */
export const POT_WORK = 1e6;

interface CostState {
  readonly batch: DrawnBatch;
  readonly terms: readonly CostTerm[];
  /** M in raw units. */
  readonly total: Float64Array;
  readonly statistics: CostStatistics;
  readonly embeddings: SolveReport['embeddings'];
  readonly cameras: CostContext['cameras'];
  readonly gauges: readonly MatchGauge[];
  readonly version: number;
  /** The same M on the device, where the GPU solves; `total` was read from there. */
  readonly resident: ResidentCost | null;
}

/** A problem in solved units (M/σ), and the cost that it came from. */
export interface PosedProblem {
  readonly problem: UotProblem;
  readonly cost: CostState;
  readonly sigma: number;
}

/**
 * From settings to a solved problem, remembering what did not change: a solve slider redraws no batch, runs no encoder
 * and measures no cost, and starts from the last potentials. One thing at a time: what is asked for waits its turn.
 */
export class ProblemPipeline {
  readonly #room: EncoderRoom;
  readonly #pairing: PairingRoom;
  readonly #backend: Backend;
  readonly #turn = new Mutex();
  #datasets: { source: Dataset; target: Dataset } | null = null;
  #images: DemoImages | null = null;
  #generation = 0;
  #batchKey = '';
  #solver: GpuSolver | null = null;
  #batch: { readonly drawn: DrawnBatch; readonly embeddings: BatchEmbeddings } | null = null;
  #termKey = '';
  #measured: MeasuredTerms = { terms: [], variances: [], resident: null };
  #costKey = '';
  #cost: CostState | null = null;
  #version = 0;
  #warm: { f: Float64Array; g: Float64Array } | null = null;

  constructor(room: EncoderRoom, pairing: PairingRoom, backend: Backend) {
    this.#room = room;
    this.#pairing = pairing;
    this.#backend = backend;
  }

  /** Forget everything that was derived from other data. */
  setDatasets(source: Dataset | null, target: Dataset | null, images: DemoImages | null): void {
    this.#datasets = source && target ? { source, target } : null;
    this.#images = images;
    this.#generation++;
    this.#warm = null;
  }

  /**
   * The problem that settings stand for.
   * @throws UserError from drawing, embedding, measuring or normalising; what was solved before stays as it was
   */
  problem(settings: ProblemSettings): Promise<PosedProblem> {
    return this.#turn.run(() => this.#pose(settings));
  }

  async #pose(settings: ProblemSettings): Promise<PosedProblem> {
    const cost = await this.#costState(settings);
    const sigma = normalisationScale(cost.total, settings.solve.normalisation);
    const n = cost.batch.source.count;
    const m = cost.batch.target.count;
    const scaled = sigma === 1 ? cost.total : cost.total.map((value) => value / sigma);
    const { reg, tau1, tau2 } = settings.solve;
    return { problem: { n, m, cost: scaled, a: uniformWeights(n), b: uniformWeights(m), prior: priorOf(settings.solve), reg, tau1, tau2 }, cost, sigma };
  }

  /** Solve and report. `known` is the cost version that the receiver already has. @throws UserError as `problem` */
  solve(settings: ProblemSettings, known: number): Promise<{ report: SolveReport; matrices: SolveMatrices }> {
    return this.#turn.run(() => this.#onLiveDevice(settings, () => this.#solve(settings, known)));
  }

  /** Both solvers on the present problem. @throws UserError as `problem`, and `no-adapter` */
  verify(settings: ProblemSettings): Promise<VerifyReport> {
    return this.#turn.run(() =>
      this.#onLiveDevice(settings, async () => {
        const { problem, cost, sigma } = await this.#pose(settings);
        const { mode } = settings.solve;
        return cost.resident ? this.#backend.verifyResident(cost.resident, { ...problem, sigma, mode }) : this.#backend.verify(problem, { mode });
      }),
    );
  }

  /**
   * Files that give the present problem to POT. Whatever solves for the page, it is solved anew in float64: what the
   * script says of POT holds for that plan alone.
   * @throws UserError as `problem`
   */
  potScript(settings: ProblemSettings): Promise<PotSnippet> {
    return this.#turn.run(() =>
      this.#onLiveDevice(settings, async () => {
        const { problem, sigma } = await this.#pose(settings);
        const script = potSnippet(problem, solveInFloat64(problem, { mode: settings.solve.mode }));
        return sigma === 1 ? script : { ...script, notes: [...script.notes, `M.npy is M divided by ${Number(sigma.toPrecision(6))}, as it is solved.`] };
      }),
    );
  }

  /**
   * The plan that POT returns for the present problem; null where it does not break, as far as POT_WORK can tell.
   * @throws UserError as `problem`
   */
  potPlan(settings: ProblemSettings): Promise<PotPlan | null> {
    return this.#turn.run(() =>
      this.#onLiveDevice(settings, async () => {
        const { problem } = await this.#pose(settings);
        return potPlan(problem, referenceMeasure(problem), solveInFloat64(problem, { mode: settings.solve.mode }), POT_WORK);
      }),
    );
  }

  /**
   * How well another batch of the same settings is matched when its pairs are moved by another window (`tryWindow`).
   * @throws UserError as `problem`
   */
  tryWindow(settings: ProblemSettings, window: TriedWindow, seed: number): Promise<WindowTrial> {
    return this.#turn.run(async () => {
      if (!this.#datasets) throw noData();
      const solver = await this.#backend.solver();
      this.#room.setDevice(solver?.device ?? null);
      return tryWindow({ ...this.#datasets, images: this.#images, room: this.#room, pairing: this.#pairing }, settings, window, seed);
    });
  }

  /** Do it once more on a new device where the first is lost on the way. With encoders on it the engine has to end: ONNX Runtime stays with a device. */
  async #onLiveDevice<T>({ features }: ProblemSettings, task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (thrown) {
      if (!(thrown instanceof UserError && thrown.code === 'gpu-lost')) throw thrown;
      if (this.#encoderRuns(features).some(({ provider }) => provider === 'webgpu')) throw new UserError('encoder-lost', 'The GPU was lost; the engine is started again with what was loaded.');
      return task();
    }
  }

  async #solve(settings: ProblemSettings, known: number): Promise<{ report: SolveReport; matrices: SolveMatrices }> {
    const started = performance.now();
    const { problem, cost, sigma } = await this.#pose(settings);
    const { mode } = settings.solve;
    const solveStarted = performance.now();
    const warm = this.#warmFor(problem);
    const { solution, termCosts, handedOver } = cost.resident ? await this.#backend.solveResident(cost.resident, { ...problem, sigma, mode, warm }) : { ...(await this.#backend.solve(problem, { mode, warm })), termCosts: null };
    const solveMs = performance.now() - solveStarted;
    if (mode === 'fast' && solution.converged) this.#warm = { f: solution.f, g: solution.g };
    const shares = termCosts ? sharesOf(cost.terms, termCosts) : termShares(cost.terms, solution.plan);
    const solvedStatistics = sigma === 1 ? cost.statistics : scaleStatistics(cost.statistics, 1 / sigma);
    const numbers = regime(problem, solvedStatistics);
    const report: SolveReport = {
      n: problem.n,
      m: problem.m,
      backend: this.#backend.info().kind,
      handedOver,
      mode,
      iterations: solution.iterations,
      solveMs,
      error: solution.error,
      converged: solution.converged,
      hard: problem.tau1 === Infinity || problem.tau2 === Infinity,
      gap: solution.gap,
      marginalViolation: solution.marginalViolation,
      primal: solution.primal,
      dual: solution.dual,
      ...planMetrics(solution),
      ot_loss: solution.transportCost * sigma,
      logMass: solution.logMass,
      perplexity: solution.perplexity,
      entropy: solution.entropy,
      sigma,
      statistics: cost.statistics,
      regime: numbers,
      logMassBound: logMassBound(problem, numbers),
      objective: objectiveIdentity(problem, referenceMass(problem), solution),
      embeddings: cost.embeddings,
      terms: cost.terms.map(({ name, weight, mean, max }) => ({ name, weight, mean, max, share: shares.get(name) ?? Number.NaN })),
      warnings: planWarnings(problem, solution, this.#context(cost, settings, solvedStatistics, shares), POT_WORK),
      encoders: this.#encoderRuns(settings.features),
      paired: cost.batch.paired,
      match: matchErrors(problem, solution.plan, cost.batch.paired, cost.gauges),
      pairing: cost.batch.pairing,
      notes: cost.batch.notes,
      costVersion: cost.version,
      tickMs: performance.now() - started,
    };
    return { report, matrices: this.#matrices(solution, cost, known) };
  }

  #warmFor(problem: UotProblem): { f: Float64Array; g: Float64Array } | null {
    const warm = this.#warm;
    return warm && warm.f.length === problem.n && warm.g.length === problem.m ? warm : null;
  }

  #matrices(solution: UotSolution, cost: CostState, known: number): SolveMatrices {
    return {
      plan: solution.plan,
      rowMass: solution.rowMass,
      columnMass: solution.columnMass,
      costs:
        known === cost.version
          ? null
          : {
              version: cost.version,
              terms: cost.terms.map((term) => Float32Array.from(term.cost)),
              total: Float32Array.from(cost.total),
              source: cost.batch.sourceInfo,
              target: cost.batch.targetInfo,
            },
    };
  }

  #context(cost: CostState, { training: { window, noWindow } }: ProblemSettings, statistics: CostStatistics, shares: ReadonlyMap<string, number>): CostContext {
    const source = this.#datasets?.source;
    return {
      statistics,
      shares,
      cameras: cost.cameras,
      embeddingVariance: new Map(cost.embeddings.map((spread) => [spread.term, Math.min(spread.source, spread.target)])),
      constantDimensions: cost.terms.flatMap((term) => term.constantDimensions),
      jitter: source && cost.batch.pairing ? { window, noWindow, fps: source.fps, episode: medianLength(source.episodes.map(({ length }) => length)) } : null,
    };
  }

  #encoderRuns(specs: readonly FeatureSpec[]): EncoderRun[] {
    const files = new Set(specs.filter(wantsEmbedding).flatMap(({ embed }) => (embed ? [embed.file] : [])));
    return [...files].map((file) => ({ file, provider: this.#room.providerOf(file), notes: this.#room.warnings(file) }));
  }

  async #costState(settings: ProblemSettings): Promise<CostState> {
    if (!this.#datasets) throw noData();
    const { features } = settings;
    // Names and weights change without measuring anew, but must still be valid.
    checkSpecs(features);
    const solver = await this.#backend.solver();
    this.#room.setDevice(solver?.device ?? null);
    if (solver !== this.#solver) {
      this.#forget();
      this.#solver = solver;
    }
    const { obsSteps, actionHorizon } = settings.training;
    const batchKey = JSON.stringify([this.#generation, settings.batch, obsSteps, actionHorizon, this.#pairing.batchKey(settings.pairing, settings.training)]);
    const encoders = features.map(({ embed }) => (embed ? this.#room.version(embed.file) : null));
    const termKey = JSON.stringify([batchKey, encoders, features.map((spec) => ({ ...spec, term_weight: 0, term_name: '' }))]);
    const costKey = JSON.stringify([termKey, features]);
    if (this.#cost && this.#costKey === costKey) return this.#cost;
    if (!this.#batch || this.#batchKey !== batchKey) {
      if (settings.batch.size < SESSION_LIMITS.batchSize.low) throw new UserError('empty-batch', `The batch size is ${settings.batch.size}; it must be at least 1.`);
      const drawn = drawBatch(this.#datasets.source, this.#datasets.target, settings.batch, this.#partners(settings), settings.training);
      this.#forget();
      this.#batch = { drawn, embeddings: new BatchEmbeddings(this.#room, drawn, solver) };
      this.#batchKey = batchKey;
    }
    const { drawn, embeddings } = this.#batch;
    if (this.#termKey !== termKey) {
      addDemoImages(drawn, features, this.#images);
      const measured = await measureTerms(features, drawn, embeddings, solver);
      this.#measured.resident?.destroy();
      this.#measured = measured;
      this.#termKey = termKey;
    }
    const { terms: measuredTerms, variances, resident } = this.#measured;
    const terms = measuredTerms.map((term, k) => ({ ...term, name: features[k]!.term_name, weight: features[k]!.term_weight }));
    // Until there is a new cost, the one before must not be solved on a device that holds another M.
    this.#costKey = '';
    await resident?.combine(terms.map(({ weight }) => weight));
    const total = resident ? Float64Array.from(await resident.readTotal()) : combineTerms(terms);
    const spreads = terms.flatMap(({ name }, k) => (variances[k] ? [{ term: name, ...variances[k] }] : []));
    this.#cost = { batch: drawn, terms, total, statistics: costStatistics(total), embeddings: spreads, cameras: camerasAmong(features, drawn), gauges: matchGauges(features, drawn), version: ++this.#version, resident };
    this.#costKey = costKey;
    return this.#cost;
  }

  #partners({ pairing, training, batch: { size, seed } }: ProblemSettings): Partners {
    return (source, target) => this.#pairing.draw(source, target, { pairing, training, size, seed });
  }

  /** Drop batch and cost, and what they hold on a device. */
  #forget(): void {
    this.#batch?.embeddings.destroy();
    this.#measured.resident?.destroy();
    this.#measured = { terms: [], variances: [], resident: null };
    this.#batch = null;
    this.#cost = null;
    this.#batchKey = this.#termKey = this.#costKey = '';
    this.#warm = null;
  }
}

const noData = (): UserError => new UserError('no-data', 'A plan needs a source and a target. Drop a shard on the side that has none.');

/** Share of each term in ⟨π,M⟩, from ⟨π,M_term⟩. NaN when nothing is transported. */
function sharesOf(terms: readonly CostTerm[], spent: Float64Array): Map<string, number> {
  const all = terms.reduce((total, { weight }, k) => total + weight * spent[k]!, 0);
  return new Map(terms.map(({ name, weight }, k) => [name, (weight * spent[k]!) / all]));
}

/** Embeddings of images, which have a channel and two axes of pixels: how many are summed, and with what weight in all. */
function camerasAmong(specs: readonly FeatureSpec[], { source }: DrawnBatch): CostContext['cameras'] {
  const cameras = specs.filter((spec) => wantsEmbedding(spec) && isPictureIn(source, spec.src_key));
  return { count: cameras.length, weight: cameras.reduce((total, { term_weight, weight_embed }) => total + term_weight * weight_embed, 0) };
}

const isPictureIn = ({ columns }: BatchSide, key: string): boolean => {
  const column = columns.get(key);
  return column !== undefined && isPicture(column);
};

function scaleStatistics(statistics: CostStatistics, factor: number): CostStatistics {
  return { mean: statistics.mean * factor, median: statistics.median * factor, max: statistics.max * factor, std: statistics.std * factor };
}
