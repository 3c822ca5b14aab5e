import { describe, expect, it } from 'vitest';
import { meanOf, pairedDifference, studentQuantile } from '../../../src/core/experiment/paired.ts';

describe('intervals', () => {
  // scipy 1.11: stats.t.ppf(p, ν).
  it.each([
    [0.975, 1, 12.706204736174698], [0.975, 2, 4.302652729749464], [0.975, 3, 3.182446305283708], [0.975, 7, 2.364624251592785],
    [0.975, 15, 2.131449545559775], [0.975, 30, 2.0422724563012378], [0.975, 255, 1.9693105698498692], [0.9, 4, 1.5332062740589443], [0.995, 6, 3.707428021324907],
  ])('Student’s t at %d with %d degrees of freedom', (probability, freedom, expected) => expect(studentQuantile(probability, freedom)).toBeCloseTo(expected, 9));

  it('of a mean of differences', () => {
    // scipy: stats.ttest_rel([.9,.8,.7,.95,.6],[.5,.6,.75,.65,.6]).confidence_interval()
    const found = pairedDifference([0.4, 0.2, -0.05, 0.3, 0]);
    expect(found).toMatchObject({ pairs: 5, above: 3, below: 1 });
    expect(found.mean).toBeCloseTo(0.17, 12);
    expect(found.error).toBeCloseTo(Math.sqrt(0.2925 / 5 - 0.17 ** 2) / 2, 9);
    expect(found.high - found.mean).toBeCloseTo(2.7764451051977987 * found.error, 9);
  });

  it('of fewer than two pairs say that there is none', () => {
    expect(pairedDifference([0.3])).toMatchObject({ pairs: 1, mean: 0.3, error: Number.NaN, low: Number.NaN, high: Number.NaN });
    expect(pairedDifference([]).mean).toBeNaN();
    expect(meanOf([2]).error).toBeNaN();
  });
});
