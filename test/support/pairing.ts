import type { EpisodePair, PairInfo } from '../../src/core/pairing/pair-info.ts';

/** An entry of pair_info: `frames` are [target frame, its source frames]. */
export function entry(source: string, distance: number | null, frames: readonly (readonly [number, readonly number[]])[]): EpisodePair {
  const starts = [0];
  for (const [, sources] of frames) starts.push(starts.at(-1)! + sources.length);
  return { source, distance, frames: { targets: frames.map(([target]) => target), starts, sources: frames.flatMap(([, sources]) => sources) } };
}

/** A pair_info in memory, by target episode. */
export function pairInfo(targets: Readonly<Record<string, readonly EpisodePair[]>>): PairInfo {
  return new Map(Object.entries(targets));
}
