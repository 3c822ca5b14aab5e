import { count } from '../../base/words.ts';
import type { FramePairs, PairInfo } from './pair-info.ts';
import type { SamplerSide } from './sides.ts';
import { episodeOf } from './sides.ts';

/** What a pairing says of an episode's length: its last paired frame + 1, and how far apart paired frames are. */
interface Extent {
  readonly name: string;
  readonly length: number;
  readonly step: number;
}

/**
 * A warning where the lengths that a pair_info implies are not those of the episodes it is read against, and the base
 * index that would fit better, if one does. A wrong base index is otherwise silent: every episode has a partner, and
 * every partner is another one.
 */
export function baseIndexWarning(pairs: PairInfo, side: SamplerSide, which: 'source' | 'target'): string | null {
  const extents = which === 'target' ? targetExtents(pairs) : sourceExtents(pairs);
  const matches = (baseIndex: number): number => extents.filter((extent) => fits(extent, { ...side, baseIndex })).length;
  const matched = matches(side.baseIndex);
  if (matched === extents.length) return null;
  const better = [0, 1].filter((base) => base !== side.baseIndex && matches(base) > matched);
  const cure = better.length > 0 ? `base index ${better[0]} fits ${count(matches(better[0]!))} of them` : 'check that the file belongs to these datasets';
  return `With base index ${side.baseIndex} the paired frames fit the lengths of ${count(matched)} of ${count(extents.length)} ${which} episodes; ${cure}.`;
}

/** A path runs to the end of both episodes; with a stride it ends less than a step before. */
function fits({ name, length, step }: Extent, side: SamplerSide): boolean {
  const span = episodeOf(side, name);
  return span !== null && length <= span.length && length + step > span.length;
}

function targetExtents(pairs: PairInfo): Extent[] {
  return [...pairs].flatMap(([name, entries]) => {
    const frames = entries.map((entry) => entry.frames).filter(({ targets }) => targets.length > 0);
    if (frames.length === 0) return [];
    return [frames.reduce<Extent>((extent, pairing) => longer(extent, pairing, pairing.targets), { name, length: 0, step: 1 })];
  });
}

function sourceExtents(pairs: PairInfo): Extent[] {
  const found = new Map<string, Extent>();
  for (const entries of pairs.values())
    for (const { source: name, frames } of entries) if (frames.sources.length > 0) found.set(name, longer(found.get(name) ?? { name, length: 0, step: 1 }, frames, frames.sources));
  return [...found.values()];
}

function longer({ name, length, step }: Extent, pairing: FramePairs, frames: readonly number[]): Extent {
  return { name, length: frames.reduce((most, frame) => Math.max(most, frame + 1), length), step: Math.max(step, strideOf(pairing)) };
}

/** The stride that a pairing was made with: how far its target frames are apart. */
function strideOf({ targets }: FramePairs): number {
  return targets.length > 1 ? Math.max(1, targets[1]! - targets[0]!) : 1;
}
