import type { ReactElement } from 'react';
import { POLICY_LIMITS } from '../../config/policy.ts';
import { DEMO_TRAINING } from '../../config/presets.ts';
import { TRAINING_LIMITS } from '../../config/training.ts';
import { useSession } from '../../store/session.ts';
import { formatNumber } from '../../words/numbers.ts';
import { Field, NumberBox } from '../parts/controls.tsx';
import { useWords } from '../parts/words.ts';

interface ChoiceFieldProps<T extends string> {
  readonly label: string;
  readonly gloss: string;
  readonly value: T;
  readonly options: readonly { readonly value: T; readonly label: string }[];
  readonly onChange: (value: T) => void;
}

/** A select on a line of the rail; what is chosen is among its options though nothing offers it. */
export function ChoiceField<T extends string>({ label, gloss, value, options, onChange }: ChoiceFieldProps<T>): ReactElement {
  const offered = options.some((option) => option.value === value);
  return (
    <Field label={label} gloss={gloss}>
      {(id) => (
        <select id={id} className="select" value={value} onChange={(event) => onChange(event.target.value as T)}>
          {offered ? null : <option value={value}>{value || '–'}</option>}
          {options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

type Name = 'numbers' | 'steps' | 'rate' | 'warmup' | 'decay' | 'clip' | 'ramp' | 'seed' | 'lambda' | 'bc-batch';

interface LimitedNumberProps {
  readonly name: Name;
  readonly value: number;
  readonly limits: { readonly low: number; readonly high: number };
  readonly whole: boolean;
  readonly onChange: (value: number) => void;
}

/** A number within limits; ↑ and ↓ count whole ones. */
export function LimitedNumber({ name, value, limits: { low, high }, whole, onChange }: LimitedNumberProps): ReactElement {
  const t = useWords();
  const label = t(`policy.${name}`);
  return (
    <Field label={label} gloss={t(`policy.${name}-gloss`)}>
      {(id) => (
        <NumberBox
          id={id}
          whole={whole}
          label={label}
          value={value}
          refuse={(next) => (next >= low && next <= high ? null : t('refuse.range', { low: formatNumber(low), high: formatNumber(high) }))}
          onChange={(next) => onChange(whole ? Math.round(next) : next)}
          {...(whole ? { step: (from: number, direction: 1 | -1) => Math.min(high, Math.max(low, from + direction)) } : {})}
        />
      )}
    </Field>
  );
}

type PolicyNumberKey = 'steps' | 'learningRate' | 'warmup' | 'weightDecay' | 'maxNorm' | 'lambdaRamp' | 'seed';

const STEPS_FROM_NONE = { low: 0, high: POLICY_LIMITS.steps.high };
const LIMITS: Readonly<Record<PolicyNumberKey, { readonly low: number; readonly high: number }>> = { ...POLICY_LIMITS, warmup: STEPS_FROM_NONE, lambdaRamp: STEPS_FROM_NONE };

export function PolicyNumber({ name, field, whole = false }: { name: Name; field: PolicyNumberKey; whole?: boolean }): ReactElement {
  const value = useSession((state) => state.session.policy[field]);
  const setPolicy = useSession((state) => state.setPolicy);
  return <LimitedNumber name={name} value={value} limits={LIMITS[field]} whole={whole} onChange={(next) => setPolicy({ [field]: next })} />;
}

/** What training configs carry too. */
export function TrainingNumber({ name, field, whole = false }: { name: Name; field: 'lambda' | 'batchSize'; whole?: boolean }): ReactElement {
  const value = useSession((state) => state.session.training[field]);
  const setTraining = useSession((state) => state.setTraining);
  return <LimitedNumber name={name} value={value} limits={TRAINING_LIMITS[field]} whole={whole} onChange={(next) => setTraining({ [field]: next })} />;
}

/** β of a BC batch, or halves of either side. */
export function BcShareField(): ReactElement {
  const t = useWords();
  const share = useSession((state) => state.session.training.bcSourceWeight);
  const setTraining = useSession((state) => state.setTraining);
  const { low, high } = TRAINING_LIMITS.share;
  return (
    <>
      <ChoiceField
        label={t('policy.mix')}
        gloss={t('policy.mix-gloss')}
        value={share === null ? 'halves' : 'share'}
        options={[
          { value: 'halves', label: t('policy.halves') },
          { value: 'share', label: t('policy.share') },
        ]}
        onChange={(chosen) => setTraining({ bcSourceWeight: chosen === 'halves' ? null : DEMO_TRAINING.bcSourceWeight })}
      />
      {share === null ? null : (
        <Field label="bc_src_weight" gloss={t('policy.share-gloss')}>
          {(id) => (
            <NumberBox
              id={id}
              label="bc_src_weight"
              value={share}
              refuse={(next) => (next >= low && next <= high ? null : t('refuse.range', { low: String(low), high: String(high) }))}
              onChange={(next) => setTraining({ bcSourceWeight: next })}
            />
          )}
        </Field>
      )}
    </>
  );
}
