import { useLayoutEffect, useRef, type ReactElement } from 'react';
import { useRun } from '../../store/run.ts';
import { run, type FilmFrame } from '../../store/training-shelf.ts';
import { useView } from '../../store/view.ts';
import { parseHex, planTone, token, writeTone } from '../charts/colours.ts';
import { useRem, useSize, useTheme } from '../parts/hooks.ts';
import { useLive } from '../parts/live.ts';
import { useWords } from '../parts/words.ts';
import { useOrders, type Orders } from '../plan/use-orders.ts';

/** Plans of the page's batch along the run, as many as fit; a click goes back to the kept step before. */
export function Film(): ReactElement {
  const t = useWords();
  const live = useLive();
  const box = useRef<HTMLDivElement>(null);
  const { width, height } = useSize(box);
  const rem = useRem() / 16;
  const orders = useOrders();
  useRun((state) => state.trainingVersion);
  const { step, kept } = useRun((state) => state.training);
  const side = Math.max(32, height - 18 * rem);
  const room = Math.max(1, Math.floor((width + 8 * rem) / (side + 8 * rem)));
  const frames = evenly(run.film, room);
  return (
    <div className="film-panel">
      <h3>
        <span title={t('train.film-gloss')}>{t('train.film')}</span>
      </h3>
      <div className="film" ref={box}>
        {height > 0 && orders
          ? frames.map((frame) => (
              <button key={frame.step} type="button" aria-label={t('train.frame', { step: String(frame.step) })} aria-current={frame.step === step} disabled={frame.step >= step || kept.length === 0} onClick={() => void live.training.rewind(frame.step)}>
                <PlanPicture frame={frame} side={side} orders={orders} />
                <span>{frame.step}</span>
              </button>
            ))
          : null}
      </div>
    </div>
  );
}

/** A plan as pixels, without axes. @param side in CSS pixels; as wide as its place without one */
export function PlanPicture({ frame, side, orders }: { frame: Pick<FilmFrame, 'n' | 'm'> & { readonly plan: ArrayLike<number> }; side?: number; orders: Orders }): ReactElement {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme();
  const scale = useView((view) => view.scale);
  const masked = useRun((state) => state.report?.warnings.some(({ code }) => code === 'hard-diagonal') ?? false);
  useLayoutEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) return;
    const { n, m, plan } = frame;
    const image = new ImageData(m, n);
    const paper = parseHex(token('zero'));
    const [rows, columns] = [orders.rows.batch, orders.columns.batch];
    if (rows.length === n && columns.length === m) for (let r = 0, at = 0; r < n; r++) for (let c = 0; c < m; c++, at += 4) writeTone(image.data, at, planTone(plan[rows[r]! * m + columns[c]!]!, n, scale, masked && rows[r] !== columns[c]), paper);
    context.putImageData(image, 0, 0);
    // The theme changes the paper that token() reads.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [frame, orders, scale, theme, masked]);
  return <canvas ref={canvas} width={frame.m} height={frame.n} style={side === undefined ? {} : { width: side, height: side }} aria-hidden="true" />;
}

/** At most `count` of them, evenly, the first and the last always. */
function evenly<T>(all: readonly T[], count: number): readonly T[] {
  if (all.length <= count) return all;
  if (count === 1) return all.slice(-1);
  return Array.from({ length: count }, (_, k) => all[Math.round((k * (all.length - 1)) / (count - 1))]!);
}
