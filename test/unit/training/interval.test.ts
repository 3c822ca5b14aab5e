import { describe, expect, it } from 'vitest';
import { wilson } from '../../../src/core/training/interval.ts';

describe('Wilson’s interval', () => {
  // Computed apart, from the roots of (p̂ − p)² = z²·p(1 − p)/n.
  it.each([
    [10, 10, 0.7225, 1],
    [0, 10, 0, 0.2775],
    [15, 50, 0.191, 0.4375],
    [26, 30, 0.7032, 0.9469],
  ])('of %d in %d is %d to %d', (successes, count, low, high) => {
    const interval = wilson(successes, count);
    expect(interval.low).toBeCloseTo(low, 3);
    expect(interval.high).toBeCloseTo(high, 3);
  });

  it('has ends at which the normal test just rejects', () => {
    const { low, high } = wilson(17, 30);
    for (const p of [low, high]) expect(Math.abs(17 / 30 - p) / Math.sqrt((p * (1 - p)) / 30)).toBeCloseTo(1.96, 3);
  });
});
