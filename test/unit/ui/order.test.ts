import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BatchSideInfo } from '../../../src/engine/protocol.ts';
import { displayOrder, displayOrders } from '../../../src/ui/plan/order.ts';

type Sample = readonly [progress: number, episode: number, frame: number];

function info(samples: readonly Sample[]): BatchSideInfo {
  const pick = (k: 0 | 1 | 2): number[] => samples.map((sample) => sample[k]);
  const count = samples.length;
  return { rows: Int32Array.from({ length: count }, (_, k) => k), episode: Int32Array.from(pick(1)), place: Int32Array.from(pick(1)), frame: Int32Array.from(pick(2)), seconds: new Float64Array(count), progress: Float64Array.from(pick(0)), truePhase: true, weight: 1 / count, columns: [] };
}

const samples: readonly Sample[] = [[0.5, 2, 10], [0.1, 3, 4], [0.9, 1, 20], [0.5, 1, 9], [0.1, 3, 3]];

describe('the order of the picture', () => {
  it('by time is by progress; equal progress by episode, then as drawn', () => {
    expect([...displayOrder(info(samples), 'time').batch]).toEqual([1, 4, 3, 0, 2]);
  });

  it('by episode is by episode, then frame', () => {
    expect([...displayOrder(info(samples), 'episode').batch]).toEqual([3, 2, 0, 4, 1]);
  });

  it('of a batch in time order is the batch itself', () => {
    expect([...displayOrder(info([[0, 1, 0], [0.2, 0, 5], [0.2, 0, 6], [1, 0, 30]]), 'time').batch]).toEqual([0, 1, 2, 3]);
  });

  it('is a permutation with its inverse, ties and missing progress included', () => {
    const sample = fc.tuple(fc.constantFrom(0, 0.5, 0.5, 1, Number.NaN), fc.nat(3), fc.nat(5));
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 40 }), fc.constantFrom('time', 'episode'), (drawn, order) => {
        const side = info(drawn);
        const { batch, display } = displayOrder(side, order);
        expect([...batch].toSorted((p, q) => p - q)).toEqual([...side.rows]);
        expect(Array.from(batch, (index) => display[index])).toEqual([...side.rows]);
        expect(Array.from(display, (place) => batch[place])).toEqual([...side.rows]);
        if (order === 'episode') for (let k = 1; k < drawn.length; k++) expect(side.episode[batch[k]!]!).toBeGreaterThanOrEqual(side.episode[batch[k - 1]!]!);
      }),
    );
  });

  it('leaves the batch as it was', () => {
    const side = info(samples);
    displayOrder(side, 'time');
    expect([...side.rows]).toEqual([0, 1, 2, 3, 4]);
  });

  it('keeps pairs facing each other, in the order of their targets', () => {
    const source = info(samples);
    const target = info(samples.toReversed());
    const paired = displayOrders(source, target, true, 'time');
    expect([...paired.rows.batch]).toEqual([...paired.columns.batch]);
    expect([...paired.columns.batch]).toEqual([...displayOrder(target, 'time').batch]);
    expect([...displayOrders(source, target, false, 'time').rows.batch]).toEqual([...displayOrder(source, 'time').batch]);
  });
});
