import { describe, expect, it } from 'vitest';
import { parseWidths } from '../../../src/config/policy.ts';

describe('widths of hidden layers as they are written', () => {
  it.each([
    ['64, 64', [64, 64]],
    ['64 64', [64, 64]],
    ['256，128', [256, 128]],
    [' 4096 ', [4096]],
    ['', []],
    [' , ', []],
    ['1,2,3,4,5,6,7,8', [1, 2, 3, 4, 5, 6, 7, 8]],
  ])('%j', (written, widths) => expect(parseWidths(written)).toEqual(widths));

  it.each(['0', '4097', '-3', '1.5', '1e2', 'sixty', '64, x4a', '1,2,3,4,5,6,7,8,9', 'NaN'])('%j cannot be taken', (written) => expect(parseWidths(written)).toBeNull());
});
