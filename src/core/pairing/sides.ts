/** Rows of a dataset that make up one episode. */
export interface Span {
  readonly start: number;
  readonly length: number;
}

/** One side as the sampler sees it. */
export interface SamplerSide {
  /** By episode number: the digits of a name in pair_info minus the base index. */
  readonly episodes: ReadonlyMap<number, Span>;
  /** Rows of the whole dataset. */
  readonly frames: number;
  /** What the names in pair_info start counting from. */
  readonly baseIndex: number;
}

/** A side whose episodes of these lengths lie one after another and are numbered from 0. */
export function sideOfLengths(lengths: readonly number[], baseIndex: number): SamplerSide {
  const episodes = new Map<number, Span>();
  let frames = 0;
  for (const [k, length] of lengths.entries()) {
    episodes.set(k, { start: frames, length });
    frames += length;
  }
  return { episodes, frames, baseIndex };
}

/** The episode that a name of pair_info means: all its digits as one number, minus the base index. Null where there is none. */
export function episodeOf({ episodes, baseIndex }: SamplerSide, name: string): Span | null {
  const digits = name.replaceAll(/\D/g, '');
  return digits === '' ? null : (episodes.get(Number(digits) - baseIndex) ?? null);
}
