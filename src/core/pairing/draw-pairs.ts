import { Random } from '../../base/random.ts';
import type { Draw } from './draw.ts';
import type { PairedSample } from './sampler.ts';
import type { SamplerSettings } from './sampler-settings.ts';
import type { Span } from './sides.ts';

/** What the window may do to a source frame. */
export type Jitter = Pick<SamplerSettings, 'window' | 'offsets' | 'clip' | 'noWindow'>;

/** Lowest and highest source row that the jitter can reach from the candidates that can be drawn. */
export function reach({ candidates, probabilities, episodes }: PairedSample, jitter: Jitter, sourceFrames: number): { readonly low: number; readonly high: number } {
  let low = Infinity;
  let high = -Infinity;
  for (const [k, candidate] of candidates.entries()) {
    if (probabilities[k] === 0) continue;
    const ends = moved(candidate, episodes[k]!, jitter, sourceFrames);
    low = Math.min(low, ends.low);
    high = Math.max(high, ends.high);
  }
  return { low, high };
}

/**
 * The exact chance of every source row to be drawn with this target frame, window included:
 * P(s) = Σ_c P(c)·P(clip(c + o) = s), o uniform over the offsets.
 */
export function sourceChances(sample: PairedSample, jitter: Jitter, sourceFrames: number): Map<number, number> {
  const chances = new Map<number, number>();
  eachChance(sample, jitter, sourceFrames, (row, chance) => void chances.set(row, (chances.get(row) ?? 0) + chance));
  return chances;
}

/** The same, told row by row without being gathered: a row may come more than once. */
export function eachChance({ candidates, probabilities, episodes }: PairedSample, jitter: Jitter, sourceFrames: number, tell: (row: number, chance: number) => void): void {
  for (const [k, candidate] of candidates.entries()) {
    const span = episodes[k]!;
    const probability = probabilities[k]!;
    if (probability === 0) continue;
    const choices = jitter.noWindow ? span.length : offsetCount(jitter);
    for (let choice = 0; choice < choices; choice++) tell(jitter.noWindow ? span.start + choice : clipped(candidate - jitter.window + choice, span, jitter, sourceFrames), probability / choices);
  }
}

/** One source row, drawn by `probabilities` and moved by the window. */
export function drawSource({ candidates, probabilities, episodes }: PairedSample, jitter: Jitter, sourceFrames: number, random: Random): number {
  let left = random.uniform();
  // Rounding may leave the sum of the probabilities short of 1: the last that can be drawn takes the rest.
  let chosen = probabilities.findLastIndex((probability) => probability > 0);
  for (const [k, probability] of probabilities.entries()) {
    if (left < probability) {
      chosen = k;
      break;
    }
    left -= probability;
  }
  const span = episodes[chosen]!;
  if (jitter.noWindow) return span.start + random.below(span.length);
  return clipped(candidates[chosen]! - jitter.window + random.below(offsetCount(jitter)), span, jitter, sourceFrames);
}

/** A batch of `size` distinct target frames in random order, each with a source frame; fewer where there are fewer. */
export function drawPairs(samples: readonly PairedSample[], jitter: Jitter, sourceFrames: number, size: number, seed: number): Draw {
  const random = new Random(seed);
  const chosen = random.sample(samples.length, size).map((k) => samples[k]!);
  return { source: Int32Array.from(chosen, (sample) => drawSource(sample, jitter, sourceFrames, random)), target: Int32Array.from(chosen, ({ target }) => target), paired: true };
}

/** Frames of an OT batch: max(1, int(B·ratio)), which truncates as Python does: int(100·0.29) is 28. */
export function otBatchSize(batchSize: number, ratio: number): number {
  return Math.max(1, Math.trunc(batchSize * ratio));
}

/** The batches of one epoch over `count` samples: shuffled, the last one dropped where it would be short. */
export function epochBatches(count: number, batchSize: number, random: Random): number[][] {
  const order = random.sample(count, count);
  return Array.from({ length: Math.floor(count / batchSize) }, (_, batch) => order.slice(batch * batchSize, (batch + 1) * batchSize));
}

function offsetCount({ window, offsets }: Jitter): number {
  return offsets === 'symmetric' ? 2 * window + 1 : 2 * window;
}

function moved(candidate: number, span: Span, jitter: Jitter, sourceFrames: number): { low: number; high: number } {
  if (jitter.noWindow) return { low: span.start, high: span.start + span.length - 1 };
  const low = candidate - jitter.window;
  return { low: clipped(low, span, jitter, sourceFrames), high: clipped(low + offsetCount(jitter) - 1, span, jitter, sourceFrames) };
}

function clipped(row: number, { start, length }: Span, { clip }: Jitter, sourceFrames: number): number {
  const [low, high] = clip === 'episode' ? [start, start + length - 1] : [0, sourceFrames - 1];
  return Math.min(Math.max(row, low), high);
}
