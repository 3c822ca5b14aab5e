import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/base/random.ts';
import { fitRidge, probeError } from '../../../src/core/training/ridge.ts';

const random = new Random(4);
const rows = 60;
const x = Float64Array.from({ length: rows * 3 }, () => random.normal());
const noisy = Float64Array.from({ length: rows * 2 }, () => random.normal());

describe('ridge regression', () => {
  it('finds a linear map with an offset where the penalty is small, and predicts without error', () => {
    const y = Float64Array.from({ length: rows * 2 }, (_, k) => (k % 2 === 0 ? 2 * x[3 * (k >> 1)]! - 1 : 4 - 0.5 * x[3 * (k >> 1) + 2]!));
    const probe = fitRidge(x, y, rows, 1e-9);
    for (const [k, wanted] of [2, 0, 0, 0, 0, -0.5, -1, 4].entries()) expect(probe.weights[k]).toBeCloseTo(wanted, 8);
    expect(probeError(probe, x, y)).toBeLessThan(1e-8);
    expect(probeError(probe, x, y.map((value, k) => value + (k % 2 === 0 ? 3 : 4)))).toBeCloseTo(5, 8);
  });

  it('is where the gradient of ‖XW − Y‖² + penalty·‖W‖² is nothing', () => {
    const penalty = 0.7;
    const { weights } = fitRidge(x, noisy, rows, penalty);
    for (let i = 0; i < 4; i++)
      for (let o = 0; o < 2; o++) {
        let slope = penalty * weights[2 * i + o]!;
        for (let row = 0; row < rows; row++) {
          const entry = (k: number): number => (k === 3 ? 1 : x[3 * row + k]!);
          const residual = [0, 1, 2, 3].reduce((sum, k) => sum + entry(k) * weights[2 * k + o]!, -noisy[2 * row + o]!);
          slope += entry(i) * residual;
        }
        expect(Math.abs(slope)).toBeLessThan(1e-10);
      }
  });

  it('has a solution where inputs are constant or fewer than the columns', () => {
    const probe = fitRidge(new Float64Array(6).fill(1), Float64Array.of(1, 3), 2, 0.05);
    expect(probe.weights.every(Number.isFinite)).toBe(true);
    expect(probeError(probe, new Float64Array(6).fill(1), Float64Array.of(1, 3))).toBeCloseTo(1, 2);
  });
});
