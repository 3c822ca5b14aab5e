import { UserError } from '../../base/errors.ts';
import { count, plural } from '../../base/words.ts';
import { alignPair, comparableEpisodes, type ComparableEpisode, type PairingOptions, type Trajectory } from './comparable.ts';
import { cellCount, type Alignment } from './dtw.ts';
import { MAX_FRAME_PAIRS, type EpisodePair, type PairInfo } from './pair-info.ts';

/** Cells of all alignments. */
export interface PairingProgress {
  readonly done: number;
  readonly total: number;
}

export interface Pairing {
  readonly pairs: PairInfo;
  readonly warnings: readonly string[];
}

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
  const episodes = comparableEpisodes(sources, targets, width, options);
  const { stride, window, topk } = options;
  const warnings = [...episodes.warnings];
  const frames = ({ frames: { length } }: ComparableEpisode): number => length / width;
  const total = episodes.targets.reduce((sum, target) => sum + episodes.sources.reduce((cells, source) => cells + cellCount(frames(target), frames(source), window), 0), 0);
  const pairs = new Map<string, EpisodePair[]>();
  let done = 0;
  let kept = 0;
  let still = 0;
  for (const target of episodes.targets) {
    let candidates: { readonly rank: number; readonly pair: EpisodePair }[] = [];
    for (const source of episodes.sources) {
      const steps = alignPair(target, source, episodes);
      let step = steps.next();
      for (; !step.done; step = steps.next()) {
        done += step.value;
        yield { done, total };
      }
      const { distance, cost, ...path } = step.value;
      if (distance === null) still++;
      const rank = options.formula === 'path' ? (distance ?? Infinity) : cost;
      candidates.push({ rank, pair: { source: source.name, distance, frames: framePairs(path, stride) } });
      // Sorting is stable, so cutting early keeps what cutting at the end would.
      candidates = candidates.toSorted((p, q) => (p.rank === q.rank ? 0 : p.rank - q.rank)).slice(0, topk ?? candidates.length);
    }
    kept += candidates.reduce((sum, { pair }) => sum + pair.frames.sources.length, 0);
    if (kept > MAX_FRAME_PAIRS) throw new UserError('pair-info-too-large', `These episodes give more than ${count(MAX_FRAME_PAIRS)} frame pairs; take every k-th frame (stride), or keep the k nearest source episodes (top-k).`);
    pairs.set(target.name, candidates.map(({ pair }) => pair));
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

function framePairs({ targets, sources }: Pick<Alignment, 'targets' | 'sources'>, stride: number): EpisodePair['frames'] {
  // The target frames of a path are 0, 1, 2 … with repetitions.
  const starts: number[] = [];
  for (const [k, target] of targets.entries()) if (target === starts.length) starts.push(k);
  return {
    targets: starts.map((_, k) => k * stride),
    starts: [...starts, sources.length],
    sources: Array.from(sources, (frame) => frame * stride),
  };
}
