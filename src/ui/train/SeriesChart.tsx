import { useMemo, useRef, type ReactElement } from 'react';
import type { TrainingMetrics } from '../../engine/protocol.ts';
import { formatNumber } from '../../words/numbers.ts';
import { Glyph } from '../parts/controls.tsx';
import { useRem, useSize } from '../parts/hooks.ts';
import { useWords } from '../parts/words.ts';

/** A line over the steps of a run. */
export interface Series {
  readonly name: string;
  readonly style: 'ink' | 'dash' | 'dot' | 'faint' | 'source' | 'target';
  readonly of: (metrics: TrainingMetrics) => number | null;
}

/** Steps that are marked at an edge of the chart. */
export interface Mark {
  readonly name: string;
  readonly at: 'top' | 'bottom';
  readonly of: (metrics: TrainingMetrics) => boolean;
}

interface SeriesChartProps {
  readonly title: string;
  readonly gloss: string;
  /** Explains the chart; its title is then a button. */
  readonly onExplain?: () => void;
  /** A word of warning beside the title. */
  readonly flag?: string | null;
  readonly series: readonly Series[];
  readonly metrics: readonly TrainingMetrics[];
  /** The last step of the run. */
  readonly steps: number;
  /** log: decades, positive values alone; zero: from 0; unit: 0 to 1. */
  readonly scale: 'log' | 'zero' | 'unit';
  readonly marks?: readonly Mark[];
  readonly cursor: number | null;
  readonly onCursor: (step: number | null) => void;
}

/** Points along a whole run: steps are averaged in groups, which also calms what batches make of them. */
const POINTS = 90;

const NO_MARKS: readonly Mark[] = [];

