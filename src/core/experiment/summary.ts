import { meanOf, pairedDifference, type Mean, type PairedDifference } from './paired.ts';

/** Figures of a run that are compared between methods. Successes are shares of the attempts. */
export const MEASURES = ['id', 'ood', 'probeId', 'probeOod', 'mass', 'phaseError', 'targetVariance'] as const;
export type Measure = (typeof MEASURES)[number];

/** What of a run counts here. */
export interface Run {
  readonly method: string;
  readonly seed: number;
  readonly attempts: number;
  /** Successes of `attempts` in the target's domain: where it has demonstrations, and where only the source has. */
  readonly id: number;
  readonly ood: number;
  /** Errors of the goal probe, in table units. */
  readonly probeId: number;
  readonly probeOod: number;
  /** On the page's batch, embedded by what was learned and solved as the experiment's own session says: the same for every method. */
  readonly mass: number;
  readonly phaseError: number;
  readonly targetVariance: number;
}

/** One method over its seeds. */
export interface MethodSummary {
  readonly method: string;
  readonly runs: number;
  readonly measures: Readonly<Record<Measure, Mean>>;
}

/** One method against another, over the seeds that both have. */
export interface Comparison extends PairedDifference {
  readonly left: string;
  readonly right: string;
  readonly measure: Measure;
}

export function measureOf(run: Run, measure: Measure): number {
  return measure === 'id' || measure === 'ood' ? run[measure] / run.attempts : run[measure];
}

/** Methods in the order of `methods`; those without runs are left out. */
export function summarise(runs: readonly Run[], methods: readonly string[]): MethodSummary[] {
  return methods.flatMap((method) => {
    const own = runs.filter((run) => run.method === method);
    if (own.length === 0) return [];
    const of = (measure: Measure): Mean => meanOf(own.map((run) => measureOf(run, measure)));
    return [{ method, runs: own.length, measures: { id: of('id'), ood: of('ood'), probeId: of('probeId'), probeOod: of('probeOod'), mass: of('mass'), phaseError: of('phaseError'), targetVariance: of('targetVariance') } }];
  });
}

/** left − right, seed by seed: both met the same demonstrations and the same attempts. */
export function compare(runs: readonly Run[], left: string, right: string, measure: Measure): Comparison {
  const others = new Map(runs.filter(({ method }) => method === right).map((run) => [run.seed, run]));
  const differences = runs.flatMap((run) => {
    const other = run.method === left ? others.get(run.seed) : undefined;
    return other ? [measureOf(run, measure) - measureOf(other, measure)] : [];
  });
  return { left, right, measure, ...pairedDifference(differences) };
}
