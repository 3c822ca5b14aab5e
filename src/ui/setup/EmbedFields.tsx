import type { ReactElement } from 'react';
import { SESSION_LIMITS } from '../../config/session.ts';
import type { EmbedSource, FeatureSpec } from '../../core/cost/features.ts';
import { useRun, type DatasetSummary, type EncoderSummary } from '../../store/run.ts';
import { embeddingWidth } from '../../store/encoder-terms.ts';
import { Field, NumberBox } from '../parts/controls.tsx';
import { useWords } from '../parts/words.ts';

interface EmbedFieldsProps {
  readonly spec: FeatureSpec;
  readonly source: DatasetSummary | null;
  readonly target: DatasetSummary | null;
  readonly onChange: (change: Partial<FeatureSpec>) => void;
}

/** What makes a term's embedding: file, input and output, the keys of further inputs, and its weight. */
export function EmbedFields({ spec, source, target, onChange }: EmbedFieldsProps): ReactElement {
  const t = useWords();
  const encoders = useRun((run) => run.encoders);
  const files = encoders.filter(({ state }) => state.kind === 'ready').map(({ file }) => file);
  const summaryOf = (file: string | undefined): EncoderSummary | null => {
    const state = encoders.find((entry) => entry.file === file)?.state;
    return state?.kind === 'ready' ? state.summary : null;
  };
  const { embed } = spec;
  const summary = summaryOf(embed?.file);
  const choose = (file: string): void => {
    const chosen = summaryOf(file);
    if (!chosen) {
      onChange({ use_learned_embed: false, weight_label: spec.weight_label || 1 });
      return;
    }
    const made = firstSource(chosen, spec);
    onChange({ use_learned_embed: true, embed: made, weight_embed: spec.weight_embed || 1 / (embeddingWidth(chosen, made.output) ?? 1) });
  };
  const setEmbed = (change: Partial<EmbedSource>): void => onChange({ embed: embed ? { ...embed, ...change } : null });
  const weight = (value: number): string | null => (Number.isFinite(value) && value >= 0 && value <= SESSION_LIMITS.weight.high ? null : t('refuse.weight'));
  return (
    <>
      <Field label={t('encoders.one')}>
        {(id) => (
          <select id={id} className="select" value={spec.use_learned_embed ? (embed?.file ?? '') : ''} title={embed?.file} onChange={(event) => choose(event.target.value)}>
            <option value="">{t('encoders.raw')}</option>
            <Choices names={files} chosen={spec.use_learned_embed ? (embed?.file ?? '') : ''} />
          </select>
        )}
      </Field>
      {spec.use_learned_embed && embed ? (
        <>
          <Pick label={t('encoders.input')} names={summary?.inputs.map(({ name }) => name) ?? []} value={embed.input} onChange={(input) => setEmbed(summary ? { input, others: othersOf(summary, input, embed, spec) } : { input })} />
          {embed.others.map((other, k) => {
            const set = (change: Partial<typeof other>): void => setEmbed({ others: embed.others.map((entry, index) => (index === k ? { ...entry, ...change } : entry)) });
            return (
              <span key={other.input} className="others">
                <Pick label={`${other.input} ← source`} names={numericKeys(source)} value={other.src_key} onChange={(src_key) => set({ src_key, ...(numericKeys(target).includes(src_key) ? { tgt_key: src_key } : {}) })} />
                <Pick label={`${other.input} ← target`} names={numericKeys(target)} value={other.tgt_key} onChange={(tgt_key) => set({ tgt_key })} />
              </span>
            );
          })}
          <Pick label={t('encoders.output')} names={summary ? floatOutputs(summary) : []} value={embed.output} onChange={(output) => setEmbed({ output })} />
          <Field label="weight_embed">{(id) => <NumberBox id={id} label="weight_embed" value={spec.weight_embed} onChange={(weight_embed) => onChange({ weight_embed })} refuse={weight} />}</Field>
        </>
      ) : null}
    </>
  );
}

const numericKeys = (dataset: DatasetSummary | null): string[] => dataset?.features.filter((feature) => feature.numeric).map(({ key }) => key) ?? [];

const floatOutputs = ({ outputs }: EncoderSummary): string[] => outputs.filter(({ dtype }) => /float/.test(dtype)).map(({ name }) => name);

/** An encoder as a term first names it: its own keys go to the first input, further inputs wait for theirs. */
function firstSource(summary: EncoderSummary, spec: FeatureSpec): EmbedSource {
  const outputs = floatOutputs(summary);
  const input = summary.inputs[0]?.name ?? '';
  return { file: summary.file, input, output: outputs.includes('embedding') ? 'embedding' : (outputs[0] ?? ''), others: othersOf(summary, input, null, spec) };
}

/** Every input but one, with the keys that it had. */
function othersOf({ inputs }: EncoderSummary, first: string, before: EmbedSource | null, { src_key, tgt_key }: FeatureSpec): EmbedSource['others'] {
  const known = new Map([...(before ? [{ input: before.input, src_key, tgt_key }] : []), ...(before?.others ?? [])].map((entry) => [entry.input, entry]));
  return inputs.filter(({ name }) => name !== first).map(({ name }) => known.get(name) ?? { input: name, src_key: '', tgt_key: '' });
}

function Pick({ label, names, value, onChange }: { label: string; names: readonly string[]; value: string; onChange: (name: string) => void }): ReactElement {
  return (
    <Field label={label}>
      {(id) => (
        <select id={id} className="select" value={value} title={value} onChange={(event) => onChange(event.target.value)}>
          <Choices names={names} chosen={value} />
        </select>
      )}
    </Field>
  );
}

/** Names to choose from; the one that is chosen is among them though nothing offers it. */
function Choices({ names, chosen }: { names: readonly string[]; chosen: string }): ReactElement {
  return (
    <>
      {names.includes(chosen) ? null : <option value={chosen}>{chosen || '–'}</option>}
      {names.map((name) => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </>
  );
}
