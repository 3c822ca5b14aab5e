import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/base/random.ts';
import { distance, type Point } from '../../../src/world/arm.ts';
import { type Demo, recordDemo } from '../../../src/world/demos.ts';
import {
  type Action,
  BIN,
  expert,
  HORIZON,
  inRegion,
  type Region,
  sampleGoal,
  startState,
  step,
  type WorldState,
} from '../../../src/world/task.ts';

const STILL: Action = { vx: 0, vy: 0, grip: 1 };

function resting(ee: Point, obj: Point, grip: number): WorldState {
  return { ee, obj, grip, held: false, done: false };
}

function record(region: Region, warped: boolean, count: number): Demo[] {
  const random = new Random(11);
  return Array.from({ length: count }, () => recordDemo(random, region, warped));
}

function lengths(demos: readonly Demo[]): number[] {
  return demos.map(({ frames }) => frames.length);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

describe('goals', () => {
  it.each<[Region, number, number]>([
    ['table', 0.35, 0.95],
    ['lower', 0.35, 0.62],
    ['upper', 0.68, 0.95],
  ])('drawn from %s lie between y = %f and %f', (region, low, high) => {
    const random = new Random(1);
    const goals = Array.from({ length: 500 }, () => sampleGoal(random, region));
    const heights = goals.map(({ y }) => y);
    expect(Math.min(...heights)).toBeGreaterThanOrEqual(low);
    expect(Math.max(...heights)).toBeLessThanOrEqual(high);
    // … and use all of it.
    expect(Math.min(...heights)).toBeLessThan(low + 0.02);
    expect(Math.max(...heights)).toBeGreaterThan(high - 0.02);
    expect(goals.every((goal) => inRegion(goal, region))).toBe(true);
  });
});

describe('step', () => {
  it('grasps only in the frame in which the gripper finishes closing', () => {
    const here = { x: 0.2, y: 0.5 };
    expect(step(resting(here, here, 0.5), STILL).held).toBe(false);
    expect(step(resting(here, here, 0.75), STILL).held).toBe(true);
    expect(step(resting(here, here, 1), STILL).held).toBe(false);
  });

  it('does not grasp what is too far away', () => {
    expect(step(resting({ x: 0, y: 0.5 }, { x: 0.14, y: 0.5 }, 0.75), STILL).held).toBe(false);
  });

  it('carries the disc while it is held', () => {
    const here = { x: 0.2, y: 0.5 };
    const held = { ...resting(here, here, 1), held: true };
    const next = step(held, { vx: 1, vy: -1, grip: 1 });
    expect(next.obj).toEqual(next.ee);
    expect(next.ee.x).toBeCloseTo(0.245, 12);
    expect(next.ee.y).toBeCloseTo(0.455, 12);
  });

  it('succeeds when the disc is let go over the bin, and only there', () => {
    const open: Action = { vx: 0, vy: 0, grip: -1 };
    const over = { ...resting(BIN, BIN, 0.75), held: true };
    expect(step(over, open)).toMatchObject({ held: false, done: true });
    const beside = { x: BIN.x + 0.2, y: BIN.y };
    expect(step({ ...over, ee: beside, obj: beside }, open)).toMatchObject({ held: false, done: false, obj: beside });
  });

  it('clips commands and keeps the arm on the table', () => {
    const next = step(resting({ x: 0.99, y: -0.19 }, { x: 0, y: 0.5 }, 0), { vx: 9, vy: -9, grip: -1 });
    expect(next.ee).toEqual({ x: 1, y: -0.2 });
    expect(next.grip).toBe(0);
  });
});

describe('the expert', () => {
  it.each<[Region, number]>([
    ['table', 1],
    ['upper', 1],
    ['lower', 0.5],
  ])('closes the loop from anywhere: goals from %s at speed %f', (region, speed) => {
    const random = new Random(2);
    for (let k = 0; k < 200; k++) {
      let state = startState(random, sampleGoal(random, region));
      let steps = 0;
      for (; !state.done && steps < HORIZON; steps++) state = step(state, expert(state), speed);
      expect(state.done).toBe(true);
    }
  });
});

describe('demonstrations', () => {
  it.each([false, true])('grasp the disc and drop it into the bin (warped: %s)', (warped) => {
    for (const { frames, goal } of record('table', warped, 1000)) {
      expect(frames[0]!.state).toMatchObject({ grip: 0, held: false, obj: goal });
      expect(frames.some(({ state }) => state.held)).toBe(true);
      const last = frames.at(-1)!.state;
      expect(last.done).toBe(true);
      expect(distance(last.obj, BIN)).toBeLessThan(0.12);
    }
  });

  it('have a phase that runs through [0, 1] and never falls', () => {
    for (const { frames, phase } of [...record('table', false, 50), ...record('lower', true, 50)]) {
      expect(phase).toHaveLength(frames.length);
      expect(phase[0]).toBe(0);
      expect(phase.at(-1)).toBeGreaterThan(0.85);
      expect(Math.max(...phase)).toBeLessThanOrEqual(1);
      for (let k = 1; k < phase.length; k++) expect(phase[k]).toBeGreaterThanOrEqual(phase[k - 1]!);
      // The second half of the phase is the carry.
      const grasp = frames.findIndex(({ state }) => state.held);
      expect(phase[grasp - 1]).toBeLessThanOrEqual(0.5);
      expect(phase[grasp]).toBeGreaterThanOrEqual(phase[grasp - 1]!);
    }
  });

  it('take about two seconds, and longer with the real arm over the same table', () => {
    const sim = mean(lengths(record('table', false, 300)));
    const real = mean(lengths(record('table', true, 300)));
    expect(sim).toBeGreaterThan(33);
    expect(sim).toBeLessThan(45);
    expect(real).toBeGreaterThan(1.15 * sim);
  });
});
