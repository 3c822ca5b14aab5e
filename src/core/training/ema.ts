/** How much of the average each step keeps. */
export type EmaSettings =
  | { readonly kind: 'constant'; readonly decay: number }
  /** Diffusion Policy's: the average starts as a copy and slows down. */
  | { readonly kind: 'power'; readonly inverseGamma: number; readonly power: number; readonly maxDecay: number };

/** What Diffusion Policy's configs use. */
export const DEFAULT_EMA: EmaSettings = { kind: 'power', inverseGamma: 1, power: 0.75, maxDecay: 0.9999 };

/**
 * Share of the average that its k-th update keeps, k from 1. Diffusion Policy: min(maxDecay, 1 − (1 + s/inverseGamma)^−power)
 * with s = k − 2, and 0 for s ≤ 0, so that the first two updates copy, as in its code.
 */
export function emaDecay(settings: EmaSettings, k: number): number {
  if (settings.kind === 'constant') return settings.decay;
  const s = k - 2;
  return s <= 0 ? 0 : Math.min(settings.maxDecay, 1 - (1 + s / settings.inverseGamma) ** -settings.power);
}
