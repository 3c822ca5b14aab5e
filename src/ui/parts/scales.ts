import { SESSION_LIMITS } from '../../config/session.ts';

/** The last part of a τ track, where the value is ∞. */
const INFINITE_FROM = 0.96;

/** A slider's position in [0, 1] and the value there, on a log scale. */
export interface LogScale {
  readonly position: (value: number) => number;
  readonly value: (position: number) => number;
  /** Part of the track that the finite range takes. */
  readonly span: number;
}

function logScale(low: number, high: number, infinite: boolean): LogScale {
  const span = infinite ? INFINITE_FROM : 1;
  const clamp = (position: number): number => Math.min(1, Math.max(0, position));
  return {
    span,
    position: (value) => (value === Infinity ? 1 : clamp(Math.log(value / low) / Math.log(high / low)) * span),
    value: (position) => {
      if (infinite && position > INFINITE_FROM) return Infinity;
      const value = low * (high / low) ** clamp(position / span);
      // What the box shows is what is solved: three digits, two where it writes an exponent.
      return Number(value.toPrecision(value < 1e-3 ? 2 : 3));
    },
  };
}

export const REG_SCALE = logScale(SESSION_LIMITS.reg.sliderLow, SESSION_LIMITS.reg.sliderHigh, false);
export const TAU_SCALE = logScale(SESSION_LIMITS.tau.sliderLow, SESSION_LIMITS.tau.sliderHigh, true);
export const WEIGHT_SCALE = logScale(0.01, 100, false);
