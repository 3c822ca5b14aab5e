import type { BatchSide, FeatureSpec } from '../../src/core/cost/features.ts';

/** A label term on one key, changed by `over`. */
export function labelSpec(over: Partial<FeatureSpec> = {}): FeatureSpec {
  return {
    term_name: 'state',
    src_key: 'observation.state',
    tgt_key: 'observation.state',
    dim_slice: null,
    use_learned_embed: false,
    embed_name: null,
    weight_embed: 0,
    weight_label: 1,
    term_weight: 1,
    time_reduce: 'flatten',
    embed: null,
    ...over,
  };
}

/** One side with one column: `count` samples of a shape, numbered from `first` on in the order they are stored. */
export function side(count: number, shape: readonly number[], first = 0, key = 'observation.state'): BatchSide {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return { count, columns: new Map([[key, { values: Float64Array.from({ length: count * size }, (_, k) => first + k), shape }]]) };
}

export function sideOf(values: readonly (readonly number[])[], key = 'observation.state'): BatchSide {
  return { count: values.length, columns: new Map([[key, { values: Float64Array.from(values.flat()), shape: [values[0]!.length] }]]) };
}
