import { count, list, quote } from '../base/words.ts';
import { BOOKKEEPING } from '../config/presets.ts';
import type { TrainingSettings } from '../config/training.ts';
import { isPicture, type BatchColumn, type BatchSide } from '../core/cost/features.ts';
import { timeWindows, windowAlike, windowColumn, type TimeWindows } from '../core/pairing/time-windows.ts';
import type { Dataset, Episode } from '../datasets/types.ts';

/** Numbers of one stacked column of a batch (256 MB); beyond it a column stays as it is. */
const MAX_STACKED = 2 ** 25;

/** Columns that are no observation: LeRobot's bookkeeping and outcomes, robomimic's outcomes, the demo's ground truth. */
const NO_OBSERVATION = /^(next[._/]|next_obs\/|annotation\.|ground_truth\.)|^(rewards?|dones?|success)$/;

/** What a batch of single frames is windowed by. */
export type Windows = Pick<TrainingSettings, 'obsSteps' | 'actionHorizon'>;

/** One side of a batch before it is windowed. */
export interface DrawnSide {
  readonly dataset: Dataset;
  readonly rows: Int32Array;
  /** Of each row. */
  readonly episodes: readonly Episode[];
  readonly batch: BatchSide;
}

/** A batch as training draws it. */
export interface WindowedBatch {
  readonly source: BatchSide;
  readonly target: BatchSide;
  /** One sentence a decision; none where each sample is one frame. */
  readonly notes: readonly string[];
}

/**
 * Stack observations and actions in time on both sides alike. Windowed columns get shapes (S, …) and a mask `<key>_is_pad`
 * (S). Pictures stay single frames: encoders embed one step, and they would fill the memory.
 */
export function windowBatch(source: DrawnSide, target: DrawnSide, { obsSteps, actionHorizon }: Windows): WindowedBatch {
  const windows = timeWindows(obsSteps, actionHorizon);
  if (!windows.observations && !windows.actions) return { source: source.batch, target: target.batch, notes: [] };
  const sides = [windowSide(source, windows), windowSide(target, windows)] as const;
  const unstacked = new Set(sides.flatMap((side) => side.unstacked));
  const deltas = [...(windows.observations ?? [0]), ...(windows.actions ?? [0])];
  const { fps: sourceFps } = source.dataset;
  const { fps: targetFps } = target.dataset;
  const rates = sourceFps === null || targetFps === null ? null : windowAlike(deltas, sourceFps, targetFps).warning;
  return {
    source: sides[0].batch,
    target: sides[1].batch,
    notes: [
      spoken(windows, sides.map(({ padded }) => padded)),
      ...(unstacked.size > 0 ? [`${list([...unstacked].map(quote))} ${unstacked.size === 1 ? 'is' : 'are'} not stacked (pictures, and columns beyond ${count(MAX_STACKED)} numbers a batch): a term takes the frame itself.`] : []),
      ...(rates === null ? [] : [rates]),
    ],
  };
}

/** One side alone, windowed as `windowBatch` does it. */
export function windowedSide(side: DrawnSide, { obsSteps, actionHorizon }: Windows): BatchSide {
  return windowSide(side, timeWindows(obsSteps, actionHorizon)).batch;
}

interface WindowedSide {
  readonly batch: BatchSide;
  /** Columns that would be stacked but for their size. */
  readonly unstacked: readonly string[];
  /** Places of windows that lie beyond an episode, and all of them. */
  readonly padded: { readonly places: number; readonly all: number };
}

function windowSide({ dataset, rows, episodes, batch }: DrawnSide, windows: TimeWindows): WindowedSide {
  const columns = new Map<string, BatchColumn>();
  const masks = new Map<string, BatchColumn>();
  const unstacked: string[] = [];
  let places = 0;
  let all = 0;
  const at = [...rows];
  for (const [key, column] of batch.columns) {
    columns.set(key, column);
    const deltas = deltasOf(key, windows);
    if (!deltas) continue;
    if (isPicture(column) || column.values.length * deltas.length > MAX_STACKED) {
      unstacked.push(key);
      continue;
    }
    const { values, isPad } = windowColumn({ shape: column.shape, values: dataset.features.get(key)!.values! }, at, episodes, deltas);
    columns.set(key, values);
    masks.set(`${key}_is_pad`, isPad);
    places += isPad.values.reduce((sum, pad) => sum + pad, 0);
    all += isPad.values.length;
  }
  return { batch: { count: batch.count, columns: new Map([...columns, ...masks]) }, unstacked, padded: { places, all } };
}

function deltasOf(key: string, { observations, actions }: TimeWindows): readonly number[] | null {
  if (/^actions?$/.test(key)) return actions;
  return BOOKKEEPING.has(key) || NO_OBSERVATION.test(key) ? null : observations;
}

function spoken({ observations, actions }: TimeWindows, sides: readonly WindowedSide['padded'][]): string {
  const [places, all] = sides.reduce(([sum, total], side) => [sum + side.places, total + side.all], [0, 0]);
  const parts = [
    ...(observations ? [`observations are stacks of ${observations.length} frames that end at the frame itself`] : []),
    ...(actions ? [`actions are chunks of ${actions.length} frames from ${actions[0] === 0 ? 'the frame itself' : `${-actions[0]!} before it`} on`] : []),
  ].join(' and ');
  return `${parts[0]!.toUpperCase()}${parts.slice(1)}, on both sides; beyond an episode its edge frame is repeated (${all > 0 ? Math.round((100 * places) / all) : 0} % of the places here) and marked in *_is_pad.`;
}
