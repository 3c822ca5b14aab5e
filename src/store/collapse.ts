import { isCollapse } from '../core/ot/warnings.ts';
import type { TrainingMetrics } from '../engine/protocol.ts';

/** Variance of the embeddings at a step as a share of that at the run's first, on the side where it is less; NaN where it was not looked at. */
export function varianceShare([first]: readonly TrainingMetrics[], at: Pick<TrainingMetrics, 'sourceVariance' | 'targetVariance'>): number {
  const share = (side: 'sourceVariance' | 'targetVariance'): number => (at[side] ?? Number.NaN) / (first?.[side] ?? Number.NaN);
  return Math.min(share('sourceVariance'), share('targetVariance'));
}

/** Whether a step of a run has the signature of a collapse: high mass with low variance. */
export const collapsedAt = (metrics: readonly TrainingMetrics[], at: TrainingMetrics): boolean => isCollapse(at.mass, varianceShare(metrics, at));
