import { UserError } from '../../base/errors.ts';
import { costStatistics } from '../ot/diagnostics.ts';
import { dimensionName, labelVectors, showShape, type BatchSide, type FeatureSpec, type Vectors } from './features.ts';

/** One term of the ground cost on a batch. */
export interface CostTerm {
  readonly name: string;
  readonly weight: number;
  /** M_term before its weight, row-major n × m. */
  readonly cost: Float64Array;
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
    if (spec.use_learned_embed && spec.weight_embed > 0)
      throw new UserError('no-encoder', `The term "${name}" asks for an embedding of "${spec.src_key}", but no encoder serves that key. Set weight_embed to 0 and compare raw values by weight_label.`, detail);
    if (spec.weight_label === 0) throw new UserError('no-weight', `The term "${name}" has weight_label 0 and no learned embedding, so it measures nothing. Set weight_label, or leave the term out.`, detail);
  }
}

/**
 * All terms of the ground cost on a batch.
 * @throws UserError naming the term, the side, the key and the shapes; see `checkSpecs` and `labelVectors`
 */
export function costTerms(specs: readonly FeatureSpec[], source: BatchSide, target: BatchSide): CostTerm[] {
  checkSpecs(specs);
  return specs.map((spec) => {
    const left = labelVectors(spec, 'source', source);
    const right = labelVectors(spec, 'target', target);
    if (left.width !== right.width) throw widthMismatch(spec, source, target, left.width, right.width);
    const cost = squaredDistances(left, right);
    if (spec.weight_label !== 1) for (let k = 0; k < cost.length; k++) cost[k] = cost[k]! * spec.weight_label;
    let total = 0;
    let max = 0;
    for (let k = 0; k < cost.length; k++) {
      total += cost[k]!;
      max = Math.max(max, cost[k]!);
    }
    return {
      name: spec.term_name,
      weight: spec.term_weight,
      cost,
      mean: total / cost.length,
      max,
      constantDimensions: constantDimensions(left, right).map((d) => dimensionName(spec.src_key, spec, d)),
    };
  });
}

function widthMismatch(spec: FeatureSpec, source: BatchSide, target: BatchSide, left: number, right: number): UserError {
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

function constantDimensions(left: Vectors, right: Vectors): number[] {
  const varies = (vectors: Vectors, d: number): boolean => {
    for (let k = d + vectors.width; k < vectors.values.length; k += vectors.width) if (vectors.values[k] !== vectors.values[d]) return true;
    return false;
  };
  // One sample a side varies in nothing and says nothing about the feature.
  if (left.values.length <= left.width || right.values.length <= right.width) return [];
  return Array.from({ length: left.width }, (_, d) => d).filter((d) => !varies(left, d) && !varies(right, d));
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
