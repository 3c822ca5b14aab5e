import { UserError } from '../../base/errors.ts';
import { repeatedKeys } from '../../base/json-keys.ts';
import { bytes, count, list, plural, quote } from '../../base/words.ts';

/** Frames of a source episode that go with frames of a target episode; both are counted within their episodes. */
export interface FramePairs {
  /** Target frames that have partners, each once. */
  readonly targets: readonly number[];
  /** Partners of targets[k] are sources[starts[k]] to sources[starts[k + 1] − 1]; one entry more than `targets`. */
  readonly starts: readonly number[];
  readonly sources: readonly number[];
}

/** One source episode that a target episode is paired with. */
export interface EpisodePair {
  /** `demo_name` */
  readonly source: string;
  /** `raw_dtw_dist`; null where the file has none. */
  readonly distance: number | null;
  readonly frames: FramePairs;
}

/** A pair_info file: the partners of every target episode, by its name. A Map, because its keys come from files. */
export type PairInfo = ReadonlyMap<string, readonly EpisodePair[]>;

/** A pair_info text; it is parsed in one piece. Files seen have 0.3 MB; indented, a frame takes about 40 bytes. */
export const MAX_PAIR_INFO_BYTES = 128 * 2 ** 20;

/** Frame pairs of one file: 300 frames of 100 by 260 episodes. */
export const MAX_FRAME_PAIRS = 8_000_000;

const SHAPE = 'a pair_info file is {target episode: [{demo_name, raw_dtw_dist, pairing: {target frame: [source frame, …]}}, …]}.';

/**
 * Read a pair_info file in the shapes that the LeRobot fork reads: `"t": [s, …]` and `"t": [[s], …]`, with or without
 * `raw_dtw_dist`. Whether its episodes and frames exist is for `pairedSamples` to say.
 *
 * @param file its name, for the sentences
 * @returns the pairs, and a sentence for each thing that readers take differently
 * @throws UserError `pair-info-too-large`, `bad-pair-info`
 */
export function parsePairInfo(text: string, file: string): { readonly pairs: PairInfo; readonly warnings: readonly string[] } {
  const where = quote(file);
  if (text.length > MAX_PAIR_INFO_BYTES) throw tooLarge(file, text.length);
  const json = parseJson(text.replace(/^\uFEFF/, ''), where);
  if (!isRecord(json)) throw bad(`${where} holds no JSON object; ${SHAPE}`);
  refuseForeign(json, where);
  const counts: Counts = { pairs: 0, nested: 0, longNested: 0, missing: 0, twice: new Set() };
  const pairs = new Map<string, EpisodePair[]>();
  for (const [target, entries] of Object.entries(json)) {
    const place = `${where}, target ${quote(target)}`;
    if (!Array.isArray(entries)) {
      if (isRecord(entries)) refuseForeign(entries, where);
      throw bad(`${place}: ${shown(entries)} stands where a list of paired source episodes belongs; ${SHAPE}`);
    }
    const read = entries.map((entry: unknown, k) => readEntry(entry, where, () => `${place}, entry ${k}`, counts));
    const names = new Set<string>();
    for (const { source } of read) (names.has(source) ? counts.twice : names).add(source);
    pairs.set(target, read);
  }
  return { pairs, warnings: [...repeats(text, where), ...spoken(counts, where)] };
}

