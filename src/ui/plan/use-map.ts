import { useMemo } from 'react';
import { useView } from '../../store/view.ts';
import { parseHex, token, writeTone } from '../charts/colours.ts';
import { useTheme } from '../parts/hooks.ts';
import type { Orders } from './use-orders.ts';

/**
 * How a matrix in batch order becomes pixels in display order. The function is a new one, so that the heatmap paints
 * again, whenever orders, theme or `version` change.
 * @param values row-major n × m; read when painting, so it need not be stable
 * @param tone of an entry at batch indices (i, j): 0…1, or NaN for paper
 * @param version stands for everything that `values` and `tone` depend on
 */
export function useMapPixels(orders: Orders | null, values: () => ArrayLike<number> | undefined, tone: (value: number, i: number, j: number) => number, version: string): (pixels: Uint8ClampedArray) => void {
  const theme = useTheme();
  return useMemo(
    () => (pixels) => {
      const matrix = values();
      if (!matrix || !orders || matrix.length !== orders.rows.batch.length * orders.columns.batch.length) return;
      const paper = parseHex(token('zero'));
      const columns = orders.columns.batch;
      let offset = 0;
      for (const i of orders.rows.batch)
        for (let k = 0; k < columns.length; k++, offset += 4) {
          const j = columns[k]!;
          writeTone(pixels, offset, tone(matrix[i * columns.length + j]!, i, j), paper);
        }
    },
    // `version` and the theme stand for what the two functions read.
    // oxlint-disable-next-line react/exhaustive-deps
    [orders, theme, version],
  );
}

/** The shared cursor in display indices, and how a heatmap moves it. */
export function useMapCursor(orders: Orders | null): { shown: { row: number; column: number }; move: (row: number, column: number) => void } {
  const cursor = useView((view) => view.cursor);
  return {
    shown: { row: orders?.rows.display[cursor.i] ?? 0, column: orders?.columns.display[cursor.j] ?? 0 },
    move: (row, column) => {
      const i = orders?.rows.batch[row];
      const j = orders?.columns.batch[column];
      if (i !== undefined && j !== undefined && (i !== cursor.i || j !== cursor.j)) useView.setState({ cursor: { i, j } });
    },
  };
}
