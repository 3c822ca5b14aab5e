import { useState, type ReactElement } from 'react';
import type { TrainingMetrics } from '../../engine/protocol.ts';
import { useRun } from '../../store/run.ts';
import { collapsedAt } from '../../store/collapse.ts';
import { useSession } from '../../store/session.ts';
import { run } from '../../store/training-shelf.ts';
import { explain } from '../../store/view.ts';
import { formatNumber } from '../../words/numbers.ts';
import { ErrorText } from '../parts/controls.tsx';
import { useLive } from '../parts/live.ts';
import { useWords, type Translate } from '../parts/words.ts';
import { CheckpointLine } from './CheckpointLine.tsx';
import { Film } from './Film.tsx';
import { SeriesChart, type Mark, type Series } from './SeriesChart.tsx';

const share = (part: number | null, whole: number): number | null => (part === null || !(whole > 0) ? null : part / whole);

const LOSSES: readonly Series[] = [
  { name: 'total', style: 'ink', of: ({ total }) => total },
  { name: 'BC', style: 'dash', of: ({ bc }) => bc },
  { name: 'λ·OT', style: 'dot', of: ({ weighted }) => weighted },
  { name: 'UOT', style: 'faint', of: ({ value }) => value },
];
const TRANSPORT: readonly Series[] = [
  { name: 'π_sum', style: 'ink', of: ({ mass }) => mass },
  { name: 'diag', style: 'dash', of: ({ diagonalMass, mass }) => share(diagonalMass, mass) },
];
/** Steps whose plan is less than it should be, or not the GPU's. */
const unsettled: Mark['of'] = ({ converged }) => !converged;
const handed: Mark['of'] = ({ handedOver }) => handedOver !== null;
const NORMS: readonly Series[] = [
  { name: 'enc', style: 'ink', of: ({ encoderNorm }) => encoderNorm },
  { name: 'head', style: 'dash', of: ({ headNorm }) => headNorm },
];

/** Training beneath the plan: transport, what the run says, and plans along it. One cursor over all charts. */
export function TrainStrip(): ReactElement {
  const t = useWords();
  useRun((state) => state.trainingVersion);
  const { steps } = useRun((state) => state.training);
  const planned = useSession((state) => state.session.policy.steps);
  const [cursor, setCursor] = useState<number | null>(null);
  const { metrics } = run;
  const shown = at(metrics, cursor);
  const domain = Math.max(2, steps || planned);
  const chart = { metrics, steps: domain, cursor, onCursor: setCursor };
  const sides: readonly Series[] = [
    { name: t('side.sim'), style: 'source', of: ({ sourceVariance }) => sourceVariance },
    { name: t('side.real'), style: 'target', of: ({ targetVariance }) => targetVariance },
  ];
  const ranks: readonly Series[] = [
    { name: t('side.sim'), style: 'source', of: ({ sourceRank }) => sourceRank },
    { name: t('side.real'), style: 'target', of: ({ targetRank }) => targetRank },
  ];
  const marks: readonly Mark[] = [
    { name: t('train.not-converged'), at: 'top', of: unsettled },
    { name: t('train.handed-over'), at: 'bottom', of: handed },
  ];
  const terms = (metrics[0]?.terms ?? []).map(({ name }, k): Series => ({ name, style: (['ink', 'dash', 'dot', 'faint'] as const)[k % 4]!, of: (at) => at.terms[k]?.mean ?? null }));
  return (
    <footer className="train" aria-label={t('train.title')}>
      <Transport at={shown} />
      <div className="charts">
        <SeriesChart title={t('train.losses')} gloss={t('train.losses-gloss')} onExplain={() => explain('slope')} series={LOSSES} scale="log" {...chart} />
        <SeriesChart title={t('train.transport')} gloss={t('train.transport-gloss')} series={TRANSPORT} scale="unit" marks={marks} {...chart} />
        <SeriesChart title={t('train.terms')} gloss={t('train.terms-gloss')} series={terms} scale="log" {...chart} />
        <SeriesChart title={t('train.variance')} gloss={t('train.variance-gloss')} onExplain={() => explain('collapse')} flag={shown && collapsedAt(metrics, shown) ? t('collapse.flag') : null} series={sides} scale="zero" {...chart} />
        <SeriesChart title={t('train.rank')} gloss={t('train.rank-gloss')} series={ranks} scale="zero" {...chart} />
        <SeriesChart title={t('train.norms')} gloss={t('train.norms-gloss')} onExplain={() => explain('balance')} series={NORMS} scale="log" {...chart} />
      </div>
      <Film />
    </footer>
  );
}

