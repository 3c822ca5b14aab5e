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

/** From here on a window makes nonsense of the diagonal prior, which holds i and j together. */
const DIAGONAL_LIMIT = 2;

/** W = round(0.5 s · fps), at most 5% of the median episode; 0 where the frame rate is unknown. */
export function defaultWindow(fps: number | null, lengths: readonly number[]): number {
  return fps === null ? 0 : Math.min(Math.round(DEFAULT_SECONDS * fps), Math.floor(LARGEST_SHARE * medianLength(lengths)));
}

/** @param lengths of the source episodes, in frames: W moves source frames */
export function windowSize(frames: number, fps: number | null, lengths: readonly number[]): WindowSize {
  return { frames, seconds: fps === null ? null : frames / fps, percent: (100 * frames) / medianLength(lengths) };
}

/** The warning where the diagonal prior is on beside a window that moves partners apart; null where there is none to give. */
export function diagonalWindowWarning(window: number, diagonal: boolean, fps: number | null): string | null {
  if (!diagonal || window <= DIAGONAL_LIMIT) return null;
  const seconds = fps === null ? '' : ` (${Number((window / fps).toPrecision(2))} s)`;
  return `The diagonal prior matches only pairs as they were drawn, and a window of ${window} frames${seconds} draws them apart; use a window of at most ${DIAGONAL_LIMIT}, or another prior.`;
}

function medianLength(lengths: readonly number[]): number {
  const sorted = lengths.toSorted((p, q) => p - q);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
