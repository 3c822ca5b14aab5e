import { UserError } from '../base/errors.ts';
import { Budget, shapeName, tooLarge } from './columns.ts';
import { INFLATION_FLOOR_BYTES, MAX_DECODED_BYTES, MAX_INFLATION, MAX_ROWS, MAX_WIDE_BYTES, WIDE_COLUMN } from './limits.ts';
import { unpack, type NumberType } from './numbers.ts';
import { step } from './progress.ts';
import { featureStats } from './statistics.ts';
import type { Episode, Feature, ReadOptions } from './types.ts';
import { bytes, count, list, plural, quote } from './words.ts';

/** One array of one episode, as its file describes it. */
export interface EpisodeArray {
  /** numpy's name, or a word for what is not a number. */
  readonly dtype: string;
  /** Null where the values are not numbers. */
  readonly type: NumberType | null;
  /** Frames first. Empty for a single value. */
  readonly shape: readonly number[];
}

/** An episode whose arrays are known and not yet read. */
export interface PlannedEpisode {
  readonly index: number;
  readonly name: string;
  readonly length: number;
  readonly arrays: ReadonlyMap<string, EpisodeArray>;
}

interface Column {
  readonly dtype: string;
  /** Shape of a frame. */
  readonly shape: readonly number[];
  readonly width: number;
  /** Why it is listed without values, as the second half of a sentence; null where it is read. */
  problem: string | null;
  /** Listed without values as a matter of course: text and the like. */
  readonly silent: boolean;
  values: Float64Array<ArrayBuffer> | null;
  episodes: number;
}

/**
 * Columns over episodes that each bring their own arrays (HDF5 groups, NumPy files). Everything is decided from shapes
 * and sizes before the first value is read: what becomes a column, and whether it all fits.
 */
export class EpisodeColumns<Planned extends PlannedEpisode> {
  /** Those with frames, in the order given; `planned` says of each what was planned. */
  readonly episodes: readonly Episode[];
  readonly planned: readonly Planned[];
  readonly frames: number;
  readonly #columns = new Map<string, Column>();

  /**
   * @param fileBytes size of the files that hold the arrays
   * @throws UserError `no-frames`, `too-large`, `damaged` (arrays that cannot be in files of that size)
   */
  constructor(planned: readonly Planned[], name: string, fileBytes: number, warnings: string[]) {
    const kept = planned.filter(({ length }) => length > 0);
    if (kept.length === 0) throw new UserError('no-frames', `${quote(name)} holds no frames; choose a dataset with at least one frame.`);
    if (kept.length < planned.length) warnings.push(`${plural(planned.length - kept.length, 'episode')} without frames ${planned.length - kept.length === 1 ? 'is' : 'are'} left out.`);
    let start = 0;
    this.episodes = kept.map(({ index, name: episode, length }) => ({ index, name: episode, start: (start += length) - length, length }));
    this.frames = start;
    this.planned = kept;
    if (start > MAX_ROWS) throw new UserError('too-large', `${quote(name)} declares ${count(start)} frames, above the limit of ${count(MAX_ROWS)}; split it and open a part.`);
    for (const episode of kept) for (const [key, array] of episode.arrays) this.#plan(key, array, episode);
    this.#leaveOutWide(warnings);
    this.#checkSize(name, fileBytes);
  }

