import * as v from 'valibot';

/*
 * Reading what anyone may have written: every field falls back to its default by itself and numbers are clamped, so
 * that a link gives a session that works.
 */

export interface Limits {
  readonly low: number;
  readonly high: number;
}

const clamp = (value: number, { low, high }: Limits): number => Math.min(high, Math.max(low, value));

const number = (limits: Limits) =>
  v.pipe(
    v.number(),
    v.finite(),
    v.transform((value) => clamp(value, limits)),
  );

const wholeNumber = (limits: Limits) =>
  v.pipe(
    number(limits),
    v.transform((value) => Math.round(value)),
  );

export const clamped = (limits: Limits, fallback: number) => v.fallback(number(limits), fallback);
export const whole = (limits: Limits, fallback: number) => v.fallback(wholeNumber(limits), fallback);

/** Where null means something of its own. */
export const clampedOrNull = (limits: Limits) => v.fallback(v.nullable(number(limits)), null);
export const wholeOrNull = (limits: Limits) => v.fallback(v.nullable(wholeNumber(limits)), null);

/** A positive number or "inf". */
export const positiveOrInfinite = (limits: Limits, fallback: number) =>
  v.fallback(
    v.pipe(
      v.union([v.pipe(v.number(), v.finite()), v.literal('inf')]),
      v.transform((value) => (value === 'inf' ? Infinity : clamp(value, limits))),
    ),
    fallback,
  );

export const textUpTo = (length: number) => v.pipe(v.string(), v.maxLength(length));
