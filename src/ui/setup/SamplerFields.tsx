import type { ReactElement } from 'react';
import { TRAINING_LIMITS, type Convention, type TrainingSettings } from '../../config/training.ts';
import { defaultWindow, windowSize } from '../../core/pairing/window-size.ts';
import { useRun } from '../../store/run.ts';
import { useSession } from '../../store/session.ts';
import { formatNumber } from '../../words/numbers.ts';
import { Field, NumberBox, Segmented } from '../parts/controls.tsx';
import { useWords } from '../parts/words.ts';

type NumberKey = 'window' | 'sharpness' | 'cutoff' | 'baseIndexSource' | 'baseIndexTarget';

/** How a partner is drawn: whose rules, how far the window moves it, and how distances become weights. */
export function SamplerFields({ ofFile }: { ofFile: boolean }): ReactElement {
  const t = useWords();
  const training = useSession((state) => state.session.training);
  const setTraining = useSession((state) => state.setTraining);
  const { convention, noWindow, topk } = training;
  const labels: Readonly<Record<Convention, string>> = { playground: t('pairing.playground'), lerobot: 'LeRobot', robomimic: 'robomimic' };
  return (
    <>
      <Segmented<Convention>
        wide
        label={t('pairing.sampler')}
        value={convention}
        options={(['playground', 'lerobot', 'robomimic'] as const).map((value) => ({ value, label: labels[value], title: t(`pairing.${value}-gloss`) }))}
        onChange={(value) => setTraining({ convention: value })}
      />
      {noWindow ? null : <WindowField />}
      <label className="check">
        <input type="checkbox" checked={noWindow} onChange={(event) => setTraining({ noWindow: event.target.checked })} /> {t('pairing.no-window')}
      </label>
      <NumberField label="sharpness" field="sharpness" />
      {convention === 'robomimic' ? (
        <NumberField label="cutoff" field="cutoff" />
      ) : (
        <Field label={t('pairing.topk')}>
          {(id) => (
            <span title={t('pairing.zero-all')}>
              <NumberBox id={id} whole label={t('pairing.topk')} value={topk ?? 0} refuse={(value) => (value >= 0 && value <= TRAINING_LIMITS.topk.high ? null : t('refuse.whole'))} onChange={(value) => setTraining({ topk: Math.round(value) || null })} />
            </span>
          )}
        </Field>
      )}
      {ofFile ? (
        <>
          <NumberField whole label={t('pairing.base-source')} field="baseIndexSource" />
          <NumberField whole label={t('pairing.base-target')} field="baseIndexTarget" />
        </>
      ) : null}
    </>
  );
}

/** W in frames, and what that is in seconds and of an episode: it moves source frames. */
function WindowField(): ReactElement {
  const t = useWords();
  const window = useSession((state) => state.session.training.window);
  const setTraining = useSession((state) => state.setTraining);
  const source = useRun((run) => run.datasets.source);
  const usual = source && defaultWindow(source.fps, [source.medianEpisode]);
  const size = source && windowSize(window, source.fps, [source.medianEpisode]);
  return (
    <>
      <NumberField whole label={t('pairing.window')} field="window" />
      <div className="muted" data-window>
        {size ? [...(size.seconds === null ? [] : [`${formatNumber(size.seconds)} s`]), t('pairing.window-share', { percent: formatNumber(size.percent) })].join(' · ') : ''}{' '}
        {usual !== null && usual !== window ? (
          <button type="button" className="link" onClick={() => setTraining({ window: usual })}>
            {t('pairing.window-default', { frames: String(usual) })}
          </button>
        ) : null}
      </div>
    </>
  );
}

const LIMITS: Readonly<Record<NumberKey, { readonly low: number; readonly high: number }>> = { ...TRAINING_LIMITS, baseIndexSource: TRAINING_LIMITS.baseIndex, baseIndexTarget: TRAINING_LIMITS.baseIndex };

function NumberField({ label, field, whole = false }: { label: string; field: NumberKey; whole?: boolean }): ReactElement {
  const t = useWords();
  const value = useSession((state) => state.session.training[field]);
  const setTraining = useSession((state) => state.setTraining);
  const { low, high } = LIMITS[field];
  const set = (next: number): void => setTraining({ [field]: whole ? Math.round(next) : next } satisfies Partial<TrainingSettings>);
  return (
    <Field label={label}>
      {(id) => (
        <NumberBox
          id={id}
          whole={whole}
          label={label}
          value={value}
          refuse={(next) => (next >= low && next <= high ? null : t('refuse.range', { low: formatNumber(low), high: formatNumber(high) }))}
          onChange={set}
          {...(whole ? { step: (from: number, direction: 1 | -1) => Math.min(high, Math.max(low, from + direction)) } : {})}
        />
      )}
    </Field>
  );
}
