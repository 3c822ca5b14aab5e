import { UserError } from '../base/errors.ts';
import { quote } from '../base/words.ts';
import { pairingKey, samplerOf, type DtwSettings, type PairingRef } from '../config/pairing.ts';
import type { TrainingSettings } from '../config/training.ts';
import type { Draw } from '../core/pairing/draw.ts';
import { drawPairs, type Jitter } from '../core/pairing/draw-pairs.ts';
import type { Trajectory } from '../core/pairing/comparable.ts';
import { checkSampler } from '../core/pairing/sampler-settings.ts';
import { truthSamples } from '../core/pairing/truth.ts';
import { pairEpisodes, rateWarnings, type PairingProgress } from '../core/pairing/pair-episodes.ts';
import { formatPairInfo, type PairInfo } from '../core/pairing/pair-info.ts';
import { pairedSamples, type PairedSamples } from '../core/pairing/sampler.ts';
import type { SamplerSide, Span } from '../core/pairing/sides.ts';
import { trajectories, type Trajectories } from '../core/pairing/trajectories.ts';
import type { Dataset, Episode } from '../datasets/types.ts';
import { groundTruth } from './batch.ts';
import { breathe, SLICE_MS } from './breathe.ts';
import type { PairingReport } from './protocol.ts';

/** Pairs in the engine, under the key that a session knows them by (`pairingKey`). */
interface HeldPairs {
  readonly key: string;
  readonly pairs: PairInfo;
}

/** Progress is told this often, so that telling it costs nothing. */
const TELL_MS = 100;

/** Keeps the pairs of a file and those made by DTW, makes the latter, and draws batches from either. */
export class PairingRoom {
  #file: HeldPairs | null = null;
  #dtw: HeldPairs | null = null;
  /** Counts what the samples depend on beside the settings: pairs and datasets. */
  #version = 0;
  #run = 0;
  #samples: { readonly key: string; readonly drawable: PairedSamples } | null = null;

  /** Take the pairs of a file, in place of those of another. */
  put(key: string, pairs: PairInfo): void {
    this.#file = { key, pairs };
    this.#forget();
  }

  /** Other data: what was paired by DTW, or is being paired, was of those before. */
  dataChanged(): void {
    this.cancel();
    this.#dtw = null;
    this.#forget();
  }

  /** End a pairing that is under way. */
  cancel(): void {
    this.#run++;
  }

