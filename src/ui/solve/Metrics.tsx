import type { ReactElement } from 'react';
import type { SolveReport } from '../../engine/protocol.ts';
import { useRun } from '../../store/run.ts';
import { useSession } from '../../store/session.ts';
import { formatFromLog, formatNumber } from '../../words/numbers.ts';
import type { WordKey } from '../../words/index.ts';
import { useWords } from '../parts/words.ts';

interface Metric {
  readonly name: WordKey;
  /** The LeRobot fork's name, or ours: what a log or a config calls it. */
  readonly code: string;
  readonly value: (report: SolveReport) => string;
  /** Place of the value on a bullet in [0, 1]; null draws none. */
  readonly place: ((report: SolveReport) => number) | null;
  /** Healthy stretch of the bullet. */
  readonly band?: readonly [number, number];
}

const logPlace = (value: number, low: number, high: number): number => Math.log(value / low) / Math.log(high / low);

const METRICS: readonly Metric[] = [
  { name: 'metric.mass', code: 'ot_pi_sum', value: (r) => formatFromLog(r.ot_pi_sum, r.logMass), place: (r) => logPlace(r.ot_pi_sum, 1e-4, 1), band: [logPlace(0.05, 1e-4, 1), logPlace(0.3, 1e-4, 1)] },
  { name: 'metric.loss', code: 'ot_loss', value: (r) => formatNumber(r.ot_loss), place: (r) => r.ot_loss / r.statistics.mean },
  { name: 'metric.diagonal', code: 'ot_pi_diag', value: (r) => formatNumber(r.ot_pi_diag), place: (r) => r.diag_ratio ?? Number.NaN },
  { name: 'metric.diag-ratio', code: 'diag_ratio', value: (r) => formatNumber(r.diag_ratio), place: (r) => r.diag_ratio ?? Number.NaN },
  { name: 'metric.perplexity', code: 'perplexity', value: (r) => formatNumber(r.perplexity), place: (r) => logPlace(r.perplexity, 1, r.m) },
  { name: 'metric.objective', code: 'primal', value: (r) => formatNumber(r.primal), place: null },
  { name: 'metric.gap', code: 'gap', value: (r) => (r.hard ? '–' : formatNumber(Math.abs(r.gap), 2)), place: (r) => (r.hard ? Number.NaN : logPlace(Math.abs(r.gap) || 1e-16, 1e-16, 1)), band: [0, 10 / 16] },
  { name: 'metric.violation', code: '|π1 − a|', value: (r) => (r.hard ? formatNumber(r.marginalViolation, 2) : '–'), place: (r) => (r.hard ? logPlace(r.marginalViolation || 1e-16, 1e-16, 1) : Number.NaN), band: [0, 10 / 16] },
  { name: 'metric.stiffness', code: 'q', value: (r) => formatNumber(r.regime.q), place: (r) => logPlace(r.regime.q, 0.01, 100) },
  { name: 'metric.nearest', code: 'q̃', value: (r) => formatNumber(r.regime.qNearest), place: (r) => logPlace(r.regime.qNearest, 0.01, 100), band: [0, 0.5] },
  { name: 'metric.m-over-reg', code: 'M/reg', value: (r) => formatNumber(r.regime.medianOverReg), place: (r) => logPlace(r.regime.medianOverReg, 0.1, 1e5) },
  { name: 'metric.m-over-tau', code: 'M/τ₁', value: (r) => formatNumber(r.regime.medianOverTau1), place: (r) => logPlace(r.regime.medianOverTau1, 0.01, 1e4) },
];

/** Readings of the plan, always in the same places. */
export function Metrics(): ReactElement {
  const t = useWords();
  const report = useRun((run) => run.report);
  return (
    <>
      {METRICS.map((metric) => {
        const place = report && metric.place ? metric.place(report) : Number.NaN;
        return (
          <div key={metric.name} className="metric" data-metric={metric.code}>
            <span className="what" title={t(`${metric.name}-gloss` as WordKey)}>
              {t(metric.name)}
              <small>{metric.code}</small>
            </span>
            <span className="bullet" aria-hidden="true" style={metric.place ? undefined : { visibility: 'hidden' }}>
              {metric.band ? <u style={{ left: `${100 * metric.band[0]}%`, width: `${100 * (metric.band[1] - metric.band[0])}%` }} /> : null}
              {Number.isNaN(place) ? null : <i style={{ left: `${100 * Math.min(1, Math.max(0, place))}%` }} />}
            </span>
            <span className="value">{report ? metric.value(report) : '–'}</span>
          </div>
        );
      })}
      <Identity report={report} />
    </>
  );
}

/** What the numbers above must satisfy, said where it holds. */
function Identity({ report }: { report: SolveReport | null }): ReactElement {
  const t = useWords();
  const { prior, reg, tau1, tau2 } = useSession((state) => state.session.solve);
  if (!report || report.mode !== 'fast' || !report.converged) return <p className="closed-form" />;
  const total = reg + tau1 + tau2;
  if (report.sigma !== 1) return <p className="closed-form">{t('identity.scaled', { sigma: formatNumber(report.sigma) })}</p>;
  if (prior === 'diagonal' && total < Infinity && report.n === report.m) return <p className="closed-form">{t('identity.diagonal', { total: formatNumber(total) })}</p>;
  if (prior !== 'ones' && total < Infinity) return <p className="closed-form">{t('identity.objective', { total: formatNumber(total), mass: formatFromLog(report.ot_pi_sum, report.logMass), value: formatNumber(total * (1 - report.ot_pi_sum)) })}</p>;
  return <p className="closed-form" />;
}
