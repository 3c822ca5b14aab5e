import type { ReactElement } from 'react';
import type { TrainedWeights } from '../../engine/protocol.ts';
import { useRun, type CheckpointState } from '../../store/run.ts';
import { useView } from '../../store/view.ts';
import { ErrorText } from '../parts/controls.tsx';
import { useLive } from '../parts/live.ts';
import { saveFile } from '../parts/save-file.ts';
import { useWords, type Translate } from '../parts/words.ts';

/** What is written down of the run: up to which step, why not, or a run of another session; and the run as files. */
export function CheckpointLine(): ReactElement {
  const t = useWords();
  const live = useLive();
  const checkpoint = useRun((run) => run.checkpoint);
  const { step, playing, averaged } = useRun((run) => run.training);
  const { savedStep, offer, error } = checkpoint;
  const saveEncoder = async (which: TrainedWeights): Promise<void> => {
    const file = await live.training.encoderFile(which);
    if (file) saveFile(file);
  };
  return (
    <div className="checkpoint" data-checkpoint data-saved-step={savedStep ?? ''}>
      {step > 0 ? (
        <div className="buttons">
          <span className="muted" role="status">
            {standing(t, checkpoint)}
          </span>
          <span className="spring" />
          <button type="button" className="link" aria-label={t('checkpoint.encoder')} title={t('checkpoint.encoder')} onClick={() => void saveEncoder('weights')}>
            .onnx
          </button>
          {averaged ? (
            <button type="button" className="link" aria-label={t('checkpoint.averages')} title={t('checkpoint.averages')} onClick={() => void saveEncoder('averages')}>
              EMA
            </button>
          ) : null}
          {(['json', 'csv'] as const).map((kind) => (
            <button key={kind} type="button" className="link" aria-label={t(`checkpoint.${kind}`)} title={t(`checkpoint.${kind}`)} onClick={() => saveFile(live.checkpoints.runFile(kind))}>
              .{kind}
            </button>
          ))}
        </div>
      ) : null}
      {error ? (
        <div className="message" role="alert">
          <ErrorText error={error} />
        </div>
      ) : null}
      {offer && !playing ? <Offer {...offer} /> : null}
    </div>
  );
}

function Offer({ at, step }: NonNullable<CheckpointState['offer']>): ReactElement {
  const t = useWords();
  const live = useLive();
  const language = useView((view) => view.language);
  const date = new Date(at).toLocaleString(language === 'zh' ? 'zh-CN' : 'en-GB', { dateStyle: 'medium', timeStyle: 'short' });
  return (
    <button type="button" className="link" title={t('checkpoint.continue-gloss')} onClick={() => void live.checkpoints.continueOffered()}>
      {t('checkpoint.continue', { date, step: String(step) })}
    </button>
  );
}

/** The run was gone on with until it is saved again, then where it was saved. */
function standing(t: Translate, { savedStep, resumed }: CheckpointState): string {
  if (resumed && (savedStep === null || savedStep === resumed.step)) return t(resumed.died ? 'checkpoint.revived' : 'checkpoint.resumed', { step: String(resumed.step) });
  return savedStep === null ? t('checkpoint.unsaved') : t('checkpoint.saved', { step: String(savedStep) });
}