  /** Keys whose values are wanted of episode `k` (a position in `episodes`). */
  wanted(k: number): string[] {
    return [...(this.planned[k]?.arrays.keys() ?? [])].filter((key) => this.#columns.get(key)?.problem === null);
  }

  /** Take the values of one array, row-major, in its own number type. `budget` is shared by all of a read. */
  put(k: number, key: string, data: Uint8Array, type: NumberType, budget: Budget): void {
    const column = this.#columns.get(key);
    const episode = this.episodes[k];
    if (!column || !episode) return;
    column.values ??= budget.allocate(this.frames * column.width);
    unpack(data, type, column.values, episode.start * column.width, episode.length * column.width);
  }

  /** The columns, with statistics; says what is listed without values and why. */
  features(options: ReadOptions, warnings: string[]): Map<string, Feature> {
    const features = new Map<string, Feature>();
    let done = 0;
    for (const [key, column] of this.#columns) {
      step(options, { step: 'statistics', done: done++, total: this.#columns.size });
      features.set(key, this.#feature(key, column, warnings));
    }
    step(options, { step: 'statistics', done, total: this.#columns.size });
    return features;
  }

  #feature(key: string, { dtype, shape, width, problem, silent, values, episodes }: Column, warnings: string[]): Feature {
    if (problem !== null || !values) {
      if (!silent && problem !== null && problem !== tooWide) warnings.push(`Column ${quote(key)} ${problem}; it is listed without values.`);
      return { dtype, shape, names: null, values: null, stats: null };
    }
    const missing = this.episodes.length - episodes;
    if (missing > 0) warnings.push(`Column ${quote(key)} is missing in ${count(missing)} of ${plural(this.episodes.length, 'episode')}; its values there are NaN.`);
    const stats = featureStats(values, width);
    const odd = stats.nonFinite - missingValues(this.planned, key, width);
    if (odd > 0) warnings.push(`Column ${quote(key)} holds ${plural(odd, 'value')} that ${odd === 1 ? 'is' : 'are'} NaN or infinite; statistics leave them out.`);
    return { dtype, shape, names: null, values, stats };
  }

  #plan(key: string, { dtype, type, shape }: EpisodeArray, episode: PlannedEpisode): void {
    const [rows, ...rest] = shape;
    const frame = rest.length > 0 ? rest : [1];
    let column = this.#columns.get(key);
    if (!column) {
      column = { dtype, shape: frame, width: frame.reduce((product, n) => product * n, 1), problem: null, silent: type === null, values: null, episodes: 0 };
      this.#columns.set(key, column);
    }
    column.episodes++;
    if (type === null) column.problem ??= `holds ${dtype} values`;
    else if (rows === undefined) column.problem ??= `is one value and not one for each frame`;
    else if (shapeName(frame) !== shapeName(column.shape)) column.problem ??= `holds frames of different shapes (${shapeName(column.shape)} and ${shapeName(frame)})`;
    else if (column.width === 0) column.problem ??= 'holds empty frames';
    // Simulators add the observation after the last action: that one row has no partner and is not read.
    else if (rows !== episode.length && rows !== episode.length + 1) column.problem ??= `has ${plural(rows, 'row')} in ${quote(episode.name)}, which has ${plural(episode.length, 'frame')}`;
  }

  #leaveOutWide(warnings: string[]): void {
    let room = MAX_WIDE_BYTES;
    const left: string[] = [];
    for (const [key, column] of this.#columns) {
      if (column.problem !== null || column.width <= WIDE_COLUMN) continue;
      const need = this.frames * column.width * 8;
      if (need <= room) room -= need;
      else {
        column.problem = tooWide;
        left.push(`${quote(key)} (${shapeName(column.shape)})`);
      }
    }
    if (left.length > 0) {
      warnings.push(`${left.length === 1 ? 'One column' : `${left.length} columns`} of pictures ${left.length === 1 ? 'is' : 'are'} listed without values, because pictures may fill ${bytes(MAX_WIDE_BYTES)} of memory: ${list(left)}.`);
    }
  }

  #checkSize(name: string, fileBytes: number): void {
    let stored = 0;
    let numbers = 0;
    for (const { problem, width } of this.#columns.values()) if (problem === null) numbers += this.frames * width * 8;
    for (const { arrays } of this.planned) {
      for (const [key, { type, shape }] of arrays) if (type && this.#columns.get(key)?.problem === null) stored += shape.reduce((product, n) => product * n, type.size);
    }
    if (stored > INFLATION_FLOOR_BYTES && stored > fileBytes * MAX_INFLATION) {
      throw new UserError(
        'too-large',
        `${quote(name)} takes ${bytes(fileBytes)} and declares arrays of ${bytes(stored)}, more than ${MAX_INFLATION} times its size; it is damaged or made to fill the memory, save it again with the values that were recorded.`,
      );
    }
    if (numbers > MAX_DECODED_BYTES) throw tooLarge();
  }
}

const tooWide = 'is too large';

/** NaN that stand for episodes without the column. */
function missingValues(planned: readonly PlannedEpisode[], key: string, width: number): number {
  return planned.reduce((sum, { arrays, length }) => sum + (arrays.has(key) ? 0 : length * width), 0);
}

/**
 * Frames of an episode: the rows of its actions, else what the file says, else the number of rows that most arrays of
 * numbers have (of several such, the largest).
 */
export function episodeLength(arrays: ReadonlyMap<string, EpisodeArray>, declared: number | null): number {
  const rowsOf = (key: string): number | undefined => {
    const array = arrays.get(key);
    return array?.type ? array.shape[0] : undefined;
  };
  const known = rowsOf('actions') ?? rowsOf('action') ?? declared;
  if (known !== null) return known;
  const votes = new Map<number, number>();
  for (const { type, shape } of arrays.values()) if (type && shape[0] !== undefined) votes.set(shape[0], (votes.get(shape[0]) ?? 0) + 1);
  const [best] = [...votes].toSorted((a, b) => b[1] - a[1] || b[0] - a[0]);
  return best?.[0] ?? 0;
}

/**
 * Names in the order of their numbers (`demo_2` before `demo_10`), each with its index: the number, where every name
 * ends in one and none repeats, else the position.
 */
export function numbered<T>(items: readonly T[], nameOf: (item: T) => string): { item: T; name: string; index: number }[] {
  const named = items.map((item) => {
    const digits = /(\d{1,15})\D*$/.exec(nameOf(item))?.[1];
    return { item, name: nameOf(item), number: digits === undefined ? null : Number(digits) };
  });
  named.sort((a, b) => (a.number ?? Number.POSITIVE_INFINITY) - (b.number ?? Number.POSITIVE_INFINITY) || (a.name < b.name ? -1 : 1));
  const usable = new Set(named.map(({ number }) => number)).size === named.length && named.every(({ number }) => number !== null);
  return named.map(({ item, name, number }, k) => ({ item, name, index: usable && number !== null ? number : k }));
}