/** The figures of a step, or of the last one. */
const at = (metrics: readonly TrainingMetrics[], cursor: number | null): TrainingMetrics | undefined => (cursor === null ? metrics.at(-1) : (metrics.find(({ step }) => step >= cursor) ?? metrics.at(-1)));

/** Play, pause, one step, back to a kept step, forget; progress and what is left. */
function Transport({ at: shown }: { at: TrainingMetrics | undefined }): ReactElement {
  const t = useWords();
  const live = useLive();
  const { training } = live;
  const status = useRun((state) => state.training);
  const planned = useSession((state) => state.session.policy.steps);
  const ready = useRun((state) => state.report !== null);
  const { step, playing, kept, unkept, error, runsOn } = status;
  const steps = status.steps || planned;
  const recent = run.metrics.slice(-50);
  const pace = recent.length > 1 ? recent.reduce((sum, { ms }) => sum + ms, 0) / recent.length : null;
  const before = kept.findLast((other) => other < step);
  return (
    <div className="transport" data-step={step} data-playing={playing}>
      <h3>
        <span>{t('train.title')}</span>
        <span className="spring" />
        <span className="muted number">{t('train.step', { step: String(step), steps: String(steps) })}</span>
      </h3>
      <div className="keys">
        {playing ? (
          <button type="button" className="button primary" onClick={() => void training.pause()} title={t('train.pause')} aria-label={t('train.pause')}>
            ❚❚
          </button>
        ) : (
          <button type="button" className="button primary" disabled={!ready || (step > 0 && step >= steps)} onClick={() => void training.play()} title={t('train.play')} aria-label={t('train.play')}>
            ▶
          </button>
        )}
        <button type="button" className="button outlined" disabled={!ready || playing || (step > 0 && step >= steps)} onClick={() => void training.play(1)} title={t('train.one')} aria-label={t('train.one')}>
          ▶❚
        </button>
        <button type="button" className="button outlined" disabled={before === undefined} onClick={() => void training.rewind(before!)} title={t('train.back')} aria-label={t('train.back')}>
          ◀
        </button>
        <button type="button" className="button outlined" disabled={step === 0 && kept.length === 0} onClick={() => void training.reset()} title={t('train.reset')} aria-label={t('train.reset')}>
          ■
        </button>
      </div>
      <span className="progress">
        <i style={{ width: `${(100 * step) / steps}%` }} />
      </span>
      {error ? (
        <div className="message" role="alert">
          <ErrorText error={error} />
        </div>
      ) : (
        <div className="muted number pace">
          {pace === null ? t('train.idle', { file: status.file }) : t('train.pace', { ms: formatNumber(pace, 2), left: seconds(((steps - step) * pace) / 1000) })}
          {runsOn ? <span data-runs-on={runsOn.kind}> · {t(`train.on.${runsOn.kind}`)}</span> : null}
          {shown ? <div>{reading(t, shown)}</div> : null}
          {runsOn?.reason ? (
            <div role="note">
              <ErrorText error={runsOn.reason} />
            </div>
          ) : null}
          {unkept === null ? null : <div>{t('train.unkept', { megabytes: String(Math.round(unkept / 2 ** 20)) })}</div>}
        </div>
      )}
      <CheckpointLine />
    </div>
  );
}

/** The figures of a step, and what was odd about its solve. */
function reading(t: Translate, { step, bc, weighted, mass, converged, handedOver }: TrainingMetrics): string {
  const odd = [...(converged ? [] : [t('train.not-converged')]), ...(handedOver === null ? [] : [t('train.handed-over')])];
  return [t('train.reading', { step: String(step), bc: formatNumber(bc), ot: formatNumber(weighted), mass: formatNumber(mass) }), ...odd].join(' · ');
}

/** Whole seconds, or minutes and seconds. */
function seconds(value: number): string {
  const whole = Math.max(0, Math.round(value));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
