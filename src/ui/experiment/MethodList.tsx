import { useState, type ReactElement } from 'react';
import { ALIGNED, METHODS, type MethodKind } from '../../config/methods.ts';
import { TRIED_WINDOWS, type TriedWindow } from '../../engine/protocol.ts';
import { baseOf, inOrder, planOf, useExperiment } from '../../store/experiment.ts';
import { useSession } from '../../store/session.ts';
import { ErrorText, Field, Glyph, NumberBox, TextBox } from '../parts/controls.tsx';
import { useLive } from '../parts/live.ts';
import { useWords } from '../parts/words.ts';
import { useMethodName } from './method-name.ts';

/** Enough for a share to mean something, and few enough that driving takes no longer than training. */
const MOST_ATTEMPTS = 200;

/** Methods to tick, variants of them, and the seeds that each is run with. */
export function MethodList(): ReactElement {
  const t = useWords();
  const live = useLive();
  const name = useMethodName();
  const { chosen, variants, seeds, attempts, experiment, phase } = useExperiment();
  const session = useSession((state) => state.session);
  const fixed = phase !== 'idle';
  const { error } = planOf({ chosen, seeds }, baseOf(experiment, session));
  return (
    <section className="methods" aria-label={t('experiment.methods')}>
      <Field label={t('experiment.seeds')} gloss={t('experiment.seeds-gloss')}>
        {(id) => (fixed ? <output id={id}>{seeds}</output> : <TextBox id={id} label={t('experiment.seeds')} value={seeds} invalid={error?.code === 'bad-seeds'} onChange={(text) => useExperiment.setState({ seeds: text })} />)}
      </Field>
      <Field label={t('experiment.attempts')} gloss={t('experiment.attempts-gloss')}>
        {(id) =>
          experiment || fixed ? (
            <output id={id}>{attempts}</output>
          ) : (
            <NumberBox
              id={id}
              whole
              label={t('experiment.attempts')}
              value={attempts}
              refuse={(next) => (Number.isInteger(next) && next >= 1 && next <= MOST_ATTEMPTS ? null : t('refuse.range', { low: '1', high: String(MOST_ATTEMPTS) }))}
              onChange={(next) => useExperiment.setState({ attempts: next })}
            />
          )
        }
      </Field>
      <div className="plan-problem" role="alert">
        {error ? <ErrorText error={error} /> : null}
      </div>
      <h3>{t('experiment.methods')}</h3>
      <ul>
        {inOrder([...METHODS, ...variants]).map((text) => (
          <li key={text}>
            <label>
              <input type="checkbox" checked={chosen.includes(text)} disabled={fixed} onChange={() => live.experiments.toggle(text)} />
              <b>{name(text)}</b>
              {variants.includes(text) ? null : <span className="muted">{t(`method.${text as MethodKind}-gloss`)}</span>}
            </label>
            {variants.includes(text) ? (
              <button type="button" className="link" disabled={fixed} aria-label={t('experiment.remove', { method: name(text) })} onClick={() => live.experiments.removeVariant(text)}>
                <Glyph name="close" />
              </button>
            ) : null}
          </li>
        ))}
      </ul>
      <AddVariant disabled={fixed} />
    </section>
  );
}

/** A method with batches of its own: drawn at random, or as pairs within another window. */
function AddVariant({ disabled }: { disabled: boolean }): ReactElement {
  const t = useWords();
  const live = useLive();
  const [kind, setKind] = useState<MethodKind>('uot');
  const [how, setHow] = useState<TriedWindow | 'random'>('random');
  const options = ['random', ...TRIED_WINDOWS] as const;
  const label = (value: TriedWindow | 'random'): string => (value === 'random' ? t('method.random') : value === 'episode' ? t('method.episode') : t('method.window', { window: String(value) }));
  return (
    <div className="variant">
      <select className="select" aria-label={t('experiment.variant-kind')} value={kind} onChange={(event) => setKind(event.target.value as MethodKind)}>
        {[...ALIGNED].map((value) => (
          <option key={value} value={value}>
            {t(`method.${value}`)}
          </option>
        ))}
      </select>
      <select className="select" aria-label={t('experiment.variant-how')} value={String(how)} onChange={(event) => setHow(options.find((value) => String(value) === event.target.value)!)}>
        {options.map((value) => (
          <option key={value} value={String(value)}>
            {label(value)}
          </option>
        ))}
      </select>
      <button type="button" className="button outlined" disabled={disabled} onClick={() => live.experiments.addVariant(how === 'random' ? { kind, paired: false, window: 'episode' } : { kind, paired: true, window: how })}>
        {t('experiment.add')}
      </button>
    </div>
  );
}
