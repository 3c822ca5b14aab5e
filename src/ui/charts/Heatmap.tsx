import { useEffect, useLayoutEffect, useRef, useState, type ReactElement } from 'react';
import type { GridBox, Margins } from './geometry.ts';
import { loadPlotly, type Data, type Layout, type Plotly, type PlotlyHTMLElement } from './plotly.ts';
import { CIVIDIS_SCALE } from './colours.ts';

/** Part of the matrix that is shown, in display indices, [from, to). */
export interface Zoom {
  readonly rows: readonly [number, number];
  readonly columns: readonly [number, number];
}

/** What plotly draws around the pixels. */
export interface HeatmapFrame {
  readonly ink: string;
  readonly font: string;
  readonly fontSize: number;
  readonly rowTitle: string;
  readonly rowColour: string;
  readonly columnTitle: string;
  readonly columnColour: string;
  readonly rowTicks: readonly number[];
  readonly columnTicks: readonly number[];
  readonly bar: { readonly title: string; readonly orientation: 'v' | 'h'; readonly values: readonly number[]; readonly labels: readonly string[] } | null;
}

interface HeatmapProps {
  readonly label: string;
  readonly rows: number;
  readonly columns: number;
  readonly panel: { readonly width: number; readonly height: number };
  readonly margins: Margins;
  readonly box: GridBox;
  /** Fill rows × columns RGBA pixels. Called again whenever its identity changes. */
  readonly paint: (pixels: Uint8ClampedArray) => void;
  readonly frame: HeatmapFrame | null;
  readonly zoom: Zoom | null;
  readonly onZoom: (zoom: Zoom | null) => void;
  /** Display indices. */
  readonly cursor: { readonly row: number; readonly column: number };
  readonly onCursor: (row: number, column: number) => void;
  readonly name: string;
}

/**
 * A heatmap: the pixels on a canvas of our own, which keeps up with a slider, and plotly around them for axes, colour
 * bar, zoom by dragging (double click resets) and image export. Its hover label stays off: nothing covers data.
 */
export function Heatmap(props: HeatmapProps): ReactElement {
  const { rows, columns, panel, box, frame, zoom, cursor, onCursor, label, name } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const host = useRef<HTMLDivElement>(null);
  const shown = zoom ?? { rows: [0, rows], columns: [0, columns] };
  usePixels(canvas, props, shown);
  usePlotlyFrame(host, props, shown);

  const point = (event: React.PointerEvent): void => {
    const bounds = event.currentTarget.getBoundingClientRect();
    const across = (event.clientX - bounds.left - box.left) / box.width;
    const down = (event.clientY - bounds.top - box.top) / box.height;
    if (across < 0 || across >= 1 || down < 0 || down >= 1) return;
    onCursor(Math.floor(shown.rows[0] + down * (shown.rows[1] - shown.rows[0])), Math.floor(shown.columns[0] + across * (shown.columns[1] - shown.columns[0])));
  };
  const place = { left: box.left, top: box.top, width: box.width, height: box.height };
  return (
    // The parent owns the keyboard; this is the pointer's part of the same cursor.
    <div className="heatmap" style={{ width: panel.width, height: panel.height }} data-heatmap={name} role="img" aria-label={label} onPointerMove={point} onPointerDown={point}>
      <canvas ref={canvas} style={place} />
      <div ref={host} className="heatmap-frame" aria-hidden="true" data-frame={frame ? 'full' : 'bare'} />
      <Crosshair box={box} shown={shown} cursor={cursor} />
    </div>
  );
}

function usePixels(canvas: React.RefObject<HTMLCanvasElement | null>, { rows, columns, box, paint }: HeatmapProps, shown: Zoom): void {
  const source = useRef<{ canvas: HTMLCanvasElement; image: ImageData } | null>(null);
  const painted = useRef<unknown>(null);
  useLayoutEffect(() => {
    const target = canvas.current;
    if (!target) return;
    let held = source.current;
    if (!held || held.image.width !== columns || held.image.height !== rows) {
      const own = document.createElement('canvas');
      own.width = columns;
      own.height = rows;
      held = { canvas: own, image: new ImageData(columns, rows) };
      source.current = held;
      painted.current = null;
    }
    if (painted.current !== paint) {
      paint(held.image.data);
      held.canvas.getContext('2d')?.putImageData(held.image, 0, 0);
      painted.current = paint;
    }
    drawCells(target, held.canvas, box, shown);
  });
}

