import { useRef, type KeyboardEvent, type ReactElement } from 'react';
import { matrices, useRun } from '../../store/run.ts';
import { useView, type Order, type Scale } from '../../store/view.ts';
import { formatNumber } from '../../words/numbers.ts';
import { PLAN_LOG_FLOOR, planTone, token } from '../charts/colours.ts';
import { axisTicks, gridBox, type Margins } from '../charts/geometry.ts';
import { Heatmap, type HeatmapFrame } from '../charts/Heatmap.tsx';
import { Segmented } from '../parts/controls.tsx';
import { StageSwitch } from '../parts/StageSwitch.tsx';
import { useMedia, useRem, useSize } from '../parts/hooks.ts';
import { useWords } from '../parts/words.ts';
import { Marginals } from './Marginals.tsx';
import { NoticeLine } from './NoticeLine.tsx';
import { Reading } from './Reading.tsx';
import { savePlanImage } from './save-image.ts';
import { useMapCursor, useMapPixels } from './use-map.ts';
import { useOrders } from './use-orders.ts';

/** Title line, notices and the plan itself: the part that stays in sight on a phone. */
export function Stage(): ReactElement {
  return (
    <div className="stage">
      <PlanHead />
      <NoticeLine />
      <PlanBox />
      <Reading />
    </div>
  );
}

function PlanHead(): ReactElement {
  const t = useWords();
  const report = useRun((run) => run.report);
  const scale = useView((view) => view.scale);
  const order = useView((view) => view.order);
  const status = report ? t(report.converged ? 'plan.solved' : 'plan.stopped', { iterations: String(report.iterations), ms: report.solveMs.toFixed(1) }) : '';
  return (
    <div className="plan-head">
      <h2 className="visually-hidden">{t('plan.title')}</h2>
      <StageSwitch />
      <span className="status">{status}</span>
      <span className="spring" />
      {report ? (
        <>
          <span className="wide-only">
            <Segmented<Order>
              label={t('plan.order')}
              value={order}
              options={[
                { value: 'time', label: t(matrices.costs?.target.truePhase ? 'plan.by-phase' : 'plan.by-time') },
                { value: 'episode', label: t('plan.by-episode') },
              ]}
              onChange={(value) => useView.setState({ order: value, zoom: null })}
            />
          </span>
          <Segmented<Scale>
            label={t('plan.colour')}
            value={scale}
            options={[
              { value: 'log', label: 'log₁₀' },
              { value: 'linear', label: t('plan.linear') },
            ]}
            onChange={(value) => useView.setState({ scale: value })}
          />
          <button type="button" className="button outlined wide-only" onClick={() => void savePlanImage()}>
            {t('plan.save')}
          </button>
        </>
      ) : null}
    </div>
  );
}

/** The colour bar's ends and decades. */
function barOf(n: number, scale: Scale, orientation: 'v' | 'h'): NonNullable<HeatmapFrame['bar']> {
  if (scale === 'linear') return { title: 'π', orientation, values: [0, 0.5 / n, 1 / n], labels: ['0', '½n⁻¹', '1/n'] };
  const top = -Math.log10(n);
  const decades = [PLAN_LOG_FLOOR, -6, -5, -4, -3, -2, -1].filter((value) => value < top - 0.4);
  const superscript = (value: number): string => `10⁻${'⁰¹²³⁴⁵⁶⁷⁸⁹'[-value]}`;
  return { title: 'π', orientation, values: [...decades, top], labels: [...decades.map(superscript), '1/n'] };
}

function PlanBox(): ReactElement {
  const t = useWords();
  const box = useRef<HTMLDivElement>(null);
  const panel = useSize(box);
  const rem = useRem() / 16;
  const phone = useMedia('(max-width: 700px)');
  const report = useRun((run) => run.report);
  const old = useRun((run) => run.error !== null || run.busy);
  const planVersion = useRun((run) => run.planVersion);
  const scale = useView((view) => view.scale);
  const cursor = useView((view) => view.cursor);
  const zoom = useView((view) => view.zoom);
  const masked = useRun((run) => run.report?.warnings.some(({ code }) => code === 'hard-diagonal') ?? false);
  const orders = useOrders();
  const n = report?.n ?? 1;
  const m = report?.m ?? 1;

  const paint = useMapPixels(orders, () => matrices.plan?.plan, (value, i, j) => planTone(value, n, scale, masked && i !== j), `${planVersion} ${scale} ${masked}`);
  const { shown, move } = useMapCursor(orders);

  if (!report || !orders || panel.width < 40 || !matrices.plan) return <div className="plan-box" ref={box} />;
  const margins: Margins = phone ? { left: 34 * rem, right: 26 * rem, top: 32 * rem, bottom: 62 * rem } : { left: 44 * rem, right: 92 * rem, top: 36 * rem, bottom: 38 * rem };
  const grid = gridBox(panel, margins, n, m, devicePixelRatio);
  const frame: HeatmapFrame = {
    ink: token('mut'),
    font: getComputedStyle(document.body).fontFamily,
    fontSize: 11 * rem,
    rowTitle: t('plan.rows'),
    rowColour: token('src'),
    columnTitle: t('plan.columns'),
    columnColour: token('tgt'),
    rowTicks: axisTicks(n),
    columnTicks: axisTicks(m),
    bar: barOf(n, scale, phone ? 'h' : 'v'),
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const direction = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!direction) return;
    event.preventDefault();
    const size = event.shiftKey ? 8 : 1;
    const clamp = (value: number, count: number): number => Math.max(0, Math.min(count - 1, value));
    move(clamp(shown.row + direction[0]! * size, n), clamp(shown.column + direction[1]! * size, m));
  };
  const label = t('plan.describe', { n: String(n), m: String(m), i: String(cursor.i), j: String(cursor.j), value: formatNumber(matrices.plan.plan[cursor.i * m + cursor.j]) });
  return (
    <div className={old ? 'plan-box old' : 'plan-box'} ref={box}>
      {/* The application role: arrow keys move the cell, and the label reads it out. */}
      <div className="panel" role="application" aria-label={label} tabIndex={0} onKeyDown={onKeyDown}>
        <Heatmap
          name="plan"
          label={t('plan.title')}
          rows={n}
          columns={m}
          panel={panel}
          margins={margins}
          box={grid}
          paint={paint}
          frame={frame}
          zoom={zoom}
          onZoom={(next) => useView.setState({ zoom: next })}
          cursor={shown}
          onCursor={move}
        />
        <Marginals grid={grid} orders={orders} cursor={shown} zoom={zoom} rem={rem} phone={phone} masked={masked} version={planVersion} />
      </div>
    </div>
  );
}
