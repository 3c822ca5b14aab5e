import { useMemo, useState, type ReactElement } from 'react';
import { methodOf, METHODS, withMethod } from '../../config/methods.ts';
import { parseWidths, type HeadChoice, type PolicySettings } from '../../config/policy.ts';
import { learnerOf } from '../../store/learner.ts';
import { useRun, type DatasetSummary } from '../../store/run.ts';
import { useSession } from '../../store/session.ts';
import { Field, Segmented, TextBox } from '../parts/controls.tsx';
import { useWords } from '../parts/words.ts';
import { LearnerFields } from './LearnerFields.tsx';
import { BcShareField, ChoiceField, PolicyNumber, TrainingNumber } from './PolicyFields.tsx';

/** What learns from the plan: the encoder or a projection on top of it, the policy's head, and how both are stepped. */
export function PolicyPanel(): ReactElement {
  const t = useWords();
  const features = useSession((state) => state.session.features);
  const policy = useSession((state) => state.session.policy);
  const encoders = useRun((run) => run.encoders);
  const refusal = useRun((run) => run.training.error);
  const learner = useMemo(() => learnerOf(features, policy, encoders, refusal), [features, policy, encoders, refusal]);
  const outputs = 'summary' in learner ? [...learner.summary.trainable.keys()] : [];
  return (
    <section className="policy" aria-label={t('policy.title')} data-policy={learner.kind}>
      <h3>{t('policy.title')}</h3>
      <MethodField />
      <h4>{t('policy.learns')}</h4>
      <LearnerFields learner={learner} />
      <h4>{t('policy.head')}</h4>
      <HeadFields outputs={outputs} embedding={'output' in learner ? learner.output : ''} />
      <h4>{t('policy.optimiser')}</h4>
      <OptimiserFields />
    </section>
  );
}

/** What is done with the two sides: a name for what λ, τ, prior and mix are together, and a way to set them at once. */
function MethodField(): ReactElement {
  const t = useWords();
  const session = useSession((state) => state.session);
  const replace = useSession((state) => state.replace);
  const method = methodOf(session);
  return <ChoiceField label={t('method.title')} gloss={t('method.gloss')} value={method.kind} options={METHODS.map((kind) => ({ value: kind, label: t(`method.${kind}`) }))} onChange={(kind) => replace(withMethod(session, { ...method, kind }))} />;
}

/** What the policy clones, what it sees, and what makes an action of that. */
function HeadFields({ outputs, embedding }: { outputs: readonly string[]; embedding: string }): ReactElement {
  const t = useWords();
  const { action, proprio, head, output, activation, loss, projection } = useSession((state) => state.session.policy);
  const setPolicy = useSession((state) => state.setPolicy);
  const { source, target } = useRun((run) => run.datasets);
  const columns = numericKeys(source).filter((key) => numericKeys(target).includes(key));
  const choose = (chosen: HeadChoice): void => {
    if (chosen !== 'own') setPolicy({ head: chosen });
    // The encoder gives the action itself, so it cannot be frozen under a projection.
    else setPolicy({ head: chosen, projection: null, output: outputs.includes(output) ? output : (outputs.find((name) => name !== embedding) ?? outputs[0] ?? '') });
  };
  return (
    <>
      <ChoiceField label={t('policy.action')} gloss={t('policy.action-gloss')} value={action} options={columns.map((key) => ({ value: key, label: key }))} onChange={(key) => setPolicy({ action: key })} />
      {/* A file that gives the action itself is fed what its term names, and nothing beside it. */}
      {head === 'own' && projection === null ? null : (
        <ChoiceField label={t('policy.proprio')} gloss={t('policy.proprio-gloss')} value={proprio} options={[{ value: '', label: t('policy.no-proprio') }, ...columns.map((key) => ({ value: key, label: key }))]} onChange={(key) => setPolicy({ proprio: key })} />
      )}
      <Segmented<HeadChoice> wide label={t('policy.head')} value={head} options={(['regression', 'diffusion', 'own'] as const).map((value) => ({ value, label: t(`policy.${value}`), title: t(`policy.${value}-gloss`) }))} onChange={choose} />
      {head === 'own' ? (
        <ChoiceField label={t('policy.output')} gloss={t('policy.output-gloss')} value={output} options={outputs.map((name) => ({ value: name, label: name }))} onChange={(name) => setPolicy({ output: name })} />
      ) : (
        <>
          <WidthsField />
          <ChoiceField label={t('policy.activation')} gloss={t('policy.activation-gloss')} value={activation} options={[{ value: 'relu', label: 'ReLU' }, { value: 'gelu', label: 'GELU' }]} onChange={(chosen) => setPolicy({ activation: chosen })} />
        </>
      )}
      <ChoiceField label={t('policy.loss')} gloss={t('policy.loss-gloss')} value={loss} options={[{ value: 'l1', label: 'L1' }, { value: 'l2', label: 'L2' }]} onChange={(chosen) => setPolicy({ loss: chosen })} />
    </>
  );
}

