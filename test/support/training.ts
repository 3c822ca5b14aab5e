import { readFileSync } from 'node:fs';
import type { AdamWSettings, ParameterGroup } from '../../src/core/training/adamw.ts';
import { DEFAULT_EMA, type EmaSettings } from '../../src/core/training/ema.ts';
import type { SamplingSettings } from '../../src/training/diffusion.ts';
import { rateAt } from '../../src/training/schedules.ts';

/** What test/fixtures/training.py wrote. */
interface Figures {
  readonly adamw: {
    readonly sizes: readonly number[];
    readonly groups: readonly number[];
    readonly decays: readonly number[];
    readonly rates: readonly number[];
    readonly peak: number;
    readonly steps: number;
    readonly warmup: number;
    readonly maxNorm: number;
    readonly kept: Readonly<Record<string, { readonly weights: number[][]; readonly m: number[][]; readonly v: number[][]; readonly norm: number; readonly groups: number[] }>>;
    readonly averages: { readonly power: number[][]; readonly constant: number[][] };
  };
  readonly schedule: readonly number[];
  readonly losses: readonly { readonly kind: 'l1' | 'l2'; readonly masked: boolean; readonly mean: 'unpadded' | 'all'; readonly valid: number[]; readonly loss: number; readonly gradient: number[] }[];
  readonly diffusion: { readonly kept: number[]; readonly times: number[]; readonly noised: number[]; readonly embedding: number[]; readonly runs: readonly (SamplingSettings & { readonly x: number[] })[] };
  /** The widths are those of z, proprio, noisy and time, as far as the head has them; rows are 3. */
  readonly heads: readonly { readonly activation: 'relu' | 'gelu'; readonly widths: number[]; readonly hidden: number[]; readonly output: number; readonly seed: number; readonly y: number[] }[];
  readonly spread: readonly { readonly rows: number; readonly width: number; readonly rank: number; readonly seed: number; readonly variance: number; readonly effectiveRank: number }[];
}

export const FIGURES = JSON.parse(readFileSync(new URL('../fixtures/training.json', import.meta.url), 'utf8')) as Figures;

/** The script's `pattern`: numbers in [−1, 1), exact in float32. */
export function pattern(count: number, seed: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, k) => ((k * 7919 + seed * 104_729 + ((k * k) % 131) * 613) % 4096) / 2048 - 1);
}

/** Shape of the losses' chunks, and what is compared in them. */
export const CHUNK = { batch: 3, horizon: 4, width: 2 } as const;

export function chunks(): { prediction: Float32Array<ArrayBuffer>; target: Float32Array<ArrayBuffer> } {
  const prediction = pattern(24, 1);
  const target = pattern(24, 2);
  target[0] = prediction[0]!;
  return { prediction, target };
}

const { adamw } = FIGURES;

/** The run of 100 steps that torch made. */
export const RUN = {
  sizes: adamw.sizes,
  groupOf: adamw.groups,
  groups: adamw.decays.map((weightDecay, k): ParameterGroup => ({ name: `group ${k}`, weightDecay, rate: adamw.rates[k]! })),
  settings: { betas: [0.9, 0.999], epsilon: 1e-8, maxNorm: adamw.maxNorm } satisfies AdamWSettings,
  steps: 100,
  start: (k: number): Float32Array<ArrayBuffer> => pattern(adamw.sizes[k]!, 50 + k),
  rate: (t: number): number => adamw.peak * rateAt({ kind: 'cosine', warmup: adamw.warmup, steps: adamw.steps }, t),
  gradient(k: number, t: number): Float32Array<ArrayBuffer> {
    const scale = Math.fround((t % 3 === 0 ? 3 : 0.05) * (k === 2 && t < 4 ? 1e-6 : 1));
    return pattern(adamw.sizes[k]!, 1000 * t + k).map((value) => value * scale);
  },
  kept: adamw.kept,
  averages: adamw.averages,
} as const;

/** The averages that torch made beside it. */
export const AVERAGES = [
  ['power', DEFAULT_EMA],
  ['constant', { kind: 'constant', decay: 0.95 }],
] as const satisfies readonly (readonly [keyof typeof RUN.averages, EmaSettings])[];

/** What a first moment is to be measured by: it may cancel to nothing, √v does not. */
export const momentScale = (v: readonly number[]): number => Math.sqrt(Math.max(...v));

/** Largest |actual − expected| over the largest |expected|, or over `scale` where that is larger. */
export function error(actual: ArrayLike<number>, expected: ArrayLike<number>, scale = 0): number {
  if (actual.length !== expected.length) return Infinity;
  let [apart, largest] = [0, scale];
  for (let k = 0; k < expected.length; k++) {
    const difference = Math.abs(actual[k]! - expected[k]!);
    if (!(difference <= apart)) apart = Number.isNaN(difference) ? Infinity : difference;
    largest = Math.max(largest, Math.abs(expected[k]!));
  }
  return largest > 0 ? apart / largest : apart;
}
