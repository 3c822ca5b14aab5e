import { useState, type ReactElement } from 'react';
import { POLICY_LIMITS } from '../../config/policy.ts';
import { embeddingWidth } from '../../store/encoder-terms.ts';
import { learnableFiles, type Learner } from '../../store/learner.ts';
import { useSession } from '../../store/session.ts';
import { formatCount } from '../../words/numbers.ts';
import { ErrorText, Segmented } from '../parts/controls.tsx';
import { useWords } from '../parts/words.ts';
import { ChoiceField, LimitedNumber } from './PolicyFields.tsx';

/** Numbers of a projection that is offered, where the embedding has not fewer. */
const PROJECTED = 64;

/** Which encoder learns, and what of it: its tensors, or a projection on top of it. */
export function LearnerFields({ learner }: { learner: Learner }): ReactElement {
  const t = useWords();
  const features = useSession((state) => state.session.features);
  const { encoder, projection, head } = useSession((state) => state.session.policy);
  const setPolicy = useSession((state) => state.setPolicy);
  if (learner.kind === 'none' && encoder === null)
    return (
      <p className="muted">
        <ErrorText error={learner.error} />
      </p>
    );
  const width = 'summary' in learner ? embeddingWidth(learner.summary, learner.output) : null;
  const offered = Math.max(1, Math.min(PROJECTED, width ?? PROJECTED));
  // Under a projection the encoder gives no action of its own that could learn.
  const project = (): void => setPolicy({ projection: offered, ...(head === 'own' ? { head: 'regression' } : {}) });
  return (
    <>
      <ChoiceField
        label={t('policy.encoder')}
        gloss={t('policy.encoder-gloss')}
        value={encoder ?? ''}
        options={[{ value: '', label: t('policy.first') }, ...learnableFiles(features).map((file) => ({ value: file, label: file }))]}
        onChange={(file) => setPolicy({ encoder: file === '' ? null : file })}
      />
      {learner.kind === 'none' ? (
        <p className="message" role="alert">
          <ErrorText error={learner.error} />
        </p>
      ) : (
        <Segmented
          wide
          label={t('policy.learns')}
          value={projection === null ? 'weights' : 'projection'}
          options={(['weights', 'projection'] as const).map((value) => ({ value, label: t(`policy.${value}`), title: t(`policy.${value}-gloss`) }))}
          onChange={(chosen) => (chosen === 'projection' ? project() : setPolicy({ projection: null }))}
        />
      )}
      {projection === null ? <Weights learner={learner} offered={offered} onProject={project} /> : <LimitedNumber whole name="numbers" value={projection} limits={POLICY_LIMITS.projection} onChange={(numbers) => setPolicy({ projection: numbers })} />}
    </>
  );
}

/** The encoder's tensors, or why they cannot learn and what can. */
function Weights({ learner, offered, onProject }: { learner: Learner; offered: number; onProject: () => void }): ReactElement | null {
  const t = useWords();
  switch (learner.kind) {
    case 'none':
      return null;
    case 'absent':
      return <p className="muted">{t('policy.absent', { file: learner.file })}</p>;
    case 'unknown':
      return <p className="muted">{t('policy.unknown', { file: learner.summary.file, output: learner.output })}</p>;
    case 'untrainable':
      return (
        <div className="message" role="alert">
          <ErrorText error={learner.error} />{' '}
          <button type="button" className="link" onClick={onProject}>
            {t('policy.offer', { count: formatCount(offered) })}
          </button>
        </div>
      );
    case 'blocked':
    case 'trainable':
      // The list stays the same element, open as it was, whatever a tick in it brings about.
      return (
        <>
          {learner.kind === 'blocked' ? <Blocked learner={learner} offered={offered} onProject={onProject} /> : null}
          <Tensors learner={learner} />
        </>
      );
  }
}

