import { UserError } from '../../base/errors.ts';

/** Every point in which the code bases that draw pairs differ, each under its own name. */
export interface SamplerSettings {
  /**
   * Weight w of a source episode at distance d.
   * - `logistic`: 1/(1 + exp(sharpness·(d − cutoff))), which is 0 from sharpness·(d − cutoff) ≈ 710 on
   * - `exponential`: exp(−sharpness·d), 1e-12 where that is exactly 0; 1 where sharpness ≤ 0 or d is missing
   */
  readonly weight: { readonly kind: 'logistic'; readonly sharpness: number; readonly cutoff: number } | { readonly kind: 'exponential'; readonly sharpness: number };
  /** `episode`: first an episode by w, then one of its frames evenly. `merged`: one of all frames, each by its episode's w. */
  readonly draw: 'episode' | 'merged';
  /** W: how far the source frame is moved, in frames. */
  readonly window: number;
  /** Offsets {−W, …, W}, or {−W, …, W − 1}, of which there is none at W = 0. */
  readonly offsets: 'symmetric' | 'half-open';
  /** Where a moved frame is clipped: to its episode, or only to the dataset, so that it leaks into neighbouring episodes. */
  readonly clip: 'episode' | 'dataset';
  /** Any frame of the drawn episode, whatever W is. */
  readonly noWindow: boolean;
  /** Source episodes of smallest distance that are kept, where every entry has a distance; null for all. */
  readonly topk: number | null;
}

/** The sampler of robomimic's ot-sim2real branch, to the letter. */
export function robomimicSampler({ sharpness = 50, cutoff = 0.001, window = 0, noWindow = false } = {}): SamplerSettings {
  return { weight: { kind: 'logistic', sharpness, cutoff }, draw: 'episode', window, offsets: 'half-open', clip: 'episode', noWindow, topk: null };
}

/** The sampler of the LeRobot fork, to the letter; its leak across episode edges included. */
export function lerobotSampler({ sharpness = 0, window = 0, noWindow = false, topk = null }: { readonly sharpness?: number; readonly window?: number; readonly noWindow?: boolean; readonly topk?: number | null } = {}): SamplerSettings {
  return { weight: { kind: 'exponential', sharpness }, draw: 'merged', window, offsets: 'symmetric', clip: 'dataset', noWindow, topk };
}

/** What the playground draws with unless told otherwise: the LeRobot fork's sampler that keeps to its episode. */
export function playgroundSampler(options: Parameters<typeof lerobotSampler>[0] = {}): SamplerSettings {
  return { ...lerobotSampler(options), clip: 'episode' };
}

/** @throws UserError `bad-sampler` */
export function checkSampler({ weight, window, offsets, noWindow, topk }: SamplerSettings): void {
  const fail = (sentence: string): never => {
    throw new UserError('bad-sampler', sentence);
  };
  if (!Number.isFinite(weight.sharpness)) fail(`The sharpness is ${weight.sharpness}; it must be a finite number.`);
  if (weight.kind === 'logistic' && !Number.isFinite(weight.cutoff)) fail(`The cutoff is ${weight.cutoff}; it must be a finite number.`);
  if (!Number.isInteger(window) || window < 0 || window >= 2 ** 31) fail(`The window is ${window}; it must be a whole number of frames, 0 or more.`);
  if (topk !== null && (!Number.isSafeInteger(topk) || topk < 1)) fail(`The top-k is ${topk}; it must be a whole number of at least 1.`);
  if (window === 0 && offsets === 'half-open' && !noWindow) fail('A window of 0 leaves robomimic no frame to draw (its offsets are −W to W − 1), and it raises an error; choose W of at least 1, or the symmetric offsets.');
}
