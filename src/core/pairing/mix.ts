import { UserError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { quote } from '../../base/words.ts';
import type { BatchColumn, BatchSide } from '../cost/features.ts';

/** Keys whose frames may be repeated along time to meet a windowed side. Images never are. */
const VECTOR_KEYS = new Set(['action', 'observation.state', 'observation.environment_state']);

/** The mask that may be made up: a side that has none pads nothing. */
const PAD_KEY = 'action_is_pad';

/** What decides how many source frames a BC batch holds. */
export interface BcMixSettings {
  /** `bc_src_weight`, β in [0, 1] */
  readonly sourceWeight: number;
  /** With it β is the share of source frames; without it each source frame weighs β, whatever their number. */
  readonly normalizeBySize: boolean;
}

/** Chance of one source frame, of one target frame, and of all source frames together. */
export interface BcChances {
  readonly source: number;
  readonly target: number;
  readonly sourceShare: number;
}

/**
 * Chances of one draw of a BC batch, with replacement: weights β/n_src and (1−β)/n_tgt a frame (`normalizeBySize`), else
 * β and 1−β a frame, over their sum. Where every weight is 0 all frames are alike, as in the LeRobot fork.
 * @param sourceFrames, targetFrames valid frames of each side
 * @throws UserError `bad-mix`
 */
export function bcChances(sourceFrames: number, targetFrames: number, { sourceWeight, normalizeBySize }: BcMixSettings): BcChances {
  if (!(sourceWeight >= 0 && sourceWeight <= 1)) throw new UserError('bad-mix', `bc_src_weight is ${sourceWeight}; it must lie between 0 and 1.`);
  if (sourceFrames + targetFrames === 0) throw new UserError('bad-mix', 'Neither side has a frame to draw a BC batch from; choose other episodes.');
  let source = sourceWeight / (normalizeBySize ? Math.max(1, sourceFrames) : 1);
  let target = (1 - sourceWeight) / (normalizeBySize ? Math.max(1, targetFrames) : 1);
  let total = source * sourceFrames + target * targetFrames;
  if (total === 0) {
    source = target = 1;
    total = sourceFrames + targetFrames;
  }
  return { source: source / total, target: target / total, sourceShare: (source * sourceFrames) / total };
}

/** Rows of a BC batch drawn by `bcChances`, with replacement: places in each side's list of valid frames. */
export function drawBc(sourceFrames: number, targetFrames: number, settings: BcMixSettings, size: number, random: Random): { readonly source: number[]; readonly target: number[] } {
  const { sourceShare } = bcChances(sourceFrames, targetFrames, settings);
  const rows = { source: [] as number[], target: [] as number[] };
  for (let k = 0; k < size; k++) {
    if (random.uniform() < sourceShare) rows.source.push(random.below(sourceFrames));
    else rows.target.push(random.below(targetFrames));
  }
  return rows;
}

/** The split of an earlier version of the LeRobot fork: ⌈B/2⌉ target frames, the rest from the source. */
export function halfSplit(size: number): { readonly source: number; readonly target: number } {
  return { source: Math.floor(size / 2), target: Math.ceil(size / 2) };
}

/**
 * Two batches as one, the first's rows before the second's. Shapes are those of one frame:
 * - vector keys that only one side windowed, (D) beside (S, D), are repeated along time
 * - a missing `action_is_pad` is filled with false
 * - keys on one side only, and keys whose shapes differ otherwise, are left out
 *
 * @returns the batch, and one sentence a decision
 */
export function mixBatches(first: BatchSide, second: BatchSide): { readonly batch: BatchSide; readonly decisions: readonly string[] } {
  const columns = new Map<string, BatchColumn>();
  const decisions: string[] = [];
  for (const key of new Set([...first.columns.keys(), ...second.columns.keys()])) {
    let one = first.columns.get(key);
    let other = second.columns.get(key);
    const present = one ?? other!;
    if (key === PAD_KEY && !(one && other)) {
      one ??= noPadding(first.count, present);
      other ??= noPadding(second.count, present);
      decisions.push(`${quote(key)} is on one side only; the other side's is filled with false.`);
    }
    if (!one || !other) {
      decisions.push(`${quote(key)} is on one side only and is left out.`);
      continue;
    }
    const shapes = `${shown(one.shape)} beside ${shown(other.shape)}`;
    const alike = VECTOR_KEYS.has(key) ? [repeated(one, first.count, other.shape), repeated(other, second.count, one.shape)] : [one, other];
    if (String(alike[0]!.shape) !== String(alike[1]!.shape)) {
      decisions.push(`${quote(key)} has shapes ${shapes} and is left out.`);
      continue;
    }
    if (alike[0] !== one || alike[1] !== other) decisions.push(`${quote(key)} has shapes ${shapes}; the shorter is repeated along time.`);
    const values = new Float64Array(alike[0]!.values.length + alike[1]!.values.length);
    values.set(alike[0]!.values);
    values.set(alike[1]!.values, alike[0]!.values.length);
    columns.set(key, { shape: alike[0]!.shape, values });
  }
  return { batch: { count: first.count + second.count, columns }, decisions };
}

function noPadding(rows: number, { shape }: BatchColumn): BatchColumn {
  return { shape, values: new Float64Array(rows * shape.reduce((product, extent) => product * extent, 1)) };
}

/** A (D) column repeated to (S, D) where that is the other's shape. */
function repeated(column: BatchColumn, rows: number, other: readonly number[]): BatchColumn {
  const [width] = column.shape;
  const [steps] = other;
  if (column.shape.length !== 1 || other.length !== 2 || width === undefined || steps === undefined || width !== other[1]) return column;
  const values = new Float64Array(rows * steps * width);
  for (let place = 0; place < rows * steps; place++) {
    const row = Math.floor(place / steps);
    values.set(column.values.subarray(row * width, (row + 1) * width), place * width);
  }
  return { shape: [steps, width], values };
}

function shown(shape: readonly number[]): string {
  return `(${shape.join(', ')})`;
}
