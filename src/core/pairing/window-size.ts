/** A window of W frames as people think of it. */
export interface WindowSize {
  readonly frames: number;
  /** null where the frame rate is unknown. */
  readonly seconds: number | null;
  /** Of the median episode. */
  readonly percent: number;
}

/** Half a second is as far as two clocks or reactions are apart; a twentieth of an episode is another phase of the task. */
const DEFAULT_SECONDS = 0.5;
const LARGEST_SHARE = 0.05;

/** The largest W beside the diagonal prior: that prior holds i and j together, and a larger window moves them apart. */
export const DIAGONAL_WINDOW = 2;

/** W = round(0.5 s · fps), at most 5% of the median episode; 0 where the frame rate is unknown. */
export function defaultWindow(fps: number | null, lengths: readonly number[]): number {
  return fps === null ? 0 : Math.min(Math.round(DEFAULT_SECONDS * fps), Math.floor(LARGEST_SHARE * medianLength(lengths)));
}

/** @param lengths of the source episodes, in frames: W moves source frames */
export function windowSize(frames: number, fps: number | null, lengths: readonly number[]): WindowSize {
  return { frames, seconds: fps === null ? null : frames / fps, percent: (100 * frames) / medianLength(lengths) };
}

/** Median of episode lengths, in frames; NaN of none. */
export function medianLength(lengths: readonly number[]): number {
  const sorted = lengths.toSorted((p, q) => p - q);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
