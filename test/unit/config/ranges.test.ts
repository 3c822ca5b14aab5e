import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/base/errors.ts';
import { parseRanges } from '../../../src/config/ranges.ts';

describe('ranges', () => {
  it.each([
    ['0:3', [0, 1, 2]],
    ['0:3, 7', [0, 1, 2, 7]],
    ['7,0:3', [7, 0, 1, 2]],
    ['4 2;1', [4, 2, 1]],
    [' 0:2 ,\n 9 ', [0, 1, 9]],
    ['3,3', [3, 3]],
    ['9:10', [9]],
    ['0:10', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['007', [7]],
  ])('"%s" of ten', (text, indices) => expect(parseRanges(text, 10, 'frames')).toEqual(indices));

  it('takes an empty text as everything', () => {
    expect(parseRanges('', 3, 'frames')).toEqual([0, 1, 2]);
    expect(parseRanges('  ', 3, 'frames')).toEqual([0, 1, 2]);
    expect(parseRanges('', 0, 'frames')).toEqual([]);
  });

  it.each(['a', '1:2:3', '-1', '1.5', '1e3', '0x3', ':', '3:', ':3', '3:3', '5:2', '0:11', '10', '99999999999999999999', '1:99999999999999999999'])('"%s" of ten is refused by name', (text) => {
    const refused = (): unknown => parseRanges(text, 10, 'source frames');
    expect(refused).toThrow(UserError);
    expect(refused).toThrow(/source frames/);
  });

  it('gives back any list of ranges, every index inside', () => {
    const range = fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 9 })).map(([from, length]) => ({ from, to: from + length }));
    fc.assert(
      fc.property(fc.array(range, { minLength: 1, maxLength: 8 }), (ranges) => {
        const text = ranges.map(({ from, to }) => (to === from + 1 ? String(from) : `${from}:${to}`)).join(', ');
        const indices = ranges.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, k) => from + k));
        expect(parseRanges(text, 50, 'frames')).toEqual(indices);
      }),
    );
  });

  it('answers any text with indices inside, or a sentence', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123:;, -.e'.split('')), maxLength: 12 }), fc.nat(100), (text, count) => {
        try {
          for (const index of parseRanges(text, count, 'frames')) expect(index).toBeLessThan(count);
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: 'bad-range' });
        }
      }),
    );
  });
});
