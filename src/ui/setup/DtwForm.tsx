import { useState, type ReactElement } from 'react';
import { BOOKKEEPING } from '../../config/presets.ts';
import { PAIRING_LIMITS, type DtwSettings } from '../../config/pairing.ts';
import { useRun, type DatasetSummary } from '../../store/run.ts';
import { useSession } from '../../store/session.ts';
import { formatCount } from '../../words/numbers.ts';
import { Field, NumberBox, Segmented, TextBox } from '../parts/controls.tsx';
import { useLive } from '../parts/live.ts';
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
  const slice = settings.dim_slice;
  const current = pairing.kind === 'dtw' && state.kind === 'ready' && JSON.stringify(withoutKind(pairing)) === JSON.stringify(settings);
  return (
    <>
      {(['src_key', 'tgt_key'] as const).map((key) => (
        <Field key={key} label={key}>
          {(id) => (
            <select id={id} className="select" value={settings[key]} title={settings[key]} onChange={(event) => set({ [key]: event.target.value })}>
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
            <TextBox id={id} label={t('pairing.slice')} placeholder="0:7" value={slice ? slice.join(':') : ''} onChange={(text) => set({ dim_slice: parseSlice(text, slice) })} />
          </span>
        )}
      </Field>
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
          <button type="button" className="link" onClick={() => void live.pairing.save().then(saveAs)}>
            {t('pairing.save')}
          </button>
        ) : (
          <button type="button" className="link" disabled={settings.src_key === '' || settings.tgt_key === '' || state.kind === 'pairing'} onClick={() => void live.pairing.pair(settings)}>
            {t('pairing.run')}
          </button>
        )}
      </div>
    </>
  );
}

function withoutKind({ src_key, tgt_key, dim_slice, formula, stride, keep }: DtwSettings): DtwSettings {
  return { src_key, tgt_key, dim_slice, formula, stride, keep };
}

/** Columns of numbers that were read; pictures are not, and clocks say nothing. */
function comparable({ features }: DatasetSummary): string[] {
  return features.filter(({ key, stats }) => stats !== null && !BOOKKEEPING.has(key)).map(({ key }) => key);
}

/** A key that both sides have, the state before others. */
function firstSettings(source: readonly string[], target: readonly string[]): DtwSettings {
  const shared = source.filter((key) => target.includes(key));
  const key = shared.find((name) => /(^|\.)states?$/.test(name)) ?? shared[0];
  return { src_key: key ?? source[0] ?? '', tgt_key: key ?? target[0] ?? '', dim_slice: null, formula: 'path', stride: 1, keep: null };
}

/** "a:b"; empty for all. What cannot be read changes nothing. */
function parseSlice(text: string, before: DtwSettings['dim_slice']): DtwSettings['dim_slice'] {
  if (text.trim() === '') return null;
  const match = /^\s*(\d{1,6})\s*:\s*(\d{1,6})\s*$/.exec(text);
  return match ? [Number(match[1]), Number(match[2])] : before;
}

function saveAs(blob: Blob): void {
  const address = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = address;
  link.download = 'pair_info.json';
  link.click();
  URL.revokeObjectURL(address);
}
