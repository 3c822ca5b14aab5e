import type { ReactElement } from 'react';
import type { DriveRegion } from '../../engine/protocol.ts';
import { useRun } from '../../store/run.ts';
import { useView } from '../../store/view.ts';
import { ErrorText, NumberBox } from '../parts/controls.tsx';
import { useLive } from '../parts/live.ts';
import { useWords } from '../parts/words.ts';
import { AttemptView } from './AttemptView.tsx';
import { DrivenSteps, Outcomes } from './Outcomes.tsx';
import { TablePicture } from './TablePicture.tsx';

const DRIVES: readonly { readonly name: 'both' | DriveRegion; readonly regions: readonly DriveRegion[] }[] = [
  { name: 'both', regions: ['lower', 'upper'] },
  { name: 'lower', regions: ['lower'] },
  { name: 'upper', regions: ['upper'] },
];

/** The policy drives the demo's arm: which step of it, where, as it moves, and what comes of it. */
export function ArmView(): ReactElement {
  const t = useWords();
  const { rollouts } = useLive();
  const { driving, error } = useRun((run) => run.rollouts);
  const demo = useRun(({ datasets }) => datasets.source?.demo === 'sim' && datasets.target?.demo === 'real');
  return (
    <div className="arm-view" data-driving={driving}>
      <PolicyChoice />
      <div className="drive" role="group" aria-label={t('arm.drive')}>
        {DRIVES.map(({ name, regions }) => (
          <button key={name} type="button" className="button outlined" disabled={driving || !demo} title={t(`arm.${name}-gloss`)} onClick={() => void rollouts.drive(regions)}>
            {t(name === 'both' ? 'arm.both' : `arm.${name}-short`)}
          </button>
        ))}
        <span className="spring" />
        <button type="button" className="button outlined" disabled={!driving} onClick={() => void rollouts.stop()}>
          {t('arm.stop')}
        </button>
      </div>
      {demo ? null : <p className="muted">{t('arm.demo-only')}</p>}
      {error ? (
        <p className="message" role="alert">
          <ErrorText error={error} />
        </p>
      ) : null}
      <TablePicture />
      <Outcomes />
      <AttemptView />
      <DrivenSteps />
    </div>
  );
}

/** The weights that drive, as they stand or of a kept step, and which attempts they meet. */
function PolicyChoice(): ReactElement {
  const t = useWords();
  const arm = useView((view) => view.arm);
  const { step, kept } = useRun((run) => run.training);
  const set = (change: Partial<typeof arm>): void => useView.setState({ arm: { ...arm, ...change } });
  const chosen = arm.step !== null && kept.includes(arm.step) ? String(arm.step) : '';
  return (
    <div className="caption">
      <select className="select" aria-label={t('arm.policy')} value={chosen} onChange={({ target: { value } }) => set({ step: value === '' ? null : Number(value) })}>
        <option value="">{step === 0 ? t('arm.untrained') : t('arm.present', { step: String(step) })}</option>
        {kept.toReversed().map((other) => (
          <option key={other} value={other}>
            {other === 0 ? t('arm.first') : t('arm.step', { step: String(other) })}
          </option>
        ))}
      </select>
      <span className="muted" title={t('arm.seed-gloss')}>
        {t('batch.seed')}
      </span>
      <NumberBox whole label={t('arm.seed')} value={arm.seed} onChange={(value) => set({ seed: Math.round(value) })} refuse={(value) => (value >= 0 && value < 2 ** 31 ? null : t('refuse.seed'))} />
    </div>
  );
}
