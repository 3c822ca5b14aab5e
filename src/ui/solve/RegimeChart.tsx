import { useEffect, useLayoutEffect, useRef, useState, type ReactElement } from 'react';
import { REGIME_AXES, type RegimeMap } from '../../engine/protocol.ts';
import { HEALTHY_MASS } from '../../core/ot/warnings.ts';
import { CIVIDIS_SCALE, token } from '../charts/colours.ts';
import { useTheme } from '../parts/hooks.ts';
import type { Margins } from '../charts/geometry.ts';
import { loadPlotly, type Data, type Layout, type Plotly } from '../charts/plotly.ts';

interface RegimeChartProps {
  readonly map: RegimeMap;
  /** rows × columns in [0, 1]. */
  readonly tone: Float64Array;
  readonly size: { readonly width: number; readonly height: number };
  readonly margins: Margins;
  /** The present settings, each in [0, 1] of the axes. */
  readonly point: { readonly x: number; readonly y: number };
  /** Whether iso-lines of the healthy mass are drawn. */
  readonly bands: boolean;
}

/** Cells of true solves, iso-lines of the healthy mass in white over black, and the present point. */
export function RegimeChart({ map, tone, size, margins, point, bands }: RegimeChartProps): ReactElement {
  const host = useRef<HTMLDivElement>(null);
  const [plotly, setPlotly] = useState<Plotly | null>(null);
  useEffect(() => {
    let alive = true;
    void loadPlotly().then((loaded) => alive && setPlotly(() => loaded));
    return () => {
      alive = false;
    };
  }, []);
  const theme = useTheme();
  useLayoutEffect(() => {
    if (plotly && host.current) void plotly.react(host.current, traces(map, tone, bands), layout(size, margins), { displayModeBar: false, staticPlot: true });
    // The theme changes the tokens that layout() reads.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [plotly, map, tone, bands, size.width, size.height, theme]);
  useEffect(() => {
    const element = host.current;
    return () => {
      if (plotly && element) plotly.purge(element);
    };
  }, [plotly]);
  const x = margins.left + point.x * (size.width - margins.left - margins.right);
  const y = margins.top + (1 - point.y) * (size.height - margins.top - margins.bottom);
  return (
    <>
      <div ref={host} className="heatmap-frame" aria-hidden="true" />
      <svg className="marginals" width="100%" height="100%" aria-hidden="true">
        <text x={0} y={margins.top + 0.25 * (size.height - margins.top - margins.bottom) + 4}>
          τ₁ ↑
        </text>
        {bands ? (
          <text x={margins.left} y={size.height - 2}>
            ── {HEALTHY_MASS.high.toFixed(2)}  ╌╌ {HEALTHY_MASS.low.toFixed(2)}
          </text>
        ) : null}
        <circle cx={x} cy={y} r={5.5} fill="var(--acc)" stroke="#fff" strokeWidth={2} />
        <circle cx={x} cy={y} r={6.5} fill="none" stroke="#0009" />
      </svg>
    </>
  );
}

function rowsOf(values: Float64Array, { rows, columns }: RegimeMap): number[][] {
  return Array.from({ length: rows }, (_, row) => Array.from(values.subarray(row * columns, (row + 1) * columns)));
}

function traces(map: RegimeMap, tone: Float64Array, bands: boolean): Data[] {
  const cells = { type: 'heatmap', z: rowsOf(tone, map), zmin: 0, zmax: 1, colorscale: CIVIDIS_SCALE, showscale: false, hoverinfo: 'skip' };
  const line = (level: number, colour: string, width: number, dash: string) => ({
    type: 'contour',
    z: rowsOf(map.mass, map),
    contours: { type: 'constraint', operation: '=', value: level, coloring: 'lines', showlabels: false },
    line: { color: colour, width, dash },
    fillcolor: 'rgba(0,0,0,0)',
    showscale: false,
    showlegend: false,
    hoverinfo: 'skip',
  });
  const isolines = [
    line(HEALTHY_MASS.high, '#000', 3, 'solid'),
    line(HEALTHY_MASS.high, '#fff', 1.2, 'solid'),
    line(HEALTHY_MASS.low, '#000', 3, 'dash'),
    line(HEALTHY_MASS.low, '#fff', 1.2, 'dash'),
  ];
  return [cells, ...(bands ? isolines : [])] as unknown as Data[];
}

function layout(size: RegimeChartProps['size'], margins: Margins): Partial<Layout> {
  const { rows, columns } = REGIME_AXES;
  const font = { family: getComputedStyle(document.body).fontFamily, size: (11 * Number.parseFloat(getComputedStyle(document.documentElement).fontSize)) / 16, color: token('mut') };
  const decades = ['10⁻³', '10⁻²', '0.1', '1', '10'];
  const axis = (count: number, title: string) => ({
    range: [-0.5, count - 0.5],
    showgrid: false,
    zeroline: false,
    ticks: '' as const,
    tickmode: 'array' as const,
    tickvals: decades.map((_, k) => (k / 4) * (count - 1)),
    ticktext: decades,
    tickfont: font,
    title: { text: title, font, standoff: 0 },
    fixedrange: true,
  });
  return {
    width: size.width,
    height: size.height,
    margin: { l: margins.left, r: margins.right, t: margins.top, b: margins.bottom, pad: 0 },
    paper_bgcolor: 'rgba(0,0,0,0)',
    plot_bgcolor: 'rgba(0,0,0,0)',
    showlegend: false,
    hovermode: false,
    font,
    xaxis: axis(columns, 'reg →'),
    yaxis: { ...axis(rows, ''), tickvals: [0, (rows - 1) / 2, rows - 1], ticktext: ['10⁻³', '0.1', '10'] },
  };
}