  /**
   * Pair all episodes by DTW, in slices between which other requests are answered; what comes out is held.
   * @throws UserError `cancelled`, `width-mismatch`, and as `trajectories` and `pairEpisodes`
   */
  async pair(settings: DtwSettings, source: Dataset, target: Dataset, tell: (progress: PairingProgress) => void): Promise<PairingFacts> {
    const run = ++this.#run;
    const { sources, targets, width } = sequences(settings.features, source, target);
    const { formula, stride, band, keep } = settings;
    const steps = pairEpisodes(sources, targets, width, { formula, stride, window: band, topk: keep });
    let sliceEnd = performance.now() + SLICE_MS;
    let told = -Infinity;
    for (;;) {
      const step = steps.next();
      if (step.done) {
        const { pairs, warnings } = step.value;
        this.#dtw = { key: pairingKey({ kind: 'dtw', ...settings })!, pairs };
        this.#forget();
        return { pairs: pairsOf(pairs), warnings: [...rateWarnings(source.fps, target.fps), ...warnings] };
      }
      if (performance.now() < sliceEnd) continue;
      if (performance.now() > told + TELL_MS) {
        told = performance.now();
        tell(step.value);
      }
      await breathe();
      if (run !== this.#run) throw new UserError('cancelled', 'Pairing was cancelled.');
      sliceEnd = performance.now() + SLICE_MS;
    }
  }

  /** Whether the pairs of these settings are here, for the present data. */
  holds(pairing: PairingRef): boolean {
    const key = pairingKey(pairing);
    return key === null || key === this.#file?.key || key === this.#dtw?.key;
  }

  /** The text of a pair_info file with what was paired by DTW. @throws UserError `no-pairing` */
  text(): string {
    if (!this.#dtw) throw new UserError('no-pairing', 'Nothing is paired by DTW; pair the episodes first.');
    return formatPairInfo(this.#dtw.pairs);
  }

  /** What a batch that is drawn with these settings depends on, beside datasets, size and seed. */
  batchKey(pairing: PairingRef, training: TrainingSettings): string {
    const { convention, baseIndexSource, baseIndexTarget } = training;
    return JSON.stringify(pairing.kind === 'none' ? null : [this.#version, pairing, samplerOf(training), convention, baseIndexSource, baseIndexTarget]);
  }

  /**
   * Draw target frames of the chosen episodes, each with a partner of the chosen source episodes; null where the session
   * pairs nothing, or by a ground truth that a side does not have.
   * @param jitter in place of the session's window
   * @throws UserError as `samples`
   */
  draw(source: Chosen, target: Chosen, { pairing, training, size, seed, jitter = samplerOf(training) }: DrawSettings): { draw: Draw; report: PairingReport } | null {
    const held = this.samples(source, target, pairing, training);
    return held && { draw: drawPairs(held.samples, jitter, source.dataset.frames, size, seed), report: { samples: held.samples.length, warnings: [...rateWarnings(source.dataset.fps, target.dataset.fps), ...held.warnings] } };
  }

  /**
   * Every target frame of the chosen episodes with its partners and their probabilities; null as `draw`.
   * @throws UserError `no-pairing` where the pairs that the session names are not here; `bad-sampler`, `no-samples`
   */
  samples(source: Chosen, target: Chosen, pairing: PairingRef, training: TrainingSettings): PairedSamples | null {
    if (pairing.kind === 'none') return null;
    const key = JSON.stringify([this.batchKey(pairing, training), source.episodes.map(({ start }) => start), target.episodes.map(({ start }) => start)]);
    if (this.#samples?.key !== key) {
      const drawn = pairing.kind === 'truth' ? byTruth(source, target, training) : drawable(this.#pairsOf(pairing), pairing.kind === 'dtw', source, target, training);
      this.#samples = drawn && { key, drawable: drawn };
    }
    return this.#samples?.drawable ?? null;
  }

  /** Distances of the pairs that the session holds of a target episode, by source episode; empty where it holds none. */
  distances(pairing: PairingRef, target: string): ReadonlyMap<string, number | null> {
    const held = pairing.kind === 'file' ? this.#file : this.#dtw;
    return new Map(held?.key === pairingKey(pairing) ? held.pairs.get(target)?.map((pair) => [pair.source, pair.distance]) : []);
  }

  #pairsOf(pairing: Extract<PairingRef, { kind: 'file' | 'dtw' }>): PairInfo {
    const held = pairing.kind === 'file' ? this.#file : this.#dtw;
    if (held && held.key === pairingKey(pairing)) return held.pairs;
    throw new UserError('no-pairing', pairing.kind === 'file' ? `The pairing file ${quote(pairing.name)} is not loaded; drop it under Pairing, or choose another pairing.` : 'The episodes are not paired by DTW yet; pair them, or choose another pairing.');
  }

  #forget(): void {
    this.#version++;
    this.#samples = null;
  }
}

export interface DrawSettings {
  readonly pairing: PairingRef;
  readonly training: TrainingSettings;
  readonly size: number;
  readonly seed: number;
  readonly jitter?: Jitter;
}

/** A dataset and the episodes of it that a batch may be drawn from. */
export interface Chosen {
  readonly dataset: Dataset;
  readonly episodes: readonly Episode[];
}

/** Pairs of a target and a source episode, and what is to be known of them. */
export interface PairingFacts {
  readonly pairs: number;
  readonly warnings: readonly string[];
}

const pairsOf = (pairs: PairInfo): number => [...pairs.values()].reduce((sum, entries) => sum + entries.length, 0);

/** Pairs of the two ground truths; null where a side has none. @throws UserError `bad-sampler` */
function byTruth(source: Chosen, target: Chosen, training: TrainingSettings): PairedSamples | null {
  const [from, to] = [groundTruth(source), groundTruth(target)];
  if (!from || !to) return null;
  checkSampler(samplerOf(training));
  return { samples: truthSamples(from, to), warnings: [] };
}

/**
 * The sequences of both sides that are compared.
 * @throws UserError `width-mismatch`, and as `trajectories`
 */
export function sequences(features: DtwSettings['features'], source: Dataset, target: Dataset): { readonly sources: readonly Trajectory[]; readonly targets: readonly Trajectory[]; readonly width: number } {
  for (const feature of features) {
    const [left, right] = [trajectoriesOf(source, [feature], 'src_key'), trajectoriesOf(target, [feature], 'tgt_key')];
    if (left.width !== right.width)
      throw new UserError('width-mismatch', `${quote(feature.src_key)} has ${left.width} numbers a frame in ${quote(source.name)} and ${quote(feature.tgt_key)} has ${right.width} in ${quote(target.name)}; slice both to the same dimensions.`);
  }
  const left = trajectoriesOf(source, features, 'src_key');
  return { sources: left.trajectories, targets: trajectoriesOf(target, features, 'tgt_key').trajectories, width: left.width };
}

function trajectoriesOf(dataset: Dataset, features: DtwSettings['features'], key: 'src_key' | 'tgt_key'): Trajectories {
  return trajectories(columnsOf(dataset), dataset.episodes, features.map((feature) => ({ key: feature[key], slice: feature.dim_slice })), dataset.name);
}

/**
 * The samples of the chosen episodes. Top-k is taken before episodes are left out, as in the fork; the warnings are
 * about the file and the whole datasets, since what was left out was meant to be.
 */
function drawable(pairs: PairInfo, ownNames: boolean, source: Chosen, target: Chosen, training: TrainingSettings): PairedSamples {
  const settings = samplerOf(training);
  const literal = ownNames || training.convention !== 'lerobot';
  const from = literal ? placesOf([...pairs.values()].flatMap((entries) => entries.map((entry) => entry.source)), source.dataset) : null;
  const to = literal ? placesOf([...pairs.keys()], target.dataset) : null;
  const named: PairInfo = new Map([...pairs].map(([name, entries]) => [to?.get(name) ?? name, from ? entries.map((entry) => ({ ...entry, source: from.get(entry.source)! })) : entries]));
  const side = ({ dataset }: Chosen, episodes: readonly Episode[], places: unknown, baseIndex: number): SamplerSide => {
    const kept = new Set(episodes);
    const numbered = dataset.episodes.flatMap((episode, place): [number, Span][] => (kept.has(episode) ? [[places ? place : episode.index, episode]] : []));
    return { episodes: new Map(numbered), frames: dataset.frames, baseIndex: places ? 0 : baseIndex };
  };
  const { baseIndexSource, baseIndexTarget } = training;
  const all = pairedSamples(named, side(source, source.dataset.episodes, from, baseIndexSource), side(target, target.dataset.episodes, to, baseIndexTarget), settings);
  if (source.episodes.length === source.dataset.episodes.length && target.episodes.length === target.dataset.episodes.length) return all;
  const { samples } = pairedSamples(named, side(source, source.episodes, from, baseIndexSource), side(target, target.episodes, to, baseIndexTarget), settings);
  return { samples, warnings: all.warnings };
}

/** The place of each name in the dataset, as text, where all of them are its own; then no base index is needed. */
function placesOf(names: readonly string[], dataset: Dataset): ReadonlyMap<string, string> | null {
  const places = new Map(dataset.episodes.map(({ name }, place) => [name, String(place)]));
  return names.every((name) => places.has(name)) ? places : null;
}

function columnsOf({ features }: Dataset): Map<string, { values: Float64Array; shape: readonly number[] } | null> {
  return new Map([...features].map(([key, { values, shape }]) => [key, values && { values, shape }]));
}
