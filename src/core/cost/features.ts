import { UserError } from '../../base/errors.ts';

/** How a stack of observation steps becomes one vector. */
export type TimeReduce = 'flatten' | 'first' | 'last';

/**
 * One term of the ground cost, with the LeRobot fork's field names (they are what configs and logs use):
 * M_term = weight_embed·‖z_i − z'_j‖² + weight_label·‖y_i − y'_j‖² and M = Σ term_weight·M_term.
 */
export interface FeatureSpec {
  readonly term_name: string;
  readonly src_key: string;
  readonly tgt_key: string;
  /** Half-open range of the last axis of the label, applied before flattening; null takes all of it. */
  readonly dim_slice: readonly [number, number] | null;
  readonly use_learned_embed: boolean;
  readonly embed_name: string | null;
  readonly weight_embed: number;
  readonly weight_label: number;
  readonly term_weight: number;
  readonly time_reduce: TimeReduce;
}

/** A column of a batch: `count` samples of the given shape, row-major. */
export interface BatchColumn {
  readonly values: Float64Array;
  /** Shape of one sample: [D], or [S, D] with a time axis, or [S, C, H, W]. */
  readonly shape: readonly number[];
}

export interface BatchSide {
  readonly count: number;
  readonly columns: Map<string, BatchColumn>;
}

/** `count` vectors of equal width. */
export interface Vectors {
  readonly values: Float64Array;
  readonly width: number;
}

/** Where a label's dimension came from, for messages: "observation.state[3]". */
export const dimensionName = (key: string, spec: FeatureSpec, d: number): string => `${key}[${d + (spec.dim_slice?.[0] ?? 0)}]`;

/**
 * The label vectors y of one side: time reduced, the last axis sliced, the rest flattened.
 * @throws UserError `missing-key`, `bad-slice`, `non-finite`
 */
export function labelVectors(spec: FeatureSpec, side: 'source' | 'target', batch: BatchSide): Vectors {
  const key = side === 'source' ? spec.src_key : spec.tgt_key;
  const column = batch.columns.get(key);
  if (!column) {
    const known = [...batch.columns.keys()].join(', ') || 'none';
    throw new UserError('missing-key', `The ${side} has no numeric column "${key}", which the term "${spec.term_name}" asks for. Its columns are: ${known}.`, { term: spec.term_name, side, key });
  }
  const { values, shape } = reduceTime(column, spec.time_reduce, batch.count);
  const last = shape.at(-1) ?? 1;
  const [from, to] = spec.dim_slice ?? [0, last];
  if (!(Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from < to && to <= last))
    throw new UserError('bad-slice', `The term "${spec.term_name}" slices ${side} "${key}" as ${from}:${to}, but its last axis has ${last} ${last === 1 ? 'value' : 'values'}. A slice within 0:${last} works.`, {
      term: spec.term_name,
      side,
      key,
      shape: showShape(batch.count, shape),
    });
  const lines = values.length / last;
  const width = to - from;
  const sliced = new Float64Array(lines * width);
  for (let line = 0, k = 0; line < lines; line++)
    for (let d = from; d < to; d++, k++) {
      const value = values[line * last + d]!;
      if (!Number.isFinite(value)) {
        const sample = Math.floor((line * batch.count) / lines);
        throw new UserError('non-finite', `${side === 'source' ? 'Source' : 'Target'} "${key}" holds ${value} at dimension ${d} of sample ${sample} in this batch, so the term "${spec.term_name}" has no distance there. Slice that dimension out, or leave those frames out.`, {
          term: spec.term_name,
          side,
          key,
        });
      }
      sliced[k] = value;
    }
  return { values: sliced, width: sliced.length / batch.count };
}

function reduceTime(column: BatchColumn, reduce: TimeReduce, count: number): BatchColumn {
  const { shape, values } = column;
  if (reduce === 'flatten' || shape.length < 2) return column;
  const steps = shape[0]!;
  const rest = shape.slice(1);
  const size = rest.reduce((product, extent) => product * extent, 1);
  const step = reduce === 'first' ? 0 : steps - 1;
  const picked = new Float64Array(count * size);
  for (let k = 0; k < count; k++) picked.set(values.subarray((k * steps + step) * size, (k * steps + step + 1) * size), k * size);
  return { values: picked, shape: rest };
}

export const showShape = (count: number, shape: readonly number[]): string => `(${[count, ...shape].join(', ')})`;
