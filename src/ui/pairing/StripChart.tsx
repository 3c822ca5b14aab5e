import { useMemo, useState, type ReactElement } from 'react';
import { STRIP_ROWS, type EpisodePairView } from '../../engine/protocol.ts';
import { matrices } from '../../store/run.ts';
import { formatPercent } from '../../words/numbers.ts';
import { parseHex, token, writeTone } from '../charts/colours.ts';
import { axisTicks } from '../charts/geometry.ts';
import { Heatmap, type Zoom } from '../charts/Heatmap.tsx';
import { useRem, useTheme } from '../parts/hooks.ts';
import { useWords } from '../parts/words.ts';
import { ColourBar, titleOf } from './PathChart.tsx';

/** Every target frame with the source frames it may be drawn with, window included: chance by the source's progress. */
export function StripChart({ pair, strip, width }: { pair: EpisodePairView; strip: Float32Array; width: number }): ReactElement {
  const t = useWords();
  const rem = useRem() / 16;
  const theme = useTheme();
  const [zoom, setZoom] = useState<Zoom | null>(null);
  const [cursor, setCursor] = useState({ row: 0, column: 0 });
  const columns = strip.length / STRIP_ROWS;
  const max = useMemo(() => strip.reduce((top, value) => Math.max(top, value), 0), [strip]);
  const paint = useMemo(
    () => (pixels: Uint8ClampedArray) => {
      const paper = parseHex(token('zero'));
      // Colour by the root of the chance: most of it lies on few rows.
      strip.forEach((value, k) => writeTone(pixels, 4 * k, value > 0 ? Math.sqrt(value / max) : Number.NaN, paper));
    },
    // The theme changes the paper that token() reads.
    // oxlint-disable-next-line react/exhaustive-deps
    [strip, max, theme],
  );
  const margins = { left: 34 * rem, right: 4 * rem, top: 4 * rem, bottom: 32 * rem };
  const panel = { width, height: 120 * rem };
  const box = { left: margins.left, top: margins.top, width: width - margins.left - margins.right, height: panel.height - margins.top - margins.bottom, cell: 1 };
  const at = { row: Math.min(cursor.row, STRIP_ROWS - 1), column: Math.min(cursor.column, columns - 1) };
  const truth = matrices.costs?.source.truePhase ?? false;
  return (
    <>
      <Heatmap
        name="strip"
        label={t('pair.strip-describe', { target: pair.target.name })}
        rows={STRIP_ROWS}
        columns={columns}
        panel={panel}
        margins={margins}
        box={box}
        paint={paint}
        frame={{
          ink: token('mut'),
          font: getComputedStyle(document.body).fontFamily,
          fontSize: 11 * rem,
          rowTitle: t(truth ? 'pair.source-phase' : 'pair.source-time'),
          rowColour: token('src'),
          columnTitle: titleOf(t('pair.target-frames'), pair.every),
          columnColour: token('tgt'),
          rowTicks: [],
          columnTicks: axisTicks(columns),
          bar: null,
        }}
        zoom={zoom}
        onZoom={setZoom}
        cursor={at}
        onCursor={(row, column) => setCursor({ row, column })}
      />
      <ColourBar low="0" high={formatPercent(max)} />
      <div className="muted reading-line">
        {t('pair.strip-reading', {
          target: String(at.column * pair.every),
          from: (at.row / STRIP_ROWS).toFixed(2),
          to: ((at.row + 1) / STRIP_ROWS).toFixed(2),
          chance: formatPercent(strip[at.row * columns + at.column] ?? Number.NaN),
        })}
      </div>
    </>
  );
}
