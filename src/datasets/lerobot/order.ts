import { UserError } from '../../base/errors.ts';
import type { Episode } from '../types.ts';
import { plural, quote } from '../words.ts';
import type { Frames, RawColumn } from './frames.ts';

/** The frames' order by episode and time. */
export interface Order {
  readonly episodes: readonly Episode[];
  /** Row to take for each frame; null where the rows are in order already. */
  readonly rows: Uint32Array | null;
}

/** Sort frames by (episode_index, frame_index) and cut them into episodes. Equal frames keep the order of the files. */
export function orderFrames(frames: Frames, warnings: string[]): Order {
  const episode = wholeNumbers(frames, 'episode_index');
  const frame = wholeNumbers(frames, frames.orderBy);
  const compare = (a: number, b: number): number => episode[a]! - episode[b]! || frame[a]! - frame[b]!;
  let sorted = true;
  for (let row = 1; row < frames.count && sorted; row++) sorted = compare(row - 1, row) <= 0;
  const rows = sorted ? null : Uint32Array.from({ length: frames.count }, (_, row) => row).toSorted((a, b) => compare(a, b) || a - b);
  const rowOf = (k: number): number => (rows ? rows[k]! : k);

  const episodes: Episode[] = [];
  const repeats = { count: 0, first: '' };
  const gaps = new Set<number>();
  let start = 0;
  for (let k = 0; k < frames.count; k++) {
    const index = episode[rowOf(k)]!;
    const number = frame[rowOf(k)]!;
    if (k > start) {
      const step = number - frame[rowOf(k - 1)]!;
      if (step === 0 && repeats.count++ === 0) repeats.first = `episode ${index}, frame ${number}`;
      if (step > 1) gaps.add(index);
    } else if (frames.orderBy === 'frame_index' && number !== 0) gaps.add(index);
    if (k + 1 === frames.count || episode[rowOf(k + 1)]! !== index) {
      episodes.push({ index, name: `episode_${String(index).padStart(4, '0')}`, start, length: k + 1 - start });
      start = k + 1;
    }
  }
  if (repeats.count > 0) {
    warnings.push(
      `${plural(repeats.count, 'row')} repeat${repeats.count === 1 ? 's' : ''} a frame that is already there (first: ${repeats.first}); all are kept, in the order of the files.`,
    );
  }
  if (gaps.size > 0) {
    warnings.push(
      `Frames are missing in ${plural(gaps.size, 'episode')}: ${frames.orderBy} skips numbers (first: episode ${[...gaps][0]}).`,
    );
  }
  return { episodes, rows };
}

/** Put a row-major column in order. */
export function reorder(values: Float64Array<ArrayBuffer>, width: number, rows: Uint32Array | null): Float64Array<ArrayBuffer> {
  if (!rows) return values;
  const ordered = new Float64Array(values.length);
  for (const [k, row] of rows.entries()) {
    if (width === 1) ordered[k] = values[row]!;
    else ordered.set(values.subarray(row * width, (row + 1) * width), k * width);
  }
  return ordered;
}

function wholeNumbers({ columns, tables }: Frames, name: string): Float64Array {
  const column: RawColumn | undefined = columns.get(name);
  const values = column?.builder?.values;
  if (!values || column.tables < tables.length) {
    throw new UserError(
      'bad-index',
      `Some tables have no ${name} column; open tables of one dataset at a time.`,
    );
  }
  const bad = values.find((value) => !Number.isSafeInteger(value));
  if (bad !== undefined) {
    throw new UserError(
      'bad-index',
      `Column ${quote(name)} holds ${Number.isNaN(bad) ? 'an empty value' : String(bad)}, but frames can only be told apart by whole numbers; repair the table.`,
    );
  }
  return values;
}
