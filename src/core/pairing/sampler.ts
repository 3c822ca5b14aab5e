import { UserError } from '../../base/errors.ts';
import { count, list, plural, quote } from '../../base/words.ts';
import { baseIndexWarning } from './base-index.ts';
import { pairCount } from './pair-info.ts';
import type { EpisodePair, PairInfo } from './pair-info.ts';
import type { SamplerSettings } from './sampler-settings.ts';
import { checkSampler } from './sampler-settings.ts';
import type { SamplerSide, Span } from './sides.ts';
import { episodeOf } from './sides.ts';

/** A target frame and the source frames that it may be drawn with, before the window moves them. Rows of the datasets. */
export interface PairedSample {
  readonly target: number;
  readonly candidates: Int32Array;
  /** Of each candidate; they sum to 1. */
  readonly probabilities: Float64Array;
  /** The episode of each candidate. */
  readonly episodes: readonly Span[];
}

export interface PairedSamples {
  /** In the order of the file; never empty. */
  readonly samples: readonly PairedSample[];
  readonly warnings: readonly string[];
}

/** What the LeRobot fork puts in place of a weight that is exactly 0. */
const WEIGHT_FLOOR = 1e-12;

/** The weight of a source episode (`SamplerSettings.weight`); null where its distance is missing and there is no rule for that. */
export function episodeWeight(distance: number | null, weight: SamplerSettings['weight']): number | null {
  if (weight.kind === 'logistic') return distance === null ? null : 1 / (1 + Math.exp(weight.sharpness * (distance - weight.cutoff)));
  return distance === null || weight.sharpness <= 0 ? 1 : Math.exp(-weight.sharpness * distance) || WEIGHT_FLOOR;
}

/**
 * Every target frame that can be drawn, with the exact probability of each of its source frames:
 * - `merged`: P(c) = w_e / Σ over all candidates of all episodes
 * - `episode`: P(c) = w_e/Σw · 1/n_e(t), over the episodes that pair this frame
 *
 * Pairs whose episode or frame the datasets do not have are skipped and counted in the warnings.
 * @throws UserError `bad-sampler`; `no-samples` where nothing is left to draw, with the reason
 */
export function pairedSamples(pairs: PairInfo, source: SamplerSide, target: SamplerSide, settings: SamplerSettings): PairedSamples {
  checkSampler(settings);
  const samples: PairedSample[] = [];
  const tally: Tally = { pairs: 0, outside: 0, unknownTargets: [], unknownSources: new Set(), weightless: 0, weightlessFrames: 0, partial: 0, undistanced: 0, distances: [] };
  for (const [name, entries] of pairs) {
    const all = entries.reduce((sum, entry) => sum + pairCount(entry), 0);
    tally.pairs += all;
    const span = episodeOf(target, name);
    if (!span) {
      tally.unknownTargets.push(name);
      tally.outside += all;
      continue;
    }
    const present = presentEntries(nearest(entries, settings.topk), source, settings, tally);
    for (const sample of samplesOf(span, present, settings.draw, tally)) samples.push(sample);
  }
  const unpaired = target.frames - new Set(samples.map((sample) => sample.target)).size - tally.weightlessFrames;
  const warnings = [...sentences(tally, settings), ...(settings.draw === 'episode' && unpaired > 0 ? [unpairedWarning(unpaired, target.frames)] : []), ...[baseIndexWarning(pairs, target, 'target'), baseIndexWarning(pairs, source, 'source')].filter((warning) => warning !== null)];
  if (samples.length === 0) throw new UserError('no-samples', `No pair is left to draw. ${warnings[0] ?? 'The file pairs no frames; pair the episodes again.'}`);
  return { samples, warnings };
}

interface Tally {
  pairs: number;
  /** Frame pairs whose episode or frame is not there. */
  outside: number;
  readonly unknownTargets: string[];
  readonly unknownSources: Set<string>;
  /** Entries whose weight is 0, or was lifted from 0. */
  weightless: number;
  /** Target frames lost because all their weights are 0. */
  weightlessFrames: number;
  /** Target frames that some of their source episodes do not pair. */
  partial: number;
  /** Entries without the distance that their weight asks for. */
  undistanced: number;
  /** Of the weightless entries. */
  readonly distances: number[];
}

/** An entry whose episode is there. */
interface Present {
  readonly span: Span;
  readonly weight: number;
  readonly entry: EpisodePair;
}

/** The k entries of smallest distance, nearest first; all of them where one lacks a distance or there are no more than k. */
function nearest(entries: readonly EpisodePair[], topk: number | null): readonly EpisodePair[] {
  if (topk === null || entries.length <= topk || entries.some(({ distance }) => distance === null)) return entries;
  return entries.toSorted((p, q) => p.distance! - q.distance!).slice(0, topk);
}

