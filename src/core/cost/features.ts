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
  /** Ours: what makes z where `use_learned_embed` is on. The fork asks its one policy by key alone. */
  readonly embed: EmbedSource | null;
}

/**
 * z = `output` of the encoder `file` when src_key and tgt_key are fed to its `input`: the fork's
 * `encode_feature_for_ot(key, x)`, for encoders that come as files.
 */
export interface EmbedSource {
  readonly file: string;
  readonly input: string;
  readonly output: string;
  /** Keys for every other input of the encoder. */
  readonly others: readonly { readonly input: string; readonly src_key: string; readonly tgt_key: string }[];
}

/** Whether M_embed counts: `use_learned_embed = false` makes it 0 whatever weight_embed says. */
export const wantsEmbedding = (spec: FeatureSpec): boolean => spec.use_learned_embed && spec.weight_embed > 0;

/** The key of a side that a term compares. */
export const keyOf = (spec: FeatureSpec, side: 'source' | 'target'): string => (side === 'source' ? spec.src_key : spec.tgt_key);

/** What a side feeds to each input of a term's encoder, as [input, key]; none without one. */
export function embedKeys({ embed, src_key, tgt_key }: FeatureSpec, side: 'source' | 'target'): [input: string, key: string][] {
  if (!embed) return [];
  const all = [{ input: embed.input, src_key, tgt_key }, ...embed.others];
  return all.map((entry) => [entry.input, side === 'source' ? entry.src_key : entry.tgt_key]);
}

/** A column of a batch: `count` samples of the given shape, row-major. */
export interface BatchColumn {
  readonly values: Float64Array;
  /** Shape of one sample: [D], or [S, D] with a time axis, or [C, H, W], or [S, C, H, W]. */
  readonly shape: readonly number[];
  /** Whether the first axis is a window in time, whatever the number of axes. */
  readonly windowed?: boolean;
}

/** Whether the first axis of a sample is time: that of a window is, and else the number of axes tells. A picture by itself has none. */
export const hasTimeAxis = ({ shape, windowed = false }: Pick<BatchColumn, 'shape' | 'windowed'>): boolean => windowed || shape.length === 2 || shape.length === 4;

/** Whether a sample is one picture, (C, H, W), or several of them. */
export const isPicture = ({ shape, windowed = false }: Pick<BatchColumn, 'shape' | 'windowed'>): boolean => !windowed && shape.length >= 3;

export interface BatchSide {
  readonly count: number;
  readonly columns: Map<string, BatchColumn>;
}

/** Vectors of equal width, row-major. */
export interface Vectors {
  readonly values: Float64Array | Float32Array;
  readonly width: number;
}

/** Labels of one side. */
export interface LabelVectors extends Vectors {
  /** Numbers of one step of a window; `width` where there is none. */
  readonly stepWidth: number;
}

/** Where a label's dimension came from, for messages: "observation.state[3]". */
export const dimensionName = (key: string, spec: FeatureSpec, d: number): string => `${key}[${d + (spec.dim_slice?.[0] ?? 0)}]`;

/**
 * The label vectors y of one side: time reduced, the last axis sliced, the rest flattened.
 * @throws UserError `missing-key`, `bad-slice`, `non-finite`
 */
export function labelVectors(spec: FeatureSpec, side: 'source' | 'target', batch: BatchSide): LabelVectors {
  const key = keyOf(spec, side);
  const { values, shape, windowed } = termColumn(spec, side, key, batch);
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
        throw nonFinite(spec, side, key, value, d, sample, 'Slice that dimension out, or leave those frames out.');
      }
      sliced[k] = value;
    }
  const whole = sliced.length / batch.count;
  return { values: sliced, width: whole, stepWidth: windowed ? whole / shape[0]! : whole };
}

/**
 * What a side feeds to an encoder's input from one of its keys: time reduced, whole, finite. An encoder embeds one step of
 * a window, the last where `time_reduce` chooses none.
 * @throws UserError `missing-key`, `non-finite`
 */
export function embedColumn(spec: FeatureSpec, side: 'source' | 'target', key: string, batch: BatchSide): BatchColumn {
  const windowed = batch.columns.get(key)?.windowed ?? false;
  const column = termColumn(windowed && spec.time_reduce === 'flatten' ? { ...spec, time_reduce: 'last' } : spec, side, key, batch);
  const bad = column.values.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return column;
  const size = column.values.length / batch.count;
  throw nonFinite(spec, side, key, column.values[bad]!, bad % size, Math.floor(bad / size), 'Leave those frames out, or give the encoder another key.');
}

/** A key of a batch, its time axis reduced as the term says. @throws UserError `missing-key` */
function termColumn(spec: FeatureSpec, side: 'source' | 'target', key: string, batch: BatchSide): BatchColumn {
  const column = batch.columns.get(key);
  if (column) return reduceTime(column, spec.time_reduce, batch.count);
  const known = [...batch.columns.keys()].join(', ') || 'none';
  throw new UserError('missing-key', `The ${side} has no numeric column "${key}", which the term "${spec.term_name}" asks for. Its columns are: ${known}.`, { term: spec.term_name, side, key });
}

function nonFinite(spec: FeatureSpec, side: 'source' | 'target', key: string, value: number, dimension: number, sample: number, cure: string): UserError {
  return new UserError('non-finite', `${side === 'source' ? 'Source' : 'Target'} "${key}" holds ${value} at dimension ${dimension} of sample ${sample} in this batch, so the term "${spec.term_name}" has no distance there. ${cure}`, { term: spec.term_name, side, key });
}

function reduceTime(column: BatchColumn, reduce: TimeReduce, count: number): BatchColumn {
  const { shape, values } = column;
  if (reduce === 'flatten' || !hasTimeAxis(column)) return column;
  const steps = shape[0]!;
  const rest = shape.slice(1);
  const size = rest.reduce((product, extent) => product * extent, 1);
  const step = reduce === 'first' ? 0 : steps - 1;
  const picked = new Float64Array(count * size);
  for (let k = 0; k < count; k++) picked.set(values.subarray((k * steps + step) * size, (k * steps + step + 1) * size), k * size);
  return { values: picked, shape: rest };
}

export const showShape = (count: number, shape: readonly number[]): string => `(${[count, ...shape].join(', ')})`;
