import { DIAGONAL_WINDOW } from '../pairing/window-size.ts';
import type { CostStatistics } from './diagnostics.ts';
import { potFailure } from './pot.ts';
import { logSumExp, referenceMeasure, type Reference } from './priors.ts';
import { isHard, type UotProblem } from './problem.ts';
import type { UotSolution } from './solve.ts';
import { suggestReg } from './suggest.ts';

/** What acting on a warning does to the session. Applied by whoever shows the warning. */
export type Cure =
  | { readonly kind: 'prior'; readonly prior: { readonly kind: 'soft'; readonly epsilon: number } | { readonly kind: 'product' } }
  | { readonly kind: 'mass'; readonly mass: number }
  | { readonly kind: 'reg'; readonly reg: number }
  | { readonly kind: 'mode'; readonly mode: 'fast' }
  | { readonly kind: 'term-weight'; readonly term: string; readonly factor: number }
  | { readonly kind: 'camera-weights'; readonly count: number }
  /** λ times this. */
  | { readonly kind: 'lambda'; readonly factor: number }
  /** W in frames, and no whole episodes. */
  | { readonly kind: 'window'; readonly window: number };

export type WarningCode =
  | 'hard-diagonal'
  | 'window-diagonal'
  | 'episode-diagonal'
  | 'mass-collapse'
  | 'transport-dominates'
  | 'mass-above-one'
  | 'not-converged'
  | 'float32-range'
  | 'pot-breaks'
  | 'term-dominates'
  | 'cameras-unweighted'
  | 'encoder-collapse'
  | 'constant-dimensions'
  | 'diffuse-plan';

/** A reading that a person should know of: `value` is its figure. Texts live in the catalogue, keyed by code. */
export interface Warning {
  readonly code: WarningCode;
  readonly value: number;
  /** Further figures for the text. */
  readonly facts: Readonly<Record<string, string | number>>;
  readonly cure: Cure | null;
}

/** What the terms and features contribute to the warnings. */
export interface CostContext {
  readonly statistics: CostStatistics;
  /** Per term: its share of ⟨π,M⟩, in [0, 1]. */
  readonly shares: ReadonlyMap<string, number>;
  /** Image embeddings among the terms: how many, and the sum of their weights. */
  readonly cameras: { readonly count: number; readonly weight: number };
  /** Per embedded feature: variance over the batch, averaged over dimensions, of the side where it is smaller. */
  readonly embeddingVariance: ReadonlyMap<string, number>;
  /** Feature dimensions that do not vary over either side of the batch, as "key[d]". */
  readonly constantDimensions: readonly string[];
  /** How partners were drawn, of a batch that was drawn by pairs; null for others. */
  readonly jitter: PairJitter | null;
}

/** How far a source frame may lie from the one that it was paired with. */
export interface PairJitter {
  /** W in frames. */
  readonly window: number;
  /** Any frame of the episode, whatever W is. */
  readonly noWindow: boolean;
  /** Of the source; null where its frame rate is unknown. */
  readonly fps: number | null;
  /** Frames of the median source episode. */
  readonly episode: number;
}

/** The band in which the fork's runs were healthy, and the mass that a cure aims for. */
export const HEALTHY_MASS = { low: 0.05, high: 0.3, wanted: 0.15 } as const;

/**
 * The signature of a collapse is high mass with low variance: a constant encoder costs transport nothing. Variance is that
 * of embeddings, as a share of their size, or of what it was when a run began. Low variance alone is no collapse: the demo's
 * policies that drive best end at 0.01 to 0.07 (bench/results/reproduce.json); below `constant` it is, whatever the mass.
 */
export const COLLAPSE = { variance: 0.05, mass: 0.6, constant: 0.005 } as const;

/** Whether readings of a run have the signature. @param variance of what it was at first, on the side where it is less */
export const isCollapse = (mass: number, variance: number): boolean => mass > COLLAPSE.mass && variance < COLLAPSE.variance;

const LIMITS = {
  deadMass: 1e-3,
  dominantShare: 0.95,
  diffuse: 0.5,
  float32Potential: 1e3,
  float32Exponent: 1e4,
} as const;

/**
 * All warnings of one solved problem, worst first.
 * @param potWork what may be spent on finding out whether POT breaks late (see `potFailure`)
 */
