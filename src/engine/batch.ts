import { UserError } from '../base/errors.ts';
import { BOOKKEEPING } from '../config/presets.ts';
import { parseRanges } from '../config/ranges.ts';
import { SESSION_LIMITS, type BatchSettings } from '../config/session.ts';
import type { BatchColumn, BatchSide } from '../core/cost/features.ts';
import { drawUnpaired, inTimeOrder, type Draw } from '../core/pairing/draw.ts';
import type { GroundTruth } from '../core/pairing/truth.ts';
import type { Dataset, Episode } from '../datasets/types.ts';
import type { Chosen } from './pairing.ts';
import type { BatchSideInfo, PairingReport, Side } from './protocol.ts';
import { windowBatch, type DrawnSide, type Windows } from './windows.ts';

/** A drawn batch: its values for the cost, and its labels for the page. */
export interface DrawnBatch {
  readonly paired: boolean;
  /** Of a batch that pairs were drawn for; null for others. */
  readonly pairing: PairingReport | null;
  readonly source: BatchSide;
  readonly target: BatchSide;
  readonly sourceInfo: BatchSideInfo;
  readonly targetInfo: BatchSideInfo;
  /** How samples were windowed in time, one sentence a decision. */
  readonly notes: readonly string[];
}

/** Columns wider than this are not shown value by value. */
const SHOWN_WIDTH = 64;

/** How a random batch finds partners; null draws each side by itself. */
export type Partners = (source: Chosen, target: Chosen) => PairedDraw | null;

interface PairedDraw {
  readonly draw: Draw;
  readonly report: PairingReport | null;
}

const SINGLE_FRAMES: Windows = { obsSteps: 1, actionHorizon: 1 };

/**
 * Draw a batch from two datasets.
 * @throws UserError `bad-range`, `empty-batch`, `too-large`, and what `partners` throws
 */
export function drawBatch(source: Dataset, target: Dataset, settings: BatchSettings, partners: Partners, windows: Windows = SINGLE_FRAMES): DrawnBatch {
  const { draw, report } = settings.kind === 'ranges' ? { draw: explicitDraw(source, target, settings), report: null } : randomDraw(source, target, settings, partners);
  for (const [side, dataset, rows] of [
    ['source', source, draw.source],
    ['target', target, draw.target],
  ] as const) {
    if (rows.length === 0) throw new UserError('empty-batch', `No ${side} frames are chosen: "${dataset.name}" has ${dataset.frames}. Choose other episodes, or a batch size of at least 1.`);
    if (rows.length > SESSION_LIMITS.batchSize.high) throw new UserError('too-large', `${rows.length} ${side} frames are chosen; at most ${SESSION_LIMITS.batchSize.high} a side are solved here. Choose fewer.`);
  }
  const [left, right] = [drawnSide(source, draw.source), drawnSide(target, draw.target)];
  return { paired: draw.paired, pairing: report, ...windowBatch(left, right, windows), sourceInfo: sideInfo(left), targetInfo: sideInfo(right) };
}

function explicitDraw(source: Dataset, target: Dataset, settings: BatchSettings): Draw {
  return {
    source: Int32Array.from(parseRanges(settings.sourceRanges, source.frames, 'source frames')),
    target: Int32Array.from(parseRanges(settings.targetRanges, target.frames, 'target frames')),
    paired: false,
  };
}

function randomDraw(source: Dataset, target: Dataset, settings: BatchSettings, partners: Partners): PairedDraw {
  const sourceEpisodes = chosenEpisodes(source, settings.sourceEpisodes, 'source');
  const targetEpisodes = chosenEpisodes(target, settings.targetEpisodes, 'target');
  const { draw, report } = partners({ dataset: source, episodes: sourceEpisodes }, { dataset: target, episodes: targetEpisodes }) ?? {
    draw: drawUnpaired(rowsOf(sourceEpisodes), rowsOf(targetEpisodes), settings.size, settings.seed),
    report: null,
  };
  const sourceProgress = progressOf(source);
  const targetProgress = progressOf(target);
  return { draw: inTimeOrder(draw, (row) => sourceProgress.values[row]!, (row) => targetProgress.values[row]!), report };
}

