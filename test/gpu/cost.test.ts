import { afterAll, expect, test } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { Buffers, readBack } from '../../src/gpu/buffers.ts';
import { cdist, type CloudShape } from '../../src/gpu/cdist.ts';
import { Pipelines } from '../../src/gpu/pipelines.ts';
import { weightedSum } from '../../src/gpu/weighted-sum.ts';
import { describeOnGpu } from './device.ts';

/* Costs on the GPU against plain float64 loops over the same float32 inputs. */

describeOnGpu('cost kernels', ({ device }) => {
  const pipelines = new Pipelines(device);
  afterAll(() => device.destroy());

  async function distances(x: Float32Array<ArrayBuffer>, y: Float32Array<ArrayBuffer>, shape: CloudShape): Promise<{ straight: Float32Array; flipped: Float32Array }> {
    const buffers = new Buffers(device);
    const result = await cdist(device, pipelines, buffers.filled(x), buffers.filled(y), shape);
    const bytes = shape.batch * shape.n * shape.m * 4;
    const [straight, flipped] = await readBack(device, [
      { buffer: result.distances, bytes },
      { buffer: result.flipped, bytes },
    ]);
    buffers.destroy();
    result.distances.destroy();
    result.flipped.destroy();
    return { straight: new Float32Array(straight!), flipped: new Float32Array(flipped!) };
  }

  function truth(x: Float32Array, y: Float32Array, { batch, n, m, dim }: CloudShape): Float64Array {
    return Float64Array.from({ length: batch * n * m }, (_, k) => {
      const b = Math.floor(k / (n * m));
      const i = Math.floor((k % (n * m)) / m);
      const j = k % m;
      let total = 0;
      for (let d = 0; d < dim; d++) total += (x[(b * n + i) * dim + d]! - y[(b * m + j) * dim + d]!) ** 2;
      return total;
    });
  }

  const worst = (values: Float32Array, expected: Float64Array): number => expected.reduce((largest, value, k) => Math.max(largest, Math.abs(values[k]! - value) / value), 0);

  test.each([
    { batch: 1, n: 1, m: 1, dim: 1 },
    { batch: 1, n: 33, m: 70, dim: 17 },
    { batch: 3, n: 20, m: 5, dim: 7 },
    { batch: 2, n: 64, m: 64, dim: 128 },
  ])('distances and their transpose: %o', async (shape) => {
    const random = new Random(5);
    const x = Float32Array.from({ length: shape.batch * shape.n * shape.dim }, () => random.normal());
    const y = Float32Array.from({ length: shape.batch * shape.m * shape.dim }, () => random.normal());
    const { straight, flipped } = await distances(x, y, shape);
    const expected = truth(x, y, shape);
    expect(worst(straight, expected)).toBeLessThanOrEqual(1e-6);
    const { n, m } = shape;
    straight.forEach((value, k) => {
      const start = Math.floor(k / (n * m)) * n * m;
      const cell = k - start;
      expect(flipped[start + (cell % m) * n + Math.floor(cell / m)]).toBe(value);
    });
  });

  // The Gram form ‖x‖² + ‖y‖² − 2⟨x,y⟩ is wrong by a factor of thousands here.
  test.each([1, 1e-2])('far from the origin, |x| = 1e3, differences of %d a side', async (size) => {
    const shape = { batch: 1, n: 40, m: 48, dim: 16 };
    const random = new Random(9);
    const centre = 1e3 / Math.sqrt(shape.dim);
    const cloud = (count: number): Float32Array<ArrayBuffer> => Float32Array.from({ length: count * shape.dim }, () => centre + (size / Math.sqrt(shape.dim)) * random.normal());
    const [x, y] = [cloud(shape.n), cloud(shape.m)];
    const expected = truth(x, y, shape);
    const mean = expected.reduce((left, right) => left + right, 0) / expected.length;
    expect(mean / (2 * size * size)).toBeGreaterThan(0.8);
    expect(mean / (2 * size * size)).toBeLessThan(1.2);
    const { straight } = await distances(x, y, shape);
    expect(worst(straight, expected)).toBeLessThanOrEqual(5e-7);
  });

  test('weighted sums, whatever the buffer held', async () => {
    const count = 1000;
    const random = new Random(3);
    const terms = [0.5, -2, 3].map((weight) => ({ weight, values: Float32Array.from({ length: count }, () => random.normal()) }));
    const buffers = new Buffers(device);
    const sum = await weightedSum(device, pipelines, terms.map(({ weight, values }) => ({ weight, buffer: buffers.filled(values) })), count);
    const [bytes] = await readBack(device, [{ buffer: sum, bytes: count * 4 }]);
    buffers.destroy();
    sum.destroy();
    new Float32Array(bytes!).forEach((value, k) => expect(value).toBeCloseTo(terms.reduce((total, { weight, values }) => total + weight * values[k]!, 0), 4));
  });
});
