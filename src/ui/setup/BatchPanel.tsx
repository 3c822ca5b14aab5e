import { useMemo, type ReactElement } from 'react';
import { reportError } from '../../base/errors.ts';
import { parseRanges } from '../../config/ranges.ts';
import { SESSION_LIMITS, type BatchSettings } from '../../config/session.ts';
import { TRAINING_LIMITS } from '../../config/training.ts';
import { useRun } from '../../store/run.ts';
import { useSession } from '../../store/session.ts';
import { Field, NumberBox, Segmented, TextBox } from '../parts/controls.tsx';
import { useWords } from '../parts/words.ts';

/** Which frames are compared. */
export function BatchPanel(): ReactElement {
  const t = useWords();
  const batch = useSession((state) => state.session.batch);
  const setBatch = useSession((state) => state.setBatch);
  const report = useRun((run) => run.report);
  const size = SESSION_LIMITS.batchSize;
  return (
    <section aria-label={t('batch.title')}>
      <h3>
        {t('batch.title')}
        <span className="spring" />
        <span style={{ fontWeight: 400 }}>{report ? `${report.n} × ${report.m} · ${t(report.paired ? 'batch.paired' : 'batch.unpaired')}` : ''}</span>
      </h3>
      <Segmented<BatchSettings['kind']>
        wide
        label={t('batch.title')}
        value={batch.kind}
        options={[
          { value: 'random', label: t('batch.random') },
          { value: 'ranges', label: t('batch.ranges') },
        ]}
        onChange={(kind) => setBatch({ kind })}
      />
      {batch.kind === 'random' ? (
        <>
          <Field label={t('batch.size')}>
            {(id) => (
              <NumberBox id={id} whole label={t('batch.size')} value={batch.size} onChange={(value) => setBatch({ size: Math.round(value) })} refuse={(value) => (value >= size.low && value <= size.high ? null : t('refuse.size'))} step={(value, direction) => Math.max(size.low, Math.min(size.high, value + direction))} />
            )}
          </Field>
          <Field label={t('batch.seed')}>
            {(id) => (
              <span className="range-boxes">
                <NumberBox id={id} whole label={t('batch.seed')} value={batch.seed} onChange={(value) => setBatch({ seed: Math.round(value) })} refuse={(value) => (value >= 0 && value < 2 ** 31 ? null : t('refuse.seed'))} />
                <button type="button" className="link" onClick={() => setBatch({ seed: batch.seed + 1 })}>
                  {t('batch.redraw')}
                </button>
              </span>
            )}
          </Field>
          <RangeField side="source" field="sourceEpisodes" unit="episodes" />
          <RangeField side="target" field="targetEpisodes" unit="episodes" />
        </>
      ) : (
        <>
          <RangeField side="source" field="sourceRanges" unit="frames" />
          <RangeField side="target" field="targetRanges" unit="frames" />
        </>
      )}
      <StepsField field="obsSteps" name="obs-steps" />
      <StepsField field="actionHorizon" name="action-horizon" />
      {(report?.notes ?? []).map((note) => (
        <div key={note} className="note" lang="en" data-batch-note>
          {note}
        </div>
      ))}
    </section>
  );
}

/** How many steps of time a sample holds. */
function StepsField({ field, name }: { field: 'obsSteps' | 'actionHorizon'; name: 'obs-steps' | 'action-horizon' }): ReactElement {
  const t = useWords();
  const value = useSession((state) => state.session.training[field]);
  const setTraining = useSession((state) => state.setTraining);
  const { low, high } = TRAINING_LIMITS[field];
  const label = t(`batch.${name}`);
  return (
    <Field label={label}>
      {(id) => (
        <span title={t(`batch.${name}-gloss`)}>
          <NumberBox
            id={id}
            whole
            label={label}
            value={value}
            onChange={(steps) => setTraining({ [field]: Math.round(steps) })}
            refuse={(steps) => (steps >= low && steps <= high ? null : t('refuse.range', { low: String(low), high: String(high) }))}
            step={(steps, direction) => Math.max(low, Math.min(high, steps + direction))}
          />
        </span>
      )}
    </Field>
  );
}

type RangeKey = 'sourceEpisodes' | 'targetEpisodes' | 'sourceRanges' | 'targetRanges';

/** Half-open ranges of one side, with what is wrong with them underneath. */
function RangeField({ side, field, unit }: { side: 'source' | 'target'; field: RangeKey; unit: 'episodes' | 'frames' }): ReactElement {
  const t = useWords();
  const text = useSession((state) => state.session.batch[field]);
  const setBatch = useSession((state) => state.setBatch);
  const count = useRun((run) => run.datasets[side]?.[unit] ?? 0);
  const problem = useMemo(() => {
    if (count === 0) return null;
    try {
      parseRanges(text, count, `${side} ${unit}`);
      return null;
    } catch (thrown) {
      return reportError(thrown).message;
    }
  }, [text, count, side, unit]);
  const label = t(`batch.${side}-${unit}`);
  return (
    <Field label={label} problem={problem}>
      {(id) => <TextBox id={id} label={label} value={text} placeholder={count > 0 ? t('batch.all', { count: String(count) }) : ''} invalid={problem !== null} onChange={(value) => setBatch({ [field]: value })} />}
    </Field>
  );
}
