import type { ReactElement } from 'react';
import { NEAREST_ZONES, nearestZone } from '../../core/ot/identities.ts';
import type { SolveReport } from '../../engine/protocol.ts';
import { useRun } from '../../store/run.ts';
import { explain, type Explained } from '../../store/view.ts';
import { formatFromLog, formatNumber } from '../../words/numbers.ts';
import type { WordKey } from '../../words/index.ts';
import { useWords } from '../parts/words.ts';
import { isMasked } from '../plan/masked.ts';

interface Metric {
  readonly name: WordKey;
  /** The LeRobot fork's name, or ours: what a log or a config calls it. */
  readonly code: string;
  readonly value: (report: SolveReport) => string;
  /** Place of the value on a bullet in [0, 1]; null draws none. */
  readonly place: ((report: SolveReport) => number) | null;
  /** Healthy stretch of the bullet. */
  readonly band?: readonly [number, number];
  /** Hatched stretch, where the quantity says that nothing works. */
  readonly dead?: readonly [number, number];
  /** What explains it. */
  readonly explained?: Explained;
  /** A word beside the code name. */
  readonly zone?: (report: SolveReport) => WordKey;
}

const logPlace = (value: number, low: number, high: number): number => Math.log(value / low) / Math.log(high / low);

const METRICS: readonly Metric[] = [
  { name: 'metric.mass', code: 'ot_pi_sum', value: (r) => formatFromLog(r.ot_pi_sum, r.logMass), place: (r) => logPlace(r.ot_pi_sum, 1e-4, 1), band: [logPlace(0.05, 1e-4, 1), logPlace(0.3, 1e-4, 1)] },
  { name: 'metric.loss', code: 'ot_loss', value: (r) => formatNumber(r.ot_loss), place: (r) => r.ot_loss / r.statistics.mean, explained: 'slope' },
  { name: 'metric.diagonal', code: 'ot_pi_diag', value: (r) => formatNumber(r.ot_pi_diag), place: (r) => r.diag_ratio ?? Number.NaN },
  { name: 'metric.diag-ratio', code: 'diag_ratio', value: (r) => formatNumber(r.diag_ratio), place: (r) => r.diag_ratio ?? Number.NaN },
  { name: 'metric.perplexity', code: 'perplexity', value: (r) => formatNumber(r.perplexity), place: (r) => logPlace(r.perplexity, 1, r.m) },
  { name: 'metric.objective', code: 'primal', value: (r) => formatNumber(r.primal), place: null, explained: 'objective' },
  { name: 'metric.gap', code: 'gap', value: (r) => (r.hard ? '–' : formatNumber(Math.abs(r.gap), 2)), place: (r) => (r.hard ? Number.NaN : logPlace(Math.abs(r.gap) || 1e-16, 1e-16, 1)), band: [0, 10 / 16] },
  { name: 'metric.violation', code: '|π1 − a|', value: (r) => (r.hard ? formatNumber(r.marginalViolation, 2) : '–'), place: (r) => (r.hard ? logPlace(r.marginalViolation || 1e-16, 1e-16, 1) : Number.NaN), band: [0, 10 / 16] },
  { name: 'metric.stiffness', code: 'q', value: (r) => formatNumber(r.regime.q), place: (r) => logPlace(r.regime.q, 0.01, 100), explained: 'stiffness' },
  { name: 'metric.nearest', code: 'q̃', value: (r) => formatNumber(r.regime.qNearest), place: (r) => logPlace(r.regime.qNearest, 0.01, 100), band: [0, logPlace(NEAREST_ZONES.watch, 0.01, 100)], dead: [logPlace(NEAREST_ZONES.dead, 0.01, 100), 1], explained: 'stiffness', zone: (r) => `stiffness.${nearestZone(r.regime)}` },
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
        const { explained, zone } = metric;
        const place = report && metric.place ? metric.place(report) : Number.NaN;
        return (
          <div key={metric.name} className="metric" data-metric={metric.code}>
            <span className="what" title={t(`${metric.name}-gloss` as WordKey)}>
              {explained ? (
                <button type="button" className="link" aria-label={t('explain.open', { what: t(metric.name) })} onClick={() => explain(explained)}>
                  {t(metric.name)}
                </button>
              ) : (
                t(metric.name)
              )}
              <small>
                {metric.code}
                {zone && report ? ` · ${t(zone(report))}` : ''}
              </small>
            </span>
            <span className="bullet" aria-hidden="true" style={metric.place ? undefined : { visibility: 'hidden' }}>
              {metric.band ? <u style={{ left: `${100 * metric.band[0]}%`, width: `${100 * (metric.band[1] - metric.band[0])}%` }} /> : null}
              {metric.dead ? <u className="dead" style={{ left: `${100 * metric.dead[0]}%`, width: `${100 * (metric.dead[1] - metric.dead[0])}%` }} /> : null}
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

/** What the numbers above must satisfy, with both sides of it: which closed form the optimum has, and by how much it is off. */
function Identity({ report }: { report: SolveReport | null }): ReactElement {
  const t = useWords();
  if (!report) return <p className="closed-form" />;
  const { form, value, difference, masses, total } = report.objective;
  const masked = isMasked(report) && total < Infinity && report.n === report.m && report.sigma === 1;
  const figures = { primal: formatNumber(report.primal), value: formatNumber(value), difference: formatNumber(difference, 2), total: formatNumber(total), mass: formatFromLog(report.ot_pi_sum, report.logMass), massC: formatNumber(masses.c), sigma: formatNumber(report.sigma) };
  const optimal = report.mode === 'fast' && report.converged;
  const key: WordKey = !optimal ? 'identity.not-optimal' : report.sigma !== 1 ? 'identity.scaled' : masked ? 'identity.diagonal' : `identity.${form}`;
  return (
    <p className="closed-form">
      {t(key, figures)}{' '}
      <button type="button" className="link" aria-label={t('explain.open', { what: t(masked && optimal ? 'welsch.title' : 'objective.title') })} onClick={() => explain(masked && optimal ? 'welsch' : 'objective')}>
        {t('explain.why')}
      </button>
    </p>
  );
}
