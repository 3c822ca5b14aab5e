import { UserError } from '../../base/errors.ts';
import type { BatchColumn } from '../cost/features.ts';
import type { Span } from './sides.ts';

/** LeRobot's `tolerance_s`: how far a time may lie from a frame. */
const TOLERANCE_SECONDS = 1e-4;

/** A stack of observation steps that ends at the frame itself: 1 − S, …, 0. */
export function stackDeltas(steps: number): number[] {
  return Array.from({ length: steps }, (_, k) => k + 1 - steps);
}

/** A chunk of actions: first, …, first + H − 1. Diffusion policies start it at 1 − S, ACT at 0. */
export function chunkDeltas(horizon: number, first = 0): number[] {
  return Array.from({ length: horizon }, (_, k) => first + k);
}

/** Offsets in frames of what is read with a frame; null where it is the frame alone. */
export interface TimeWindows {
  readonly observations: readonly number[] | null;
  readonly actions: readonly number[] | null;
}

/**
 * Windows of S observation steps and H actions as policies are trained on them: observations 1 − S … 0, actions from
 * 1 − S on (diffusion; ACT and the rest have S = 1), and from later where they would end before the frame itself.
 */
export function timeWindows(obsSteps: number, actionHorizon: number): TimeWindows {
  return {
    observations: obsSteps > 1 ? stackDeltas(obsSteps) : null,
    actions: actionHorizon > 1 ? chunkDeltas(actionHorizon, Math.max(1 - obsSteps, 1 - actionHorizon)) : null,
  };
}

/**
 * LeRobot's `delta_timestamps`, in seconds, as offsets in frames.
 * @throws UserError `bad-window` where a time does not fall on a frame
 */
export function deltasOfSeconds(seconds: readonly number[], fps: number): number[] {
  return seconds.map((time) => {
    const frames = Math.round(time * fps);
    if (!(Math.abs(time * fps - frames) <= TOLERANCE_SECONDS * fps)) throw new UserError('bad-window', `The delta timestamp ${time} s is ${Number((time * fps).toPrecision(6))} frames at ${fps} frames a second; delta timestamps must be whole frames.`);
    return frames;
  });
}

/** The same offsets in frames on both sides, in seconds of each side's own clock. */
export interface AlikeWindows {
  readonly sourceSeconds: readonly number[];
  readonly targetSeconds: readonly number[];
  /** Where the frame rates differ: the two windows then span different times. */
  readonly warning: string | null;
}

/** Source and target windowed alike: the target's offsets in frames are applied to the source, at the source's frame rate. */
export function windowAlike(deltas: readonly number[], sourceFps: number, targetFps: number): AlikeWindows {
  const seconds = (fps: number): number[] => deltas.map((delta) => delta / fps);
  const span = Math.max(...deltas) - Math.min(...deltas);
  const shown = (fps: number): string => `${Number((span / fps).toPrecision(3))} s at ${fps} frames a second`;
  return {
    sourceSeconds: seconds(sourceFps),
    targetSeconds: seconds(targetFps),
    warning: sourceFps === targetFps || span === 0 ? null : `The window spans ${shown(sourceFps)} in the source and ${shown(targetFps)} in the target: offsets are the same number of frames on both sides, not the same time.`,
  };
}

/** Rows of a window around `row`. Offsets beyond the episode repeat its edge frame and are marked as padding. */
export function windowRows(row: number, { start, length }: Span, deltas: readonly number[]): { readonly rows: readonly number[]; readonly isPad: readonly boolean[] } {
  const rows = deltas.map((delta) => Math.min(Math.max(row + delta, start), start + length - 1));
  return { rows, isPad: deltas.map((delta, k) => row + delta !== rows[k]) };
}

/**
 * A column windowed in time.
 * @param column of the whole dataset, its shape that of one frame
 * @param rows of the batch; spans[k] is the episode of rows[k]
 * @returns windowed: `values` of shape (S, …shape) and `isPad` of shape (S), 1 where padded, one a row of the batch
 */
export function windowColumn(column: BatchColumn, rows: readonly number[], spans: readonly Span[], deltas: readonly number[]): { readonly values: BatchColumn; readonly isPad: BatchColumn } {
  const width = column.shape.reduce((product, extent) => product * extent, 1);
  const steps = deltas.length;
  const values = new Float64Array(rows.length * steps * width);
  const isPad = new Float64Array(rows.length * steps);
  for (const [k, row] of rows.entries()) {
    const window = windowRows(row, spans[k]!, deltas);
    for (const [step, from] of window.rows.entries()) {
      values.set(column.values.subarray(from * width, (from + 1) * width), (k * steps + step) * width);
      isPad[k * steps + step] = Number(window.isPad[step]);
    }
  }
  return { values: { shape: [steps, ...column.shape], values, windowed: true }, isPad: { shape: [steps], values: isPad, windowed: true } };
}
