/** An opaque colour, 0–255 each. */
export type Rgb = readonly [number, number, number];

/** Cividis (Nuñez, Anderton & Renslow 2018) in 18 even steps: equal to colour-blind and other eyes, and monotone in grey. */
const CIVIDIS: readonly Rgb[] = [
  [0, 32, 76], [0, 42, 102], [0, 52, 110], [39, 63, 108], [60, 74, 107], [76, 85, 107], [91, 95, 109], [104, 106, 112], [117, 117, 117],
  [131, 129, 120], [146, 140, 120], [161, 152, 118], [176, 165, 114], [192, 177, 109], [209, 191, 102], [225, 204, 92], [243, 219, 79], [255, 233, 69],
];

/** 256 interpolated entries, packed as R, G, B. */
const TABLE = new Uint8Array(256 * 3);
for (let k = 0; k < 256; k++) {
  const place = (k / 255) * (CIVIDIS.length - 1);
  const low = Math.min(CIVIDIS.length - 2, Math.floor(place));
  for (let c = 0; c < 3; c++) {
    const from = CIVIDIS[low]![c]!;
    TABLE[3 * k + c] = Math.round(from + (CIVIDIS[low + 1]![c]! - from) * (place - low));
  }
}

/** The same scale in plotly's form, for colour bars. */
export const CIVIDIS_SCALE: [number, string][] = CIVIDIS.map((colour, k) => [k / (CIVIDIS.length - 1), `rgb(${colour.join(',')})`]);

/** Write the colour of tone t ∈ [0, 1] (clamped) to a pixel; NaN takes the `paper` colour. */
export function writeTone(pixels: Uint8ClampedArray, offset: number, tone: number, paper: Rgb): void {
  if (Number.isNaN(tone)) {
    pixels[offset] = paper[0];
    pixels[offset + 1] = paper[1];
    pixels[offset + 2] = paper[2];
  } else {
    const entry = 3 * Math.max(0, Math.min(255, Math.round(tone * 255)));
    pixels[offset] = TABLE[entry]!;
    pixels[offset + 1] = TABLE[entry + 1]!;
    pixels[offset + 2] = TABLE[entry + 2]!;
  }
  pixels[offset + 3] = 255;
}

/** A `#rrggbb` token as numbers. */
export function parseHex(text: string): Rgb {
  const value = Number.parseInt(text.trim().slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

/** A colour token of the present theme. */
export const token = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Bottom of π's logarithmic colour scale. Its top is 1/n: the scale depends on the batch, never on the values. */
export const PLAN_LOG_FLOOR = -7;

/** Tone of a plan entry; NaN (paper) for the exact zeros of a mask. A zero that is not masked has underflowed: darkest. */
export function planTone(value: number, n: number, scale: 'log' | 'linear', masked: boolean): number {
  if (value === 0 && masked) return Number.NaN;
  if (scale === 'linear') return value * n;
  return (Math.log10(value) - PLAN_LOG_FLOOR) / (-Math.log10(n) - PLAN_LOG_FLOOR);
}

/** Tone of a cost: its square root, so that colour reads as distance. */
export const costTone = (value: number, max: number): number => (max > 0 ? Math.sqrt(value / max) : 0);
