import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/base/random.ts';
import { EMBEDDING, FILTERS, HIDDEN, SIDE, builtinEncoders, colourBank, mlpWeights } from '../../../src/encoders/builtin.ts';
import { preflight } from '../../../src/encoders/preflight.ts';
import { EncoderSession } from '../../../src/encoders/session.ts';
import { REAL, SIM } from '../../../src/world/domains.ts';
import { renderFrame } from '../../../src/world/render.ts';

const session = async (name: string): Promise<EncoderSession> => {
  const bytes = builtinEncoders().get(name)!;
  return EncoderSession.create({ bytes, preflight: preflight(bytes, name) });
};

/** Frames of both domains with the arm and the disc anywhere, (n, 3, 32, 32) in [0, 1], and where the disc was. */
function frames(count: number): { image: Float32Array; disc: { x: number; y: number }[] } {
  const random = new Random(11);
  const image = new Float32Array(count * 3 * SIDE * SIDE);
  const disc: { x: number; y: number }[] = [];
  for (let n = 0; n < count; n++) {
    const obj = { x: random.between(-0.7, 0.7), y: random.between(0.3, 0.9) };
    const bytes = renderFrame(n % 2 ? REAL : SIM, { ee: { x: random.between(-0.6, 0.6), y: random.between(0.3, 0.9) }, grip: random.uniform(), obj }, SIDE, SIDE, n);
    for (let p = 0; p < SIDE * SIDE; p++) for (let c = 0; c < 3; c++) image[(3 * n + c) * SIDE * SIDE + p] = bytes[4 * p + c]! / 255;
    disc.push(obj);
  }
  return { image, disc };
}

/** `feats` of the prototype, pixel by pixel in float64: blur by rolling, contrast, colours, softmax over positions. */
function keypointsByHand(image: Float32Array): number[] {
  const narrow = new Map([[-2, 0.06], [-1, 0.24], [0, 0.4], [1, 0.24], [2, 0.06]]);
  const wide = new Map(Array.from({ length: 11 }, (_, k) => [k - 5, 1 / 11]));
  const pixel = (c: number, y: number, x: number): number => image[(c * SIDE + ((y + SIDE) % SIDE)) * SIDE + ((x + SIDE) % SIDE)]!;
  const blurred = (taps: Map<number, number>, c: number, y: number, x: number): number => {
    let sum = 0;
    for (const [dy, wy] of taps) for (const [dx, wx] of taps) sum += wy * wx * pixel(c, y - dy, x - dx);
    return sum;
  };
  const bank = colourBank();
  const place = (k: number): number => -1 + (2 * k) / (SIDE - 1);
  const contrast = new Map<string, number>();
  for (let c = 0; c < 3; c++) for (let y = 2; y < SIDE - 2; y++) for (let x = 2; x < SIDE - 2; x++) contrast.set(`${c},${y},${x}`, blurred(narrow, c, y, x) - blurred(wide, c, y, x));
  const [xs, ys]: [number[], number[]] = [[], []];
  for (let k = 0; k < FILTERS; k++) {
    let [total, sumX, sumY] = [0, 0, 0];
    for (let y = 2; y < SIDE - 2; y++) {
      for (let x = 2; x < SIDE - 2; x++) {
        const response = [0, 1, 2].reduce((sum, c) => sum + bank[3 * k + c]! * contrast.get(`${c},${y},${x}`)!, 0);
        const weight = Math.exp(40 * response);
        total += weight;
        sumX += weight * place(x);
        sumY += weight * place(y);
      }
    }
    xs.push(sumX / total);
    ys.push(sumY / total);
  }
  return [...xs, ...ys];
}

/** Linear, ReLU, Linear, LayerNorm in float64. */
function mlpByHand(keypoints: readonly number[]): number[] {
  const weights = mlpWeights();
  const linear = (input: readonly number[], layer: string, size: number): number[] => {
    const [w, b] = [weights.get(`${layer}.weight`)!.values, weights.get(`${layer}.bias`)!.values];
    return Array.from({ length: size }, (_, k) => input.reduce((sum, value, j) => sum + w[k * input.length + j]! * value, b[k]!));
  };
  const raw = linear(linear(keypoints, 'net.0', HIDDEN).map((value) => Math.max(0, value)), 'net.2', EMBEDDING);
  const mean = raw.reduce((sum, value) => sum + value, 0) / EMBEDDING;
  const variance = raw.reduce((sum, value) => sum + (value - mean) ** 2, 0) / EMBEDDING;
  return raw.map((value) => (value - mean) / Math.sqrt(variance + 1e-5));
}