/** Whether JSON means to be a pair_info, in a shape that is read or in the one that is refused, going by its first `text`. */
export function looksLikePairInfo(text: string): boolean {
  return /"(?:demo_name|raw_dtw_dist|paired_demos)"\s*:|"pairing"\s*:\s*[[{]/.test(text);
}

/** The error of a file that is not read for its size, in bytes. */
export function tooLarge(file: string, size: number): UserError {
  return new UserError('pair-info-too-large', `${quote(file)} is ${bytes(size)} long, above the limit of ${bytes(MAX_PAIR_INFO_BYTES)}; write it without indentation, or keep fewer source episodes for each target episode.`);
}

/** The text of a pair_info file as both code bases read it: plain `[s, …]`, one entry a line; a missing distance is left out. */
export function formatPairInfo(pairs: PairInfo): string {
  const targets = [...pairs].map(([target, entries]) => `${JSON.stringify(target)}: [${entries.map((entry) => `\n  ${formatEntry(entry)}`).join(',')}]`);
  return `{${targets.join(',\n')}}\n`;
}

/** Number of frame pairs of an entry. */
export function pairCount({ frames }: EpisodePair): number {
  return frames.sources.length;
}

function formatEntry({ source, distance, frames: { targets, starts, sources } }: EpisodePair): string {
  const pairing = targets.map((target, k) => `"${target}": [${sources.slice(starts[k], starts[k + 1]).join(', ')}]`);
  return `{"demo_name": ${JSON.stringify(source)}, ${distance === null ? '' : `"raw_dtw_dist": ${distance}, `}"pairing": {${pairing.join(', ')}}}`;
}

interface Counts {
  pairs: number;
  /** Source frames written as [s]. */
  nested: number;
  /** … of which lists with more than one number. */
  longNested: number;
  /** Entries without a distance. */
  missing: number;
  /** Source episodes that stand twice under one target. */
  readonly twice: Set<string>;
}

/** @param place is only worded for an error: there may be a million entries */
function readEntry(entry: unknown, where: string, place: () => string, counts: Counts): EpisodePair {
  if (!isRecord(entry)) throw bad(`${place()}: ${shown(entry)} stands where an object with demo_name, raw_dtw_dist and pairing belongs.`);
  refuseForeign(entry, where);
  const { demo_name: source, raw_dtw_dist: distance = null, pairing } = entry;
  if (typeof source !== 'string') throw bad(`${place()} has ${source === undefined ? 'no demo_name' : `the demo_name ${shown(source)}`}; demo_name is the name of a source episode.`);
  const named = (): string => `${place()} (${quote(source)})`;
  if (distance !== null && !(typeof distance === 'number' && distance >= 0 && distance < Infinity)) throw bad(`${named()}: raw_dtw_dist is ${shown(distance)}; a distance is a finite number that is not negative.`);
  if (distance === null) counts.missing++;
  if (Array.isArray(pairing)) throw bad(`${named()}: pairing is a list, which no reader of pair_info takes; write {target frame: [source frame, …]}.`);
  if (!isRecord(pairing)) throw bad(`${named()} has ${pairing === undefined ? 'no pairing' : `the pairing ${shown(pairing)}`}; pairing is {target frame: [source frame, …]}.`);
  return { source, distance, frames: readFrames(pairing, named, where, counts) };
}

function readFrames(pairing: Record<string, unknown>, place: () => string, where: string, counts: Counts): FramePairs {
  const targets: number[] = [];
  const starts = [0];
  const sources: number[] = [];
  for (const [key, partners] of Object.entries(pairing)) {
    // Only the plain way of writing a number, so that "1" and "01" cannot both stand for frame 1.
    if (!/^(?:0|-?[1-9]\d*)$/.test(key)) throw bad(`${place()}: the target frame ${quote(key)} is not a whole number.`);
    if (!Array.isArray(partners)) throw bad(`${place()}: target frame ${key} has ${shown(partners)} where a list of source frames belongs.`);
    for (const item of partners) {
      const nested = Array.isArray(item);
      // As the LeRobot fork does: the first of an inner list, nothing for an empty one.
      if (nested && item.length === 0) continue;
      if (nested) counts.nested++;
      if (nested && item.length > 1) counts.longNested++;
      const frame: unknown = nested ? item[0] : item;
      if (!isFrame(frame)) throw bad(`${place()}: target frame ${key} is paired with ${shown(frame)}, which is not a whole number.`);
      sources.push(frame);
    }
    targets.push(Number(key));
    starts.push(sources.length);
  }
  counts.pairs += sources.length;
  if (counts.pairs > MAX_FRAME_PAIRS) throw new UserError('pair-info-too-large', `${where} pairs more than ${count(MAX_FRAME_PAIRS)} frames; keep fewer source episodes for each target episode.`);
  return { targets, starts, sources };
}

/** A whole number. Those that no dataset could count frames with are read, and lie outside every episode, as negative ones do. */
function isFrame(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value);
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    if (/[:[,]\s*(NaN|-?Infinity)\b/.test(text)) throw bad(`${where} holds NaN or Infinity, which Python's json.dump writes and JSON lacks; leave such a raw_dtw_dist out.`);
    throw bad(`${where} is not valid JSON: it is damaged or cut short, or not a pair_info file; ${SHAPE}`);
  }
}

/** A layout that a third-party guide describes and no reader takes. */
function refuseForeign(record: Record<string, unknown>, where: string): void {
  const found = Object.hasOwn(record, 'paired_demos') ? 'paired_demos' : Object.hasOwn(record, 'dtw_dist') && !Object.hasOwn(record, 'raw_dtw_dist') ? 'dtw_dist' : null;
  if (found) throw bad(`${where} has the field ${found}, of a layout that no reader of pair_info takes; the fields expected are demo_name, raw_dtw_dist and pairing: ${SHAPE}`);
}

function repeats(text: string, where: string): string[] {
  const keys = repeatedKeys(text);
  if (keys.length === 0) return [];
  return [`${where} has ${plural(keys.length, 'key')} twice in one object (${list(keys.map(quote))}); the last of each is what counts, in Python too.`];
}

function spoken({ pairs, nested, longNested, missing, twice }: Counts, where: string): string[] {
  const warnings: string[] = [];
  if (nested > 0) warnings.push(`${where} writes source frames as [[s], …] (${count(nested)} of ${count(pairs)}); the LeRobot fork reads that, robomimic does not.`);
  if (longNested > 0) warnings.push(`${where} has ${plural(longNested, 'inner list')} of several source frames; only the first of each is read, as in the LeRobot fork.`);
  if (missing > 0) warnings.push(`${where} has ${missing === 1 ? '1 entry' : `${count(missing)} entries`} without raw_dtw_dist; the LeRobot fork gives them weight 1, robomimic raises KeyError.`);
  if (twice.size > 0) warnings.push(`${where} lists ${plural(twice.size, 'source episode')} twice under one target (${list([...twice].map(quote))}); both count.`);
  return warnings;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value of a file, short, for a sentence. */
function shown(value: unknown): string {
  return Array.isArray(value) ? 'a list' : isRecord(value) ? 'an object' : value === undefined ? 'nothing' : quote(JSON.stringify(value));
}

function bad(message: string): UserError {
  return new UserError('bad-pair-info', message);
}