const numericKeys = (dataset: DatasetSummary | null): string[] => dataset?.features.filter((feature) => feature.numeric).map(({ key }) => key) ?? [];

/** Widths as they are written; what cannot be taken stays in the box and changes nothing. */
function WidthsField(): ReactElement {
  const t = useWords();
  const hidden = useSession((state) => state.session.policy.hidden);
  const setPolicy = useSession((state) => state.setPolicy);
  const [refused, setRefused] = useState<{ readonly text: string; readonly beside: PolicySettings['hidden'] } | null>(null);
  const shown = refused?.beside === hidden ? refused.text : null;
  const label = t('policy.hidden');
  const take = (text: string): void => {
    const widths = parseWidths(text);
    setRefused(widths ? null : { text, beside: hidden });
    if (widths) setPolicy({ hidden: widths });
  };
  return (
    <Field label={label} gloss={t('policy.hidden-gloss')} problem={shown === null ? null : t('policy.hidden-refused')}>
      {(id) => <TextBox id={id} label={label} value={shown ?? hidden.join(', ')} placeholder={t('policy.linear')} invalid={shown !== null} onChange={take} />}
    </Field>
  );
}

/** Steps, rate and λ; what is seldom changed is folded away. */
function OptimiserFields(): ReactElement {
  const t = useWords();
  const { schedule, ema } = useSession((state) => state.session.policy);
  const { bcSourceWeight, normalizeBySize } = useSession((state) => state.session.training);
  const setPolicy = useSession((state) => state.setPolicy);
  const setTraining = useSession((state) => state.setTraining);
  return (
    <>
      <PolicyNumber whole name="steps" field="steps" />
      <PolicyNumber name="rate" field="learningRate" />
      <TrainingNumber name="lambda" field="lambda" />
      <TrainingNumber whole name="bc-batch" field="batchSize" />
      <details>
        <summary>{t('policy.more')}</summary>
        <ChoiceField
          label={t('policy.schedule')}
          gloss={t('policy.schedule-gloss')}
          value={schedule}
          options={[
            { value: 'constant', label: t('policy.constant') },
            { value: 'cosine', label: t('policy.cosine') },
          ]}
          onChange={(chosen) => setPolicy({ schedule: chosen })}
        />
        <PolicyNumber whole name="warmup" field="warmup" />
        <PolicyNumber name="decay" field="weightDecay" />
        <PolicyNumber name="clip" field="maxNorm" />
        <PolicyNumber whole name="ramp" field="lambdaRamp" />
        <PolicyNumber whole name="seed" field="seed" />
        <label className="check" title={t('policy.ema-gloss')}>
          <input type="checkbox" checked={ema} onChange={(event) => setPolicy({ ema: event.target.checked })} /> {t('policy.ema')}
        </label>
        <BcShareField />
        {bcSourceWeight === null ? null : (
          <label className="check" title={t('policy.by-size-gloss')}>
            <input type="checkbox" checked={normalizeBySize} onChange={(event) => setTraining({ normalizeBySize: event.target.checked })} /> normalize_by_size
          </label>
        )}
      </details>
    </>
  );
}
