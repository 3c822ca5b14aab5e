import { unreachable } from '../base/assert.ts';
import type { Random } from '../base/random.ts';
import { BASE, clamp, distance, norm, type Point } from './arm.ts';

/**
 * The task: grasp the disc, carry it to the bin, let go. State in, state out, so that recording a demonstration and
 * rolling out a policy are the same loop.
 */

/** Control steps (and frames) a second. */
export const FPS = 20;

/** Longest demonstration, in steps (7 s). */
export const HORIZON = 140;

/** Where the arm waits at the start, give or take `HOME_SPREAD`. */
export const HOME: Point = { x: 0, y: 0.35 };
const HOME_SPREAD = 0.03;

/** Centre of the bin. */
export const BIN: Point = { x: 0, y: 0.1 };

/** Table units a frame at full speed. */
const TOP_SPEED = 0.045;

/** How far the gripper opens or closes in one frame; 0 is open, 1 is closed. */
const GRIP_STEP = 0.25;

export interface WorldState {
  /** End effector. */
  readonly ee: Point;
  /** Gripper: 0 open … 1 closed. */
  readonly grip: number;
  /** The disc. It goes where the end effector goes while it is held. */
  readonly obj: Point;
  readonly held: boolean;
  /** The disc was let go over the bin: success. */
  readonly done: boolean;
}

/** What a policy commands: a velocity as a share of the top speed, each in [−1, 1], and a gripper sign (> 0 closes). */
export interface Action {
  readonly vx: number;
  readonly vy: number;
  readonly grip: number;
}

/** Which goals an attempt may draw: the whole table, its lower part (y < 0.62) or the upper part (y > 0.68). */
export type Region = 'table' | 'lower' | 'upper';

/** Where discs may lie: x ∈ [−0.75, 0.75), y ∈ [0.35, 0.95). */
export const GOALS = { left: -0.75, right: 0.75, bottom: 0.35, top: 0.95 } as const;

/** The two parts keep 0.06 between them, so that "upper" is out of distribution for demos from "lower". */
export const REGION_EDGES = { lower: 0.62, upper: 0.68 } as const;

/** A place for the disc: in `GOALS`, not under the waiting arm, within reach. */
export function sampleGoal(random: Random, region: Region): Point {
  for (;;) {
    const goal = { x: random.between(GOALS.left, GOALS.right), y: random.between(GOALS.bottom, GOALS.top) };
    if (distance(goal, HOME) >= 0.12 && distance(goal, BASE) <= 1.38 && inRegion(goal, region)) return goal;
  }
}

/** Whether a goal is one of a region's. */
export function inRegion(goal: Point, region: Region): boolean {
  switch (region) {
    case 'table':
      return true;
    case 'lower':
      return goal.y < REGION_EDGES.lower;
    case 'upper':
      return goal.y > REGION_EDGES.upper;
    default:
      return unreachable(region);
  }
}

/** The arm near its home, open, and the disc at `goal`. */
export function startState(random: Random, goal: Point): WorldState {
  const ee = { x: random.normal(HOME.x, HOME_SPREAD), y: random.normal(HOME.y, HOME_SPREAD) };
  return { ee, grip: 0, obj: goal, held: false, done: false };
}

/**
 * What the expert does in this state: straight to the disc (or, holding it, to the bin), slower over the last
 * 0.12 units, and open or close the gripper within 0.06. Deterministic; demonstrations add noise to what is executed.
 */
export function expert(state: WorldState): Action {
  const target = state.held ? BIN : state.obj;
  const dx = target.x - state.ee.x;
  const dy = target.y - state.ee.y;
  const away = norm(dx, dy);
  const near = away < 0.06;
  // Creeping (not stopping) near the target keeps the demonstrated velocity informative about the direction.
  const speed = Math.min(1, away / 0.12) * (near || state.done ? 0.3 : 1);
  const scale = speed / Math.max(away, 1e-6);
  const close = !state.done && state.held !== near;
  return { vx: dx * scale, vy: dy * scale, grip: close ? 1 : -1 };
}

/**
 * One control step. `speed` ∈ (0, 1] scales the whole motion (the time warp of the real arm).
 *
 * The disc is grasped in the very frame in which the gripper finishes closing, if the end effector is within 0.13 of
 * it; it is let go when the gripper is half open, and that within 0.12 of the bin's centre is success.
 */
export function step(state: WorldState, action: Action, speed = 1): WorldState {
  const ee = {
    x: clamp(state.ee.x + TOP_SPEED * speed * clamp(action.vx, -1, 1), -1, 1),
    y: clamp(state.ee.y + TOP_SPEED * speed * clamp(action.vy, -1, 1), -0.2, 1.1),
  };
  const grip = clamp(state.grip + (action.grip > 0 ? GRIP_STEP : -GRIP_STEP), 0, 1);
  const closes = grip >= 0.99 && state.grip < 0.99;
  const holding = state.held || (!state.done && closes && distance(ee, state.obj) < 0.13);
  const letsGo = holding && grip <= 0.5;
  const held = holding && !letsGo;
  return {
    ee,
    grip,
    obj: held ? ee : state.obj,
    held,
    done: state.done || (letsGo && distance(ee, BIN) < 0.12),
  };
}
