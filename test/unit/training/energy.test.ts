import { expect, it } from 'vitest';
import { Random } from '../../../src/base/random.ts';
import { energyDistance } from '../../../src/core/training/energy.ts';

const normals = (count: number, seed: number, shift = 0): Float32Array => {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => random.normal() + shift);
};
const energyOf = (source: Float32Array, target: Float32Array, width: number): number => energyDistance(source, target, width, 1, new Float32Array(source.length + target.length));

it('of two points is twice their distance, and of the same batch twice over 0', () => {
  expect(energyOf(Float32Array.of(1, 2, 2), Float32Array.of(0, 0, 0), 3)).toBe(6);
  const batch = normals(40, 1);
  expect(energyOf(batch, batch, 4)).toBeCloseTo(0, 12);
});

it('is in one dimension 2∫(F − G)², with the distribution functions of both batches', () => {
  const [source, target] = [normals(7, 2), normals(5, 3, 0.7)];
  const ends = [...source, ...target].toSorted((p, q) => p - q);
  const share = (values: Float32Array, at: number): number => values.filter((value) => value <= at).length / values.length;
  const integral = ends.slice(1).reduce((sum, end, k) => sum + (end - ends[k]!) * (share(source, ends[k]!) - share(target, ends[k]!)) ** 2, 0);
  expect(energyOf(source, target, 1)).toBeCloseTo(2 * integral, 12);
});

it('has the derivative that differences say, also where points fall together', () => {
  const [source, target] = [normals(12, 4), normals(15, 5, 0.5)];
  source.copyWithin(3, 0, 3);
  const gradient = new Float32Array(27);
  energyDistance(source, target, 3, 0.25, gradient);
  const h = 2 ** -8;
  for (let k = 6; k < 27; k++) {
    const at = (step: number): number => {
      const [p, q] = [source.slice(), target.slice()];
      if (k < 12) p[k]! += step;
      else q[k - 12]! += step;
      return energyOf(p, q, 3);
    };
    expect(gradient[k]).toBeCloseTo((0.25 * (at(h) - at(-h))) / (2 * h), 3);
  }
});
