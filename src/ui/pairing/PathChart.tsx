import { useMemo, useState, type ReactElement } from 'react';
import type { BatchSideInfo, EpisodePairView } from '../../engine/protocol.ts';
import { matrices, useRun } from '../../store/run.ts';
import { useView } from '../../store/view.ts';
import { formatNumber } from '../../words/numbers.ts';
import { CIVIDIS_SCALE, parseHex, token, writeTone } from '../charts/colours.ts';
import { axisTicks, gridBox } from '../charts/geometry.ts';
import { Heatmap, type Zoom } from '../charts/Heatmap.tsx';
import { useRem, useTheme } from '../parts/hooks.ts';
import { useWords } from '../parts/words.ts';

const GRADIENT = `linear-gradient(90deg, ${CIVIDIS_SCALE.map(([, colour]) => colour).join(',')})`;
/** Height of the picture over its width, at most: long source episodes shrink instead. */
const TALLEST = 0.72;

/** ‖t_i − s_j‖ of two episodes, source frames down and target frames across as in the plan, and DTW's path over it. */
export function PathChart({ pair, width }: { pair: EpisodePairView; width: number }): ReactElement {
  const t = useWords();
  const rem = useRem() / 16;
  const theme = useTheme();
  const [zoom, setZoom] = useState<Zoom | null>(null);
  const [hovered, setHovered] = useState<{ readonly row: number; readonly column: number; readonly of: EpisodePairView } | null>(null);
  const { distances, every, source, target } = pair;
  const here = useCursorFrames(pair);
  const columns = Math.ceil(target.frames / every);
  const rows = distances.length / columns;
  const max = useMemo(() => distances.reduce((top, value) => Math.max(top, value), 0), [distances]);
  const paint = useMemo(
    () => (pixels: Uint8ClampedArray) => {
      const paper = parseHex(token('zero'));
      distances.forEach((value, k) => writeTone(pixels, 4 * k, max > 0 ? value / max : 0, paper));
    },
    // The theme changes the paper that token() reads.
    // oxlint-disable-next-line react/exhaustive-deps
    [distances, max, theme],
  );
  const cursor = hovered?.of === pair ? hovered : (here ?? { row: 0, column: 0 });
  const margins = { left: 34 * rem, right: 4 * rem, top: 4 * rem, bottom: 32 * rem };
  const panel = { width, height: Math.min(TALLEST * width, ((width - margins.left - margins.right) * rows) / columns + margins.top + margins.bottom) };
  const box = gridBox(panel, margins, rows, columns, devicePixelRatio);
  const shown = zoom ?? { rows: [0, rows], columns: [0, columns] };
  const ticksOf = (count: number): number[] => axisTicks(count);
  const at = { row: Math.min(cursor.row, rows - 1), column: Math.min(cursor.column, columns - 1) };
  return (
    <div className="path-chart">
      <Heatmap
        name="path"
        label={t('pair.path-describe', { source: source.name, target: target.name })}
        rows={rows}
        columns={columns}
        panel={panel}
        margins={margins}
        box={box}
        paint={paint}
        frame={{
          ink: token('mut'),
          font: getComputedStyle(document.body).fontFamily,
          fontSize: 11 * rem,
          rowTitle: titleOf(t('pair.source-frames'), every),
          rowColour: token('src'),
          columnTitle: titleOf(t('pair.target-frames'), every),
          columnColour: token('tgt'),
          rowTicks: ticksOf(rows),
          columnTicks: ticksOf(columns),
          bar: null,
        }}
        zoom={zoom}
        onZoom={setZoom}
        cursor={at}
        onCursor={(row, column) => setHovered({ row, column, of: pair })}
      />
      <svg className="path" style={{ left: box.left, top: box.top }} width={box.width} height={box.height} aria-hidden="true">
        <Path pair={pair} shown={shown} box={box} />
      </svg>
      <ColourBar low="0" high={formatNumber(max)} />
      <div className="muted reading-line" title={pair.compared}>
        {t('pair.reading', { source: String(at.row * every), target: String(at.column * every), distance: formatNumber(distances[at.row * columns + at.column] ?? Number.NaN) })}
      </div>
    </div>
  );
}

/** The colours of a map with the values at their ends. */
export const ColourBar = ({ low, high }: { low: string; high: string }): ReactElement => (
  <span className="colour-bar">
    <span>{low}</span>
    <i style={{ background: GRADIENT }} />
    <span>{high}</span>
  </span>
);

/** Ticks count the frames that are shown: every k-th of a long episode. */
export const titleOf = (what: string, every: number): string => (every === 1 ? what : `${what} / ${every}`);

function Path({ pair: { path, every }, shown, box }: { pair: EpisodePairView; shown: Zoom; box: { readonly width: number; readonly height: number } }): ReactElement {
  const x = (frame: number): number => (((frame + 0.5 * every) / every - shown.columns[0]) / (shown.columns[1] - shown.columns[0])) * box.width;
  const y = (frame: number): number => (((frame + 0.5 * every) / every - shown.rows[0]) / (shown.rows[1] - shown.rows[0])) * box.height;
  const line = Array.from(path.targets, (frame, k) => `${k === 0 ? 'M' : 'L'}${x(frame).toFixed(1)} ${y(path.sources[k]!).toFixed(1)}`).join('');
  return (
    <>
      <path className="under" d={line} />
      <path className="over" d={line} />
    </>
  );
}

/** The place of the plan's cell in the chart, where its samples come from these two episodes. */
function useCursorFrames({ source, target, every }: EpisodePairView): { row: number; column: number } | null {
  const cursor = useView((view) => view.cursor);
  useRun((run) => run.planVersion);
  const { costs } = matrices;
  const frame = (info: BatchSideInfo | undefined, place: number, k: number): number | null => (info?.place[k] === place ? Math.floor(info.frame[k]! / every) : null);
  const row = frame(costs?.source, source.place, cursor.i);
  const column = frame(costs?.target, target.place, cursor.j);
  return row === null || column === null ? null : { row, column };
}
