import { useState, type ReactElement } from 'react';
import { BOOKKEEPING } from '../../config/presets.ts';
import { PAIRING_LIMITS, type DtwFeature, type DtwSettings } from '../../config/pairing.ts';
import { useRun, type DatasetSummary } from '../../store/run.ts';
import { useSession } from '../../store/session.ts';
import { formatCount } from '../../words/numbers.ts';
import { Field, NumberBox, Segmented, TextBox } from '../parts/controls.tsx';
import { useLive } from '../parts/live.ts';
import { saveFile } from '../parts/save-file.ts';
import { useWords } from '../parts/words.ts';

/** What the episodes are compared by, and the button that compares them; nothing is drawn from it before it is done. */
export function DtwForm({ source, target }: { source: DatasetSummary; target: DatasetSummary }): ReactElement {
  const t = useWords();
  const live = useLive();
  const pairing = useSession((state) => state.session.pairing);
  const state = useRun((run) => run.pairing);
  const keys = { src_key: comparable(source), tgt_key: comparable(target) };
  const [settings, setSettings] = useState<DtwSettings>(() => (pairing.kind === 'dtw' ? withoutKind(pairing) : firstSettings(keys.src_key, keys.tgt_key)));
  const set = (change: Partial<DtwSettings>): void => setSettings({ ...settings, ...change });
  const { features } = settings;
  const setFeature = (at: number, change: Partial<DtwFeature>): void => set({ features: features.map((feature, k) => (k === at ? { ...feature, ...change } : feature)) });
  const current = pairing.kind === 'dtw' && state.kind === 'ready' && JSON.stringify(withoutKind(pairing)) === JSON.stringify(settings);
  const named = features.every(({ src_key, tgt_key }) => src_key !== '' && tgt_key !== '');
  return (
    <>
      {features.map((feature, k) => (
        // A feature is its place in the list: two may compare the same key.
        // oxlint-disable-next-line react/no-array-index-key
        <FeatureFields key={k} feature={feature} keys={keys} onChange={(change) => setFeature(k, change)} onRemove={features.length > 1 ? () => set({ features: features.filter((_, other) => other !== k) }) : null} />
      ))}
      {features.length < PAIRING_LIMITS.features ? (
        <div className="buttons">
          <button type="button" className="link" onClick={() => set({ features: [...features, firstFeature(keys.src_key, keys.tgt_key)] })}>
            {t('pairing.add-feature')}
          </button>
        </div>
      ) : null}
      <Field label={t('pairing.formula')}>
        {() => (
          <Segmented<DtwSettings['formula']>
            wide
            label={t('pairing.formula')}
            value={settings.formula}
            options={(['path', 'norm'] as const).map((value) => ({ value, label: value, title: t(`pairing.${value}-gloss`) }))}
            onChange={(formula) => set({ formula })}
          />
        )}
      </Field>
      <Field label={t('pairing.stride')}>
        {(id) => <NumberBox id={id} whole label={t('pairing.stride')} value={settings.stride} refuse={(value) => (value >= 1 && value <= PAIRING_LIMITS.stride.high ? null : t('refuse.whole'))} onChange={(value) => set({ stride: Math.round(value) })} />}
      </Field>
      <Field label={t('pairing.band')}>
        {(id) => (
          <span title={t('pairing.band-gloss')}>
            <NumberBox
              id={id}
              whole
              label={t('pairing.band')}
              value={settings.band ?? Infinity}
              refuse={(value) => (value === Infinity || (value >= 0 && value <= PAIRING_LIMITS.band.high) ? null : t('refuse.whole'))}
              onChange={(value) => set({ band: value === Infinity ? null : Math.round(value) })}
            />
          </span>
        )}
      </Field>
      <Field label={t('pairing.keep')}>
        {(id) => (
          <span title={t('pairing.zero-all')}>
            <NumberBox id={id} whole label={t('pairing.keep')} value={settings.keep ?? 0} refuse={(value) => (value >= 0 && value <= PAIRING_LIMITS.keep.high ? null : t('refuse.whole'))} onChange={(value) => set({ keep: Math.round(value) || null })} />
          </span>
        )}
      </Field>
      {current ? <div className="muted number">{t('pairing.facts', { pairs: formatCount(state.facts.pairs) })}</div> : null}
      <div className="buttons">
        {current ? (
          <button type="button" className="link" onClick={() => void live.pairing.save().then((content) => saveFile({ name: 'pair_info.json', content }))}>
            {t('pairing.save')}
          </button>
        ) : (
          <button type="button" className="link" disabled={!named || state.kind === 'pairing'} onClick={() => void live.pairing.pair(settings)}>
            {t('pairing.run')}
          </button>
        )}
      </div>
    </>
  );
}

interface FeatureFieldsProps {
  readonly feature: DtwFeature;
  /** The columns that each side can be compared by. */
  readonly keys: Readonly<Record<'src_key' | 'tgt_key', readonly string[]>>;
  readonly onChange: (change: Partial<DtwFeature>) => void;
  readonly onRemove: (() => void) | null;
}

function FeatureFields({ feature, keys, onChange, onRemove }: FeatureFieldsProps): ReactElement {
  const t = useWords();
  const slice = feature.dim_slice;
  return (
    <>
      {(['src_key', 'tgt_key'] as const).map((key) => (
        <Field key={key} label={key}>
          {(id) => (
            <select id={id} className="select" value={feature[key]} title={feature[key]} onChange={(event) => onChange({ [key]: event.target.value })}>
              {keys[key].map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          )}
        </Field>
      ))}
      <Field label={t('pairing.slice')}>
        {(id) => (
          <span title={t('pairing.slice-gloss')}>
            <TextBox id={id} label={t('pairing.slice')} placeholder="0:7" value={slice ? slice.join(':') : ''} onChange={(text) => onChange({ dim_slice: parseSlice(text, slice) })} />
          </span>
        )}
      </Field>
      {onRemove ? (
        <div className="buttons">
          <button type="button" className="link" onClick={onRemove}>
            {t('pairing.remove-feature', { key: feature.src_key })}
          </button>
        </div>
      ) : null}
    </>
  );
}

function withoutKind({ features, formula, stride, band, keep }: DtwSettings): DtwSettings {
  return { features, formula, stride, band, keep };
}

/** Columns of numbers that were read; pictures are not, and clocks say nothing. */
function comparable({ features }: DatasetSummary): string[] {
  return features.filter(({ key, stats }) => stats !== null && !BOOKKEEPING.has(key)).map(({ key }) => key);
}

function firstSettings(source: readonly string[], target: readonly string[]): DtwSettings {
  return { features: [firstFeature(source, target)], formula: 'path', stride: 1, band: null, keep: null };
}

/** A key that both sides have, the state before others. */
function firstFeature(source: readonly string[], target: readonly string[]): DtwFeature {
  const shared = source.filter((key) => target.includes(key));
  const key = shared.find((name) => /(^|\.)states?$/.test(name)) ?? shared[0];
  return { src_key: key ?? source[0] ?? '', tgt_key: key ?? target[0] ?? '', dim_slice: null };
}

/** "a:b"; empty for all. What cannot be read changes nothing. */
function parseSlice(text: string, before: DtwFeature['dim_slice']): DtwFeature['dim_slice'] {
  if (text.trim() === '') return null;
  const match = /^\s*(\d{1,6})\s*:\s*(\d{1,6})\s*$/.exec(text);
  return match ? [Number(match[1]), Number(match[2])] : before;
}
