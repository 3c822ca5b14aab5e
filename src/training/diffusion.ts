import { assert } from '../base/assert.ts';
import type { Random } from '../base/random.ts';

/** The variances of a diffusion of T steps: how much of a chunk of actions is left at each, and how much is noise. */
export interface NoiseSchedule {
  /** T */
  readonly steps: number;
  /** ᾱ_t = Π_{s ≤ t} (1 − β_s), t from 0. */
  readonly kept: Float64Array;
}

/**
 * The squared-cosine schedule (Nichol & Dhariwal 2021), `squaredcos_cap_v2` of diffusers, which Diffusion Policy and
 * LeRobot use with 100 steps: β_t = min(1 − h((t+1)/T)/h(t/T), 0.999), h(s) = cos²((s + 0.008)/1.008 · π/2).
 */
export function cosineSchedule(steps: number): NoiseSchedule {
  assert(Number.isInteger(steps) && steps >= 1, 'a diffusion has steps');
  const h = (s: number): number => Math.cos((((s + 0.008) / 1.008) * Math.PI) / 2) ** 2;
  const kept = new Float64Array(steps);
  let product = 1;
  for (let t = 0; t < steps; t++) kept[t] = product *= 1 - Math.min(1 - h((t + 1) / steps) / h(t / steps), 0.999);
  return { steps, kept };
}

/**
 * x_t = √ᾱ_t·x + √(1 − ᾱ_t)·noise, row by row: what a diffusion head is given to find the noise in.
 * @param clean, noise rows × width, row-major  @param times one t a row, from 0
 */
export function noised({ kept }: NoiseSchedule, clean: ArrayLike<number>, noise: ArrayLike<number>, times: readonly number[]): Float32Array<ArrayBuffer> {
  const width = clean.length / times.length;
  const result = new Float32Array(clean.length);
  for (const [row, t] of times.entries()) {
    const signal = Math.sqrt(kept[t]!);
    const rest = Math.sqrt(1 - kept[t]!);
    for (let k = row * width; k < (row + 1) * width; k++) result[k] = signal * clean[k]! + rest * noise[k]!;
  }
  return result;
}

/**
 * Time steps as vectors, Diffusion Policy's SinusoidalPosEmb: sin(t·f) then cos(t·f), f = 10000^(−k/(half−1)).
 * @param width even, 4 at least
 * @returns rows × width, row-major: the input `time` of a diffusion head
 */
export function timeEmbedding(times: readonly number[], width: number): Float32Array<ArrayBuffer> {
  const half = width / 2;
  assert(Number.isInteger(half) && half >= 2, 'a time step has an even number of values, 4 at least');
  const result = new Float32Array(times.length * width);
  for (const [row, t] of times.entries()) {
    for (let k = 0; k < half; k++) {
      const angle = t * Math.exp((-Math.log(10_000) * k) / (half - 1));
      result[row * width + k] = Math.sin(angle);
      result[row * width + half + k] = Math.cos(angle);
    }
  }
  return result;
}

/** A chunk for each row of a batch, with its noise and time steps drawn: one example of what a diffusion head learns. */
export interface NoisedBatch {
  readonly times: readonly number[];
  /** What the head is to find, rows × width. */
  readonly noise: Float32Array<ArrayBuffer>;
  /** Its input `noisy`. */
  readonly noisy: Float32Array<ArrayBuffer>;
}

/** Draw a time step a row, uniform over all, then standard normal noise, and mix. */
export function drawNoise(schedule: NoiseSchedule, clean: ArrayLike<number>, rows: number, random: Random): NoisedBatch {
  const times = Array.from({ length: rows }, () => random.below(schedule.steps));
  const noise = Float32Array.from({ length: clean.length }, () => random.normal());
  return { times, noise, noisy: noised(schedule, clean, noise, times) };
}

/** How actions are drawn from a trained diffusion head. */
export interface SamplingSettings {
  /** DDPM draws noise at every step; DDIM (Song et al. 2021, η = 0) is determined by where it starts. */
  readonly kind: 'ddpm' | 'ddim';
  /** Steps of the way back: every ⌊T/steps⌋-th time step. */
  readonly steps: number;
  /** Keep each guess at the clean actions within ±1, where actions are scaled to that range. */
  readonly clip: boolean;
}

/**
 * Time steps of the way back, largest first: diffusers' `leading` spacing.
 * @returns `settings.steps` of them, or T where fewer than that exist
 */
export function samplingTimes({ steps }: NoiseSchedule, wanted: number): number[] {
  const count = Math.max(1, Math.min(steps, Math.floor(wanted)));
  const stride = Math.floor(steps / count);
  return Array.from({ length: count }, (_, k) => (count - 1 - k) * stride);
}

/**
 * Draw chunks of actions: from standard normal noise back along `samplingTimes`, a call of the head each. The formulas
 * are diffusers' `DDPMScheduler` (fixed small variance) and `DDIMScheduler` (ᾱ = 1 before the first step).
 * @param rows, width of the result  @param predict the head's noise in x at time step t, rows × width
 * @returns rows × width, row-major
 */
export async function sampleActions(schedule: NoiseSchedule, settings: SamplingSettings, rows: number, width: number, random: Random, predict: (x: Float32Array<ArrayBuffer>, t: number) => Promise<Float32Array>): Promise<Float32Array<ArrayBuffer>> {
  let x = Float32Array.from({ length: rows * width }, () => random.normal());
  const times = samplingTimes(schedule, settings.steps);
  for (const [k, t] of times.entries()) {
    const before = times[k + 1];
    x = stepBack(x, await predict(x, t), { kept: schedule.kept[t]!, before: before === undefined ? 1 : schedule.kept[before]! }, settings, random);
  }
  return x;
}

/**
 * x at the time step before, from x at t and the noise in it.
 *
 *     x̂₀ = (x − √(1−ᾱ)·e)/√ᾱ
 *     DDIM:  √ᾱ'·x̂₀ + √(1−ᾱ')·e
 *     DDPM:  (√ᾱ'·β·x̂₀ + √α·(1−ᾱ')·x)/(1−ᾱ) + √((1−ᾱ')/(1−ᾱ)·β)·noise,   α = ᾱ/ᾱ', β = 1 − α
 *
 * @param kept ᾱ at t  @param before ᾱ' at the time step before it, 1 at the end (where no noise is added)
 */
function stepBack(x: Float32Array, noise: Float32Array, { kept, before }: { readonly kept: number; readonly before: number }, { kind, clip }: SamplingSettings, random: Random): Float32Array<ArrayBuffer> {
  const alpha = kept / before;
  const beta = 1 - alpha;
  const spread = before < 1 ? Math.sqrt(((1 - before) / (1 - kept)) * beta) : 0;
  return Float32Array.from(x, (value, k) => {
    const guess = (value - Math.sqrt(1 - kept) * noise[k]!) / Math.sqrt(kept);
    const clean = clip ? Math.max(-1, Math.min(1, guess)) : guess;
    if (kind === 'ddim') return Math.sqrt(before) * clean + Math.sqrt(1 - before) * noise[k]!;
    const mean = (Math.sqrt(before) * beta * clean + Math.sqrt(alpha) * (1 - before) * value) / (1 - kept);
    return spread > 0 ? mean + spread * random.normal() : mean;
  });
}
