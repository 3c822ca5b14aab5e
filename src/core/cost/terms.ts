import { assert } from '../../base/assert.ts';
import { UserError } from '../../base/errors.ts';
import { costStatistics } from '../ot/diagnostics.ts';
import { dimensionName, embedKeys, labelVectors, showShape, wantsEmbedding, type BatchSide, type FeatureSpec, type LabelVectors, type Vectors } from './features.ts';

/** One term of the ground cost on a batch. */
export interface CostTerm {
  readonly name: string;
  readonly weight: number;
  /** M_term before its weight, row-major n × m; float32 where a GPU measured it. */
  readonly cost: Float64Array | Float32Array;
  /** Mean of M_term: the fork's `ot_cost/<term>`. */
  readonly mean: number;
  readonly max: number;
  /** Dimensions of the label that vary on neither side, as "key[d]". */
  readonly constantDimensions: readonly string[];
}

/** Divisor of M before the solve: none, or its largest entry, median or population standard deviation. */
export type Normalisation = 'none' | 'max' | 'median' | 'std';

/**
 * Check a list of specs by itself.
 * @throws UserError `no-terms`, `duplicate-term`, `no-weight`, `bad-weight`, `no-encoder`
 */
export function checkSpecs(specs: readonly FeatureSpec[]): void {
  if (specs.length === 0) throw new UserError('no-terms', 'The cost has no terms, so nothing can be compared. Add a term.');
  const seen = new Set<string>();
  for (const spec of specs) {
    const name = spec.term_name;
    const detail = { term: name };
    if (seen.has(name)) throw new UserError('duplicate-term', `Two terms are called "${name}". Give each its own name: the LeRobot fork would let the last one overwrite the first.`, detail);
    seen.add(name);
    for (const field of ['weight_embed', 'weight_label', 'term_weight'] as const)
      if (!(Number.isFinite(spec[field]) && spec[field] >= 0)) throw new UserError('bad-weight', `${field} of the term "${name}" is ${spec[field]}; it must be finite and not negative.`, detail);
    if (spec.weight_embed === 0 && spec.weight_label === 0) throw new UserError('no-weight', `The term "${name}" has weight_embed 0 and weight_label 0, so it measures nothing. Give one of them a weight, or leave the term out.`, detail);
    if (wantsEmbedding(spec) && !spec.embed)
      throw new UserError('no-encoder', `The term "${name}" asks for an embedding of "${spec.src_key}", but no encoder serves that key. Choose one for it, or set weight_embed to 0 and compare raw values by weight_label.`, { ...detail, key: spec.src_key });
    if (spec.weight_label === 0 && !wantsEmbedding(spec)) throw new UserError('no-weight', `The term "${name}" has weight_label 0 and no learned embedding, so it measures nothing. Set weight_label, or leave the term out.`, detail);
  }
}

/** Vectors of both sides that one part of a term compares: n and m of them, of one width. */
export interface Compared {
  readonly source: Vectors;
  readonly target: Vectors;
}

/** Labels of both sides. */
export interface ComparedLabels extends Compared {
  readonly source: LabelVectors;
  readonly target: LabelVectors;
}

/**
 * Label vectors of both sides of a term, unweighted. Null where labels have no weight.
 * @throws UserError `width-mismatch`, and those of `labelVectors`
 */
export function termLabels(spec: FeatureSpec, source: BatchSide, target: BatchSide): ComparedLabels | null {
  if (spec.weight_label === 0) return null;
  const left = labelVectors(spec, 'source', source);
  const right = labelVectors(spec, 'target', target);
  if (left.width !== right.width) throw labelMismatch(spec, source, target, left.width, right.width);
  return { source: left, target: right };
}

/** Dimensions of a label that vary on neither side, as "key[d]"; in a window, at none of its steps. */
export function constantLabels(spec: FeatureSpec, labels: ComparedLabels | null): string[] {
  return labels ? constantDimensions(labels.source, labels.target).map((d) => dimensionName(spec.src_key, spec, d)) : [];
}

/** @throws UserError `width-mismatch` when an encoder gives the sides embeddings of different widths */
export function checkEmbeddings(spec: FeatureSpec, source: { readonly width: number }, target: { readonly width: number }): void {
  if (source.width === target.width) return;
  const keys = (side: 'source' | 'target'): string => embedKeys(spec, side).map(([, key]) => key).join(', ');
  throw new UserError('width-mismatch', `${spec.embed?.file ?? 'The encoder'} makes ${source.width} values of a source frame and ${target.width} of a target frame, so the term "${spec.term_name}" has no distance. Feed it keys of one shape on both sides, or leave the term out.`, {
    term: spec.term_name,
    source: keys('source'),
    target: keys('target'),
  });
}

/**
 * All terms of the ground cost on a batch: M_term = weight_embed·‖z_i − z'_j‖² + weight_label·‖y_i − y'_j‖².
 * @param embeddings by term name, for the terms that want one
 * @throws UserError naming the term, the side, the key and the shapes; see `checkSpecs` and `labelVectors`
 */
export function costTerms(specs: readonly FeatureSpec[], source: BatchSide, target: BatchSide, embeddings: ReadonlyMap<string, Compared> = new Map()): CostTerm[] {
  checkSpecs(specs);
  return specs.map((spec) => {
    const labels = termLabels(spec, source, target);
    const cost = new Float64Array(source.count * target.count);
    if (labels) addScaled(cost, squaredDistances(labels.source, labels.target), spec.weight_label);
    if (wantsEmbedding(spec)) {
      const embedding = embeddings.get(spec.term_name);
      assert(embedding, `the term "${spec.term_name}" has no embedding`);
      checkEmbeddings(spec, embedding.source, embedding.target);
      addScaled(cost, squaredDistances(embedding.source, embedding.target), spec.weight_embed);
    }
    return measuredTerm(spec, cost, labels);
  });
}

