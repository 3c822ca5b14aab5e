import { UserError } from '../../base/errors.ts';
import { plural, quote } from '../../base/words.ts';
import { align, type Alignment } from './dtw.ts';
import { standardise } from './standardise.ts';

/** One episode of what is compared. */
export interface Trajectory {
  readonly name: string;
  /** frames × width, row-major */
  readonly values: Float64Array;
}

/**
 * How distances are counted, as the two tools that write pair_info do. Both call theirs `raw_dtw_dist`, on scales that
 * differ by about 500.
 * - `path`: (cost / path length) / max(arc_s, arc_t) on sequences centred at their first frame; sorted by it
 * - `norm`: cost / max(‖X_s‖, ‖X_t‖) in Frobenius norms; sorted by the cost
 */
export type Formula = 'path' | 'norm';

export interface PairingOptions {
  readonly formula: Formula;
  /** Take every k-th frame, at least 1. */
  readonly stride: number;
  /** Half-width of the band in strided frames; null for none. */
  readonly window: number | null;
  /** Source episodes kept for each target episode; null for all. */
  readonly topk: number | null;
}

/** Below this an arc length or norm counts as none, and the distance is undefined. */
const SMALLEST_NORM = 1e-12;

/** An episode as it is compared. */
export interface ComparableEpisode {
  readonly name: string;
  /** Frames that were taken × width, row-major. */
  readonly frames: Float32Array;
  /** Arc length Σ‖x_t − x_{t−1}‖ for `path`, Frobenius norm for `norm`. */
  readonly size: number;
}

/** The episodes of both sides, made comparable together. */
export interface ComparableEpisodes {
  readonly sources: readonly ComparableEpisode[];
  readonly targets: readonly ComparableEpisode[];
  readonly width: number;
  readonly options: PairingOptions;
  readonly warnings: readonly string[];
}

/** How two episodes go together. */
export interface AlignedPair extends Alignment {
  /** `raw_dtw_dist` by the formula; null where neither episode moves. */
  readonly distance: number | null;
}

/**
 * Take every k-th frame, centre (`path` only), standardise over all frames that were taken.
 * @param width numbers a frame, the same on both sides
 * @throws UserError `bad-pairing`, `non-finite`
 */
export function comparableEpisodes(sources: readonly Trajectory[], targets: readonly Trajectory[], width: number, options: PairingOptions): ComparableEpisodes {
  checkOptions(options);
  const warnings: string[] = [];
  const kept = { sources: usable(sources, width, 'source', warnings), targets: usable(targets, width, 'target', warnings) };
  const all = [...kept.sources, ...kept.targets];
  const frames = standardise(all.map(({ values }) => everyKth(values, width, options.stride)), width, options.formula === 'path');
  const episodes = all.map(({ name }, k) => ({ name, frames: frames[k]!, size: sizeOf(frames[k]!, width, options.formula) }));
  return { sources: episodes.slice(0, kept.sources.length), targets: episodes.slice(kept.sources.length), width, options, warnings };
}

/** Align two episodes (`align`) and say how far apart they are. Yields as `align` does. @throws UserError `pairing-too-long` */
export function* alignPair(target: ComparableEpisode, source: ComparableEpisode, { width, options }: Pick<ComparableEpisodes, 'width' | 'options'>): Generator<number, AlignedPair> {
  const alignment = yield* align(target.frames, source.frames, width, options.window);
  const scale = Math.max(source.size, target.size);
  const cost = options.formula === 'path' ? alignment.cost / alignment.targets.length : alignment.cost;
  return { ...alignment, distance: scale > SMALLEST_NORM ? cost / scale : null };
}

/**
 * ‖t_i − s_j‖ of every `every`-th frame of both, what a path is found over: rows target, columns source, row-major.
 */
export function localDistances(target: ComparableEpisode, source: ComparableEpisode, width: number, every: number): Float32Array {
  const rows = Math.ceil(target.frames.length / width / every);
  const columns = Math.ceil(source.frames.length / width / every);
  const distances = new Float32Array(rows * columns);
  for (let i = 0, k = 0; i < rows; i++)
    for (let j = 0; j < columns; j++, k++) {
      let squared = 0;
      for (let d = 0; d < width; d++) squared += (target.frames[i * every * width + d]! - source.frames[j * every * width + d]!) ** 2;
      distances[k] = Math.sqrt(squared);
    }
  return distances;
}

/** Arc length Σ‖x_t − x_{t−1}‖ for `path`, Frobenius norm for `norm`. */
function sizeOf(values: Float32Array, width: number, formula: Formula): number {
  if (formula === 'norm') return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  let arc = 0;
  for (let start = width; start < values.length; start += width) {
    let squared = 0;
    for (let d = 0; d < width; d++) squared += (values[start + d]! - values[start + d - width]!) ** 2;
    arc += Math.sqrt(squared);
  }
  return arc;
}

function everyKth(values: Float64Array, width: number, stride: number): Float64Array {
  if (stride === 1) return values;
  const rows = Math.ceil(values.length / width / stride);
  const taken = new Float64Array(rows * width);
  for (let row = 0; row < rows; row++) taken.set(values.subarray(row * stride * width, (row * stride + 1) * width), row * width);
  return taken;
}

/** The episodes that have frames, checked. */
function usable(trajectories: readonly Trajectory[], width: number, side: string, warnings: string[]): readonly Trajectory[] {
  for (const { name, values } of trajectories) {
    const bad = values.findIndex((value) => !Number.isFinite(Math.fround(value)));
    if (bad >= 0) throw new UserError('non-finite', `The ${side} episode ${quote(name)} holds ${values[bad]} in frame ${Math.floor(bad / width)}, dimension ${bad % width} of the chosen features; DTW needs finite float32 numbers, so choose other dimensions or leave the episode out.`);
  }
  const kept = trajectories.filter(({ values }) => values.length > 0);
  if (kept.length === 0) throw new UserError('bad-pairing', `No ${side} episode with frames is chosen; choose at least one.`);
  if (kept.length < trajectories.length) warnings.push(`${plural(trajectories.length - kept.length, `${side} episode`)} without frames left out.`);
  return kept;
}

function checkOptions({ stride, window, topk }: PairingOptions): void {
  const check = (name: string, value: number, least: number): void => {
    if (!Number.isSafeInteger(value) || value < least) throw new UserError('bad-pairing', `The ${name} of a pairing is ${value}; it must be a whole number of at least ${least}.`);
  };
  check('stride', stride, 1);
  if (window !== null) check('window', window, 0);
  if (topk !== null) check('top-k', topk, 1);
}
