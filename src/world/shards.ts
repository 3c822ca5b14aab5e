import { Random } from '../base/random.ts';
import { ik } from './arm.ts';
import { type Demo, type DemoFrame, recordDemo } from './demos.ts';
import type { FrameState } from './render.ts';
import { FPS, type WorldState } from './task.ts';

/** The demo's sizes: many simulated demonstrations over the whole table, few real ones from its lower part. */
const SOURCE_DEMOS = 60;
const TARGET_DEMOS = 8;

/** LeRobot's task description, the same for every frame. */
export const TASK = 'Pick up the disc and drop it into the bin.';

export interface ShardEpisode {
  /** First row of this episode in the columns. */
  readonly start: number;
  readonly length: number;
}

/** A column of the frame table; a subset of `Feature` (src/datasets/types.ts). */
export interface ShardColumn {
  readonly dtype: 'float32' | 'int64';
  readonly shape: readonly [number];
  readonly names: readonly string[] | null;
  /** frames × shape[0], row-major; already rounded to float32 where the dtype says so. */
  readonly values: Float64Array;
}

/** The demonstrations of one domain as a frame table, episode after episode. Frames are drawn from it, not stored. */
export interface Shard {
  readonly kind: 'sim' | 'real';
  readonly frames: number;
  readonly episodes: readonly ShardEpisode[];
  /** By LeRobot key, in the order of the file. */
  readonly columns: ReadonlyMap<string, ShardColumn>;
}

export interface World {
  readonly source: Shard;
  readonly target: Shard;
}

/**
 * The demo's data for a seed: 60 sim demonstrations over the whole table, 8 slower real ones from its lower part.
 * The same seed gives the same bytes. The shards draw from separate streams, so neither depends on the other's size.
 */
export function buildWorld(seed: number): World {
  const simulated = new Random(2 * seed);
  const real = new Random(2 * seed + 1);
  return {
    source: shard('sim', Array.from({ length: SOURCE_DEMOS }, () => recordDemo(simulated, 'table', false))),
    target: shard('real', Array.from({ length: TARGET_DEMOS }, () => recordDemo(real, 'lower', true))),
  };
}

/** Position in table units, gripper in [0, 1], joint angles in radians. */
export type Proprioception = [x: number, y: number, gripper: number, q1: number, q2: number];

/**
 * What the robot's own sensors say: [x, y, gripper, q1, q2], one row of `observation.state`. Also the
 * proprioception that a policy gets in a rollout. The end effector with the gripper is the slice 0:3.
 */
export function observe({ ee, grip }: Pick<WorldState, 'ee' | 'grip'>): Proprioception {
  const { q1, q2 } = ik(ee);
  return [ee.x, ee.y, grip, q1, q2];
}

/**
 * What a stored frame looked like: the inverse of the columns, for `renderFrame`.
 *
 * @param row frame, counted from the start of the columns
 * @param state values of `observation.state`, frames × 5
 * @param environment values of `observation.environment_state`, frames × 3
 */
export function frameState(row: number, state: ArrayLike<number>, environment: ArrayLike<number>): FrameState {
  return {
    ee: { x: at(state, 5 * row), y: at(state, 5 * row + 1) },
    grip: at(state, 5 * row + 2),
    obj: { x: at(environment, 3 * row), y: at(environment, 3 * row + 1) },
  };
}

function at(values: ArrayLike<number>, index: number): number {
  const value = values[index];
  if (value === undefined) throw new Error(`invariant: no frame at value ${index} of ${values.length}`);
  return value;
}

/** A frame together with where it stands, from which every column takes its values. */
interface Placed extends DemoFrame {
  readonly demo: Demo;
  readonly episode: number;
  readonly frame: number;
  readonly index: number;
}

function shard(kind: Shard['kind'], demos: readonly Demo[]): Shard {
  const episodes: ShardEpisode[] = [];
  const rows: Placed[] = [];
  for (const [episode, demo] of demos.entries()) {
    episodes.push({ start: rows.length, length: demo.frames.length });
    for (const [frame, shown] of demo.frames.entries()) {
      rows.push({ ...shown, demo, episode, frame, index: rows.length });
    }
  }
  const float = (names: readonly string[] | null, pick: (row: Placed) => readonly number[]) =>
    column('float32', names, rows, pick);
  const integer = (pick: (row: Placed) => number) => column('int64', null, rows, (row) => [pick(row)]);
  const columns = new Map([
    ['observation.state', float(['x', 'y', 'gripper', 'q1', 'q2'], ({ state }) => observe(state))],
    [
      'observation.environment_state',
      float(['object_x', 'object_y', 'held'], ({ state }) => [state.obj.x, state.obj.y, state.held ? 1 : 0]),
    ],
    ['action', float(['vx', 'vy', 'gripper'], ({ action }) => [action.vx, action.vy, action.grip])],
    ['ground_truth.phase', float(['phase'], ({ demo, frame }) => [demo.phase[frame]!])],
    ['ground_truth.goal', float(['goal_x', 'goal_y'], ({ demo }) => [demo.goal.x, demo.goal.y])],
    ['timestamp', float(null, ({ frame }) => [frame / FPS])],
    ['frame_index', integer(({ frame }) => frame)],
    ['episode_index', integer(({ episode }) => episode)],
    ['index', integer(({ index }) => index)],
    ['task_index', integer(() => 0)],
  ]);
  return { kind, frames: rows.length, episodes, columns };
}

function column(
  dtype: ShardColumn['dtype'],
  names: readonly string[] | null,
  rows: readonly Placed[],
  pick: (row: Placed) => readonly number[],
): ShardColumn {
  const values = rows.flatMap(pick);
  return {
    dtype,
    shape: [names?.length ?? 1],
    names,
    values: Float64Array.from(dtype === 'float32' ? Float32Array.from(values) : values),
  };
}
