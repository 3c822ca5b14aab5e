import { UserError } from '../../base/errors.ts';
import { count, plural, quote } from '../../base/words.ts';
import type { Alignment } from './dtw.ts';
import { align, cellCount } from './dtw.ts';
import type { EpisodePair, PairInfo } from './pair-info.ts';
import { MAX_FRAME_PAIRS } from './pair-info.ts';
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

/** Cells of all alignments. */
export interface PairingProgress {
  readonly done: number;
  readonly total: number;
}

export interface Pairing {
  readonly pairs: PairInfo;
  readonly warnings: readonly string[];
}

/** Below this an arc length or norm counts as none, and the distance is undefined. */
const SMALLEST_NORM = 1e-12;

/**
 * Pair every target episode with source episodes by DTW: take every k-th frame, centre (`path` only), standardise over
 * all frames that were taken, align, sort, keep the top k. Frames are written as they are in the episodes (index · k).
 *
 * A generator that yields its progress about every millisecond of work, so that an engine can answer in between; leaving
 * it cancels the pairing. `runPairing` drives it in one go.
 * @param width numbers a frame, the same on both sides
 * @throws UserError `bad-pairing`, `non-finite`, `pairing-too-long`, `pair-info-too-large`
 */
export function* pairEpisodes(sources: readonly Trajectory[], targets: readonly Trajectory[], width: number, options: PairingOptions): Generator<PairingProgress, Pairing> {
  checkOptions(options);
  const warnings: string[] = [];
  const { stride, window, topk } = options;
  const [sourceKept, targetKept] = [usable(sources, width, 'source', warnings), usable(targets, width, 'target', warnings)];
  const strided = [...sourceKept, ...targetKept].map(({ values }) => everyKth(values, width, stride));
  const frames = standardise(strided, width, options.formula === 'path');
  const sourceFrames = frames.slice(0, sourceKept.length);
  const targetFrames = frames.slice(sourceKept.length);
  const total = targetFrames.reduce((sum, target) => sum + sourceFrames.reduce((cells, source) => cells + cellCount(target.length / width, source.length / width, window), 0), 0);
  const sourceSizes = sourceFrames.map((source) => size(source, width, options.formula));
  const pairs = new Map<string, EpisodePair[]>();
  let done = 0;
  let kept = 0;
  let still = 0;
  for (const [k, target] of targetFrames.entries()) {
    const targetSize = size(target, width, options.formula);
    let candidates: { readonly rank: number; readonly pair: EpisodePair }[] = [];
    for (const [at, source] of sourceFrames.entries()) {
      const steps = align(target, source, width, window);
      let step = steps.next();
      for (; !step.done; step = steps.next()) {
        done += step.value;
        yield { done, total };
      }
      const alignment = step.value;
      const scale = Math.max(sourceSizes[at]!, targetSize);
      const cost = options.formula === 'path' ? alignment.cost / alignment.targets.length : alignment.cost;
      const distance = scale > SMALLEST_NORM ? cost / scale : null;
      if (distance === null) still++;
      const rank = options.formula === 'path' ? (distance ?? Infinity) : alignment.cost;
      candidates.push({ rank, pair: { source: sourceKept[at]!.name, distance, frames: framePairs(alignment, stride) } });
      // Sorting is stable, so cutting early keeps what cutting at the end would.
      candidates = candidates.toSorted((p, q) => (p.rank === q.rank ? 0 : p.rank - q.rank)).slice(0, topk ?? candidates.length);
    }
    kept += candidates.reduce((sum, { pair }) => sum + pair.frames.sources.length, 0);
    if (kept > MAX_FRAME_PAIRS) throw new UserError('pair-info-too-large', `These episodes give more than ${count(MAX_FRAME_PAIRS)} frame pairs; take every k-th frame (stride), or keep the k nearest source episodes (top-k).`);
    pairs.set(targetKept[k]!.name, candidates.map(({ pair }) => pair));
  }
  if (still > 0) warnings.push(`${plural(still, 'episode pair')} ${still === 1 ? 'has' : 'have'} no distance, because neither episode moves; raw_dtw_dist is left out there.`);
  if (stride > 1) warnings.push(`With a stride of ${stride} only every ${stride}th target frame has a partner: robomimic raises KeyError on the frames between, the LeRobot fork leaves them out.`);
  return { pairs, warnings };
}

/** Frames are paired one by one, so two rates pair different speeds: allowed, and said. */
export function rateWarnings(sourceFps: number | null, targetFps: number | null): string[] {
  if (sourceFps === null || targetFps === null || sourceFps === targetFps) return [];
  return [`The source has ${sourceFps} frames a second and the target ${targetFps}; frames are paired whatever their times.`];
}

/**
 * Drive a pairing to its end.
 * @throws UserError `cancelled` where the signal was aborted
 */
export function runPairing(pairing: Generator<PairingProgress, Pairing>, { signal, onProgress }: { readonly signal?: AbortSignal; readonly onProgress?: (progress: PairingProgress) => void } = {}): Pairing {
  for (;;) {
    if (signal?.aborted) throw new UserError('cancelled', 'Pairing was cancelled.');
    const step = pairing.next();
    if (step.done) return step.value;
    onProgress?.(step.value);
  }
}

/** Arc length Σ‖x_t − x_{t−1}‖ for `path`, Frobenius norm for `norm`. */
function size(values: Float32Array, width: number, formula: Formula): number {
  if (formula === 'norm') return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  let arc = 0;
  for (let start = width; start < values.length; start += width) {
    let squared = 0;
    for (let d = 0; d < width; d++) squared += (values[start + d]! - values[start + d - width]!) ** 2;
    arc += Math.sqrt(squared);
  }
  return arc;
}

function framePairs({ targets, sources }: Alignment, stride: number): EpisodePair['frames'] {
  // The target frames of a path are 0, 1, 2 … with repetitions.
  const starts: number[] = [];
  for (const [k, target] of targets.entries()) if (target === starts.length) starts.push(k);
  return {
    targets: starts.map((_, k) => k * stride),
    starts: [...starts, sources.length],
    sources: Array.from(sources, (frame) => frame * stride),
  };
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