/** Lines over a run's steps, named at their end. Hovering moves the cursor of all charts; figures are read beside them. */
export function SeriesChart({ title, gloss, onExplain, flag = null, series, metrics, steps, scale, marks = NO_MARKS, cursor, onCursor }: SeriesChartProps): ReactElement {
  const t = useWords();
  const box = useRef<HTMLDivElement>(null);
  const { width, height } = useSize(box);
  const rem = useRem() / 16;
  const count = metrics.length;
  // `count` and the last step stand for the figures: the array grows in place.
  // oxlint-disable-next-line react/exhaustive-deps
  const lines = useMemo(() => series.map(({ of }) => thinned(metrics, of, Math.max(1, Math.ceil(steps / POINTS)), scale === 'log')), [count, steps, metrics[count - 1]?.step, series.length, scale]);
  // oxlint-disable-next-line react/exhaustive-deps
  const marked = useMemo(() => marks.map(({ of }) => metrics.filter(of).map(({ step }) => step)), [count, steps, metrics[count - 1]?.step, marks.length]);
  const values = lines.flat().map(({ value }) => value);
  const [low, high] = rangeOf(values, scale);
  const left = 4 * rem;
  const right = 42 * rem;
  const x = (step: number): number => left + ((step - 1) / Math.max(1, steps - 1)) * (width - left - right);
  const place = (value: number): number => (scale === 'log' ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));
  const y = (value: number): number => height - 3 * rem - Math.min(1, Math.max(0, place(value))) * (height - 6 * rem);
  const ends = spread(lines.map((line) => y(line.at(-1)?.value ?? low)), 11 * rem, height);
  const move = (event: React.PointerEvent): void => {
    const bounds = event.currentTarget.getBoundingClientRect();
    const share = (event.clientX - bounds.left - left) / (width - left - right);
    onCursor(share < 0 || share > 1 ? null : Math.round(1 + share * (steps - 1)));
  };
  const playhead = cursor ?? metrics.at(-1)?.step ?? null;
  return (
    <div className="series-chart">
      <h3 title={gloss}>
        {onExplain ? (
          <button type="button" className="link" aria-label={t('explain.open', { what: flag === null ? title : `${title}, ${flag}` })} onClick={onExplain}>
            {flag === null ? null : <Glyph name="warn" />}
            {title}
            {flag === null ? '' : `: ${flag}`}
          </button>
        ) : (
          <span>{title}</span>
        )}
        <span className="spring" />
        <span className="muted number">{values.length > 0 ? `${formatNumber(low, 2)} – ${formatNumber(high, 2)}` : ''}</span>
      </h3>
      <div className="plot" ref={box} onPointerMove={move} onPointerLeave={() => onCursor(null)}>
        {width > 0 && height > 0 ? (
          <svg width={width} height={height} role="img" aria-label={describe(title, series, lines, marks, marked)}>
            <path className="floor" d={`M${left} ${height - 1}H${width - right}`} />
            {playhead === null ? null : <path className="here" d={`M${x(playhead).toFixed(1)} 0V${height}`} />}
            {marks.map(({ name, at }, k) => (
              <path key={name} className={`mark ${at}`} d={marked[k]!.map((step) => `M${x(step).toFixed(1)} ${at === 'top' ? 0 : height - 6 * rem}v${6 * rem}`).join('')} />
            ))}
            {lines.map((line, k) => (
              <g key={series[k]!.name} className={`line ${series[k]!.style}`}>
                <path d={line.map(({ step, value }, at) => `${at === 0 ? 'M' : 'L'}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join('')} />
                {line.length > 0 ? (
                  <text x={width - right + 4 * rem} y={ends[k]! + 4 * rem}>
                    {series[k]!.name.length > 7 ? `${series[k]!.name.slice(0, 6)}…` : series[k]!.name}
                  </text>
                ) : null}
              </g>
            ))}
          </svg>
        ) : null}
      </div>
    </div>
  );
}

/** Means over groups of steps, of the values that can be drawn. */
function thinned(metrics: readonly TrainingMetrics[], of: Series['of'], group: number, positive: boolean): { step: number; value: number }[] {
  const points: { step: number; value: number }[] = [];
  for (let start = 0; start < metrics.length; start += group) {
    let sum = 0;
    let taken = 0;
    const part = metrics.slice(start, start + group);
    for (const entry of part) {
      const value = of(entry);
      if (value === null || !Number.isFinite(value) || (positive && !(value > 0))) continue;
      sum += value;
      taken++;
    }
    if (taken > 0) points.push({ step: part.at(-1)!.step, value: sum / taken });
  }
  return points;
}

function rangeOf(values: readonly number[], scale: SeriesChartProps['scale']): [low: number, high: number] {
  if (scale === 'unit') return [0, 1];
  const [least, most] = [Math.min(...values), Math.max(...values)];
  if (values.length === 0) return scale === 'log' ? [0.1, 1] : [0, 1];
  if (scale === 'log') return least < most ? [least, most] : [least / 2, most * 2];
  return [0, most > 0 ? most : 1];
}

/** Labels at these heights, moved apart by at least `gap` and kept inside. */
function spread(heights: readonly number[], gap: number, height: number): number[] {
  const order = heights.map((_, k) => k).toSorted((p, q) => heights[p]! - heights[q]!);
  const placed = heights.map((value) => Math.max(gap / 2, value));
  for (let k = 1; k < order.length; k++) placed[order[k]!] = Math.max(placed[order[k]!]!, placed[order[k - 1]!]! + gap);
  const over = Math.max(0, ...placed.map((value) => value - (height - gap / 2)));
  return placed.map((value) => value - over);
}

function describe(title: string, series: readonly Series[], lines: readonly { value: number }[][], marks: readonly Mark[], marked: readonly number[][]): string {
  const counts = marks.flatMap(({ name }, k) => (marked[k]!.length > 0 ? [`${name}: ${marked[k]!.length}`] : []));
  return [`${title}: ${series.map(({ name }, k) => `${name} ${formatNumber(lines[k]!.at(-1)?.value ?? Number.NaN)}`).join(', ')}`, ...counts].join('; ');
}
