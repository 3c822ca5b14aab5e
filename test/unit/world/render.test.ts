import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Domain, REAL, realDomain, SIM } from '../../../src/world/domains.ts';
import { type FrameState, renderFrame } from '../../../src/world/render.ts';

/** From the NumPy prototype with the noise off: sums over the frame, and pixels as [row, column, red, green, blue]. */
const PROTOTYPE: {
  domain: Domain;
  state: FrameState;
  sums: [number, number, number];
  pixels: [number, number, number, number, number][];
}[] = [
  {
    domain: SIM,
    state: { ee: { x: 0.0, y: 0.35 }, obj: { x: -0.4, y: 0.7 }, grip: 0.0 },
    sums: [213343, 216892, 227863],
    pixels: [
      [21, 15, 140, 158, 183], [8, 10, 224, 38, 45], [24, 15, 199, 207, 221],
      [28, 17, 63, 76, 96], [20, 24, 89, 101, 120], [3, 29, 219, 224, 234],
    ],
  },
  {
    domain: REAL,
    state: { ee: { x: 0.0, y: 0.35 }, obj: { x: -0.4, y: 0.7 }, grip: 0.0 },
    sums: [130611, 90757, 58188],
    pixels: [
      [21, 15, 53, 39, 29], [8, 10, 90, 110, 63], [24, 15, 89, 56, 32],
      [28, 17, 192, 192, 187], [20, 24, 214, 214, 208], [3, 29, 138, 87, 48],
    ],
  },
  {
    domain: SIM,
    state: { ee: { x: -0.33, y: 0.62 }, obj: { x: -0.35, y: 0.66 }, grip: 0.75 },
    sums: [214418, 219069, 230024],
    pixels: [
      [13, 18, 147, 156, 170], [15, 20, 63, 76, 96], [13, 15, 63, 76, 96],
      [24, 15, 199, 207, 221], [24, 17, 63, 76, 96], [3, 29, 219, 224, 234],
    ],
  },
  {
    domain: REAL,
    state: { ee: { x: -0.33, y: 0.62 }, obj: { x: -0.35, y: 0.66 }, grip: 0.75 },
    sums: [130643, 89982, 57648],
    pixels: [
      [13, 18, 165, 136, 113], [15, 20, 211, 211, 206], [13, 15, 203, 203, 198],
      [24, 15, 89, 56, 32], [24, 17, 168, 156, 143], [3, 29, 138, 87, 48],
    ],
  },
  {
    domain: SIM,
    state: { ee: { x: 0.5, y: 0.8 }, obj: { x: 0.5, y: 0.8 }, grip: 1.0 },
    sums: [214287, 219144, 230156],
    pixels: [
      [6, 22, 222, 111, 120], [26, 19, 63, 76, 96], [7, 25, 220, 166, 175],
      [24, 21, 70, 82, 102], [26, 20, 63, 76, 96], [3, 29, 219, 224, 234],
    ],
  },
  {
    domain: REAL,
    state: { ee: { x: 0.5, y: 0.8 }, obj: { x: 0.5, y: 0.8 }, grip: 1.0 },
    sums: [130595, 89995, 57813],
    pixels: [
      [6, 22, 93, 159, 91], [26, 19, 198, 198, 193], [7, 25, 138, 90, 52],
      [24, 21, 203, 202, 196], [26, 20, 200, 200, 195], [3, 29, 138, 87, 48],
    ],
  },
  {
    domain: SIM,
    state: { ee: { x: 0.02, y: 0.15 }, obj: { x: 0.02, y: 0.15 }, grip: 0.5 },
    sums: [214954, 219968, 230806],
    pixels: [
      [22, 20, 63, 76, 96], [30, 15, 161, 169, 183], [21, 14, 153, 128, 149],
      [26, 21, 63, 76, 96], [23, 22, 83, 95, 114], [3, 29, 219, 224, 234],
    ],
  },
  {
    domain: REAL,
    state: { ee: { x: 0.02, y: 0.15 }, obj: { x: 0.02, y: 0.15 }, grip: 0.5 },
    sums: [131516, 90283, 57794],
    pixels: [
      [22, 20, 204, 204, 199], [30, 15, 137, 98, 67], [21, 14, 53, 38, 29],
      [26, 21, 202, 202, 197], [23, 22, 164, 139, 117], [3, 29, 138, 87, 48],
    ],
  },
];

const STATE: FrameState = { ee: { x: 0.3, y: 0.55 }, obj: { x: -0.4, y: 0.8 }, grip: 0.5 };

type Frame = Uint8ClampedArray;

function pixel(frame: Frame, width: number, row: number, column: number): number[] {
  return [...frame.subarray(4 * (row * width + column), 4 * (row * width + column) + 3)];
}

function bytes(colour: readonly number[]): number[] {
  return colour.map((share) => Math.floor(255 * share));
}

/** How many pixels in a row through the disc have neither purely its colour nor purely the table's. */
function blurredPixels(width: number, height: number): number {
  const frame = renderFrame(SIM, { ...STATE, ee: { x: 0.9, y: -0.1 } }, width, height, null);
  const row = Math.round(((1.15 - STATE.obj.y) / 1.5) * (height - 1));
  const pure = new Set([bytes(SIM.object), bytes(SIM.table)].map(String));
  let blurred = 0;
  for (let column = 0; column < width / 2; column++) if (!pure.has(String(pixel(frame, width, row, column)))) blurred++;
  return blurred;
}

