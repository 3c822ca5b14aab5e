import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { axisTicks, gridBox } from '../../../src/ui/charts/geometry.ts';
import { MAX_SIDE } from '../../../src/core/ot/problem.ts';

const whole = (value: number): boolean => Math.abs(value - Math.round(value)) < 1e-6;

describe('the box of a matrix', () => {
  const none = { left: 0, right: 0, top: 0, bottom: 0 };

  it('is square cells of whole device pixels', () => {
    expect(gridBox({ width: 500, height: 400 }, { left: 40, right: 10, top: 20, bottom: 30 }, 64, 64, 1)).toEqual({ left: 40, top: 20, width: 320, height: 320, cell: 5 });
    expect(gridBox({ width: 500, height: 400 }, none, 64, 64, 2)).toEqual({ left: 0, top: 0, width: 384, height: 384, cell: 6 });
    expect(gridBox({ width: 500, height: 415 }, none, 64, 64, 2).cell).toBe(6);
    expect(gridBox({ width: 500, height: 416 }, none, 64, 64, 2).cell).toBe(6.5);
  });

  it('follows the longer side of a matrix that is not square', () => {
    expect(gridBox({ width: 300, height: 300 }, none, 10, 30, 1)).toMatchObject({ width: 300, height: 100, cell: 10 });
  });

  it('shrinks cells below a device pixel where there are more of them', () => {
    const { cell, width } = gridBox({ width: 300, height: 300 }, none, 1024, 1024, 1);
    expect(cell).toBeCloseTo(300 / 1024, 12);
    expect(width).toBeCloseTo(300, 9);
  });

  it('is never empty or negative, even where the margins leave no room', () => {
    const { width, height, cell } = gridBox({ width: 20, height: 0 }, { left: 40, right: 10, top: 20, bottom: 30 }, 64, 64, 2);
    for (const extent of [width, height, cell]) expect(extent).toBeGreaterThan(0);
  });

  it('in any panel: square, inside the room, as large as whole pixels allow', () => {
    const margin = fc.double({ min: 0, max: 60, noNaN: true });
    fc.assert(
      fc.property(
        fc.record({ width: fc.integer({ min: 200, max: 3000 }), height: fc.integer({ min: 200, max: 3000 }) }),
        fc.record({ left: margin, right: margin, top: margin, bottom: margin }),
        fc.integer({ min: 1, max: 1024 }),
        fc.integer({ min: 1, max: 1024 }),
        fc.constantFrom(1, 1.25, 1.5, 2, 3),
        (panel, margins, rows, columns, ratio) => {
          const box = gridBox(panel, margins, rows, columns, ratio);
          const pixel = 1 / ratio;
          expect(box.width).toBeCloseTo(columns * box.cell, 6);
          expect(box.height).toBeCloseTo(rows * box.cell, 6);
          expect(whole(box.left * ratio) && whole(box.top * ratio)).toBe(true);
          // Snapping the corner moves it by at most half a device pixel.
          expect(box.left + box.width).toBeLessThanOrEqual(panel.width - margins.right + pixel / 2 + 1e-6);
          expect(box.top + box.height).toBeLessThanOrEqual(panel.height - margins.bottom + pixel / 2 + 1e-6);
          const room = Math.min((panel.width - margins.left - margins.right) / columns, (panel.height - margins.top - margins.bottom) / rows);
          if (room >= pixel) {
            expect(whole(box.cell * ratio)).toBe(true);
            expect(box.cell + pixel).toBeGreaterThan(room - 1e-9);
          } else expect(box.cell).toBeCloseTo(room, 12);
        },
      ),
      { numRuns: 400 },
    );
  });
});

describe('ticks', () => {
  it.each([
    [1, [0]],
    [2, [0, 1]],
    [5, [0, 1, 2, 3, 4]],
    [8, [0, 2, 4, 6, 7]],
    [9, [0, 2, 4, 6, 8]],
    [64, [0, 16, 32, 48, 63]],
    [100, [0, 25, 50, 75, 99]],
    [1024, [0, 256, 512, 768, 1023]],
  ])('of %s', (count, ticks) => expect(axisTicks(count)).toEqual(ticks));

  it('of any batch: first and last, at most five, rising, none crowding the last', () => {
    for (let count = 2; count <= MAX_SIDE; count += count < 1100 ? 1 : 107) {
      const ticks = axisTicks(count);
      expect(ticks[0]).toBe(0);
      expect(ticks.at(-1)).toBe(count - 1);
      expect(ticks.length).toBeLessThanOrEqual(5);
      expect(ticks.length).toBeGreaterThanOrEqual(Math.min(3, count));
      const steps = ticks.slice(1).map((tick, k) => tick - ticks[k]!);
      expect(Math.min(...steps) * 3).toBeGreaterThanOrEqual(steps[0]!);
    }
  });
});