export function planWarnings(problem: UotProblem, solution: UotSolution, context: CostContext | null, potWork = Infinity): Warning[] {
  const { prior, tau1, tau2, reg, m } = problem;
  const { mass } = solution;
  const warnings: Warning[] = [];
  const add = (code: WarningCode, value: number, cure: Cure | null, facts: Warning['facts'] = {}): void => {
    warnings.push({ code, value, cure, facts });
  };
  const relaxed = !isHard(tau1) && !isHard(tau2);
  const statistics = context?.statistics;
  const reference = referenceMeasure(problem);
  const sharper: Cure | null = statistics && suggestReg(statistics.std) > 0 && suggestReg(statistics.std) < reg ? { kind: 'reg', reg: suggestReg(statistics.std) } : null;
  // Some τ gives the wanted mass only when the mass at τ → 0 lies below it; a smaller reg lowers that.
  const healthyMass = (): Cure | null => (!relaxed ? null : massWithoutPenalty(problem, reference) < HEALTHY_MASS.wanted ? { kind: 'mass', mass: HEALTHY_MASS.wanted } : sharper);

  if (mass < LIMITS.deadMass) add('mass-collapse', mass, healthyMass(), { log10: solution.logMass / Math.LN10 });
  if (!solution.converged) {
    const cure: Cure | null = solution.mode === 'parity' ? { kind: 'mode', mode: 'fast' } : reg < 10 ? { kind: 'reg', reg: Math.min(10, reg * 3) } : null;
    add('not-converged', solution.error, cure, { iterations: solution.iterations });
  }
  if (prior.kind === 'diagonal') add('hard-diagonal', mass, { kind: 'prior', prior: { kind: 'soft', epsilon: 0.1 } }, { total: reg + tau1 + tau2 });
  if (prior.kind === 'diagonal' && context?.jitter) warnings.push(...jitterWarnings(context.jitter));
  const pot = potFailure(problem, reference, solution, potWork);
  if (pot) add('pot-breaks', pot.brokeAt ?? 0, saferReg(problem, reference), { mass: pot.mass, trueMass: mass });
  if (prior.kind === 'ones' && relaxed && mass > 1 + 1e-9) add('mass-above-one', mass, { kind: 'prior', prior: { kind: 'product' } });
  else if (relaxed && mass > COLLAPSE.mass) add('transport-dominates', mass, healthyMass());
  for (const [term, share] of context?.shares ?? []) if (share > LIMITS.dominantShare && context!.shares.size > 1) add('term-dominates', share, { kind: 'term-weight', term, factor: 0.2 }, { term });
  if (context && context.cameras.count > 1 && context.cameras.weight > context.cameras.count - 0.5)
    add('cameras-unweighted', context.cameras.count, { kind: 'camera-weights', count: context.cameras.count });
  for (const [feature, variance] of context?.embeddingVariance ?? []) if (variance < COLLAPSE.constant || isCollapse(mass, variance)) add('encoder-collapse', variance, { kind: 'lambda', factor: 0.1 }, { feature, mass });
  if (prior.kind !== 'diagonal' && m > 2 && solution.perplexity > LIMITS.diffuse * m) add('diffuse-plan', solution.perplexity, sharper, { m });
  const exponent = (statistics?.max ?? 0) / reg;
  if (solution.largestPotential > LIMITS.float32Potential || exponent > LIMITS.float32Exponent) add('float32-range', Math.max(solution.largestPotential, exponent), null);
  if (context && context.constantDimensions.length > 0)
    add('constant-dimensions', context.constantDimensions.length, null, { dimensions: context.constantDimensions.slice(0, 4).join(', ') });
  return warnings;
}

/** The diagonal prior matches pairs as they were drawn, so they must not have been drawn apart. */
function jitterWarnings({ window, noWindow, fps, episode }: PairJitter): Warning[] {
  const cure: Cure = { kind: 'window', window: DIAGONAL_WINDOW };
  const seconds = (frames: number): Warning['facts'] => (fps === null ? {} : { seconds: frames / fps });
  if (noWindow) return [{ code: 'episode-diagonal', value: episode, cure, facts: seconds(episode) }];
  return window > DIAGONAL_WINDOW ? [{ code: 'window-diagonal', value: window, cure, facts: seconds(window) }] : [];
}

/** Σ c·e^{−M/reg}: the mass in the limit τ → 0. */
function massWithoutPenalty({ cost, reg }: UotProblem, { logC }: Reference): number {
  return Math.exp(logSumExp(logC.map((value, k) => value - cost[k]! / reg)));
}

/** A larger reg, at which every line of K has an entry well inside float64; null when a line is empty at any reg. */
function saferReg({ n, m, cost, reg }: UotProblem, { logC }: Reference): Cure | null {
  const rowBest = new Float64Array(n).fill(Infinity);
  const columnBest = new Float64Array(m).fill(Infinity);
  for (let i = 0, k = 0; i < n; i++)
    for (let j = 0; j < m; j++, k++) {
      if (logC[k] === -Infinity) continue;
      rowBest[i] = Math.min(rowBest[i]!, cost[k]!);
      columnBest[j] = Math.min(columnBest[j]!, cost[k]!);
    }
  let worst = 0;
  for (const best of [rowBest, columnBest]) for (let k = 0; k < best.length; k++) worst = Math.max(worst, best[k]!);
  return worst === Infinity ? null : { kind: 'reg', reg: Math.max(reg * 2, worst / 300) };
}
