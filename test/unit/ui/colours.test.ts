import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CIVIDIS_SCALE, costTone, parseHex, PLAN_LOG_FLOOR, planTone, writeTone, type Rgb } from '../../../src/ui/charts/colours.ts';

const PAPER: Rgb = [250, 251, 252];
function colour(tone: number): number[] {
  const pixels = new Uint8ClampedArray(8).fill(9);
  writeTone(pixels, 4, tone, PAPER);
  expect([...pixels.subarray(0, 4)]).toEqual([9, 9, 9, 9]);
  expect(pixels[7]).toBe(255);
  return [...pixels.subarray(4, 7)];
}
const lightness = ([r, g, b]: number[]): number => 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;

describe('the tone of a plan entry', () => {
  const scales = ['log', 'linear'] as const;

  it.each(scales)('is 1 at 1/n on the %s scale, whatever n', (scale) => {
    for (const n of [1, 2, 64, 1024]) expect(planTone(1 / n, n, scale, false)).toBeCloseTo(1, 12);
  });

  it('is 0 at the floor of the log scale and at 0 of the linear one', () => {
    for (const n of [1, 64, 1024]) expect(planTone(10 ** PLAN_LOG_FLOOR, n, 'log', false)).toBeCloseTo(0, 12);
    expect(planTone(0, 64, 'linear', false)).toBe(0);
    expect(planTone(0.5 / 64, 64, 'linear', false)).toBeCloseTo(0.5, 12);
  });

  it('depends on the value and n alone, and rises with the value', () => {
    const entry = fc.double({ min: 1e-12, max: 1, noNaN: true });
    fc.assert(
      fc.property(entry, entry, fc.integer({ min: 1, max: 1024 }), fc.constantFrom(...scales), fc.boolean(), (p, q, n, scale, masked) => {
        expect(planTone(p, n, scale, masked)).toBe(planTone(p, n, scale, !masked));
        if (p < q) expect(planTone(p, n, scale, masked)).toBeLessThanOrEqual(planTone(q, n, scale, masked));
      }),
    );
  });

  it.each(scales)('is paper for an exact zero of a mask only, on the %s scale', (scale) => {
    expect(planTone(0, 64, scale, true)).toBeNaN();
    expect(colour(planTone(0, 64, scale, true))).toEqual([...PAPER]);
    // Mass that underflowed is little, not forbidden: the darkest colour.
    expect(colour(planTone(0, 64, scale, false))).toEqual(colour(0));
    expect(colour(planTone(1e-300, 64, scale, true))).toEqual(colour(0));
    expect(colour(planTone(Number.MIN_VALUE, 64, scale, true))).toEqual(colour(0));
  });

  it.each(scales)('of NaN is paper on the %s scale', (scale) => expect(colour(planTone(Number.NaN, 64, scale, false))).toEqual([...PAPER]));

  it.each(scales)('above 1/n stays the brightest on the %s scale', (scale) => expect(colour(planTone(3, 64, scale, false))).toEqual(colour(1)));
});

describe('the tone of a cost', () => {
  it('reads as distance: half the distance is half the tone', () => {
    expect(costTone(4, 16)).toBe(0.5);
    expect(costTone(0, 16)).toBe(0);
    expect(costTone(16, 16)).toBe(1);
  });

  it('of a flat matrix is 0, of NaN none', () => {
    expect(costTone(0, 0)).toBe(0);
    expect(costTone(1, Number.NaN)).toBe(0);
    expect(colour(costTone(Number.NaN, 3))).toEqual([...PAPER]);
  });
});

describe('cividis', () => {
  it('grows lighter throughout, from end to end of the bar that plotly draws', () => {
    for (let k = 1; k <= 255; k++) expect(lightness(colour(k / 255))).toBeGreaterThan(lightness(colour((k - 1) / 255)) - 0.6);
    expect(CIVIDIS_SCALE[0]).toEqual([0, `rgb(${colour(0).join(',')})`]);
    expect(CIVIDIS_SCALE.at(-1)).toEqual([1, `rgb(${colour(1).join(',')})`]);
    for (const [place, text] of CIVIDIS_SCALE) {
      const wanted = text.match(/\d+/g)!.map(Number);
      for (const [c, value] of colour(place).entries()) expect(Math.abs(value - wanted[c]!)).toBeLessThanOrEqual(3);
    }
  });

  it('clamps', () => {
    for (const tone of [-1, -Infinity]) expect(colour(tone)).toEqual(colour(0));
    for (const tone of [2, Infinity]) expect(colour(tone)).toEqual(colour(1));
  });
});

it('tokens are read as colours', () => {
  expect(parseHex('#0a1b2c')).toEqual([10, 27, 44]);
  expect(parseHex(' #FFffFF\n')).toEqual([255, 255, 255]);
});
