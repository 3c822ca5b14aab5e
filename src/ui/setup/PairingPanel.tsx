import { useRef, useState, type ReactElement } from 'react';
import type { PairingRef } from '../../config/pairing.ts';
import { droppedFiles, pickedFiles, type PairingFacts } from '../../engine/client.ts';
import { hasTruth } from '../../store/pairing-shelf.ts';
import { useRun } from '../../store/run.ts';
import { useSession } from '../../store/session.ts';
import { formatCount } from '../../words/numbers.ts';
import { ErrorText, Segmented } from '../parts/controls.tsx';
import { useLive } from '../parts/live.ts';
import { useWords } from '../parts/words.ts';
import { DtwForm } from './DtwForm.tsx';
import { SamplerFields } from './SamplerFields.tsx';
import { useDropTarget } from './use-drop.ts';

/** Which target frames have which partners, and how one of them is drawn. */
export function PairingPanel(): ReactElement {
  const t = useWords();
  const live = useLive();
  const pairing = useSession((state) => state.session.pairing);
  const setPairing = useSession((state) => state.setPairing);
  const { source, target } = useRun((run) => run.datasets);
  const state = useRun((run) => run.pairing);
  const error = useRun((run) => run.pairingError);
  const report = useRun((run) => run.report?.pairing ?? null);
  // A file or DTW is the session's only when its pairs are there; until then its part of the panel is only open.
  const [open, setOpen] = useState<{ readonly kind: PairingRef['kind']; readonly beside: PairingRef } | null>(null);
  const kind = open?.beside === pairing ? open.kind : pairing.kind;
  const drop = useDropTarget((transfer) => void live.pairing.openFiles(() => droppedFiles(transfer)));
  const truth = source !== null && target !== null && hasTruth(source) && hasTruth(target);
  const choose = (chosen: PairingRef['kind']): void => {
    setOpen(null);
    const last = live.pairing.lastFile();
    if (chosen === 'none' || (chosen === 'truth' && truth)) setPairing({ kind: chosen });
    else if (chosen === 'file' && last && pairing.kind !== 'file') setPairing(last);
    else if (chosen !== 'truth') setOpen({ kind: chosen, beside: pairing });
  };
  return (
    <section className={drop.over ? 'shard over' : 'shard'} aria-label={t('pairing.title')} data-pairing={kind} {...drop.handlers}>
      <h3>
        {t('pairing.title')}
        <span className="spring" />
        <span style={{ fontWeight: 400 }}>{report && kind === pairing.kind ? t('pairing.samples', { count: formatCount(report.samples) }) : ''}</span>
      </h3>
      <Segmented<PairingRef['kind']>
        wide
        label={t('pairing.title')}
        value={kind}
        options={(['none', 'truth', 'file', 'dtw'] as const).map((value) => ({ value, label: t(`pairing.${value}`), title: t(value === 'truth' && !truth ? 'pairing.truth-missing' : `pairing.${value}-gloss`) }))}
        onChange={choose}
      />
      {kind === 'file' ? <FilePart /> : null}
      {kind === 'dtw' && source && target ? <DtwForm key={JSON.stringify(pairing)} source={source} target={target} /> : null}
      {state.kind === 'reading' || state.kind === 'pairing' ? (
        <Working share={state.kind === 'pairing' ? state.done / Math.max(1, state.total) : null} onCancel={() => live.pairing.cancel()} />
      ) : null}
      {error ? (
        <div className="message" role="alert">
          <ErrorText error={error} />{' '}
          <button type="button" className="link" onClick={() => useRun.setState({ pairingError: null })}>
            {t('shard.dismiss')}
          </button>
        </div>
      ) : null}
      {kind === pairing.kind && (kind === 'file' || kind === 'dtw') ? (
        <>
          <SamplerFields ofFile={kind === 'file'} />
          <Notes facts={state.kind === 'ready' ? state.facts : null} />
        </>
      ) : null}
    </section>
  );
}

/** The file that is in use or asked for, and how to give one. */
function FilePart(): ReactElement {
  const t = useWords();
  const live = useLive();
  const pairing = useSession((session) => session.session.pairing);
  const state = useRun((run) => run.pairing);
  const picker = useRef<HTMLInputElement>(null);
  return (
    <>
      {pairing.kind === 'file' ? (
        <div className="caption">
          <b title={pairing.name}>{pairing.name}</b>
        </div>
      ) : null}
      {state.kind === 'ready' && pairing.kind === 'file' ? (
        <div className="muted number">{t('pairing.facts', { pairs: formatCount(state.facts.pairs) })}</div>
      ) : (
        <div className="muted">{t(state.kind === 'wanted' ? 'pairing.wanted' : 'pairing.drop')}</div>
      )}
      <div className="buttons">
        <button type="button" className="link" onClick={() => picker.current?.click()}>
          {t('pairing.open')}
        </button>
      </div>
      <input
        ref={picker}
        hidden
        type="file"
        accept=".json"
        data-pick="pairing"
        onChange={(event) => {
          const chosen = pickedFiles(event.target.files ?? []);
          // The same choice again must fire again.
          event.target.value = '';
          if (chosen.length > 0) void live.pairing.openFiles(() => Promise.resolve(chosen));
        }}
      />
    </>
  );
}

function Working({ share, onCancel }: { share: number | null; onCancel: () => void }): ReactElement {
  const t = useWords();
  return (
    <div role="status">
      {share === null ? null : (
        <span className="progress">
          <i style={{ width: `${100 * share}%` }} />
        </span>
      )}
      <div className="caption muted">
        {share === null ? t('pairing.reading') : t('pairing.progress', { percent: String(Math.round(100 * share)) })}
        <span className="spring" />
        <button type="button" className="link" onClick={onCancel}>
          {t('shard.cancel')}
        </button>
      </div>
    </div>
  );
}

/** What the file's reader, the aligner and the sampler have to say. */
function Notes({ facts }: { facts: PairingFacts | null }): ReactElement {
  const report = useRun((run) => run.report?.pairing ?? null);
  return (
    <>
      {[...new Set([...(report?.warnings ?? []), ...(facts?.warnings ?? [])])].map((note) => (
        <div key={note} className="note" lang="en">
          {note}
        </div>
      ))}
    </>
  );
}
