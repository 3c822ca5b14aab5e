import type { ReactElement } from 'react';
import { matrices } from '../../store/run.ts';
import type { GridBox } from '../charts/geometry.ts';
import type { Zoom } from '../charts/Heatmap.tsx';
import type { DisplayOrder } from './order.ts';

interface MarginalsProps {
  readonly grid: GridBox;
  readonly orders: { readonly rows: DisplayOrder; readonly columns: DisplayOrder };
  readonly cursor: { readonly row: number; readonly column: number };
  readonly zoom: Zoom | null;
  readonly rem: number;
  readonly phone: boolean;
  /** Whether exact zeros are drawn, and so need a key. */
  readonly masked: boolean;
  /** Makes a new plan a new picture. */
  readonly version: number;
}

/** The bars' axis ends here, in units of the weight; longer bars are clipped. */
const AXIS_END = 1.3;

/** π1 beside the plan and πᵀ1 above it, bars at the plan's own pitch, with a and b as ghost lines. */
export function Marginals({ grid, orders, cursor, zoom, rem, phone, masked }: MarginalsProps): ReactElement | null {
  const { plan, costs } = matrices;
  if (!plan || !costs) return null;
  const length = 26 * rem;
  const rows = zoom?.rows ?? [0, orders.rows.batch.length];
  const columns = zoom?.columns ?? [0, orders.columns.batch.length];
  const right = grid.left + grid.width + 3;
  const above = grid.top - 3;
  const pitch = { x: grid.width / (columns[1] - columns[0]), y: grid.height / (rows[1] - rows[0]) };
  const size = (mass: number, weight: number): number => (Math.min(AXIS_END, mass / weight) / AXIS_END) * length;
  // One path a side: thousands of elements would not keep up with a slider.
  let rowBars = '';
  for (let row = rows[0]; row < rows[1]; row++) {
    const bar = size(plan.rowMass[orders.rows.batch[row]!]!, costs.source.weight);
    rowBars += `M${right} ${grid.top + (row - rows[0]) * pitch.y}h${bar.toFixed(2)}v${Math.max(0.5, pitch.y - (pitch.y > 3 ? 1 : 0))}h${(-bar).toFixed(2)}z`;
  }
  let columnBars = '';
  for (let column = columns[0]; column < columns[1]; column++) {
    const bar = size(plan.columnMass[orders.columns.batch[column]!]!, costs.target.weight);
    columnBars += `M${grid.left + (column - columns[0]) * pitch.x} ${above}v${(-bar).toFixed(2)}h${Math.max(0.5, pitch.x - (pitch.x > 3 ? 1 : 0))}v${bar.toFixed(2)}z`;
  }
  const ghost = length / AXIS_END;
  const here = { x: grid.left + (cursor.column - columns[0]) * pitch.x, y: grid.top + (cursor.row - rows[0]) * pitch.y };
  const inside = cursor.row >= rows[0] && cursor.row < rows[1] && cursor.column >= columns[0] && cursor.column < columns[1];
  return (
    <svg className="marginals" width="100%" height="100%" aria-hidden="true">
      <path d={rowBars} fill="var(--src)" />
      <path d={columnBars} fill="var(--tgt)" />
      <path className="ghost" d={`M${right + ghost} ${grid.top}v${grid.height}M${grid.left} ${above - ghost}h${grid.width}`} />
      {inside ? (
        <>
          <rect className="here" x={right - 1} y={here.y - 1} width={length + 2} height={pitch.y + 2} />
          <rect className="here" x={here.x - 1} y={above - length - 1} width={pitch.x + 2} height={length + 2} />
        </>
      ) : null}
      <text x={grid.left - 6} y={above - 8} textAnchor="end" style={{ fill: 'var(--tgt)' }}>
        πᵀ1
      </text>
      <text x={grid.left + grid.width + 4} y={above - ghost + 4}>
        b
      </text>
      <text x={right + ghost} y={grid.top + grid.height + 27 * rem} textAnchor="middle">
        a
      </text>
      <text x={right} y={grid.top + grid.height + 27 * rem} textAnchor="end" style={{ fill: 'var(--src)' }}>
        π1
      </text>
      {masked && !phone ? (
        <g className="zero-key" transform={`translate(${right + length + 13 * rem} ${grid.top + Math.min(230, grid.height) + 14 * rem})`}>
          <rect width={9} height={9} />
          <text x={14} y={9}>
            = 0
          </text>
        </g>
      ) : null}
    </svg>
  );
}