/** A set of episodes: naming one twice must not draw its frames twice. */
export function chosenEpisodes(dataset: Dataset, text: string, side: Side): Episode[] {
  const chosen = new Set(parseRanges(text, dataset.episodes.length, `${side} episodes`));
  return [...chosen].map((k) => dataset.episodes[k]!).filter((episode) => episode.length > 0);
}

export function rowsOf(episodes: readonly Episode[]): number[] {
  return episodes.flatMap(({ start, length }) => Array.from({ length }, (_, k) => start + k));
}

/** The demo world's ground truth, where both of its columns are there. */
export function groundTruth({ dataset, episodes }: Chosen): GroundTruth | null {
  const phase = dataset.features.get('ground_truth.phase')?.values;
  const goal = dataset.features.get('ground_truth.goal')?.values;
  return phase && goal?.length === 2 * dataset.frames && episodes.length > 0 ? { phase, goal, episodes } : null;
}

/** Progress of every row: ground-truth phase, else the place within its episode, in [0, 1]. */
export function progressOf(dataset: Dataset): { values: Float64Array; truePhase: boolean } {
  const phase = dataset.features.get('ground_truth.phase')?.values;
  if (phase) return { values: phase, truePhase: true };
  const values = new Float64Array(dataset.frames);
  for (const { start, length } of dataset.episodes) for (let k = 0; k < length; k++) values[start + k] = length > 1 ? k / (length - 1) : 0;
  return { values, truePhase: false };
}

/** Values of every numeric column at some rows. */
function batchSide(dataset: Dataset, rows: Int32Array): BatchSide {
  const columns = new Map<string, BatchColumn>();
  for (const [key, { shape, values }] of dataset.features) {
    if (!values) continue;
    const width = shape.reduce((product, extent) => product * extent, 1);
    columns.set(key, { shape, values: gatherRows(values, width, rows) });
  }
  return { count: rows.length, columns };
}

export function gatherRows(values: Float64Array, width: number, rows: Int32Array): Float64Array {
  const result = new Float64Array(rows.length * width);
  rows.forEach((row, k) => result.set(values.subarray(row * width, (row + 1) * width), k * width));
  return result;
}

/** The episode that a row of a dataset belongs to. */
export function episodeOf({ episodes }: Dataset, row: number): Episode {
  let low = 0;
  let high = episodes.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (episodes[middle]!.start <= row) low = middle;
    else high = middle - 1;
  }
  return episodes[low]!;
}

export function drawnSide(dataset: Dataset, rows: Int32Array): DrawnSide {
  return { dataset, rows, episodes: Array.from(rows, (row) => episodeOf(dataset, row)), batch: batchSide(dataset, rows) };
}

function sideInfo({ dataset, rows, episodes }: DrawnSide): BatchSideInfo {
  const progress = progressOf(dataset);
  const frame = Int32Array.from(rows, (row, k) => row - episodes[k]!.start);
  const columns = [...dataset.features].flatMap(([key, { shape, values, names }]) => {
    const width = shape.reduce((product, extent) => product * extent, 1);
    if (!values || width > SHOWN_WIDTH || BOOKKEEPING.has(key)) return [];
    const labels = names?.length === width ? names : Array.from({ length: width }, (_, d) => String(d));
    return [{ key, names: labels, values: gatherRows(values, width, rows) }];
  });
  return {
    rows,
    episode: Int32Array.from(episodes, ({ index }) => index),
    place: Int32Array.from(episodes, (episode) => dataset.episodes.indexOf(episode)),
    frame,
    seconds: Float64Array.from(frame, (count) => (dataset.fps === null ? Number.NaN : count / dataset.fps)),
    progress: Float64Array.from(rows, (row) => progress.values[row]!),
    truePhase: progress.truePhase,
    weight: 1 / rows.length,
    columns,
  };
}
