import { useState, type ReactElement } from 'react';
import { HEALTHY_MASS, type Warning, type WarningCode } from '../../core/ot/warnings.ts';
import { useRun } from '../../store/run.ts';
import { explain, type Explained } from '../../store/view.ts';
import { formatNumber } from '../../words/numbers.ts';
import { cureWords, warningWords } from '../../words/warnings.ts';
import { Glyph } from '../parts/controls.tsx';
import { useLive } from '../parts/live.ts';
import { useWords, type Translate } from '../parts/words.ts';

/** One line that is always there: the worst readings with their cure, or the healthy one. "+n" turns to the next. */
export function NoticeLine(): ReactElement {
  const t = useWords();
  const report = useRun((run) => run.report);
  const error = useRun((run) => run.error);
  const remark = useRun((run) => run.remark);
  const busy = useRun((run) => run.busy);
  const loading = useRun((run) => run.encoders.some(({ state }) => state.kind === 'loading') || run.loads.source.kind === 'loading' || run.loads.target.kind === 'loading');
  const [turn, setTurn] = useState(0);
  if (remark)
    return (
      <div className="notice" role="status">
        <span className="chip warn">
          <Glyph name="error" />
          <span title={remark}>{remark}</span>
          <button type="button" className="link" onClick={() => useRun.setState({ remark: null })}>
            {t('shard.dismiss')}
          </button>
        </span>
      </div>
    );
  const preparing = !report && (busy || loading);
  if (busy || preparing)
    return (
      <div className="notice" role="status">
        <span className="chip">
          <span className="progress moving">
            <i />
          </span>
          <span className="muted">{t(preparing ? 'notice.preparing' : 'notice.busy')}</span>
        </span>
      </div>
    );
  if (error)
    return (
      <div className="notice" role="status">
        <span className="chip warn">
          <Glyph name="error" />
          <span>{t('notice.error')}</span>
        </span>
      </div>
    );
  if (!report) return <div className="notice" role="status" />;
  const { warnings } = report;
  if (warnings.length === 0) {
    const mass = { mass: formatNumber(report.ot_pi_sum) };
    const inside = report.ot_pi_sum >= HEALTHY_MASS.low && report.ot_pi_sum <= HEALTHY_MASS.high;
    const healthy = report.hard ? t('notice.none') : t(inside ? 'notice.healthy' : 'notice.outside', mass);
    return (
      <div className="notice" role="status">
        <span className="chip">
          <Glyph name="ok" />
          <span className="muted">{report.paired ? healthy : `${healthy} ${t('notice.unpaired')}`}</span>
        </span>
      </div>
    );
  }
  // Two only where both can be read whole.
  const characters = warnings.slice(0, 2).reduce((total, warning) => total + textOf(warning, t).length, 0);
  const room = warnings.length > 1 && characters <= BOTH_FIT && innerWidth >= 1300 ? 2 : 1;
  const start = warnings.length > room ? turn % warnings.length : 0;
  const shown = Array.from({ length: Math.min(room, warnings.length) }, (_, k) => warnings[(start + k) % warnings.length]!);
  return (
    <div className="notice" role="status">
      {shown.map((warning) => (
        <Chip key={`${warning.code}${String(warning.facts.term ?? '')}`} warning={warning} />
      ))}
      {warnings.length > room ? (
        <button type="button" className="link muted" title={t('notice.more')} aria-label={t('notice.more')} onClick={() => setTurn((start + room) % warnings.length)}>
          +{warnings.length - room}
        </button>
      ) : null}
    </div>
  );
}

/** Characters of two texts that stand side by side with their buttons on a wide screen. */
const BOTH_FIT = 80;

/** The warnings that have a picture. */
const EXPLAINED: Readonly<Partial<Record<WarningCode, Explained>>> = { 'mass-collapse': 'balance', 'transport-dominates': 'balance', 'hard-diagonal': 'welsch', 'pot-breaks': 'pot', 'encoder-collapse': 'collapse' };

function textOf(warning: Warning, t: Translate): string {
  const { key, values } = warningWords(warning);
  return t(key, values);
}

function Chip({ warning }: { warning: Warning }): ReactElement {
  const t = useWords();
  const live = useLive();
  const text = textOf(warning, t);
  const cure = warning.cure;
  const words = cure ? cureWords(cure) : null;
  const explained = EXPLAINED[warning.code];
  return (
    <span className="chip warn" data-warning={warning.code}>
      <Glyph name="warn" />
      <span title={text}>{text}</span>
      {cure && words ? (
        <button type="button" className="link" onClick={() => void live.cure(cure)}>
          {t(words.key, words.values)}
        </button>
      ) : null}
      {explained ? (
        <button type="button" className="link" aria-label={t('explain.open', { what: text })} onClick={() => explain(explained)}>
          {t('explain.why')}
        </button>
      ) : null}
    </span>
  );
}
