import { isCollapse } from '../core/ot/warnings.ts';
import type { TrainingMetrics } from '../engine/protocol.ts';

/** Variance of the embeddings at a step as a share of that at the run's first, on the side where it is less. */
export function varianceShare([first]: readonly TrainingMetrics[], at: Pick<TrainingMetrics, 'sourceVariance' | 'targetVariance'>): number {
  return first ? Math.min(at.sourceVariance / first.sourceVariance, at.targetVariance / first.targetVariance) : Number.NaN;
}

/** Whether a step of a run has the signature of a collapse: high mass with low variance. */
export const collapsedAt = (metrics: readonly TrainingMetrics[], at: TrainingMetrics): boolean => isCollapse(at.mass, varianceShare(metrics, at));
