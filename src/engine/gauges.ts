import type { FeatureSpec } from '../core/cost/features.ts';
import { squaredDistances, termLabels } from '../core/cost/terms.ts';
import type { MatchGauge } from '../core/pairing/match.ts';
import type { DrawnBatch } from './batch.ts';

/**
 * What tells how well samples of a batch are matched: |Δphase| (or of t/T, where phase is unknown), the distance of their
 * goals where both sides know them, and ‖y_i − y'_j‖ of every label that the cost compares.
 */
export function matchGauges(features: readonly FeatureSpec[], batch: DrawnBatch): MatchGauge[] {
  const { source, target, sourceInfo, targetInfo } = batch;
  const between = (left: Float64Array, right: Float64Array, width: number): Float64Array => squaredDistances({ values: left, width }, { values: right, width }).map(Math.sqrt);
  const goals = [source.columns.get('ground_truth.goal'), target.columns.get('ground_truth.goal')] as const;
  return [
    { name: 'phase', kind: 'phase', distances: between(sourceInfo.progress, targetInfo.progress, 1) },
    ...(goals[0]?.shape[0] === 2 && goals[1]?.shape[0] === 2 ? [{ name: 'goal', kind: 'goal', distances: between(goals[0].values, goals[1].values, 2) } as const] : []),
    ...features.flatMap((spec): MatchGauge[] => {
      const labels = termLabels(spec, source, target);
      return labels ? [{ name: spec.term_name, kind: 'label', distances: squaredDistances(labels.source, labels.target).map(Math.sqrt) }] : [];
    }),
  ];
}
