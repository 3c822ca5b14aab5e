import { describe, expect, test } from 'vitest';
import { formatCount, formatFromLog, formatNumber, formatPercent, parseNumber } from '../../../src/words/numbers.ts';

describe('formatNumber', () => {
  test.each([
    [0, '0'],
    [-0, '0'],
    [1, '1.00'],
    [-1, '−1.00'],
    [0.15, '0.150'],
    [0.001, '0.00100'],
    [9.994e-4, '1.0e−3'],
    [9.996e-4, '0.00100'],
    [1.234e-7, '1.2e−7'],
    [-4.56e-12, '−4.6e−12'],
    [12.345, '12.3'],
    [99.96, '100'],
    [123.4, '123'],
    [99949, '99949'],
    [99950, '1.0e5'],
    [1e5, '1.0e5'],
    [1.26e300, '1.3e300'],
    [-250000, '−2.5e5'],
    [Infinity, '∞'],
    [-Infinity, '−∞'],
    [Number.NaN, '–'],
    [null, '–'],
    [undefined, '–'],
  ])('%s is written %s', (value, text) => expect(formatNumber(value)).toBe(text));

  test('never more than three significant digits short of the value', () => {
    for (let power = -12; power < 12; power += 0.37) {
      const value = 10 ** power;
      expect(Math.abs(parseNumber(formatNumber(value)) - value)).toBeLessThan(0.06 * value);
      expect(parseNumber(formatNumber(-value))).toBe(-parseNumber(formatNumber(value)));
    }
  });
});

test('formatFromLog speaks of numbers that a double cannot hold', () => {
  expect(formatFromLog(0, -2380.95)).toBe('1e−1034');
  expect(formatFromLog(0, -Infinity)).toBe('0');
  expect(formatFromLog(0.25, Math.log(0.25))).toBe('0.250');
  expect(formatFromLog(1e-310, -310 * Math.LN10)).toBe('1e−310');
});

test.each([[0.9712, '97.1 %'], [0, '0.0 %'], [1, '100.0 %'], [-0.05, '−5.0 %'], [Number.NaN, '–'], [null, '–'], [undefined, '–'], [Infinity, '–']])('formatPercent %s', (share, text) => expect(formatPercent(share)).toBe(text));

test.each([[0, '0'], [999, '999'], [1000, '1\u2009000'], [1234567, '1\u2009234\u2009567']])('formatCount %d', (count, text) => expect(formatCount(count)).toBe(text));

describe('parseNumber', () => {
  test.each([
    ['1e-3', 0.001],
    ['0,01', 0.01],
    [' 2.5 ', 2.5],
    ['.5', 0.5],
    ['5.', 5],
    ['+3', 3],
    ['-3', -3],
    ['−3', -3],
    ['1e−3', 0.001],
    ['−1e−3', -0.001],
    ['1E5', 1e5],
    ['inf', Infinity],
    ['∞', Infinity],
    ['Infinity', Infinity],
  ])('%s', (text, value) => expect(parseNumber(text)).toBe(value));

  test.each(['', ' ', '-', 'e3', '1e', 'abc', '1.2.3', '1,000,000', '0x10', 'NaN', '1 2', '1e3.5', '--1', 'null', '1_000'])('"%s" is no number', (text) => expect(parseNumber(text)).toBeNaN());
});
