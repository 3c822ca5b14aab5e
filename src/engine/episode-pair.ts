import { UserError } from '../base/errors.ts';
import { quote } from '../base/words.ts';
import { samplerOf, type DtwFeature } from '../config/pairing.ts';
import { BOOKKEEPING } from '../config/presets.ts';
import { alignPair, comparableEpisodes, localDistances, type ComparableEpisodes } from '../core/pairing/comparable.ts';
import { eachChance } from '../core/pairing/draw-pairs.ts';
import type { PairedSample } from '../core/pairing/sampler.ts';
import type { Dataset, Episode } from '../datasets/types.ts';
import { chosenEpisodes, episodeOf, progressOf } from './batch.ts';
import { breathe, SLICE_MS } from './breathe.ts';
import { sequences, type PairingRoom } from './pairing.ts';
import { STRIP_ROWS, type EpisodePairView, type EpisodeView, type ProblemSettings } from './protocol.ts';

/** Longer episodes are shown by every k-th frame. The path is found over all of them. */
const SHOWN_FRAMES = 400;
/** Source episodes that are listed. */
const LISTED = 6;

/** Shows how two episodes go together. Keeps what was made comparable while columns and data stand. */
export class EpisodePairRoom {
  readonly #pairing: PairingRoom;
  #held: { readonly key: string; readonly source: Dataset; readonly target: Dataset; readonly episodes: ComparableEpisodes } | null = null;

  constructor(pairing: PairingRoom) {
    this.#pairing = pairing;
  }

  /**
   * Align two episodes by DTW as the session's pairing does, or, where that is another, over the labels of the cost; and
   * say which source frames the target's frames are drawn with.
   * @param place of each side's episode; a source of null is the likeliest partner
   * @throws UserError `no-frames`, `no-columns`, as `sequences`, `comparableEpisodes` and `PairingRoom.samples`
   */
  async view(source: Dataset, target: Dataset, settings: ProblemSettings, place: { readonly source: number | null; readonly target: number }): Promise<EpisodePairView> {
    const { pairing, training, batch } = settings;
    const to = withFrames(target, place.target);
    const samples = this.#pairing.samples({ dataset: source, episodes: chosenEpisodes(source, batch.sourceEpisodes, 'source') }, { dataset: target, episodes: chosenEpisodes(target, batch.targetEpisodes, 'target') }, pairing, training);
    const own = samples?.samples.filter((sample) => sample.target >= to.start && sample.target < to.start + to.length) ?? [];
    const partners = this.#partners(source, to.name, own, settings);
    const from = withFrames(source, place.source ?? partners[0]?.place ?? Math.min(place.target, source.episodes.length - 1));
    const features = pairing.kind === 'dtw' ? pairing.features : comparedLabels(settings, source, target);
    const { formula, stride, band } = pairing.kind === 'dtw' ? pairing : ({ formula: 'path', stride: 1, band: null } as const);
    const key = JSON.stringify([features, formula, stride, band]);
    if (this.#held?.key !== key || this.#held.source !== source || this.#held.target !== target) {
      const { sources, targets, width } = sequences(features, source, target);
      this.#held = { key, source, target, episodes: comparableEpisodes(sources, targets, width, { formula, stride, window: band, topk: null }) };
    }
    const { episodes } = this.#held;
    const [left, right] = [episodes.sources.find(({ name }) => name === from.name)!, episodes.targets.find(({ name }) => name === to.name)!];
    const steps = alignPair(right, left, episodes);
    let sliceEnd = performance.now() + SLICE_MS;
    let step = steps.next();
    for (; !step.done; step = steps.next()) {
      if (performance.now() < sliceEnd) continue;
      await breathe();
      sliceEnd = performance.now() + SLICE_MS;
    }
    const every = Math.max(1, Math.ceil(Math.max(from.length, to.length) / stride / SHOWN_FRAMES));
    const { targets, sources, distance } = step.value;
    return {
      source: viewOf(source, from),
      target: viewOf(target, to),
      compared: features.map(({ src_key, tgt_key, dim_slice }) => `${src_key === tgt_key ? src_key : `${src_key} – ${tgt_key}`}${dim_slice ? `[${dim_slice.join(':')}]` : ''}`).join(', '),
      // Rows are the source's, as in the plan: the distance is the same both ways.
      distances: localDistances(left, right, episodes.width, every),
      every: every * stride,
      path: { sources: sources.map((frame) => frame * stride), targets: targets.map((frame) => frame * stride) },
      distance,
      formula,
      strip: samples && this.#strip(source, to, own, settings, every * stride),
      partners: partners.slice(0, LISTED),
    };
  }

  #partners(source: Dataset, target: string, samples: readonly PairedSample[], { pairing }: ProblemSettings): EpisodePairView['partners'] {
    const shares = new Map<Episode, number>();
    for (const { candidates, probabilities } of samples)
      for (const [k, row] of candidates.entries()) {
        const episode = episodeOf(source, row);
        shares.set(episode, (shares.get(episode) ?? 0) + probabilities[k]! / samples.length);
      }
    const distances = this.#pairing.distances(pairing, target);
    return [...shares]
      .toSorted(([, p], [, q]) => q - p)
      .map(([episode, share]) => ({ episode: episode.index, place: source.episodes.indexOf(episode), distance: distances.get(episode.name) ?? null, share }));
  }

  #strip(source: Dataset, { start, length }: Episode, samples: readonly PairedSample[], { training }: ProblemSettings, every: number): Float32Array {
    const columns = Math.ceil(length / every);
    const strip = new Float32Array(STRIP_ROWS * columns);
    const { values: progress } = progressOf(source);
    const jitter = samplerOf(training);
    for (const sample of samples) {
      const frame = sample.target - start;
      if (frame % every !== 0) continue;
      eachChance(sample, jitter, source.frames, (row, chance) => {
        const place = Math.min(STRIP_ROWS - 1, Math.floor(progress[row]! * STRIP_ROWS)) * columns + frame / every;
        strip[place] = strip[place]! + chance;
      });
    }
    return strip;
  }
}

const viewOf = (dataset: Dataset, episode: Episode): EpisodeView => ({ place: dataset.episodes.indexOf(episode), name: episode.name, frames: episode.length });

/** The episode at a place, or the last one. */
function withFrames(dataset: Dataset, place: number): Episode {
  const episode = dataset.episodes[Math.min(Math.max(0, place), dataset.episodes.length - 1)];
  if (!episode || episode.length === 0) throw new UserError('no-frames', `${quote(dataset.name)} has no frames in episode ${quote(episode?.name ?? String(place))}; choose another.`);
  return episode;
}

/** The labels of the cost, or the first column of numbers that both sides have. */
function comparedLabels({ features }: ProblemSettings, source: Dataset, target: Dataset): DtwFeature[] {
  const has = ({ features: columns }: Dataset, key: string): boolean => columns.get(key)?.values instanceof Float64Array;
  const labels = features.filter(({ weight_label, src_key, tgt_key }) => weight_label > 0 && has(source, src_key) && has(target, tgt_key)).map(({ src_key, tgt_key, dim_slice }) => ({ src_key, tgt_key, dim_slice }));
  if (labels.length > 0) return labels;
  const shared = [...source.features.keys()].find((key) => has(source, key) && has(target, key) && !BOOKKEEPING.has(key));
  if (shared === undefined) throw new UserError('no-columns', `${quote(source.name)} and ${quote(target.name)} share no column of numbers to compare episodes by.`);
  return [{ src_key: shared, tgt_key: shared, dim_slice: null }];
}
