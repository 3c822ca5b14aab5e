import { UserError } from '../base/errors.ts';
import { priorOf, SESSION_LIMITS } from '../config/session.ts';
import { checkSpecs, combineTerms, costTerms, normalisationScale, termShares, type CostTerm } from '../core/cost/terms.ts';
import { costStatistics, planMetrics, regime, type CostStatistics } from '../core/ot/diagnostics.ts';
import { uniformWeights, type UotProblem } from '../core/ot/problem.ts';
import type { UotSolution } from '../core/ot/solve.ts';
import { planWarnings, type CostContext } from '../core/ot/warnings.ts';
import type { Dataset } from '../datasets/types.ts';
import type { Backend } from './backend.ts';
import { drawBatch, type DrawnBatch } from './batch.ts';
import { DEMO_IMAGE, type ProblemSettings, type Side, type SolveMatrices, type SolveReport } from './protocol.ts';

/** Draws a demo frame of a side at the camera's size, RGBA. */
export type DemoImages = (side: Side, row: number) => Uint8ClampedArray | null;

/** Multiplications a tick may spend on finding out whether POT breaks (122 iterations at 64 × 64); most failures are at once. */
export const POT_WORK = 1e6;

interface CostState {
  readonly batch: DrawnBatch;
  readonly terms: readonly CostTerm[];
  /** M in raw units. */
  readonly total: Float64Array;
  readonly statistics: CostStatistics;
  readonly version: number;
}

/**
 * From settings to a solved problem, remembering what did not change: a solve slider redraws no batch and measures no
 * cost, and starts from the last potentials.
 */
export class ProblemPipeline {
  #datasets: { source: Dataset; target: Dataset } | null = null;
  #images: DemoImages | null = null;
  #generation = 0;
  #batchKey = '';
  #batch: DrawnBatch | null = null;
  #termKey = '';
  #terms: CostTerm[] = [];
  #costKey = '';
  #cost: CostState | null = null;
  #version = 0;
  #warm: { f: Float64Array; g: Float64Array } | null = null;

  /** Forget everything that was derived from other data. */
  setDatasets(source: Dataset | null, target: Dataset | null, images: DemoImages | null): void {
    this.#datasets = source && target ? { source, target } : null;
    this.#images = images;
    this.#generation++;
    this.#warm = null;
  }

  /**
   * The problem that settings stand for, in solved units (M/σ).
   * @throws UserError from drawing, measuring or normalising; what was solved before stays as it was
   */
  problem(settings: ProblemSettings): { problem: UotProblem; cost: CostState; sigma: number } {
    const cost = this.#costState(settings);
    const sigma = normalisationScale(cost.total, settings.solve.normalisation);
    const n = cost.batch.source.count;
    const m = cost.batch.target.count;
    const scaled = sigma === 1 ? cost.total : cost.total.map((value) => value / sigma);
    const { reg, tau1, tau2 } = settings.solve;
    return { problem: { n, m, cost: scaled, a: uniformWeights(n), b: uniformWeights(m), prior: priorOf(settings.solve), reg, tau1, tau2 }, cost, sigma };
  }

  /** Solve and report. `known` is the cost version that the receiver already has. */
  async solve(settings: ProblemSettings, known: number, backend: Backend): Promise<{ report: SolveReport; matrices: SolveMatrices }> {
    const started = performance.now();
    const { problem, cost, sigma } = this.problem(settings);
    const { mode } = settings.solve;
    const solveStarted = performance.now();
    const { solution, handedOver } = await backend.solve(problem, { mode, warm: this.#warmFor(problem) });
    const solveMs = performance.now() - solveStarted;
    if (mode === 'fast' && solution.converged) this.#warm = { f: solution.f, g: solution.g };
    const shares = termShares(cost.terms, solution.plan);
    const solvedStatistics = sigma === 1 ? cost.statistics : scaleStatistics(cost.statistics, 1 / sigma);
    const report: SolveReport = {
      n: problem.n,
      m: problem.m,
      backend: backend.info().kind,
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
      regime: regime(problem, solvedStatistics),
      terms: cost.terms.map(({ name, weight, mean, max }) => ({ name, weight, mean, max, share: shares.get(name) ?? Number.NaN })),
      warnings: planWarnings(problem, solution, this.#context(cost, solvedStatistics, shares), POT_WORK),
      paired: cost.batch.paired,
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

  #context(cost: CostState, statistics: CostStatistics, shares: ReadonlyMap<string, number>): CostContext {
    return {
      statistics,
      shares,
      cameras: { count: 0, weight: 0 },
      embeddingVariance: new Map(),
      constantDimensions: cost.terms.flatMap((term) => term.constantDimensions),
    };
  }

  #costState(settings: ProblemSettings): CostState {
    if (!this.#datasets) throw new UserError('no-data', 'A plan needs a source and a target. Drop a shard on the side that has none.');
    const batchKey = JSON.stringify([this.#generation, settings.batch]);
    const termKey = JSON.stringify([batchKey, settings.features.map((spec) => ({ ...spec, term_weight: 0, term_name: '' }))]);
    const costKey = JSON.stringify([termKey, settings.features]);
    if (this.#cost && this.#costKey === costKey) return this.#cost;
    if (!this.#batch || this.#batchKey !== batchKey) {
      if (settings.batch.size < SESSION_LIMITS.batchSize.low) throw new UserError('empty-batch', `The batch size is ${settings.batch.size}; it must be at least 1.`);
      this.#batch = drawBatch(this.#datasets.source, this.#datasets.target, settings.batch);
      this.#batchKey = batchKey;
      this.#termKey = '';
      this.#warm = null;
    }
    const batch = this.#batch;
    if (this.#termKey !== termKey) {
      if (this.#images && settings.features.some((spec) => spec.src_key === DEMO_IMAGE.key || spec.tgt_key === DEMO_IMAGE.key)) addDemoImages(batch, this.#images);
      this.#terms = costTerms(settings.features, batch.source, batch.target);
      this.#termKey = termKey;
    }
    // Names and weights change without measuring anew, but must still be valid.
    checkSpecs(settings.features);
    const terms = this.#terms.map((term, k) => ({ ...term, name: settings.features[k]!.term_name, weight: settings.features[k]!.term_weight }));
    const total = combineTerms(terms);
    this.#cost = { batch, terms, total, statistics: costStatistics(total), version: ++this.#version };
    this.#costKey = costKey;
    return this.#cost;
  }
}

/** Give a batch the camera's column: only when a term asks, since drawing 2 × 1024 frames takes a while. */
function addDemoImages(batch: DrawnBatch, images: DemoImages): void {
  const [channels, height, width] = DEMO_IMAGE.shape;
  const pixels = height * width;
  for (const [side, data, info] of [
    ['source', batch.source, batch.sourceInfo],
    ['target', batch.target, batch.targetInfo],
  ] as const) {
    const values = new Float64Array(data.count * channels * pixels);
    for (let k = 0; k < data.count; k++) {
      const frame = images(side, info.rows[k]!);
      if (!frame) return;
      for (let c = 0; c < channels; c++) for (let p = 0; p < pixels; p++) values[(k * channels + c) * pixels + p] = frame[4 * p + c]! / 255;
    }
    data.columns.set(DEMO_IMAGE.key, { values, shape: DEMO_IMAGE.shape });
  }
}

function scaleStatistics(statistics: CostStatistics, factor: number): CostStatistics {
  return { mean: statistics.mean * factor, median: statistics.median * factor, max: statistics.max * factor, std: statistics.std * factor };
}
