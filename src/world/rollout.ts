import { assert } from '../base/assert.ts';
import { Random } from '../base/random.ts';
import type { Point } from './arm.ts';
import type { Domain } from './domains.ts';
import { renderFrame } from './render.ts';
import { type Action, type Region, sampleGoal, startState, step, type WorldState } from './task.ts';

/** Control steps in which an attempt has to succeed (5 s). In 1,200 attempts the expert needed 64 at most, at the real arm's tempo. */
export const ATTEMPT_STEPS = 100;

/** The real arm is slower throughout, by the mean of the time warp of its demonstrations. */
const TEMPO: Readonly<Record<Domain['kind'], number>> = { sim: 1, real: 0.75 };

/** Side of the frames that a policy sees, in pixels. */
const FRAME_SIDE = 32;

/** What there is to be seen in one attempt. */
export interface Sight {
  /** What the camera shows, with its noise: 32 × 32 RGBA. */
  readonly frame: Uint8ClampedArray<ArrayBuffer>;
  /** The truth, of which a trained policy takes its proprioception (`observe`) and an expert all. */
  readonly state: WorldState;
}

/** One action for each attempt that it is shown; all of them at once, so that one run of a network serves them. */
export type Policy = (sights: readonly Sight[]) => Promise<readonly Action[]>;

/** An attempt as far as it has come. */
export interface Attempt {
  readonly goal: Point;
  /** One a control step, the start first; none after the drop into the bin. */
  readonly states: readonly WorldState[];
  /** The disc was let go over the bin in time. */
  readonly success: boolean;
}

export interface RolloutSettings {
  readonly domain: Domain;
  /** Where the discs lie. */
  readonly region: Region;
  /** One an attempt (`attemptSeeds`): of its goal, its start and its camera noise, whatever the policy. */
  readonly seeds: readonly number[];
}

/** Seeds of `count` attempts. The first ones are the same for every count, and whichever policy makes the attempts. */
export function attemptSeeds(seed: number, count: number): number[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => random.uint32());
}

/**
 * Let a policy drive the arm, in closed loop at 20 Hz, in all attempts at once: draw what each camera shows, ask for the
 * actions, take a control step. An attempt ends with the disc in the bin, or after `ATTEMPT_STEPS`; only those under way
 * are shown to the policy. An attempt depends on its seed and on the actions it is given, and on no other attempt.
 *
 * Gives all attempts, as they are then, at the start and after each control step, and returns them at the end.
 */
export async function* attempts(policy: Policy, { domain, region, seeds }: RolloutSettings): AsyncGenerator<readonly Attempt[], readonly Attempt[]> {
  const all = seeds.map((seed) => {
    const random = new Random(seed);
    const goal = sampleGoal(random, region);
    return { goal, states: [startState(random, goal)], random };
  });
  const shown = (): Attempt[] => all.map(({ goal, states }) => ({ goal, states: [...states], success: last(states).done }));
  yield shown();
  for (let t = 0; t < ATTEMPT_STEPS; t++) {
    const running = all.filter(({ states }) => !last(states).done);
    if (running.length === 0) break;
    const actions = await policy(running.map(({ states, random }) => ({ frame: renderFrame(domain, last(states), FRAME_SIDE, FRAME_SIDE, random.uint32()), state: last(states) })));
    assert(actions.length === running.length, 'one action for each attempt');
    for (const [k, { states }] of running.entries()) states.push(step(last(states), actions[k]!, TEMPO[domain.kind]));
    yield shown();
  }
  return shown();
}

function last(states: readonly WorldState[]): WorldState {
  return states[states.length - 1]!;
}