/** Every cell at its size, sharp; only a matrix with more cells than pixels is averaged. */
function drawCells(target: HTMLCanvasElement, cells: HTMLCanvasElement, box: GridBox, shown: Zoom): void {
  const width = Math.max(1, Math.round(box.width * devicePixelRatio));
  const height = Math.max(1, Math.round(box.height * devicePixelRatio));
  if (target.width !== width) target.width = width;
  if (target.height !== height) target.height = height;
  const context = target.getContext('2d');
  if (!context) return;
  context.imageSmoothingEnabled = width < cells.width;
  context.drawImage(cells, shown.columns[0], shown.rows[0], shown.columns[1] - shown.columns[0], shown.rows[1] - shown.rows[0], 0, 0, width, height);
}

function usePlotlyFrame(host: React.RefObject<HTMLDivElement | null>, props: HeatmapProps, shown: Zoom): void {
  const [plotly, setPlotly] = useState<Plotly | null>(null);
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });
  useEffect(() => {
    let alive = true;
    void loadPlotly().then((loaded) => alive && setPlotly(() => loaded));
    return () => {
      alive = false;
    };
  }, []);
  const { rows, columns, panel, margins, box, frame } = props;
  // Everything the frame depends on, as one value: a slider changes none of it, so plotly sleeps while one is dragged.
  const key = JSON.stringify([rows, columns, panel, margins, box, frame, shown]);
  useEffect(() => {
    const element = host.current;
    if (!plotly || !element) return;
    const current = latest.current;
    const { layout, traces } = figure(current, shown);
    void plotly.react(element, traces, layout, { displayModeBar: false, showTips: false, doubleClick: false, scrollZoom: false, responsive: false });
    const plot = element as unknown as PlotlyHTMLElement;
    plot.removeAllListeners('plotly_relayout');
    plot.removeAllListeners('plotly_doubleclick');
    // While it is dragged plotly covers the page, so the browser's own double click never reaches our element.
    plot.on('plotly_doubleclick', () => latest.current.onZoom(null));
    plot.on('plotly_relayout', (event) => {
      const x = [event['xaxis.range[0]'], event['xaxis.range[1]']];
      const y = [event['yaxis.range[1]'], event['yaxis.range[0]']];
      if ([...x, ...y].every((value) => typeof value === 'number')) latest.current.onZoom(wholeCells(x as number[], y as number[], latest.current));
    });
    // `key` stands for every value that figure() reads.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [plotly, key]);
  useEffect(() => {
    const element = host.current;
    return () => {
      if (plotly && element) plotly.purge(element);
    };
  }, [plotly, host]);
}

/** Plotly's free ranges as whole cells; a drag over less than two cells a side is no zoom. */
function wholeCells(x: number[], y: number[], { rows, columns }: HeatmapProps): Zoom | null {
  const range = (low: number, high: number, count: number): [number, number] => [Math.max(0, Math.round(low + 0.5)), Math.min(count, Math.round(high + 0.5))];
  const zoom: Zoom = { rows: range(Math.min(...y), Math.max(...y), rows), columns: range(Math.min(...x), Math.max(...x), columns) };
  const whole = zoom.rows[1] - zoom.rows[0] >= rows && zoom.columns[1] - zoom.columns[0] >= columns;
  return whole || zoom.rows[1] - zoom.rows[0] < 2 || zoom.columns[1] - zoom.columns[0] < 2 ? null : zoom;
}

function figure({ panel, margins, box, frame }: HeatmapProps, shown: Zoom): { layout: Partial<Layout>; traces: Data[] } {
  const font = { family: frame?.font ?? 'sans-serif', size: frame?.fontSize ?? 11, color: frame?.ink ?? '#000' };
  const axis = (title: string, colour: string, ticks: readonly number[], range: [number, number]) => ({
    range,
    fixedrange: false,
    showgrid: false,
    zeroline: false,
    showline: false,
    ticks: '' as const,
    tickvals: frame ? [...ticks] : [],
    ticktext: frame ? ticks.map(String) : [],
    tickmode: 'array' as const,
    title: { text: title, font: { ...font, color: colour }, standoff: 4 },
    tickfont: font,
  });
  const bar = frame?.bar;
  const layout: Partial<Layout> = {
    width: panel.width,
    height: panel.height,
    margin: { l: box.left, t: box.top, r: Math.max(0, panel.width - box.left - box.width), b: Math.max(0, panel.height - box.top - box.height), pad: 0 },
    paper_bgcolor: 'rgba(0,0,0,0)',
    plot_bgcolor: 'rgba(0,0,0,0)',
    font,
    showlegend: false,
    hovermode: false,
    dragmode: matchMedia('(pointer: coarse)').matches ? false : 'zoom',
    xaxis: axis(frame?.columnTitle ?? '', frame?.columnColour ?? '', frame?.columnTicks ?? [], [shown.columns[0] - 0.5, shown.columns[1] - 0.5]),
    yaxis: axis(frame?.rowTitle ?? '', frame?.rowColour ?? '', frame?.rowTicks ?? [], [shown.rows[1] - 0.5, shown.rows[0] - 0.5]),
  };
  const low = bar?.values[0] ?? 0;
  const high = bar?.values.at(-1) ?? 1;
  const vertical = bar?.orientation !== 'h';
  const trace = {
    type: 'heatmap',
    // One invisible row: the pixels are on the canvas below, plotly needs a trace to hang its colour bar on.
    z: [[low, high]],
    x: [-2, -1],
    y: [-2],
    zmin: low,
    zmax: high,
    colorscale: CIVIDIS_SCALE,
    hoverinfo: 'skip',
    showscale: bar !== null && bar !== undefined,
    colorbar: bar
      ? {
          orientation: bar.orientation,
          thickness: vertical ? 10 : 4,
          thicknessmode: 'pixels',
          lenmode: 'pixels',
          len: vertical ? Math.min(230, box.height) : box.width - 12,
          xref: 'container',
          yref: 'container',
          x: vertical ? (panel.width - margins.right + 44) / panel.width : box.left / panel.width,
          xanchor: 'left',
          y: vertical ? 1 - box.top / panel.height : 1 - (box.top + box.height + 40) / panel.height,
          yanchor: 'top',
          xpad: 0,
          ypad: 0,
          outlinewidth: 0,
          tickvals: [...bar.values],
          ticktext: [...bar.labels],
          ticks: '',
          tickfont: font,
          title: { text: '' },
        }
      : undefined,
  };
  return { layout, traces: [trace] as unknown as Data[] };
}

/** The shared cursor: dark then light, so that it reads on any colour. */
function Crosshair({ box, shown, cursor }: { box: GridBox; shown: Zoom; cursor: { row: number; column: number } }): ReactElement | null {
  const cellWidth = box.width / (shown.columns[1] - shown.columns[0]);
  const cellHeight = box.height / (shown.rows[1] - shown.rows[0]);
  const x = (cursor.column - shown.columns[0]) * cellWidth;
  const y = (cursor.row - shown.rows[0]) * cellHeight;
  if (x < 0 || x >= box.width || y < 0 || y >= box.height) return null;
  const middle = { x: x + cellWidth / 2, y: y + cellHeight / 2 };
  const size = { x: x - 1, y: y - 1, width: cellWidth + 2, height: cellHeight + 2 };
  return (
    <svg className="crosshair" style={{ left: box.left, top: box.top }} width={box.width} height={box.height} aria-hidden="true">
      {(['under', 'over'] as const).map((layer) => (
        <g key={layer} className={layer}>
          <path d={`M0 ${middle.y}H${size.x}M${size.x + size.width} ${middle.y}H${box.width}M${middle.x} 0V${size.y}M${middle.x} ${size.y + size.height}V${box.height}`} />
          <rect {...size} />
        </g>
      ))}
    </svg>
  );
}