/** Which columns a disc in the middle of the table covers fully, in a frame 210 pixels high. */
function discColumns(width: number): { count: number; middle: number } {
  const frame = renderFrame(SIM, { ...STATE, obj: { x: 0, y: 0.8 } }, width, 210, null);
  const row = Math.round(((1.15 - 0.8) / 1.5) * 209);
  const columns = Array.from({ length: width }, (_, column) => column).filter(
    (column) => String(pixel(frame, width, row, column)) === String(bytes(SIM.object)),
  );
  return { count: columns.length, middle: (columns[0]! + columns.at(-1)!) / 2 };
}

describe("the policy's frames", () => {
  it.each(PROTOTYPE)('are those of the prototype ($domain.kind, $state)', ({ domain, state, sums, pixels }) => {
    const frame = renderFrame(domain, state, 32, 32, null);
    for (const [row, column, ...colour] of pixels) expect(pixel(frame, 32, row, column)).toEqual(colour);
    const channel = (c: number) => frame.reduce((sum, value, k) => (k % 4 === c ? sum + value : sum), 0);
    expect([channel(0), channel(1), channel(2)]).toEqual(sums);
    expect(channel(3)).toBe(255 * 32 * 32);
  });

  it.each([
    [SIM, null, '80b77537f8a9636b'],
    [SIM, 5, 'd90d9266b02b748e'],
    [REAL, null, '0f118a03ae344c78'],
    [REAL, 5, '309d9bb59f5f3ada'],
  ] as const)('do not change unnoticed (%#)', (domain, seed, digest) => {
    const frame = renderFrame(domain, STATE, 32, 32, seed);
    expect(createHash('sha256').update(frame).digest('hex').slice(0, 16)).toBe(digest);
  });
});

describe('frames of any size', () => {
  it.each([
    [32, 32],
    [280, 210],
    [640, 480],
  ])('show the disc where it is (%i × %i)', (width, height) => {
    const frame = renderFrame(SIM, STATE, width, height, null);
    const row = Math.round(((1.15 - 0.8) / 1.5) * (height - 1));
    const column = Math.round(((-0.4 + 1) / 2) * (width - 1));
    expect(pixel(frame, width, row, column)).toEqual(bytes(SIM.object));
    expect(pixel(frame, width, 0, 0)).toEqual(bytes(SIM.table));
  });

  it('fade edges over about a pixel, so that large ones are crisp', () => {
    expect(blurredPixels(280, 210)).toBeLessThanOrEqual(2);
    expect(blurredPixels(1120, 840)).toBeLessThanOrEqual(2);
  });

  it('see more table to both sides, and nothing stretched, when wider than 4:3', () => {
    expect(Math.abs(discColumns(420).count - discColumns(280).count)).toBeLessThanOrEqual(1);
    expect(discColumns(420).middle).toBeCloseTo(209.5, 0);
    expect(discColumns(280).middle).toBeCloseTo(139.5, 0);
  });

  it('are drawn fast enough for a person to scrub', () => {
    renderFrame(REAL, STATE, 280, 210, null);
    const start = performance.now();
    for (let k = 0; k < 10; k++) renderFrame(REAL, STATE, 280, 210, null);
    // About 4 ms a frame on one core of the machine this was written on; the limit leaves room for a busy one.
    expect((performance.now() - start) / 10).toBeLessThan(40);
  });
});

describe('camera noise', () => {
  it('is off without a seed, and then frames repeat exactly', () => {
    expect(renderFrame(REAL, STATE, 64, 48, null)).toEqual(renderFrame(REAL, STATE, 64, 48, null));
  });

  it('repeats for a seed and differs between seeds', () => {
    const [first, again, other] = [1, 1, 2].map((seed) => renderFrame(REAL, STATE, 64, 48, seed));
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it.each([SIM, REAL])('has the strength that the domain says ($kind)', (domain) => {
    const clean = renderFrame(domain, STATE, 64, 48, null);
    const noisy = renderFrame(domain, STATE, 64, 48, 3);
    // Only where nothing is cut off at black or white.
    const uncut = (k: number) => k % 4 < 3 && clean[k]! < 240 && clean[k]! > 15;
    const differences = [...noisy].map((value, k) => value - clean[k]!).filter((_, k) => uncut(k));
    const average = differences.reduce((sum, d) => sum + d, 0) / differences.length;
    const deviation = Math.sqrt(differences.reduce((sum, d) => sum + d * d, 0) / differences.length);
    expect(Math.abs(average)).toBeLessThan(0.3);
    expect(deviation / 255).toBeCloseTo(domain.noise, 3);
  });
});

describe('the real table', () => {
  it('looks like the simulated one when nothing is different', () => {
    expect(renderFrame(realDomain(0, 0), STATE, 32, 32, null)).toEqual(renderFrame(SIM, STATE, 32, 32, null));
  });

  it('is rotated by 2.5° and zoomed by −2.4 %', () => {
    expect((REAL.rotation * 180) / Math.PI).toBeCloseTo(2.5, 1);
    expect(REAL.zoom).toBeCloseTo(0.976, 12);
  });
});
