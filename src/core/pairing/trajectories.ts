import { UserError } from '../../base/errors.ts';
import { quote } from '../../base/words.ts';
import type { BatchColumn } from '../cost/features.ts';
import type { Trajectory } from './comparable.ts';
import type { Span } from './sides.ts';

/** A column to compare by, and which part of its last axis. */
export interface PairingFeature {
  readonly key: string;
  /** Half-open; null for all. An end of null is the axis's own. */
  readonly slice: readonly [number, number | null] | null;
}

/** Episodes as sequences of the chosen features, one after another in each frame. */
export interface Trajectories {
  readonly trajectories: readonly Trajectory[];
  readonly width: number;
}

/**
 * Cut the chosen features of a dataset into one trajectory an episode.
 * @param columns all frames of the dataset; null where a column holds no numbers
 * @param name of the dataset, for the sentences
 * @throws UserError `missing-key`, `bad-slice`
 */
export function trajectories(columns: ReadonlyMap<string, BatchColumn | null>, episodes: readonly (Span & { readonly name: string })[], features: readonly PairingFeature[], name: string): Trajectories {
  const parts = features.map(({ key, slice }) => {
    const column = columns.get(key);
    if (!column) {
      const keys = [...columns].flatMap(([other, found]) => (found ? [quote(other)] : []));
      throw new UserError('missing-key', `${quote(name)} has ${column === null ? 'no numbers under' : 'no'} ${quote(key)}; its columns of numbers are ${keys.join(', ')}.`);
    }
    const last = column.shape.at(-1) ?? 1;
    const [from, to] = [slice?.[0] ?? 0, slice?.[1] ?? last];
    if (!(from >= 0 && from < to && to <= last)) throw new UserError('bad-slice', `The slice ${from}:${to} of ${quote(key)} lies outside its last axis, which has ${last} in ${quote(name)}; a slice within 0:${last} works.`);
    const size = column.shape.reduce((product, extent) => product * extent, 1);
    const taken = Array.from({ length: size }, (_, d) => d).filter((d) => d % last >= from && d % last < to);
    return { values: column.values, size, taken };
  });
  const width = parts.reduce((sum, { taken }) => sum + taken.length, 0);
  return {
    width,
    trajectories: episodes.map((episode) => {
      const values = new Float64Array(episode.length * width);
      let at = 0;
      for (let row = episode.start; row < episode.start + episode.length; row++) for (const part of parts) for (const d of part.taken) values[at++] = part.values[row * part.size + d]!;
      return { name: episode.name, values };
    }),
  };
}