function presentEntries(entries: readonly EpisodePair[], source: SamplerSide, { weight: rule, draw }: SamplerSettings, tally: Tally): Present[] {
  // A source that is listed twice: robomimic keeps both weights and the later pairing, the LeRobot fork both of both.
  const last = new Map(entries.map((entry) => [entry.source, entry]));
  return entries.flatMap((listed) => {
    const entry = draw === 'episode' ? last.get(listed.source)! : listed;
    const span = episodeOf(source, listed.source);
    if (!span) {
      tally.unknownSources.add(listed.source);
      tally.outside += pairCount(listed);
      return [];
    }
    const { distance } = listed;
    const weight = episodeWeight(distance, rule);
    if (weight === null) {
      tally.undistanced++;
      return [];
    }
    if (distance !== null && (weight === 0 || weight === WEIGHT_FLOOR)) {
      tally.weightless++;
      tally.distances.push(distance);
    }
    return [{ span, weight, entry }];
  });
}

/** What one entry offers a target frame. */
interface Offer {
  readonly span: Span;
  readonly weight: number;
  readonly rows: readonly number[];
}

function samplesOf(target: Span, present: readonly Present[], draw: SamplerSettings['draw'], tally: Tally): PairedSample[] {
  const offers = new Map<number, Offer[]>();
  for (const { span, weight, entry } of present) {
    const { targets, starts, sources } = entry.frames;
    for (const [k, frame] of targets.entries()) {
      const partners = sources.slice(starts[k], starts[k + 1]);
      const rows = frame >= 0 && frame < target.length ? partners.filter((partner) => partner >= 0 && partner < span.length).map((partner) => span.start + partner) : [];
      tally.outside += partners.length - rows.length;
      if (rows.length === 0) continue;
      const known = offers.get(frame);
      if (known) known.push({ span, weight, rows });
      else offers.set(frame, [{ span, weight, rows }]);
    }
  }
  const drawable = present.filter(({ weight }) => weight > 0).length;
  return [...offers].flatMap(([frame, found]) => {
    if (found.filter(({ weight }) => weight > 0).length < drawable) tally.partial++;
    const total = found.reduce((sum, { weight, rows }) => sum + (draw === 'merged' ? weight * rows.length : weight), 0);
    if (total === 0) {
      tally.weightlessFrames++;
      return [];
    }
    return [
      {
        target: target.start + frame,
        candidates: Int32Array.from(found.flatMap(({ rows }) => rows)),
        probabilities: Float64Array.from(found.flatMap(({ weight, rows }) => rows.map(() => weight / total / (draw === 'merged' ? 1 : rows.length)))),
        episodes: found.flatMap(({ span, rows }) => rows.map(() => span)),
      },
    ];
  });
}

function sentences(tally: Tally, { weight, draw }: SamplerSettings): string[] {
  const warnings: string[] = [];
  if (tally.outside > 0) {
    const reasons = [
      ...(tally.unknownTargets.length > 0 ? [`target episodes that are not there: ${list(tally.unknownTargets.map(quote))}`] : []),
      ...(tally.unknownSources.size > 0 ? [`source episodes that are not there: ${list([...tally.unknownSources].map(quote))}`] : []),
    ];
    warnings.push(`${count(tally.outside)} of ${plural(tally.pairs, 'frame pair')} ${tally.outside === 1 ? 'lies' : 'lie'} outside the datasets and ${tally.outside === 1 ? 'was' : 'were'} skipped${reasons.length > 0 ? ` (${reasons.join('; ')})` : ''}; check the lengths and the base index of both sides.`);
  }
  if (tally.undistanced > 0) warnings.push(`${tally.undistanced === 1 ? '1 entry has' : `${count(tally.undistanced)} entries have`} no raw_dtw_dist and ${tally.undistanced === 1 ? 'was' : 'were'} skipped; robomimic raises KeyError there, so write the distance or use the LeRobot weights.`);
  if (tally.weightless > 0) {
    const median = tally.distances.toSorted((p, q) => p - q)[tally.distances.length >> 1]!;
    const lost = tally.weightlessFrames > 0 ? `, and ${plural(tally.weightlessFrames, 'target frame')} whose weights are all 0 ${tally.weightlessFrames === 1 ? 'is no sample' : 'are no samples'} (robomimic raises ValueError there)` : '';
    const floor = weight.kind === 'exponential' ? ` and counts as ${WEIGHT_FLOOR}` : '';
    warnings.push(`The weight of ${plural(tally.weightless, 'episode pair')} is exactly 0 at sharpness ${weight.sharpness}${floor}, at distances around ${Number(median.toPrecision(3))}${lost}; ${scaleHint(median)}`);
  }
  if (tally.partial > 0 && draw === 'episode') warnings.push(`${plural(tally.partial, 'target frame')} ${tally.partial === 1 ? 'has' : 'have'} no partner in some of the source episodes that may be drawn; robomimic raises KeyError when it draws one of those, and the probabilities here are of the others.`);
  return warnings;
}

function unpairedWarning(unpaired: number, frames: number): string {
  return `${count(unpaired)} of ${plural(frames, 'target frame')} ${unpaired === 1 ? 'has' : 'have'} no partner that can be drawn and ${unpaired === 1 ? 'is no sample' : 'are no samples'}; robomimic raises KeyError there.`;
}

/** Both formulas write `raw_dtw_dist`; only its size tells which one did. */
function scaleHint(distance: number): string {
  return distance > 1
    ? 'distances of this size come from the older formula (cost over the Frobenius norm, about 3 to 20), so lower the sharpness to about 1, or pair again with the formula “path”.'
    : 'lower the sharpness.';
}
