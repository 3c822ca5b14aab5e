import { UserError } from '../../base/errors.ts';
import { count } from '../../base/words.ts';

/** How two sequences go together. */
export interface Alignment {
  /** Cumulative cost at the end of both. */
  readonly cost: number;
  /** Frames of the path, from the start of both to their ends; both never fall. */
  readonly targets: Int32Array;
  readonly sources: Int32Array;
}

/** Cells of one alignment: one byte each is kept for the way back. 11,500 by 11,500 frames. */
export const MAX_CELLS = 2 ** 27;

/** Cells between two yields: about a millisecond. */
const SLICE = 2 ** 15;

const DIAGONAL = 0;
const UP = 1;
const LEFT = 2;

/** Half-width of the band that lets the path reach both ends: max(window, |T − S|); null for no band. */
export function bandWidth(targetLength: number, sourceLength: number, window: number | null): number | null {
  return window === null ? null : Math.max(window, Math.abs(targetLength - sourceLength));
}

/** Cells that an alignment keeps: all, or those of the band. */
export function cellCount(targetLength: number, sourceLength: number, window: number | null): number {
  const band = bandWidth(targetLength, sourceLength, window);
  return targetLength * (band === null ? sourceLength : Math.min(sourceLength, 2 * band + 1));
}

/**
 * Dynamic time warping: D[i,j] = ‖t_i − s_j‖ + min(D[i−1,j−1], D[i−1,j], D[i,j−1]) over |i − j| ≤ max(window, |T − S|),
 * rows target, columns source. On the way back from the end, ties prefer the diagonal, then i−1, then j−1.
 *
 * A generator that yields how many cells are done every so often; whoever drives it may leave it at any yield. Memory is
 * one byte a cell and two rows.
 * @param target, source frames × width, row-major, neither of them empty
 * @param window in frames; null for no band
 * @throws UserError `pairing-too-long`
 */
export function* align(target: Float32Array, source: Float32Array, width: number, window: number | null): Generator<number, Alignment> {
  const rows = target.length / width;
  const columns = source.length / width;
  const cells = cellCount(rows, columns, window);
  if (cells > MAX_CELLS)
    throw new UserError('pairing-too-long', `Episodes of ${count(rows)} and ${count(columns)} frames take ${count(cells)} cells to align, above the limit of ${count(MAX_CELLS)}; take every k-th frame (stride), or a window.`);
  const band = bandWidth(rows, columns, window) ?? columns + rows;
  const stored = cells / rows;
  const steps = new Uint8Array(cells);
  // One place before the first column, so that every cell has its three neighbours.
  let above = new Float64Array(columns + 1).fill(Infinity);
  let row = new Float64Array(columns + 1);
  above[0] = 0;
  let since = 0;
  for (let i = 0; i < rows; i++) {
    row.fill(Infinity);
    const first = Math.max(0, i - band);
    const end = Math.min(columns, i + band + 1);
    const offset = i * stored - first;
    for (let j = first; j < end; j++) {
      let squared = 0;
      for (let d = 0; d < width; d++) {
        const difference = target[i * width + d]! - source[j * width + d]!;
        squared += difference * difference;
      }
      let least = above[j]!;
      let step = DIAGONAL;
      if (above[j + 1]! < least) {
        least = above[j + 1]!;
        step = UP;
      }
      if (row[j]! < least) {
        least = row[j]!;
        step = LEFT;
      }
      row[j + 1] = Math.sqrt(squared) + least;
      steps[offset + j] = step;
    }
    [above, row] = [row, above];
    since += end - first;
    if (since >= SLICE) {
      yield since;
      since = 0;
    }
  }
  yield since;
  return { cost: above[columns]!, ...walkBack(steps, rows, columns, stored, band) };
}

function walkBack(steps: Uint8Array, rows: number, columns: number, stored: number, band: number): { targets: Int32Array; sources: Int32Array } {
  const targets = new Int32Array(rows + columns - 1);
  const sources = new Int32Array(rows + columns - 1);
  let at = targets.length;
  let i = rows - 1;
  let j = columns - 1;
  for (;;) {
    targets[--at] = i;
    sources[at] = j;
    if (i === 0 && j === 0) return { targets: targets.slice(at), sources: sources.slice(at) };
    const step = steps[i * stored + j - Math.max(0, i - band)]!;
    if (step !== LEFT) i--;
    if (step !== UP) j--;
  }
}
