import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SESSION_LIMITS } from '../../../src/config/session.ts';
import { formatNumber, parseNumber } from '../../../src/words/numbers.ts';
import { REG_SCALE, TAU_SCALE, WEIGHT_SCALE } from '../../../src/ui/parts/scales.ts';

const SCALES = [
  ['reg', REG_SCALE, SESSION_LIMITS.reg.sliderLow, SESSION_LIMITS.reg.sliderHigh],
  ['τ', TAU_SCALE, SESSION_LIMITS.tau.sliderLow, SESSION_LIMITS.tau.sliderHigh],
  ['weight', WEIGHT_SCALE, 0.01, 100],
] as const;
const place = fc.double({ min: 0, max: 1, noNaN: true });

describe.each(SCALES)('the track of %s', (_, scale, low, high) => {
  it('runs from its lowest to its highest value, on a log scale', () => {
    expect(scale.value(0)).toBe(low);
    expect(scale.value(scale.span)).toBe(high);
    expect(scale.position(low)).toBe(0);
    expect(scale.position(high)).toBeCloseTo(scale.span, 12);
    expect(scale.position(Math.sqrt(low * high))).toBeCloseTo(scale.span / 2, 12);
    // A decade is as long everywhere.
    const decade = scale.position(10 * low);
    expect(scale.position(100 * low) - decade).toBeCloseTo(decade, 12);
  });

  it('rises, and stays inside its limits', () => {
    fc.assert(
      fc.property(place, place, (p, q) => {
        const [left, right] = [scale.value(Math.min(p, q)), scale.value(Math.max(p, q))];
        expect(left).toBeLessThanOrEqual(right);
        expect(left).toBeGreaterThanOrEqual(low);
        if (right !== Infinity) expect(right).toBeLessThanOrEqual(high);
      }),
    );
  });

  it('gives the values that its box shows, and each is where it was put', () => {
    fc.assert(
      fc.property(place, (p) => {
        const value = scale.value(p);
        expect(parseNumber(formatNumber(value))).toBe(value);
        if (value === Infinity) return;
        expect(Number(value.toPrecision(3))).toBe(value);
        expect(Math.abs(scale.position(value) - Math.min(p, scale.span))).toBeLessThan(5e-3);
        expect(scale.value(scale.position(value))).toBe(value);
      }),
    );
  });

  it('one press of an arrow key always moves the value', () => {
    for (let p = 0; p + 0.01 <= scale.span; p += 0.001) expect(scale.value(p + 0.01)).toBeGreaterThan(scale.value(p));
  });

  it('takes values beyond its ends to the ends', () => {
    expect(scale.position(low / 1e6)).toBe(0);
    expect(scale.position(0)).toBe(0);
    expect(scale.position(high * 1e6)).toBeCloseTo(scale.span, 12);
    expect(scale.value(-1)).toBe(low);
  });
});

describe('∞', () => {
  it('is the last stretch of a τ track', () => {
    expect(TAU_SCALE.position(Infinity)).toBe(1);
    expect(TAU_SCALE.value(1)).toBe(Infinity);
    expect(TAU_SCALE.value(TAU_SCALE.span + 0.01)).toBe(Infinity);
    expect(TAU_SCALE.position(1e12)).toBeLessThan(1);
  });

  it('is on no other track', () => {
    for (const scale of [REG_SCALE, WEIGHT_SCALE]) {
      expect(scale.span).toBe(1);
      expect(scale.value(1)).toBeLessThan(Infinity);
      expect(scale.value(2)).toBeLessThan(Infinity);
    }
  });
});
