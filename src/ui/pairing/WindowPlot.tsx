import { useRef, type ReactElement } from 'react';
import type { TriedWindow } from '../../engine/protocol.ts';
import { useRem, useSize } from '../parts/hooks.ts';
import { useWords } from '../parts/words.ts';

/** A mean over batches and its standard error. */
export interface Estimate {
  readonly mean: number;
  readonly error: number;
}

/** What a window does: errors of the pairs, of π, of the diagonal prior, and the mass under the last two. */
export interface WindowPoint {
  readonly window: TriedWindow;
  readonly pairs: Estimate | null;
  readonly plan: Estimate | null;
  readonly diagonal: Estimate | null;
  readonly mass: Estimate | null;
  readonly diagonalMass: Estimate | null;
}

interface WindowPlotProps {
  readonly points: readonly WindowPoint[];
  readonly label: (window: TriedWindow) => string;
  /** The present window, where it is one of the points. */
  readonly here: TriedWindow | null;
  /** What the errors are of. */
  readonly name: string;
  readonly onUse: (window: TriedWindow) => void;
}

type Series = Exclude<keyof WindowPoint, 'window'>;

/** Lines over the tried windows, evenly spaced, with a bar of one standard error each; lines are named at their end. A click uses a window. */
export function WindowPlot({ points, label, here, name, onUse }: WindowPlotProps): ReactElement {
  const t = useWords();
  const box = useRef<HTMLDivElement>(null);
  const { width } = useSize(box);
  const rem = useRem() / 16;
  const names: Readonly<Record<Series, string>> = { pairs: t('window.pairs'), plan: 'π', diagonal: t('window.diagonal'), mass: 'π', diagonalMass: t('window.diagonal') };
  const top = Math.max(1e-9, ...points.flatMap(({ pairs, plan, diagonal }) => [pairs, plan, diagonal].map((estimate) => (estimate ? estimate.mean + estimate.error : 0))));
  return (
    <div className="window-plot" ref={box} role="img" aria-label={t('window.describe')}>
      {width > 0 ? (
        <>
          <Panel title={name} series={['pairs', 'plan', 'diagonal']} top={top} height={118 * rem} {...{ points, width, rem, names, here, onUse, label }} />
          <Panel title={t('window.mass')} series={['mass', 'diagonalMass']} top={1} height={92 * rem} axis {...{ points, width, rem, names, here, onUse, label }} />
        </>
      ) : null}
    </div>
  );
}

interface PanelProps extends Pick<WindowPlotProps, 'points' | 'here' | 'onUse' | 'label'> {
  readonly title: string;
  readonly series: readonly Series[];
  readonly top: number;
  readonly height: number;
  readonly width: number;
  readonly rem: number;
  readonly names: Readonly<Record<Series, string>>;
  /** Whether the windows are written beneath. */
  readonly axis?: boolean;
}

function Panel({ title, series, top, height, width, rem, names, points, here, onUse, label, axis = false }: PanelProps): ReactElement {
  const left = 32 * rem;
  const right = 60 * rem;
  const above = 20 * rem;
  const below = (axis ? 18 : 4) * rem;
  const x = (k: number): number => left + (k / (points.length - 1)) * (width - left - right);
  const y = (value: number): number => above + (1 - Math.min(1, value / top)) * (height - above - below);
  const lines = series.map((name) => ({ name, places: points.flatMap((point, k) => (point[name] ? [{ x: x(k), estimate: point[name] }] : [])) }));
  const ends = spread(lines.map(({ places }) => y(places.at(-1)?.estimate.mean ?? 0)), 11 * rem);
  const pitch = x(1) - x(0);
  return (
    <svg width={width} height={height} aria-hidden="true">
      <text x={0} y={10 * rem}>
        {title}
      </text>
      {[0, top].map((value) => (
        <text key={value} x={left - 6 * rem} y={y(value) + 4 * rem} textAnchor="end">
          {Number(value.toPrecision(2))}
        </text>
      ))}
      <path className="ghost" d={`M${left} ${y(0)}H${width - right}M${left} ${y(top)}H${width - right}`} />
      {points.map((point, k) => (point.window === here ? <path key={point.window} className="here" d={`M${x(k)} ${above}V${y(0)}`} /> : null))}
      {lines.map(({ name, places }, k) => (
        <g key={name} className={`series ${name}`}>
          <path d={places.map((place, at) => `${at === 0 ? 'M' : 'L'}${place.x.toFixed(1)} ${y(place.estimate.mean).toFixed(1)}`).join('')} />
          <path className="error" d={places.map((place) => `M${place.x.toFixed(1)} ${y(place.estimate.mean - place.estimate.error).toFixed(1)}V${y(place.estimate.mean + place.estimate.error).toFixed(1)}`).join('')} />
          {places.length > 0 ? (
            <text x={width - right + 6 * rem} y={ends[k]! + 4 * rem}>
              {names[name]}
            </text>
          ) : null}
        </g>
      ))}
      {points.map((point, k) => (
        <g key={point.window}>
          {axis ? (
            <text x={x(k)} y={height - 4 * rem} textAnchor="middle">
              {point.window === 'episode' ? '∞' : label(point.window)}
            </text>
          ) : null}
          {/* The table beneath does the same for the keyboard. */}
          <rect className="target" x={x(k) - pitch / 2} y={0} width={pitch} height={height} onClick={() => onUse(point.window)}>
            <title>{label(point.window)}</title>
          </rect>
        </g>
      ))}
    </svg>
  );
}

/** Labels at these heights, moved apart by at least `gap`, in their order. */
function spread(heights: readonly number[], gap: number): number[] {
  const order = heights.map((_, k) => k).toSorted((p, q) => heights[p]! - heights[q]!);
  const placed = [...heights];
  for (let k = 1; k < order.length; k++) placed[order[k]!] = Math.max(placed[order[k]!]!, placed[order[k - 1]!]! + gap);
  return placed;
}
