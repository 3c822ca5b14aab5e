import { assert } from '../base/assert.ts';
import type { Random } from '../base/random.ts';
import { distance, type Point } from './arm.ts';
import {
  type Action,
  BIN,
  expert,
  HORIZON,
  type Region,
  sampleGoal,
  startState,
  step,
  type WorldState,
} from './task.ts';

/** Frames kept after the drop, so that a demo ends with the arm at rest over the bin. */
const TAIL = 3;

/** Standard deviation of the noise on the executed velocity: demos then also show how to recover from small errors. */
const EXECUTION_NOISE = 0.08;

/** One frame of a demonstration: the state before the step, and what the expert commanded in it. */
export interface DemoFrame {
  readonly state: WorldState;
  readonly action: Action;
}

export interface Demo {
  readonly goal: Point;
  readonly frames: readonly DemoFrame[];
  /** Ground truth for every frame, see `phases`. */
  readonly phase: readonly number[];
}

/**
 * An expert demonstration for a goal drawn from `region`. It always ends with the disc in the bin: the execution noise
 * is small against the 0.13 within which the gripper grasps and the 0.12 around the bin.
 *
 * With `warped`, the arm is slowed by w(t) = 0.75 + 0.25·sin(f·t + φ), f ∈ [0.06, 0.14) a frame, φ ∈ [0, 2π): the same
 * task in another, uneven tempo.
 */
export function recordDemo(random: Random, region: Region, warped: boolean): Demo {
  const goal = sampleGoal(random, region);
  let state = startState(random, goal);
  const offset = random.between(0, 2 * Math.PI);
  const frequency = random.between(0.06, 0.14);
  const frames: DemoFrame[] = [];
  let rest = 0;
  for (let t = 0; t < HORIZON && rest <= TAIL; t++) {
    const speed = warped ? 0.75 + 0.25 * Math.sin(frequency * t + offset) : 1;
    const command = expert(state);
    // The recorded action is what the arm was told in its own tempo, so a policy cloned from it keeps that tempo.
    frames.push({ state, action: { vx: command.vx * speed, vy: command.vy * speed, grip: command.grip } });
    const executed = {
      vx: command.vx + random.normal(0, EXECUTION_NOISE),
      vy: command.vy + random.normal(0, EXECUTION_NOISE),
      grip: command.grip,
    };
    state = step(state, executed, speed);
    if (state.done) rest++;
  }
  assert(state.done, 'the expert drops the disc into the bin');
  return { goal, frames, phase: phases(frames, goal) };
}

/**
 * How far the task has come in every frame, in [0, 1] and never falling.
 *
 * Approach: ½·(1 − |ee − goal| / |ee₀ − goal|). From the first frame that holds the disc on: ½ + ½·(1 − |ee − bin| /
 * |goal − bin|). Each clipped at 0, then the running maximum. The last frames stay a little under 1, because the disc
 * is dropped within the bin and not exactly over its centre.
 */
function phases(frames: readonly DemoFrame[], goal: Point): number[] {
  const approach = Math.max(distance(frames[0]?.state.ee ?? goal, goal), 1e-6);
  const carry = Math.max(distance(goal, BIN), 1e-6);
  let grasped = false;
  let furthest = 0;
  return frames.map(({ state }) => {
    grasped ||= state.held;
    const done = grasped
      ? 0.5 + 0.5 * Math.max(0, 1 - distance(state.ee, BIN) / carry)
      : 0.5 * Math.max(0, 1 - distance(state.ee, goal) / approach);
    furthest = Math.max(furthest, done);
    return furthest;
  });
}
