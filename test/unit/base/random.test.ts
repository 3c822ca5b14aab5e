import { describe, expect, test } from 'vitest';
import { Random, type RandomState } from '../../../src/base/random.ts';

const draw = (seed: number, count: number): Random & { values: number[] } => {
  const random = new Random(seed);
  return Object.assign(random, { values: Array.from({ length: count }, () => random.uint32()) });
};

test('the stream of a seed is frozen: exported files and shared links depend on it', () => {
  expect(draw(1, 4).values).toEqual([2420951833, 2513034076, 3847892949, 4064752930]);
  expect(draw(20250918, 4).values).toEqual([2681854601, 2048375425, 3896520043, 3637125538]);
  const random = new Random(1);
  expect([random.uniform(), random.normal(), random.normal(5, 2)]).toEqual([0.5636717720710586, -0.2976440489292145, 3.701205015182495]);
  expect(new Random(3).sample(10, 5)).toEqual([2, 8, 9, 6, 0]);
});

test('seeds differ, and a seed repeats', () => {
  expect(draw(7, 20).values).toEqual(draw(7, 20).values);
  const firsts = new Set(Array.from({ length: 1000 }, (_, seed) => draw(seed, 1).values[0]));
  expect(firsts.size).toBe(1000);
});

test('a stream goes on from a saved state to the last bit, whatever was drawn before', () => {
  for (const seed of [0, 1, -7, 2 ** 31]) {
    const random = new Random(seed);
    random.normal();
    random.sample(9, 4);
    const state = JSON.parse(JSON.stringify(random.state)) as RandomState;
    const next = (from: Random): number[] => [from.uint32(), from.normal(), from.uniform(), from.below(1000), ...from.sample(30, 5), from.normal(3, 2)];
    const expected = next(random);
    const restored = Random.from(state);
    expect(next(restored)).toEqual(expected);
    expect(restored.state).toEqual(random.state);
    expect(state.every((word) => Object.is(word, word | 0))).toBe(true);
  }
});

describe('distributions', () => {
  const random = new Random(4);
  const count = 50_000;
  test('uniform: 64 equally likely bins (χ², 63 degrees of freedom, far below the 10⁻⁶ quantile)', () => {
    const bins = Array.from({ length: 64 }, () => 0);
    for (let k = 0; k < count; k++) {
      const value = random.uniform();
      expect(value >= 0 && value < 1).toBe(true);
      bins[Math.floor(64 * value)]!++;
    }
    const expected = count / 64;
    expect(bins.reduce((total, seen) => total + (seen - expected) ** 2 / expected, 0)).toBeLessThan(130);
  });
  test('normal: mean, deviation and fourth moment; values are float32', () => {
    const values = Array.from({ length: count }, () => random.normal());
    const moment = (power: number): number => values.reduce((total, value) => total + value ** power, 0) / count;
    expect(Math.abs(moment(1))).toBeLessThan(0.02);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.03);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.25);
    expect(values.every((value) => Math.fround(value) === value)).toBe(true);
  });
  test('below and between stay in range', () => {
    const seen = new Set(Array.from({ length: 500 }, () => random.below(7)));
    expect([...seen].toSorted((p, q) => p - q)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    for (let k = 0; k < 500; k++) {
      const value = random.between(-3, 2);
      expect(value >= -3 && value < 2).toBe(true);
    }
  });
});

describe('sample', () => {
  test('distinct, in range, of the size asked for', () => {
    const random = new Random(9);
    for (let k = 0; k < 100; k++) {
      const picked = random.sample(20, 8);
      expect(new Set(picked).size).toBe(8);
      expect(picked.every((value) => Number.isInteger(value) && value >= 0 && value < 20)).toBe(true);
    }
  });
  test('all of them when more are asked for, none when none', () => {
    expect(new Random(1).sample(5, 9).toSorted((p, q) => p - q)).toEqual([0, 1, 2, 3, 4]);
    expect(new Random(1).sample(5, 0)).toEqual([]);
    expect(new Random(1).sample(0, 3)).toEqual([]);
  });
  test('every element is as likely in every place', () => {
    const random = new Random(10);
    const counts = [0, 0, 0, 0, 0];
    for (let k = 0; k < 10_000; k++) counts[random.sample(5, 2)[1]!]!++;
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(200);
  });
});