/** Which operator has no gradient, and the ways on: what stands before it frozen, or a projection. */
function Blocked({ learner, offered, onProject }: { learner: Extract<Learner, { kind: 'blocked' }>; offered: number; onProject: () => void }): ReactElement {
  const t = useWords();
  const frozen = useSession((state) => state.session.policy.frozen);
  const setPolicy = useSession((state) => state.setPolicy);
  const { error, freeze } = learner;
  return (
    <div className="message" role="alert">
      <ErrorText error={error} />{' '}
      <button type="button" className="link" onClick={() => setPolicy({ frozen: [...frozen, ...freeze].slice(-POLICY_LIMITS.frozen) })}>
        {t('policy.freeze', { count: formatCount(freeze.length) })}
      </button>{' '}
      <button type="button" className="link" onClick={onProject}>
        {t('policy.offer', { count: formatCount(offered) })}
      </button>
    </div>
  );
}

function Tensors({ learner: { kind, summary, parameters, unlisted, obstacles } }: { learner: Extract<Learner, { kind: 'blocked' | 'trainable' }> }): ReactElement {
  const t = useWords();
  const frozen = useSession((state) => state.session.policy.frozen);
  const setPolicy = useSession((state) => state.setPolicy);
  // Thousands of lines that nobody sees are not made.
  const [open, setOpen] = useState(false);
  const held = new Set(frozen);
  const learning = parameters.filter(({ name }) => !held.has(name));
  const numbers = learning.reduce((sum, { elements }) => sum + elements, unlisted.numbers);
  const total = parameters.length + unlisted.tensors;
  const freeze = (names: readonly string[]): void => setPolicy({ frozen: names.slice(-POLICY_LIMITS.frozen) });
  const set = (name: string, learns: boolean): void => freeze(learns ? frozen.filter((other) => other !== name) : [...frozen.filter((other) => other !== name), name]);
  const listed = new Set(parameters.map(({ name }) => name));
  // What other encoders have frozen stays so.
  const others = frozen.filter((name) => !listed.has(name));
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)} data-tensors>
      <summary>{t('policy.tensors', { count: formatCount(learning.length + unlisted.tensors), total: formatCount(total) })}</summary>
      {open ? (
        <>
          <div className="buttons">
            <button type="button" className="link" onClick={() => freeze(others)}>
              {t('policy.all')}
            </button>
            <button type="button" className="link" onClick={() => freeze([...others, ...listed])}>
              {t('policy.none')}
            </button>
            <span className="spring" />
            <span className="muted">{t('policy.count', { numbers: formatCount(numbers) })}</span>
          </div>
          <ul className="features-list tensors" aria-label={t('policy.tensors-of', { file: summary.file })}>
            {parameters.map(({ name, dims, elements, aliases }) => (
              <li key={name}>
                <label>
                  <input type="checkbox" checked={!held.has(name)} onChange={(event) => set(name, event.target.checked)} />
                  <span>
                    {name} <span className="shape muted">{`${dims.join('×')} · ${formatCount(elements)}`}</span>
                    {aliases.length > 0 ? (
                      <span className="tied muted" title={t('policy.tied-gloss')}>
                        {t('policy.tied', { names: `${aliases.slice(0, 3).join(', ')}${aliases.length > 3 ? ', …' : ''}` })}
                      </span>
                    ) : null}
                  </span>
                </label>
              </li>
            ))}
          </ul>
          {unlisted.tensors > 0 ? <p className="muted">{t('policy.unlisted', { count: formatCount(unlisted.tensors), numbers: formatCount(unlisted.numbers) })}</p> : null}
        </>
      ) : null}
      {kind === 'trainable' && obstacles[0] ? <p className="muted">{t('policy.obstacle', { op: obstacles[0].op, node: obstacles[0].node })}</p> : null}
      {learning.length + unlisted.tensors === 0 ? <p className="problem">{t('policy.all-frozen')}</p> : null}
    </details>
  );
}
