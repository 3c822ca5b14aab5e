import { UserError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { quote } from '../base/words.ts';
import { samplerOf } from '../config/pairing.ts';
import type { PolicySettings } from '../config/policy.ts';
import { drawSource, epochBatches } from '../core/pairing/draw-pairs.ts';
import { inTimeOrder, type Draw } from '../core/pairing/draw.ts';
import { drawBc, halfSplit } from '../core/pairing/mix.ts';
import type { PairedSample } from '../core/pairing/sampler.ts';
import { timeWindows, windowRows } from '../core/pairing/time-windows.ts';
import { chosenEpisodes, episodeOf, progressOf, rowsOf } from './batch.ts';
import type { Chosen, PairingRoom } from './pairing.ts';
import type { ProblemSettings, Side } from './protocol.ts';
import type { Extents } from './row-features.ts';
import type { DrawState } from './trainer-state.ts';
import type { Windows } from './windows.ts';

/** Rows of one step. */
export interface StepRows {
  readonly source: Int32Array;
  readonly target: Int32Array;
  /** Of the BC batch: the source's rows first. */
  readonly bc: Readonly<Record<Side, Int32Array>>;
}

/** Draws the batches of a training run: OT batches epoch by epoch, BC batches with replacement. */
export class TrainingDraws {
  readonly chosen: Readonly<Record<Side, Chosen>>;
  readonly #rows: Readonly<Record<Side, readonly number[]>>;
  /** Progress of every row: batches stand in time order, as the page's, so that a band prior means something. */
  readonly #time: Readonly<Record<Side, Float64Array>>;
  readonly #samples: readonly PairedSample[] | null;
  readonly #settings: ProblemSettings;
  /** Frames of an OT batch a side. */
  readonly size: number;
  #random: Random;
  #epoch: (readonly number[])[] = [];

  /** @throws UserError `empty-batch`, and as `PairingRoom.samples` */
  constructor(source: Chosen['dataset'], target: Chosen['dataset'], settings: ProblemSettings, pairing: PairingRoom, seed: number) {
    const { batch } = settings;
    this.chosen = { source: { dataset: source, episodes: chosenEpisodes(source, batch.sourceEpisodes, 'source') }, target: { dataset: target, episodes: chosenEpisodes(target, batch.targetEpisodes, 'target') } };
    this.#rows = { source: rowsOf(this.chosen.source.episodes), target: rowsOf(this.chosen.target.episodes) };
    this.#time = { source: progressOf(source).values, target: progressOf(target).values };
    for (const side of ['source', 'target'] as const) if (this.#rows[side].length === 0) throw new UserError('empty-batch', `No ${side} frames are chosen to train on; choose other episodes.`);
    this.#samples = pairing.samples(this.chosen.source, this.chosen.target, settings.pairing, settings.training)?.samples ?? null;
    this.#settings = settings;
    this.size = Math.min(batch.size, this.#samples?.length ?? Math.min(this.#rows.source.length, this.#rows.target.length));
    if (this.size < 1) throw new UserError('empty-batch', 'The OT batch has no frames; choose a batch size of at least 1, and episodes that are paired.');
    this.#random = new Random(seed);
  }

  get state(): DrawState {
    return { random: this.#random.state, epoch: [...this.#epoch] };
  }

  /** Whether the rows of an OT batch belong together. */
  get paired(): boolean {
    return this.#samples !== null;
  }

  /** Whether a state is of draws from as many samples, in batches of this size. */
  fits({ epoch }: DrawState): boolean {
    return epoch.every((batch) => batch.length === this.size && batch.every((k) => k < (this.#samples?.length ?? 0)));
  }

  restore({ random, epoch }: DrawState): void {
    this.#random = Random.from(random);
    this.#epoch = [...epoch];
  }

  /** The frames of each side, and one of those that may be drawn. */
  get extents(): Extents {
    const of = (side: Side): Extents[Side] => ({ frames: this.chosen[side].dataset.frames, first: this.#rows[side][0]! });
    return { source: of('source'), target: of('target') };
  }

  get random(): Random {
    return this.#random;
  }

  next(): StepRows {
    const pairs = this.#pairs();
    const { bcSourceWeight, normalizeBySize, batchSize } = this.#settings.training;
    const { source, target } = this.#rows;
    const halves = halfSplit(batchSize);
    const drawn =
      bcSourceWeight === null
        ? { source: this.#some(source.length, halves.source), target: this.#some(target.length, halves.target) }
        : drawBc(source.length, target.length, { sourceWeight: bcSourceWeight, normalizeBySize }, batchSize, this.#random);
    return { ...pairs, bc: { source: Int32Array.from(drawn.source, (k) => source[k]!), target: Int32Array.from(drawn.target, (k) => target[k]!) } };
  }

  #pairs(): Pick<StepRows, 'source' | 'target'> {
    const { source, target } = inTimeOrder(this.#draw(), (row) => this.#time.source[row]!, (row) => this.#time.target[row]!);
    return { source, target };
  }

  #draw(): Draw {
    const samples = this.#samples;
    if (!samples) {
      const pick = (rows: readonly number[]): Int32Array => Int32Array.from(this.#random.sample(rows.length, this.size), (k) => rows[k]!);
      return { source: pick(this.#rows.source), target: pick(this.#rows.target), paired: false };
    }
    if (this.#epoch.length === 0) this.#epoch = epochBatches(samples.length, this.size, this.#random);
    const chosen = this.#epoch.shift()!.map((k) => samples[k]!);
    const jitter = samplerOf(this.#settings.training);
    return { source: Int32Array.from(chosen, (sample) => drawSource(sample, jitter, this.chosen.source.dataset.frames, this.#random)), target: Int32Array.from(chosen, ({ target }) => target), paired: true };
  }

  #some(count: number, size: number): number[] {
    return Array.from({ length: size }, () => this.#random.below(count));
  }
}

/** A column of both sides that the policy uses, standing alone. */
interface PolicyColumn {
  readonly width: number;
  readonly values: Readonly<Record<Side, Float64Array>>;
}

/** Actions and proprioception of both sides. */
export interface PolicyColumns {
  readonly action: PolicyColumn;
  readonly proprio: PolicyColumn | null;
}

/**
 * The columns that the policy is cloned from, looked at where they are drawn: on both sides, or on the one that the BC
 * share leaves.
 * @param share of the source in a BC batch; null for halves
 * @throws UserError `missing-key`, `width-mismatch`, `non-finite`
 */
export function policyColumns(chosen: Readonly<Record<Side, Chosen>>, { action, proprio }: PolicySettings, share: number | null): PolicyColumns {
  const sides: readonly Side[] = share === 1 ? ['source'] : share === 0 ? ['target'] : ['source', 'target'];
  const columnOf = (key: string, what: string): PolicyColumn => {
    const columns = sides.map((side) => finiteColumn(chosen[side], side, key, what));
    const [first, other = first] = columns;
    if (first!.width !== other!.width) throw new UserError('width-mismatch', `The ${what} ${quote(key)} has ${first!.width} values a frame in ${quote(chosen.source.dataset.name)} and ${other!.width} in ${quote(chosen.target.dataset.name)}, and one policy gives both; choose a column that has the same on both sides.`, { key });
    const valuesOf = (side: Side): Float64Array => columns[sides.indexOf(side)]?.values ?? new Float64Array(0);
    return { width: first!.width, values: { source: valuesOf('source'), target: valuesOf('target') } };
  };
  return { action: columnOf(action, 'action'), proprio: proprio === '' ? null : columnOf(proprio, 'proprioception') };
}

function finiteColumn({ dataset, episodes }: Chosen, side: Side, key: string, what: string): { readonly width: number; readonly values: Float64Array } {
  const feature = dataset.features.get(key);
  if (!feature?.values) throw new UserError('missing-key', `${quote(dataset.name)} has no column of numbers ${quote(key)} to take the policy’s ${what} from; choose another under Policy.`, { key });
  const { values, shape } = feature;
  const width = shape.reduce((product, size) => product * size, 1);
  for (const { name, start, length } of episodes) {
    const bad = values.subarray(start * width, (start + length) * width).findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) throw new UserError('non-finite', `The ${side}’s ${quote(key)} holds ${values[start * width + bad]} in frame ${Math.floor(bad / width)} of ${quote(name)}; leave that episode out, or choose another column.`, { key });
  }
  return { width, values };
}

/** Chunks of H actions around each row (`timeWindows`), and which of their steps count: beyond an episode its last action is repeated, as padding. */
export function actionChunks({ width, values }: PolicyColumn, datasets: Readonly<Record<Side, Chosen['dataset']>>, { bc }: StepRows, { obsSteps, actionHorizon: horizon }: Windows): { wanted: Float32Array; valid: Float32Array | null } {
  const deltas = timeWindows(obsSteps, horizon).actions ?? [0];
  const count = bc.source.length + bc.target.length;
  const wanted = new Float32Array(count * horizon * width);
  const valid = new Float32Array(count * horizon);
  let at = 0;
  for (const side of ['source', 'target'] as const)
    for (const row of bc[side]) {
      const window = windowRows(row, episodeOf(datasets[side], row), deltas);
      for (const [step, from] of window.rows.entries()) {
        for (let d = 0; d < width; d++) wanted[(at * horizon + step) * width + d] = values[side][from * width + d]!;
        valid[at * horizon + step] = window.isPad[step] ? 0 : 1;
      }
      at++;
    }
  return { wanted, valid: valid.includes(0) ? valid : null };
}

/** Values of a column at the BC rows, source first. */
export function bcRowsOf({ width, values }: PolicyColumn, { bc }: StepRows): Float32Array {
  const result = new Float32Array((bc.source.length + bc.target.length) * width);
  let at = 0;
  for (const side of ['source', 'target'] as const) for (const row of bc[side]) for (let d = 0; d < width; d++) result[at++] = values[side][row * width + d]!;
  return result;
}
