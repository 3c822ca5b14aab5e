import { Random } from '../../base/random.ts';

/** Which dataset rows stand in a batch, side by side. */
export interface Draw {
  readonly source: Int32Array;
  readonly target: Int32Array;
  /** Whether source[k] and target[k] belong together: only then does a diagonal mean anything. */
  readonly paired: boolean;
}

/** `size` distinct rows a side, each side by itself, in random order. Fewer where a side has fewer. */
export function drawUnpaired(sourceRows: readonly number[], targetRows: readonly number[], size: number, seed: number): Draw {
  const random = new Random(seed);
  const pick = (rows: readonly number[]): Int32Array => Int32Array.from(random.sample(rows.length, size), (k) => rows[k]!);
  return { source: pick(sourceRows), target: pick(targetRows), paired: false };
}

/**
 * Put a draw in time order, so that a band prior means something. Pairs stay together and follow the target's time.
 * @param sourceTime, targetTime progress of every dataset row, comparable between the sides
 */
export function inTimeOrder(draw: Draw, sourceTime: (row: number) => number, targetTime: (row: number) => number): Draw {
  if (!draw.paired)
    return {
      ...draw,
      source: draw.source.toSorted((p, q) => sourceTime(p) - sourceTime(q)),
      target: draw.target.toSorted((p, q) => targetTime(p) - targetTime(q)),
    };
  const order = Array.from(draw.target.keys()).toSorted((p, q) => targetTime(draw.target[p]!) - targetTime(draw.target[q]!));
  return { ...draw, source: Int32Array.from(order, (k) => draw.source[k]!), target: Int32Array.from(order, (k) => draw.target[k]!) };
}
