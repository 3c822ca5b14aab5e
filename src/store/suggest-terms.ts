import { BOOKKEEPING, demoFeatures, labelTerm } from '../config/presets.ts';
import { embedKeys, hasTimeAxis, wantsEmbedding, type FeatureSpec } from '../core/cost/features.ts';
import type { DatasetSummary, FeatureSummary } from './run.ts';

/** Keys that mean a robot's state or action, most telling first. */
const PREFERRED = ['observation.state', 'state', 'states', 'observation.environment_state', 'action', 'actions'];

/**
 * Terms for data that were just loaded: those of the session that both sides can serve; where none is left, one on the
 * most telling key that both sides share, or on the most telling key of each, sliced to the width in common.
 */
export function suggestTerms(current: readonly FeatureSpec[], source: DatasetSummary, target: DatasetSummary): readonly FeatureSpec[] {
  if (source.demo && target.demo) return demoFeatures();
  const kept = current.filter((spec) => canServe(spec, source, target));
  // The demo's own terms would fit any state with three numbers, and mean nothing there.
  const meant = kept.filter((spec) => !demoFeatures().some((demo) => demo.term_name === spec.term_name && demo.src_key === spec.src_key && demo.tgt_key === spec.tgt_key));
  if (meant.length > 0) return meant;
  const left = tellingColumns(source);
  const right = tellingColumns(target);
  for (const column of left) {
    const partner = right.find(({ key }) => key === column.key);
    const term = partner && termOn(column.key.split('.').at(-1) || column.key, column, partner);
    if (term) return [term];
  }
  const term = left[0] && right[0] && termOn('state', left[0], right[0]);
  return term ? [term] : [];
}

const columnOf = (dataset: DatasetSummary, key: string): FeatureSummary | undefined => dataset.features.find((feature) => feature.key === key && feature.numeric);

/** What the simulator says about a frame; nothing that the robot did. */
const VERDICTS = /^(next\.|(rewards?|dones?|terminals?|steps?)$)/;

/** Wider columns are pictures, compared last. */
const PICTURE_WIDTH = 4096;

/** Columns that can stand for what the robot did, most telling first. Clocks, counters and rewards cannot. */
function tellingColumns(dataset: DatasetSummary): FeatureSummary[] {
  const rank = ({ key, shape }: FeatureSummary): number => {
    if (PREFERRED.includes(key)) return PREFERRED.indexOf(key);
    if (shape.reduce((product, extent) => product * extent, 1) > PICTURE_WIDTH) return PREFERRED.length + 2;
    return /^(observation\.|obs\/|observations\/)/.test(key) ? PREFERRED.length : PREFERRED.length + 1;
  };
  return dataset.features.filter(({ key, numeric }) => numeric && !BOOKKEEPING.has(key) && !VERDICTS.test(key)).toSorted((p, q) => rank(p) - rank(q));
}

/** A term that compares two columns whole, or what they have in common of them; null where there is no such thing. */
function termOn(name: string, left: FeatureSummary, right: FeatureSummary): FeatureSpec | null {
  const whole: FeatureSpec = { ...labelTerm(name, left.key, null, 1), tgt_key: right.key };
  const sliced: FeatureSpec = { ...whole, dim_slice: [0, Math.min(left.shape.at(-1) ?? 1, right.shape.at(-1) ?? 1)] };
  const options: readonly FeatureSpec[] = [whole, sliced, { ...whole, time_reduce: 'last' }, { ...sliced, time_reduce: 'last' }];
  return options.find((spec) => fits(spec, left, right)) ?? null;
}

/** Whether both sides have what a term names: labels of one width, and a column for every input of its encoder. */
function canServe(spec: FeatureSpec, source: DatasetSummary, target: DatasetSummary): boolean {
  const labelled = spec.weight_label === 0 || fits(spec, columnOf(source, spec.src_key), columnOf(target, spec.tgt_key));
  const served = (side: 'source' | 'target', dataset: DatasetSummary): boolean => embedKeys(spec, side).every(([, key]) => columnOf(dataset, key) !== undefined);
  return labelled && (!wantsEmbedding(spec) || (served('source', source) && served('target', target)));
}

/** Whether both columns are there and give labels of one width. */
function fits(spec: FeatureSpec, left: FeatureSummary | undefined, right: FeatureSummary | undefined): boolean {
  const width = left ? labelWidth(spec, left.shape) : null;
  return width !== null && right !== undefined && labelWidth(spec, right.shape) === width;
}

/** Numbers in the label that a term takes from a sample of this shape; null where its slice leads outside. */
function labelWidth(spec: FeatureSpec, shape: readonly number[]): number | null {
  const axes = spec.time_reduce === 'flatten' || !hasTimeAxis({ shape }) ? shape : shape.slice(1);
  const last = axes.at(-1) ?? 1;
  const [from, to] = spec.dim_slice ?? [0, last];
  return from < to && to <= last ? axes.slice(0, -1).reduce((product, extent) => product * extent, to - from) : null;
}
