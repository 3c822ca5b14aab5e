import type { BatchSideInfo } from '../../engine/protocol.ts';
import type { Order } from '../../store/view.ts';

/** A permutation of the picture only: the batch, and the priors that act on its order, stay as they are. */
export interface DisplayOrder {
  /** display index → batch index */
  readonly batch: Int32Array;
  /** batch index → display index */
  readonly display: Int32Array;
}

/**
 * Orders of rows and columns: by time (phase where it is known), or episode by episode. Pairs keep facing each other, in
 * the order of their targets: the diagonal of the batch stays the diagonal of the picture.
 */
export function displayOrders(source: BatchSideInfo, target: BatchSideInfo, paired: boolean, order: Order): { rows: DisplayOrder; columns: DisplayOrder } {
  const columns = displayOrder(target, order);
  return { rows: paired ? columns : displayOrder(source, order), columns };
}

/** The order of one side by itself. */
export function displayOrder(info: BatchSideInfo, order: Order): DisplayOrder {
  const count = info.rows.length;
  const byTime = (p: number, q: number): number => info.progress[p]! - info.progress[q]! || info.episode[p]! - info.episode[q]! || p - q;
  const byEpisode = (p: number, q: number): number => info.episode[p]! - info.episode[q]! || info.frame[p]! - info.frame[q]! || p - q;
  const batch = Int32Array.from({ length: count }, (_, k) => k).sort(order === 'time' ? byTime : byEpisode);
  const display = new Int32Array(count);
  batch.forEach((index, place) => {
    display[index] = place;
  });
  return { batch, display };
}
