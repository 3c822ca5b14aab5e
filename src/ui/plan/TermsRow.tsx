import type { ReactElement } from 'react';
import type { TermReport } from '../../engine/protocol.ts';
import { SESSION_LIMITS } from '../../config/session.ts';
import { matrices, useRun } from '../../store/run.ts';
import { useSession } from '../../store/session.ts';
import { useView } from '../../store/view.ts';
import { formatNumber, formatPercent } from '../../words/numbers.ts';
import { CIVIDIS_SCALE, costTone } from '../charts/colours.ts';
import { gridBox } from '../charts/geometry.ts';
import { Heatmap } from '../charts/Heatmap.tsx';
import { NumberBox } from '../parts/controls.tsx';
import { useMedia, useRem } from '../parts/hooks.ts';
import { WEIGHT_SCALE } from '../parts/scales.ts';
import { useWords } from '../parts/words.ts';
import { useMapCursor, useMapPixels } from './use-map.ts';
import { useOrders } from './use-orders.ts';

const NO_MARGINS = { left: 0, right: 0, top: 0, bottom: 0 };
const GRADIENT = `linear-gradient(90deg, ${CIVIDIS_SCALE.map(([, colour]) => colour).join(',')})`;

/** One heatmap a term with its weight and share, and M itself. */
export function TermsRow(): ReactElement {
  const t = useWords();
  const report = useRun((run) => run.report);
  const failing = useRun((run) => run.error?.detail.term);
  if (!report) return <section className="terms" aria-label={t('terms.title')} />;
  return (
    <section className="terms" aria-label={t('terms.title')}>
      {report.terms.map((term, k) => (
        <TermPanel key={term.name} term={term} index={k} failing={failing === term.name} />
      ))}
      <TotalPanel />
    </section>
  );
}

function TermPanel({ term, index, failing }: { term: TermReport; index: number; failing: boolean }): ReactElement {
  const t = useWords();
  const setFeature = useSession((state) => state.setFeature);
  const label = t('terms.weight-of', { term: term.name });
  const position = WEIGHT_SCALE.position(term.weight);
  const refuse = (value: number): string | null => (Number.isFinite(value) && value >= 0 && value <= SESSION_LIMITS.weight.high ? null : t('refuse.weight'));
  return (
    <div className={failing ? 'term failing' : 'term'}>
      <span className="line">
        <span className="name" title={`ot_cost/${term.name}`}>
          {term.name}
        </span>
        {failing ? <b className="flag">!</b> : null}
        <NumberBox label={label} value={term.weight} onChange={(value) => setFeature(index, { term_weight: value })} refuse={refuse} step={(value, direction) => Number((value * 1.1 ** direction).toPrecision(3))} />
      </span>
      <input
        type="range"
        min={0}
        max={1000}
        value={Math.round(position * 1000)}
        style={{ '--position': `${position * 100}%` } as React.CSSProperties}
        aria-label={label}
        aria-valuetext={formatNumber(term.weight)}
        onChange={(event) => setFeature(index, { term_weight: WEIGHT_SCALE.value(Number(event.target.value) / 1000) })}
      />
      <CostMap index={index} name={`term-${index}`} max={term.max} label={t('terms.map-of', { term: term.name })} />
      <span className="line" title={`ot_cost/${term.name}`}>
        <span>{t('terms.mean')}</span>
        <b>{formatNumber(term.mean)}</b>
      </span>
      <span className="line" title={t('terms.share-gloss')}>
        <span>{t('terms.share')}</span>
        <b>{formatPercent(term.share)}</b>
      </span>
      <span className="share">
        <i style={{ width: `${100 * Math.min(1, Math.max(0, term.share || 0))}%` }} />
      </span>
    </div>
  );
}

function TotalPanel(): ReactElement | null {
  const t = useWords();
  const report = useRun((run) => run.report);
  if (!report) return null;
  const { statistics, regime, sigma } = report;
  return (
    <div className="term">
      <span className="line">
        <span className="name">{t('terms.total')}</span>
      </span>
      {sigma === 1 ? <Line name="ρ₁, ρ₂" value={`${formatNumber(regime.rho1, 2)}, ${formatNumber(regime.rho2, 2)}`} /> : <Line name={t('terms.sigma')} value={formatNumber(sigma)} />}
      <CostMap index={-1} name="total" max={statistics.max} label={t('terms.total')} />
      <Line name={t('terms.mean')} value={formatNumber(statistics.mean)} />
      <Line name="std" value={formatNumber(statistics.std)} />
    </div>
  );
}

const Line = ({ name, value }: { name: string; value: string }): ReactElement => (
  <span className="line">
    <span>{name}</span>
    <b>{value}</b>
  </span>
);

/** A cost matrix: index of a term, or −1 for M. Colour is √cost over the term's own range. */
function CostMap({ index, name, max, label }: { index: number; name: string; max: number; label: string }): ReactElement | null {
  const rem = useRem() / 16;
  const phone = useMedia('(max-width: 700px)');
  const zoom = useView((view) => view.zoom);
  const costVersion = useRun((run) => run.report?.costVersion);
  const orders = useOrders();
  const values = (): Float32Array | undefined => (index < 0 ? matrices.costs?.total : matrices.costs?.terms[index]);
  const paint = useMapPixels(orders, values, (value) => costTone(value, max), `${index} ${costVersion} ${max}`);
  const { shown, move } = useMapCursor(orders);
  if (!orders) return null;
  const n = orders.rows.batch.length;
  const m = orders.columns.batch.length;
  // Whole device pixels a cell, and about this size: 64 samples make 128 px.
  const wanted = (phone ? 128 : 96) * rem;
  const longest = Math.max(n, m);
  const whole = (Math.ceil((wanted * devicePixelRatio) / longest) * longest) / devicePixelRatio;
  const side = whole <= wanted * 1.4 ? whole : wanted;
  const panel = { width: side, height: side };
  return (
    <span className="map">
      <Heatmap
        name={name}
        label={label}
        rows={n}
        columns={m}
        panel={panel}
        margins={NO_MARGINS}
        box={gridBox(panel, NO_MARGINS, n, m, devicePixelRatio)}
        paint={paint}
        frame={null}
        zoom={zoom}
        onZoom={(next) => useView.setState({ zoom: next })}
        cursor={shown}
        onCursor={move}
      />
      <i className="bar" style={{ width: side, background: GRADIENT }} title={`0 … ${formatNumber(max)}`} />
      <span className="line small" style={{ width: side }}>
        <span>0</span>
        <span>{formatNumber(max)}</span>
      </span>
    </span>
  );
}