/** A term from its matrix: its mean, its largest entry and its constant dimensions. */
export function measuredTerm(spec: FeatureSpec, cost: CostTerm['cost'], labels: ComparedLabels | null): CostTerm {
  let total = 0;
  let max = 0;
  for (let k = 0; k < cost.length; k++) {
    total += cost[k]!;
    max = Math.max(max, cost[k]!);
  }
  return { name: spec.term_name, weight: spec.term_weight, cost, mean: total / cost.length, max, constantDimensions: constantLabels(spec, labels) };
}

function addScaled(total: Float64Array, values: Float64Array, weight: number): void {
  for (let k = 0; k < total.length; k++) total[k] = total[k]! + weight * values[k]!;
}

/**
 * How much embeddings differ over a batch: their variance, averaged over dimensions, as a share of their mean square.
 * 0 for a constant encoder, 1 for one whose outputs have mean 0; free of the scale that an encoder happens to have.
 */
export function relativeVariance({ values, width }: Vectors): number {
  const rows = values.length / width;
  let variance = 0;
  let square = 0;
  for (let d = 0; d < width; d++) {
    let total = 0;
    for (let k = d; k < values.length; k += width) total += values[k]!;
    const mean = total / rows;
    for (let k = d; k < values.length; k += width) {
      variance += (values[k]! - mean) ** 2;
      square += values[k]! ** 2;
    }
  }
  return square > 0 ? variance / square : 0;
}

function labelMismatch(spec: FeatureSpec, source: BatchSide, target: BatchSide, left: number, right: number): UserError {
  const keys = spec.src_key === spec.tgt_key ? `"${spec.src_key}"` : `"${spec.src_key}" and "${spec.tgt_key}"`;
  const common = Math.min(left, right);
  const shapeOf = (side: BatchSide, key: string): string => showShape(side.count, side.columns.get(key)?.shape ?? []);
  return new UserError(
    'width-mismatch',
    `The source has ${left} values per frame and the target has ${right} in ${keys}, so the term "${spec.term_name}" has no distance. Slice both to the first ${common}, or leave the term out.`,
    {
      term: spec.term_name,
      source: `${spec.src_key} · ${shapeOf(source, spec.src_key)}`,
      target: `${spec.tgt_key} · ${shapeOf(target, spec.tgt_key)}`,
      setting: `dim_slice = ${spec.dim_slice ? spec.dim_slice.join(':') : 'null'}`,
      common: String(common),
    },
  );
}

/** ‖x_i − y_j‖², directly: the Gram form loses every digit where |x|² is large against the distance. */
export function squaredDistances(left: Vectors, right: Vectors): Float64Array {
  const { width } = left;
  const n = left.values.length / width;
  const m = right.values.length / width;
  const result = new Float64Array(n * m);
  for (let i = 0, k = 0; i < n; i++)
    for (let j = 0; j < m; j++, k++) {
      let total = 0;
      for (let d = 0, p = i * width, q = j * width; d < width; d++, p++, q++) {
        const difference = left.values[p]! - right.values[q]!;
        total += difference * difference;
      }
      result[k] = total;
    }
  return result;
}

function constantDimensions(left: LabelVectors, right: LabelVectors): number[] {
  const varies = (vectors: Vectors, d: number): boolean => {
    for (let k = d + vectors.width; k < vectors.values.length; k += vectors.width) if (vectors.values[k] !== vectors.values[d]) return true;
    return false;
  };
  // One sample a side varies in nothing and says nothing about the feature.
  if (left.values.length <= left.width || right.values.length <= right.width) return [];
  const { width, stepWidth } = left;
  const steps = Array.from({ length: width / stepWidth }, (_, step) => step * stepWidth);
  return Array.from({ length: stepWidth }, (_, d) => d).filter((d) => steps.every((step) => !varies(left, step + d) && !varies(right, step + d)));
}

/** M = Σ term_weight·M_term. */
export function combineTerms(terms: readonly CostTerm[]): Float64Array {
  const total = new Float64Array(terms[0]?.cost.length ?? 0);
  for (const { cost, weight } of terms) for (let k = 0; k < total.length; k++) total[k] = total[k]! + weight * cost[k]!;
  return total;
}

/**
 * σ of a normalisation; M/σ is what is solved, and raw units are what is reported.
 * @throws UserError `flat-cost` when σ = 0
 */
export function normalisationScale(cost: Float64Array, normalisation: Normalisation): number {
  if (normalisation === 'none') return 1;
  const scale = costStatistics(cost)[normalisation];
  if (!(scale > 0)) throw new UserError('flat-cost', `The ${normalisation} of the cost matrix is 0, so it cannot be divided by it. Use no normalisation, or features that differ.`);
  return scale;
}

/** Share of each term in ⟨π,M⟩: ⟨π, term_weight·M_term⟩/⟨π,M⟩. NaN when nothing is transported. */
export function termShares(terms: readonly CostTerm[], plan: Float64Array): Map<string, number> {
  const spent = terms.map(({ cost, weight }) => {
    let total = 0;
    for (let k = 0; k < plan.length; k++) total += plan[k]! * cost[k]!;
    return total * weight;
  });
  const all = spent.reduce((total, value) => total + value, 0);
  return new Map(terms.map((term, k) => [term.name, spent[k]! / all]));
}
