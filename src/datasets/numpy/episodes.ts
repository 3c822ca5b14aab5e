import { UserError } from '../../base/errors.ts';
import { count, quote } from '../words.ts';

/** An episode inside the rows of a file. */
export interface Cut {
  readonly index: number;
  readonly start: number;
  readonly length: number;
}

/** Episodes from their ends (`episode_ends`, as Diffusion Policy writes them): `[3, 5]` is frames 0–2 and 3–4. */
export function cutByEnds(path: string, ends: Float64Array): Cut[] {
  const cuts: Cut[] = [];
  let start = 0;
  for (const [index, end] of ends.entries()) {
    if (!Number.isSafeInteger(end) || end < start) throw badIndex(path, 'episode_ends', `goes from ${start} to ${end}`);
    if (end > start) cuts.push({ index, start, length: end - start });
    start = end;
  }
  return cuts;
}

/** Episodes from the number of each frame's (`episode_index`): frames of one lie together. */
export function cutByIndex(path: string, indices: Float64Array): Cut[] {
  const cuts: Cut[] = [];
  const seen = new Set<number>();
  let start = 0;
  for (let row = 0; row < indices.length; row++) {
    const index = indices[row]!;
    if (!Number.isSafeInteger(index)) throw badIndex(path, 'episode_index', `holds ${index}`);
    if (row + 1 < indices.length && indices[row + 1] === index) continue;
    if (seen.has(index)) throw badIndex(path, 'episode_index', `comes back to episode ${count(index)} after another`);
    seen.add(index);
    cuts.push({ index, start, length: row + 1 - start });
    start = row + 1;
  }
  return cuts;
}

function badIndex(path: string, key: string, what: string): UserError {
  return new UserError('bad-index', `${quote(path)} has an array ${quote(key)} that ${what}, so that its episodes cannot be told apart; save it with whole numbers in ascending order.`);
}
