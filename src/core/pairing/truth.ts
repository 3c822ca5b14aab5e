import type { PairedSample } from './sampler.ts';
import type { Span } from './sides.ts';

/** Ground truth of one side: phase in [0,1] and goal (x, y) of every row, and the chosen episodes. */
export interface GroundTruth {
  readonly phase: Float64Array;
  /** rows × 2 */
  readonly goal: Float64Array;
  readonly episodes: readonly Span[];
}

/** How many of the source episodes with the nearest goals a pair may come from. */
const NEAREST_EPISODES = 5;

/**
 * Pairs by ground truth: every target frame goes with the frame of the nearest phase in each of the source episodes
 * whose goals lie nearest, evenly.
 */
export function truthSamples(source: GroundTruth, target: GroundTruth): PairedSample[] {
  return target.episodes.flatMap(({ start, length }) =>
    Array.from({ length }, (_, frame): PairedSample => {
      const row = start + frame;
      const goalDistance = ({ start: at }: Span): number => Math.hypot(source.goal[2 * at]! - target.goal[2 * row]!, source.goal[2 * at + 1]! - target.goal[2 * row + 1]!);
      const episodes = source.episodes.toSorted((p, q) => goalDistance(p) - goalDistance(q)).slice(0, NEAREST_EPISODES);
      return {
        target: row,
        candidates: Int32Array.from(episodes, (span) => nearestPhase(source.phase, span, target.phase[row]!)),
        probabilities: new Float64Array(episodes.length).fill(1 / episodes.length),
        episodes,
      };
    }),
  );
}

function nearestPhase(phases: Float64Array, { start, length }: Span, phase: number): number {
  let best = start;
  for (let row = start; row < start + length; row++) if (Math.abs(phases[row]! - phase) < Math.abs(phases[best]! - phase)) best = row;
  return best;
}
