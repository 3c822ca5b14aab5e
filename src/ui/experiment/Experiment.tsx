import type { ReactElement } from 'react';
import { belongsTo, useExperiment } from '../../store/experiment.ts';
import { useSession } from '../../store/session.ts';
import { ErrorText } from '../parts/controls.tsx';
import { useLive } from '../parts/live.ts';
import { saveFile } from '../parts/save-file.ts';
import { StageSwitch } from '../parts/StageSwitch.tsx';
import { useWords } from '../parts/words.ts';
import { useMethodName } from './method-name.ts';
import { MethodList } from './MethodList.tsx';
import { Results } from './Results.tsx';
import { RunBar } from './RunBar.tsx';

/** Methods × seeds in the place of the plan: what is to be run, how far it is, and what came out. */
export function Experiment(): ReactElement {
  const t = useWords();
  const live = useLive();
  const some = useExperiment((state) => state.runs.length > 0);
  return (
    <div className="experiment" data-experiment>
      <div className="plan-head">
        <h2 className="visually-hidden">{t('view.experiment')}</h2>
        <StageSwitch />
        <span className="spring" />
        {(['json', 'csv'] as const).map((kind) => (
          <button key={kind} type="button" className="button outlined" disabled={!some} title={t(`experiment.save-${kind}-gloss`)} onClick={() => saveFile(live.experiments.file(kind))}>
            {t(`experiment.save-${kind}`)}
          </button>
        ))}
      </div>
      <RunBar />
      <div className="experiment-body">
        <MethodList />
        <div className="results">
          <Notes />
          {some ? <Results /> : <Empty />}
        </div>
      </div>
    </div>
  );
}

/** What keeps it from being started or kept, what failed, and that the page has moved on. */
function Notes(): ReactElement {
  const t = useWords();
  const live = useLive();
  const { error, saveError, failed, replaced, experiment } = useExperiment();
  const session = useSession((state) => state.session);
  const name = useMethodName();
  const others = experiment !== null && !belongsTo(session, experiment);
  return (
    <>
      {[error, saveError].map((report) =>
        report ? (
          <p key={report.code} className="message" role="alert">
            <ErrorText error={report} />
          </p>
        ) : null,
      )}
      {others ? (
        <p className="message" role="status">
          {t('experiment.others')}{' '}
          <button type="button" className="link" onClick={() => useSession.getState().replace(experiment.session)}>
            {t('experiment.restore')}
          </button>{' '}
          <button type="button" className="link" onClick={() => void live.experiments.renew()}>
            {t('experiment.renew')}
          </button>
        </p>
      ) : null}
      {replaced > 0 ? (
        <p className="muted" role="status">
          {t('experiment.replaced', { count: String(replaced) })}
        </p>
      ) : null}
      {failed.length > 0 ? (
        <details className="failed">
          <summary>{t('experiment.failed', { count: String(failed.length) })}</summary>
          <ul>
            {failed.map((run) => (
              <li key={`${run.method} ${run.seed}`}>
                {t('experiment.failed-run', { method: name(run.method), seed: String(run.seed) })} <ErrorText error={run.error} />
              </li>
            ))}
          </ul>
        </details>
      ) : null}
    </>
  );
}

function Empty(): ReactElement {
  const t = useWords();
  return (
    <div className="experiment-empty">
      <h3>{t('experiment.empty-title')}</h3>
      <p>{t('experiment.empty')}</p>
      <p className="muted">{t('experiment.empty-headless')}</p>
    </div>
  );
}
