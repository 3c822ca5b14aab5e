import type { ReactElement } from 'react';
import { baseOf, countsOf, planOf, secondsLeft, useExperiment } from '../../store/experiment.ts';
import { useRun } from '../../store/run.ts';
import { useSession } from '../../store/session.ts';
import { useLive } from '../parts/live.ts';
import { useWords } from '../parts/words.ts';
import { useMethodName } from './method-name.ts';

/** Run, pause, stop, clear; how many runs are done, and how long the rest will take. */
export function RunBar(): ReactElement {
  const t = useWords();
  const { experiments } = useLive();
  const name = useMethodName();
  const state = useExperiment();
  const session = useSession((current) => current.session);
  // An encoder on its way would be missing.
  const loading = useRun((run) => run.encoders.some((one) => one.state.kind === 'loading'));
  const { phase, active, runs, failed } = state;
  const plan = planOf(state, baseOf(state.experiment, session));
  const { total, done, failed: fallen } = countsOf(state, plan);
  const idle = phase === 'idle';
  const left = secondsLeft(state, total - done - fallen);
  // Progress has places for what is under way, so that it does not jump back at the end of a run.
  const share = total === 0 ? 0 : (done + fallen + active.reduce((sum, run) => sum + run.share, 0)) / total;
  const status = phase === 'starting' ? t('experiment.starting') : phase === 'paused' ? t('experiment.held') : left === null ? '' : t('experiment.left', { left: duration(left) });
  return (
    <div className="run-bar" data-phase={phase} data-done={done} data-total={total}>
      <div className="keys">
        {idle ? (
          <button type="button" className="button primary" disabled={plan.error !== null || done === total || loading} onClick={() => void experiments.start()}>
            {t(done > 0 || fallen > 0 ? 'experiment.go-on' : 'experiment.run')}
          </button>
        ) : phase === 'paused' ? (
          <button type="button" className="button primary" onClick={() => experiments.goOn()}>
            {t('experiment.go-on')}
          </button>
        ) : (
          <button type="button" className="button primary" disabled={phase === 'starting'} onClick={() => experiments.pause()}>
            {t('experiment.pause')}
          </button>
        )}
        <button type="button" className="button outlined" disabled={idle} title={t('experiment.stop-gloss')} onClick={() => experiments.stop()}>
          {t('experiment.stop')}
        </button>
        <button type="button" className="button outlined" disabled={!idle || runs.length + failed.length === 0} title={t('experiment.clear-gloss')} onClick={() => void experiments.clear()}>
          {t('experiment.clear')}
        </button>
      </div>
      <span role="status">{total > 0 ? t('experiment.progress', { done: String(done), total: String(total) }) : ''}</span>
      <span className="muted" title={active.map((run) => t('experiment.active', { method: name(run.method), seed: String(run.seed), percent: String(Math.round(100 * run.share)) })).join('\n')}>
        {[status, active.length > 0 ? t('experiment.workers', { count: String(active.length) }) : ''].filter(Boolean).join(' · ')}
      </span>
      <span className="progress">
        <i style={{ width: `${100 * share}%` }} />
      </span>
    </div>
  );
}

/** Seconds below two minutes, minutes below two hours, then hours. */
function duration(seconds: number): string {
  if (seconds < 120) return `${Math.max(1, Math.round(seconds))} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
