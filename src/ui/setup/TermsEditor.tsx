import { useState, type ReactElement } from 'react';
import { BOOKKEEPING, labelTerm } from '../../config/presets.ts';
import { SESSION_LIMITS } from '../../config/session.ts';
import { wantsEmbedding, type FeatureSpec, type TimeReduce } from '../../core/cost/features.ts';
import { useRun, type DatasetSummary } from '../../store/run.ts';
import { useSession } from '../../store/session.ts';
import { EmbedFields } from './EmbedFields.tsx';
import { Field, Glyph, NumberBox, TextBox } from '../parts/controls.tsx';
import { useWords } from '../parts/words.ts';

/** The list of feature specs: what is compared, dimension by dimension. */
export function TermsEditor(): ReactElement {
  const t = useWords();
  const features = useSession((state) => state.session.features);
  const setFeatures = useSession((state) => state.setFeatures);
  const source = useRun((run) => run.datasets.source);
  const target = useRun((run) => run.datasets.target);
  const failing = useRun((run) => run.error?.detail.term);
  const add = (): void => {
    const shared = numericKeys(source).filter((key) => numericKeys(target).includes(key) && !BOOKKEEPING.has(key));
    const unused = shared.find((key) => features.every((spec) => spec.src_key !== key)) ?? shared[0] ?? numericKeys(source)[0] ?? '';
    const base = unused.split('.').at(-1) ?? 'term';
    const taken = new Set(features.map((spec) => spec.term_name));
    let name = base;
    for (let k = 2; taken.has(name); k++) name = `${base} ${k}`;
    setFeatures([...features, labelTerm(name, unused, null, 1)]);
  };
  return (
    <section aria-label={t('terms.title')}>
      <h3>
        {t('terms.title')}
        <span className="spring" />
        {features.length < SESSION_LIMITS.terms ? (
          <button type="button" className="link" style={{ fontWeight: 400 }} onClick={add}>
            {t('terms.add')}
          </button>
        ) : null}
      </h3>
      {features.map((spec, index) => (
        // Its place is a term's identity: its name is being edited in here.
        // oxlint-disable-next-line react/no-array-index-key
        <TermEditor key={index} spec={spec} index={index} source={source} target={target} failing={failing === spec.term_name} />
      ))}
      {features.length === 0 ? <p className="muted">{t('terms.none')}</p> : null}
    </section>
  );
}

const numericKeys = (dataset: DatasetSummary | null): string[] => dataset?.features.filter((feature) => feature.numeric).map(({ key }) => key) ?? [];

function TermEditor({ spec, index, source, target, failing }: { spec: FeatureSpec; index: number; source: DatasetSummary | null; target: DatasetSummary | null; failing: boolean }): ReactElement {
  const t = useWords();
  const features = useSession((state) => state.session.features);
  const setFeature = useSession((state) => state.setFeature);
  const setFeatures = useSession((state) => state.setFeatures);
  const [open, setOpen] = useState(false);
  // A term that fails shows its settings, and they stay while they are mended.
  if (failing && !open) setOpen(true);
  const set = (change: Partial<FeatureSpec>): void => setFeature(index, change);
  const width = source?.features.find(({ key }) => key === spec.src_key)?.shape.at(-1) ?? 0;
  const stacked = source?.features.find(({ key }) => key === spec.src_key)?.shape.length ?? 1;
  const [from, to] = spec.dim_slice ?? [0, width];
  const setSlice = (low: number, high: number): void => set({ dim_slice: low === 0 && high === width ? null : [low, high] });
  const whole = (value: number): string | null => (Number.isInteger(value) && value >= 0 ? null : t('refuse.whole'));
  const weight = (value: number): string | null => (Number.isFinite(value) && value >= 0 && value <= SESSION_LIMITS.weight.high ? null : t('refuse.weight'));
  return (
    <details className="term-editor" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <span style={{ color: 'var(--ink)' }}>{spec.term_name}</span> {spec.src_key.split('.').at(-1)}
        {spec.weight_label > 0 && spec.dim_slice ? `[${from}:${to}]` : ''}
        {wantsEmbedding(spec) ? ' → z' : ''}
        {failing ? <b className="flag">!</b> : null}
      </summary>
      <Field label={t('terms.name')}>{(id) => <TextBox id={id} label={t('terms.name')} value={spec.term_name} onChange={(value) => value.trim() !== '' && set({ term_name: value.trim() })} />}</Field>
      <KeyField label={`src_key`} value={spec.src_key} dataset={source} onChange={(src_key) => set({ src_key, dim_slice: null, ...(numericKeys(target).includes(src_key) ? { tgt_key: src_key } : {}) })} />
      <KeyField label={`tgt_key`} value={spec.tgt_key} dataset={target} onChange={(tgt_key) => set({ tgt_key })} />
      <Field label="dim_slice">
        {(id) => (
          <span className="range-boxes">
            <NumberBox id={id} wide whole label={`dim_slice ${t('terms.from')}`} value={from} onChange={(value) => setSlice(value, to)} refuse={whole} />:
            <NumberBox wide whole label={`dim_slice ${t('terms.to')}`} value={to} onChange={(value) => setSlice(from, value)} refuse={whole} />
          </span>
        )}
      </Field>
      {stacked > 1 ? (
        <Field label="time_reduce">
          {(id) => (
            <select id={id} className="select" value={spec.time_reduce} onChange={(event) => set({ time_reduce: event.target.value as TimeReduce })}>
              <option value="flatten">flatten</option>
              <option value="first">first</option>
              <option value="last">last</option>
            </select>
          )}
        </Field>
      ) : null}
      <EmbedFields spec={spec} source={source} target={target} onChange={set} />
      <Field label="weight_label">{(id) => <NumberBox id={id} label="weight_label" value={spec.weight_label} onChange={(weight_label) => set({ weight_label })} refuse={weight} />}</Field>
      <button type="button" className="link" aria-label={t('terms.remove-named', { term: spec.term_name })} onClick={() => setFeatures(features.filter((_, k) => k !== index))}>
        <Glyph name="close" />
        {t('terms.remove')}
      </button>
    </details>
  );
}

function KeyField({ label, value, dataset, onChange }: { label: string; value: string; dataset: DatasetSummary | null; onChange: (key: string) => void }): ReactElement {
  const keys = numericKeys(dataset);
  return (
    <Field label={label}>
      {(id) => (
        <select id={id} className="select" value={value} title={value} onChange={(event) => onChange(event.target.value)}>
          {keys.includes(value) ? null : <option value={value}>{value || '–'}</option>}
          {keys.map((key) => (
            <option key={key} value={key}>
              {key}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
