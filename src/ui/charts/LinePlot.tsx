import { useId, useRef, type ReactElement } from 'react';
import { useRem, useSize } from '../parts/hooks.ts';

/** An axis of numbers; on a log scale both ends are positive. */
export interface PlotAxis {
  readonly low: number;
  readonly high: number;
  readonly log?: boolean;
  readonly ticks: readonly { readonly value: number; readonly label: string }[];
  readonly title: string;
}

export interface PlotLine {
  /** Written at its end. */
  readonly name: string;
  readonly style: 'ink' | 'dash' | 'dot';
  /** In order; points that are no finite numbers break the line. */
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

interface LinePlotProps {
  readonly describe: string;
  readonly x: PlotAxis;
  readonly y: PlotAxis;
  readonly lines: readonly PlotLine[];
  /** Hatched, with a word: a stretch of x, or a box. */
  readonly zone?: { readonly x: readonly [number, number]; readonly y?: readonly [number, number]; readonly label: string };
  /** Where things stand now: a stem over the whole height, or a point. */
  readonly here?: { readonly x: number; readonly y?: number };
  /** Data on the x axis. */
  readonly rug?: readonly number[];
}

const place = ({ low, high, log = false }: PlotAxis, value: number): number => (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));

/** Lines named at their end, over two axes with their ticks outside the data. For pictures beside the plan, which nobody drags. */
export function LinePlot({ describe, x, y, lines, zone, here, rug }: LinePlotProps): ReactElement {
  const box = useRef<HTMLDivElement>(null);
  const { width } = useSize(box);
  const rem = useRem() / 16;
  const hatch = useId();
  const height = 150 * rem;
  const margins = { left: 38 * rem, right: 50 * rem, top: 18 * rem, bottom: 32 * rem };
  const inner = { width: width - margins.left - margins.right, height: height - margins.top - margins.bottom };
  const clamp = (value: number): number => Math.min(1, Math.max(0, value));
  const across = (value: number): number => margins.left + clamp(place(x, value)) * inner.width;
  const down = (value: number): number => margins.top + (1 - clamp(place(y, value))) * inner.height;
  const drawn = lines.map((line) => ({ ...line, runs: finiteRuns(line.points) }));
  const ends = apart(
    drawn.map(({ runs }) => down(runs.at(-1)?.at(-1)?.y ?? y.low)),
    11 * rem,
    margins.top + inner.height,
  );
  return (
    <div className="line-plot" ref={box} role="img" aria-label={describe}>
      {inner.width > 0 ? (
        <svg width={width} height={height} aria-hidden="true">
          <defs>
            <pattern id={hatch} width={6} height={6} patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
              <path className="hatch" d="M0 0V6" />
            </pattern>
            <clipPath id={`${hatch}-clip`}>
              <rect x={margins.left} y={margins.top} width={inner.width} height={inner.height} />
            </clipPath>
          </defs>
          {zone && across(zone.x[1]) > across(zone.x[0]) ? (
            <>
              <rect x={across(zone.x[0])} y={down(zone.y?.[1] ?? y.high)} width={across(zone.x[1]) - across(zone.x[0])} height={down(zone.y?.[0] ?? y.low) - down(zone.y?.[1] ?? y.high)} fill={`url(#${hatch})`} />
              <text x={across(zone.x[1]) - 2 * rem} y={down(zone.y?.[1] ?? y.high) - 4 * rem} textAnchor="end">
                {zone.label}
              </text>
            </>
          ) : null}
          <path className="axis" d={`M${margins.left} ${margins.top}V${margins.top + inner.height}H${margins.left + inner.width}`} />
          <text x={0} y={10 * rem}>
            {y.title}
          </text>
          <text x={margins.left + inner.width} y={height - 4 * rem} textAnchor="end">
            {x.title}
          </text>
          {y.ticks.map(({ value, label }) => (
            <text key={label} x={margins.left - 5 * rem} y={down(value) + 4 * rem} textAnchor="end">
              {label}
            </text>
          ))}
          {x.ticks.map(({ value, label }) => (
            <text key={label} x={across(value)} y={margins.top + inner.height + 13 * rem} textAnchor="middle">
              {label}
            </text>
          ))}
          {here && here.y === undefined ? <path className="here" d={`M${across(here.x)} ${margins.top}V${margins.top + inner.height}`} /> : null}
          {drawn.map(({ name, style, runs }, k) => (
            <g key={name} className={`line ${style}`}>
              <path clipPath={`url(#${hatch}-clip)`} d={runs.map((run) => run.map((point, at) => `${at === 0 ? 'M' : 'L'}${across(point.x).toFixed(1)} ${unclamped(point.y).toFixed(1)}`).join('')).join('')} />
              {runs.length > 0 && name !== '' ? (
                <text x={margins.left + inner.width + 5 * rem} y={ends[k]! + 4 * rem}>
                  {name}
                </text>
              ) : null}
            </g>
          ))}
          {rug ? <path className="rug" d={rug.map((value) => `M${across(value).toFixed(1)} ${margins.top + inner.height - 7 * rem}v${7 * rem}`).join('')} /> : null}
          {here?.y === undefined ? null : <circle className="point" cx={across(here.x)} cy={down(here.y)} r={4.5 * rem} />}
        </svg>
      ) : null}
    </div>
  );

  /** What leaves the box leaves it in its own direction, and is cut off there. */
  function unclamped(value: number): number {
    return margins.top + (1 - Math.min(3, Math.max(-3, place(y, value)))) * inner.height;
  }
}

function finiteRuns(points: PlotLine['points']): PlotLine['points'][] {
  const runs: { x: number; y: number }[][] = [];
  let open = false;
  for (const point of points) {
    const finite = Number.isFinite(point.x) && Number.isFinite(point.y);
    if (finite && !open) runs.push([]);
    if (finite) runs.at(-1)!.push(point);
    open = finite;
  }
  return runs;
}

/** Labels at these heights, moved apart by at least `gap`, none below `floor`. */
function apart(heights: readonly number[], gap: number, floor: number): number[] {
  const order = heights.map((_, k) => k).toSorted((p, q) => heights[p]! - heights[q]!);
  const placed = [...heights];
  for (let k = 1; k < order.length; k++) placed[order[k]!] = Math.max(placed[order[k]!]!, placed[order[k - 1]!]! + gap);
  const over = Math.max(0, ...placed.map((value) => value - floor));
  return placed.map((value) => value - over);
}
