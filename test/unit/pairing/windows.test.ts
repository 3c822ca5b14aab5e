import { describe, expect, it, test } from 'vitest';
import { chunkDeltas, deltasOfSeconds, stackDeltas, timeWindows, windowAlike, windowColumn, windowRows } from '../../../src/core/pairing/time-windows.ts';
import { defaultWindow, windowSize } from '../../../src/core/pairing/window-size.ts';

describe('windows in time', () => {
  const span = { start: 10, length: 5 };

  it('repeat the edge frame beyond the episode, and mark it', () => {
    expect(windowRows(11, span, [-2, -1, 0, 1])).toEqual({ rows: [10, 10, 11, 12], isPad: [true, false, false, false] });
    expect(windowRows(14, span, chunkDeltas(3))).toEqual({ rows: [14, 14, 14], isPad: [false, true, true] });
    expect(windowRows(3, { start: 3, length: 1 }, [-5, 0, 5])).toEqual({ rows: [3, 3, 3], isPad: [true, false, true] });
  });

  it('of a column are (S, …shape), and their masks (S)', () => {
    const column = { shape: [2], values: Float64Array.from({ length: 40 }, (_, k) => k) };
    const { values, isPad } = windowColumn(column, [10, 12], [span, span], stackDeltas(2));
    expect(values).toEqual({ shape: [2, 2], values: Float64Array.of(20, 21, 20, 21, 22, 23, 24, 25), windowed: true });
    expect(isPad).toEqual({ shape: [2], values: Float64Array.of(1, 0, 0, 0), windowed: true });
  });

  it('are made of steps and horizons', () => {
    expect(stackDeltas(3)).toEqual([-2, -1, 0]);
    expect(chunkDeltas(4, -1)).toEqual([-1, 0, 1, 2]);
  });

  it('are those that policies are trained on: ACT, diffusion, single frames', () => {
    expect(timeWindows(1, 4)).toEqual({ observations: null, actions: [0, 1, 2, 3] });
    expect(timeWindows(2, 4)).toEqual({ observations: [-1, 0], actions: [-1, 0, 1, 2] });
    expect(timeWindows(1, 1)).toEqual({ observations: null, actions: null });
    // A chunk shorter than the stack would end before the frame itself.
    expect(timeWindows(4, 2)).toEqual({ observations: [-3, -2, -1, 0], actions: [-1, 0] });
  });

  it('come as seconds in LeRobot, and must fall on frames', () => {
    expect(deltasOfSeconds([-0.1, 0, 1 / 30, 0.3], 30)).toEqual([-3, 0, 1, 9]);
    // Within LeRobot's tolerance of 0.1 ms.
    expect(deltasOfSeconds([0.0667], 15)).toEqual([1]);
    expect(() => deltasOfSeconds([0.05], 30)).toThrow('The delta timestamp 0.05 s is 1.5 frames at 30 frames a second');
    expect(() => deltasOfSeconds([Number.NaN], 30)).toThrow(expect.objectContaining({ code: 'bad-window' }));
  });

  it('are alike in frames on both sides, and other times are said', () => {
    expect(windowAlike([-1, 0, 2], 20, 10)).toEqual({
      sourceSeconds: [-0.05, 0, 0.1],
      targetSeconds: [-0.1, 0, 0.2],
      warning: 'The window spans 0.15 s at 20 frames a second in the source and 0.3 s at 10 frames a second in the target: offsets are the same number of frames on both sides, not the same time.',
    });
    expect(windowAlike([-1, 0], 15, 15).warning).toBeNull();
    expect(windowAlike([0], 20, 10).warning).toBeNull();
  });
});

describe('the size of W', () => {
  test('by default is half a second, at most a twentieth of the median episode', () => {
    expect(defaultWindow(15, [300, 280, 1000])).toBe(8);
    expect(defaultWindow(30, [100, 240])).toBe(8);
    expect(defaultWindow(10, [10])).toBe(0);
    expect(defaultWindow(null, [300])).toBe(0);
  });

  test('is told in frames, seconds and percent', () => {
    expect(windowSize(6, 15, [100, 200])).toEqual({ frames: 6, seconds: 0.4, percent: 4 });
    expect(windowSize(6, null, [120])).toEqual({ frames: 6, seconds: null, percent: 5 });
  });
});
