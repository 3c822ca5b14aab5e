import * as v from 'valibot';
import { lerobotSampler, playgroundSampler, robomimicSampler, type SamplerSettings } from '../core/pairing/sampler-settings.ts';
import { textUpTo, whole, wholeOrNull } from './fields.ts';
import type { TrainingSettings } from './training.ts';

/** What episodes are compared by, one column of each side. */
export interface DtwFeature {
  readonly src_key: string;
  readonly tgt_key: string;
  /** Half-open on the last axis of both; null for all of it. */
  readonly dim_slice: readonly [number, number] | null;
}

/** Pairing by DTW, all episodes by all episodes. */
export interface DtwSettings {
  /** Side by side in one vector a frame; at least one. */
  readonly features: readonly DtwFeature[];
  readonly formula: 'path' | 'norm';
  /** Every k-th frame is compared. */
  readonly stride: number;
  /** The path keeps to |i − j| ≤ max(band, |T − S|), in frames that are compared; null for no band. */
  readonly band: number | null;
  /** Source episodes kept for each target episode; null for all. */
  readonly keep: number | null;
}

/** Which target frames have which source partners. A file is known by name and hash only, as data are. */
export type PairingRef =
  /** Each side is drawn by itself. */
  | { readonly kind: 'none' }
  /** By the demo's ground truth; where a side has none, drawn as `none`. */
  | { readonly kind: 'truth' }
  | { readonly kind: 'file'; readonly name: string; readonly fingerprint: string }
  | ({ readonly kind: 'dtw' } & DtwSettings);

export const PAIRING_LIMITS = { stride: { low: 1, high: 1e6 }, band: { low: 0, high: 1e6 }, keep: { low: 1, high: 1e6 }, features: 16, axis: 1e6, text: 200 } as const;

const key = v.pipe(textUpTo(PAIRING_LIMITS.text), v.minLength(1));
const axisIndex = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(PAIRING_LIMITS.axis));

const featureSchema = v.object({ src_key: key, tgt_key: key, dim_slice: v.fallback(v.nullable(v.tuple([axisIndex, axisIndex])), null) });

/** Reads a PairingRef; what it cannot read it refuses, since the fallback depends on the data. */
export const pairingSchema = v.variant('kind', [
  v.object({ kind: v.literal('none') }),
  v.object({ kind: v.literal('truth') }),
  v.object({ kind: v.literal('file'), name: v.pipe(v.string(), v.transform((name) => name.slice(0, PAIRING_LIMITS.text))), fingerprint: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)) }),
  v.object({
    kind: v.literal('dtw'),
    features: v.pipe(v.array(featureSchema), v.minLength(1), v.maxLength(PAIRING_LIMITS.features)),
    formula: v.fallback(v.picklist(['path', 'norm']), 'path'),
    stride: whole(PAIRING_LIMITS.stride, 1),
    band: wholeOrNull(PAIRING_LIMITS.band),
    keep: wholeOrNull(PAIRING_LIMITS.keep),
  }),
]);

/** A DTW pairing as sessions before version 4 wrote it, its one column in a list; anything else as it is. */
export function withFeatureList(old: unknown): unknown {
  if (typeof old !== 'object' || old === null || !('src_key' in old)) return old;
  const { src_key, tgt_key, dim_slice, ...rest } = old as Record<string, unknown>;
  return { ...rest, features: [{ src_key, tgt_key, dim_slice }], band: null };
}

/** What the engine knows the pairs of a session by; null where it needs none. */
export function pairingKey(pairing: PairingRef): string | null {
  if (pairing.kind === 'file') return pairing.fingerprint;
  if (pairing.kind !== 'dtw') return null;
  const { features, formula, stride, band, keep } = pairing;
  return JSON.stringify([features.map(({ src_key, tgt_key, dim_slice }) => [src_key, tgt_key, dim_slice]), formula, stride, band, keep]);
}

/** The sampler that a session's training settings name. */
export function samplerOf({ convention, sharpness, cutoff, window, noWindow, topk }: TrainingSettings): SamplerSettings {
  if (convention === 'robomimic') return robomimicSampler({ sharpness, cutoff, window, noWindow });
  return (convention === 'lerobot' ? lerobotSampler : playgroundSampler)({ sharpness, window, noWindow, topk });
}
