/** A box in CSS pixels. */
export interface Margins {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Where a matrix of rows × columns is drawn inside its panel. */
export interface GridBox {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** Side of a cell. */
  readonly cell: number;
}

/**
 * Square cells of whole device pixels that fill the room inside the margins; the spare stays empty. Matrices with more
 * cells than device pixels shrink to fit.
 */
export function gridBox(panel: { width: number; height: number }, margins: Margins, rows: number, columns: number, pixelRatio: number): GridBox {
  const room = { width: Math.max(1, panel.width - margins.left - margins.right), height: Math.max(1, panel.height - margins.top - margins.bottom) };
  const ideal = Math.min(room.width / columns, room.height / rows);
  const whole = Math.floor(ideal * pixelRatio) / pixelRatio;
  const cell = whole > 0 ? whole : ideal;
  const snap = (value: number): number => Math.round(value * pixelRatio) / pixelRatio;
  return { left: snap(margins.left), top: snap(margins.top), width: cell * columns, height: cell * rows, cell };
}

/** At most four round steps and the last index. */
export function axisTicks(count: number): number[] {
  if (count <= 1) return [0];
  const step = [1, 2, 4, 5, 8, 10, 16, 20, 25, 32, 50, 64, 100, 128, 200, 250, 256, 500, 512, 1000, 1024].find((size) => (count - 1) / size <= 4) ?? 1024;
  const ticks = Array.from({ length: Math.ceil((count - 1) / step) }, (_, k) => k * step).filter((tick) => count - 1 - tick > step / 3);
  return [...ticks, count - 1];
}