function expectClose(actual: Float32Array, wanted: readonly number[], tolerance: number): void {
  expect(actual.length).toBe(wanted.length);
  expect(Math.max(...wanted.map((value, k) => Math.abs(actual[k]! - value)))).toBeLessThan(tolerance);
}

describe('the built-in encoders', () => {
  it('in public/encoders are what the code makes, small, and take any batch', () => {
    const files = builtinEncoders();
    for (const [name, bytes] of files) {
      expect(readFileSync(new URL(`../../../public/encoders/${name}`, import.meta.url)).equals(bytes), `${name}: run npm run encoders`).toBe(true);
      const { inputs, warnings, opset } = preflight(bytes, name);
      expect([...inputs.values()].map(({ shape }) => shape![0])).toEqual(['batch']);
      expect({ warnings, opset }).toEqual({ warnings: [], opset: 17 });
    }
    expect([...files.values()].reduce((sum, { length }) => sum + length, 0)).toBeLessThan(200_000);
  });

  it('have opponent colours of length 1, most of their grey taken out', () => {
    const bank = colourBank();
    for (let k = 0; k < FILTERS; k++) expect(Math.hypot(...bank.subarray(3 * k, 3 * k + 3))).toBeCloseTo(1, 6);
    expect(new Set(bank).size).toBe(3 * FILTERS);
  });

  it('keypoints.onnx computes what the prototype does', async () => {
    const { image } = frames(4);
    const { rows, width, values } = await (await session('keypoints.onnx')).embed('keypoints', new Map([['image', { dims: [4, 3, SIDE, SIDE], values: image }]]), 4);
    expect([rows, width]).toEqual([4, 48]);
    expectClose(values, Array.from({ length: 4 }, (_, n) => keypointsByHand(image.subarray(n * 3 * SIDE * SIDE, (n + 1) * 3 * SIDE * SIDE))).flat(), 2e-5);
  });

  it('mlp.onnx computes Linear, ReLU, Linear, LayerNorm', async () => {
    const random = new Random(4);
    const keypoints = Float32Array.from({ length: 96 }, () => random.between(-1, 1));
    const { values } = await (await session('mlp.onnx')).embed('embedding', new Map([['keypoints', { dims: [2, 48], values: keypoints }]]), 2);
    expectClose(values, [...mlpByHand([...keypoints.subarray(0, 48)]), ...mlpByHand([...keypoints.subarray(48)])], 2e-5);
    expect(preflight(builtinEncoders().get('mlp.onnx')!, 'mlp.onnx').parameters).toBe(48 * 48 + 48 + 48 * 16 + 16);
  });

  it('demo-encoder.onnx is one after the other', async () => {
    const { image } = frames(3);
    const feed = new Map([['image', { dims: [3, 3, SIDE, SIDE], values: image }]]);
    const whole = await (await session('demo-encoder.onnx')).embed('embedding', feed, 3);
    const keypoints = await (await session('keypoints.onnx')).embed('keypoints', feed, 3);
    const embedding = await (await session('mlp.onnx')).embed('embedding', new Map([['keypoints', { dims: [3, 48], values: keypoints.values }]]), 3);
    expect(whole.width).toBe(EMBEDDING);
    expectClose(whole.values, [...embedding.values], 1e-5);
  });

  it('see the disc: some keypoint follows it across the table in either domain', async () => {
    const count = 200;
    const { image, disc } = frames(count);
    const { values } = await (await session('keypoints.onnx')).embed('keypoints', new Map([['image', { dims: [count, 3, SIDE, SIDE], values: image }]]), count);
    for (const domain of [0, 1]) {
      const rows = disc.map((_, n) => n).filter((n) => n % 2 === domain);
      const best = Math.max(...Array.from({ length: FILTERS }, (_, k) => Math.abs(correlation(rows.map((n) => values[48 * n + k]!), rows.map((n) => disc[n]!.x)))));
      expect(best).toBeGreaterThan(0.9);
    }
  });
});

function correlation(a: readonly number[], b: readonly number[]): number {
  const centred = (values: readonly number[]): number[] => values.map((value) => value - values.reduce((sum, other) => sum + other, 0) / values.length);
  const dot = (x: readonly number[], y: readonly number[]): number => x.reduce((sum, value, k) => sum + value * y[k]!, 0);
  const [x, y] = [centred(a), centred(b)];
  return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
}
