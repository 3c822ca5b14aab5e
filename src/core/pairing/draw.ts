import { Random } from '../../base/random.ts';

/** Which dataset rows stand in a batch, side by side. */
export interface Draw {
  readonly source: Int32Array;
  readonly target: Int32Array;
  /** Whether source[k] and target[k] belong together: only then does a diagonal mean anything. */
  readonly paired: boolean;
}

/** Ground truth of one side: phase in [0,1] and goal (x, y) of every row, and the rows of each chosen episode. */
export interface GroundTruth {
  readonly phase: Float64Array;
  /** rows × 2 */
  readonly goal: Float64Array;
  readonly episodes: readonly { readonly start: number; readonly length: number }[];
}

/** How many of the source episodes with the nearest goals a pair may come from. */
const NEAREST_EPISODES = 5;

/** `size` distinct rows a side, each side by itself, in random order. Fewer where a side has fewer. */
export function drawUnpaired(sourceRows: readonly number[], targetRows: readonly number[], size: number, seed: number): Draw {
  const random = new Random(seed);
  const pick = (rows: readonly number[]): Int32Array => Int32Array.from(random.sample(rows.length, size), (k) => rows[k]!);
  return { source: pick(sourceRows), target: pick(targetRows), paired: false };
}

/**
 * Pairs by ground truth: target rows are drawn without replacement; each gets the frame of equal phase from one of the
 * source episodes whose goals lie nearest.
 */
export function drawByGroundTruth(source: GroundTruth, target: GroundTruth, targetRows: readonly number[], size: number, seed: number): Draw {
  const random = new Random(seed);
  const rows = random.sample(targetRows.length, size).map((k) => targetRows[k]!);
  const partners = rows.map((row) => {
    const goalDistance = ({ start }: { start: number }): number => Math.hypot(source.goal[2 * start]! - target.goal[2 * row]!, source.goal[2 * start + 1]! - target.goal[2 * row + 1]!);
    const nearest = source.episodes.toSorted((p, q) => goalDistance(p) - goalDistance(q)).slice(0, NEAREST_EPISODES);
    const episode = nearest[random.below(nearest.length)]!;
    let best = episode.start;
    for (let k = episode.start; k < episode.start + episode.length; k++)
      if (Math.abs(source.phase[k]! - target.phase[row]!) < Math.abs(source.phase[best]! - target.phase[row]!)) best = k;
    return best;
  });
  return { source: Int32Array.from(partners), target: Int32Array.from(rows), paired: true };
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
