import { demoFeatures, labelTerm } from '../config/presets.ts';
import type { FeatureSpec } from '../core/cost/features.ts';
import type { DatasetSummary, FeatureSummary } from './run.ts';

/** Keys that mean a robot's state or action, most telling first. */
const PREFERRED = ['observation.state', 'state', 'observation.environment_state', 'action', 'actions'];

/**
 * Terms for data that were just loaded: those of the session whose keys both sides have; where none is left, one on
 * the most telling key that both sides share, sliced to the width that they have in common.
 */
export function suggestTerms(current: readonly FeatureSpec[], source: DatasetSummary, target: DatasetSummary): readonly FeatureSpec[] {
  if (source.demo && target.demo) return demoFeatures();
  const numeric = (dataset: DatasetSummary, key: string): FeatureSummary | undefined => dataset.features.find((feature) => feature.key === key && feature.numeric);
  const kept = current.filter((spec) => {
    const left = numeric(source, spec.src_key);
    const right = numeric(target, spec.tgt_key);
    const end = spec.dim_slice?.[1] ?? 0;
    return left && right && end <= Math.min(left.shape.at(-1) ?? 1, right.shape.at(-1) ?? 1) && (spec.dim_slice || left.shape.join() === right.shape.join());
  });
  // The demo's own terms would fit any state with three numbers, and mean nothing there.
  const meant = kept.filter((spec) => !demoFeatures().some((demo) => demo.term_name === spec.term_name));
  if (meant.length > 0) return meant;
  const shared = source.features.map(({ key }) => key).filter((key) => numeric(source, key) && numeric(target, key));
  const key = PREFERRED.find((preferred) => shared.includes(preferred)) ?? shared.find((name) => name.startsWith('observation.')) ?? shared[0];
  if (key === undefined) return firstOfEach(source, target);
  const widths = [source, target].map((dataset) => numeric(dataset, key)?.shape.at(-1) ?? 1);
  const common = Math.min(...widths);
  return [labelTerm(key.split('.').at(-1) ?? key, key, widths[0] === widths[1] ? null : [0, common], 1)];
}

/** No key in common: the first telling key of each side, so that the editor has something to start from. */
function firstOfEach(source: DatasetSummary, target: DatasetSummary): readonly FeatureSpec[] {
  const first = (dataset: DatasetSummary): FeatureSummary | undefined =>
    dataset.features.find(({ key, numeric }) => numeric && PREFERRED.includes(key)) ?? dataset.features.find(({ numeric }) => numeric);
  const left = first(source);
  const right = first(target);
  if (!left || !right) return [];
  const common = Math.min(left.shape.at(-1) ?? 1, right.shape.at(-1) ?? 1);
  return [{ ...labelTerm('state', left.key, [0, common], 1), tgt_key: right.key }];
}
