import { assert } from '../../base/assert.ts';

/** The 97.5 % point of the standard normal distribution: intervals are those of 95 %. */
const Z = 1.959963984540054;

/**
 * Wilson's 95 % interval of a chance, from k successes in n attempts: where |p̂ − p| ≤ z·√(p(1−p)/n), solved for p.
 *
 * (p̂ + z²/2n ± z·√(p̂(1−p̂)/n + z²/4n²)) / (1 + z²/n). It stays in [0, 1] and is no point where all attempts agree. It
 * holds for the attempts of one policy; what another seed of training would give is not in it.
 */
export function wilson(successes: number, count: number): { readonly low: number; readonly high: number } {
  assert(count >= 1 && successes >= 0 && successes <= count, 'an interval is of k of n attempts');
  const share = successes / count;
  const square = (Z * Z) / count;
  const middle = share + square / 2;
  const half = Z * Math.sqrt((share * (1 - share)) / count + square / (4 * count));
  return { low: Math.max(0, (middle - half) / (1 + square)), high: Math.min(1, (middle + half) / (1 + square)) };
}
