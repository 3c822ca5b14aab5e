import { useEffect, useRef, useState, type ReactElement, type RefObject } from 'react';
import type { ErrorReport } from '../../base/errors.ts';
import type { NullTau } from '../../config/imported.ts';
import { droppedFiles, pickedFiles } from '../../engine/client.ts';
import { useRun, type ConfigSummary, type ExportSummary } from '../../store/run.ts';
import { useView } from '../../store/view.ts';
import { findingKey } from '../../words/findings.ts';
import { formatNumber } from '../../words/numbers.ts';
import { ErrorText, Glyph, Segmented } from '../parts/controls.tsx';
import { useLive } from '../parts/live.ts';
import { saveFile } from '../parts/save-file.ts';
import { useWords } from '../parts/words.ts';
import { useDropTarget } from './use-drop.ts';

/** A training config in, with what is questionable in it, and the session out as one or as a script for POT. */
export function ConfigPanel(): ReactElement {
  const t = useWords();
  const live = useLive();
  const config = useRun((run) => run.config);
  const error = useRun((run) => run.configError);
  const exported = useRun((run) => run.exported);
  const picker = useRef<HTMLInputElement>(null);
  const section = useRef<HTMLElement>(null);
  useInView(section, config?.reading ?? null, error);
  const drop = useDropTarget((transfer) => void live.configs.openFiles(() => droppedFiles(transfer)));
  return (
    <section ref={section} className={drop.over ? 'shard over' : 'shard'} aria-label={t('config.title')} data-config {...drop.handlers}>
      <h3>{t('config.title')}</h3>
      {config ? <Imported config={config} /> : <p className="muted">{t('config.none')}</p>}
      {error ? (
        <div className="message" role="alert">
          <ErrorText error={error} />{' '}
          <button type="button" className="link" onClick={() => useRun.setState({ configError: null })}>
            {t('shard.dismiss')}
          </button>
        </div>
      ) : null}
      <div className="buttons">
        <button type="button" className="link" onClick={() => picker.current?.click()}>
          {t('config.open')}
        </button>
      </div>
      <SaveButtons />
      {exported ? <Exported exported={exported} /> : null}
      <input
        ref={picker}
        hidden
        type="file"
        accept=".json,application/json"
        data-pick="config"
        onChange={(event) => {
          const chosen = pickedFiles(event.target.files ?? []);
          // The same choice again must fire again.
          event.target.value = '';
          if (chosen.length > 0) void live.configs.openFiles(() => Promise.resolve(chosen));
        }}
      />
    </section>
  );
}

/** A config may be dropped anywhere on the page: what is said of it, or why it was refused, is brought into view. */
function useInView(section: RefObject<HTMLElement | null>, reading: number | null, error: ErrorReport | null): void {
  useEffect(() => {
    if (reading === null && error === null) return;
    useView.setState({ setupOpen: true, tab: 'setup' });
    // After the rail has unfolded. Where the page scrolls and not the rail, the person is there already.
    const frame = requestAnimationFrame(() => {
      const rail = section.current?.parentElement;
      if (rail && section.current) rail.scrollBy({ top: section.current.getBoundingClientRect().top - rail.getBoundingClientRect().top });
    });
    return () => cancelAnimationFrame(frame);
  }, [section, reading, error]);
}

/** What was said of the file that was read last. */
function Imported({ config: { file, kind, findings, unknown, nullTau } }: { config: ConfigSummary }): ReactElement {
  const t = useWords();
  const live = useLive();
  return (
    <div className="encoder" role="status">
      <div className="caption">
        <b title={file}>{file}</b>
        <span className="spring" />
        <button type="button" className="link" aria-label={t('config.dismiss', { file })} onClick={() => live.configs.dismiss()}>
          <Glyph name="close" />
        </button>
      </div>
      <div className="muted">{t(findings.length > 0 ? 'config.found' : 'config.clean', { kind: kind === 'lerobot' ? 'LeRobot' : 'robomimic', count: String(findings.length) })}</div>
      {nullTau ? (
        <div className="null-tau">
          <span className="muted">{t('config.null-tau')}</span>
          <Segmented<NullTau>
            wide
            label={t('config.null-tau')}
            value={nullTau}
            options={[
              { value: 'fork', label: t('config.null-fork'), title: t('config.null-fork-gloss') },
              { value: 'hard', label: t('config.null-hard'), title: t('config.null-hard-gloss') },
            ]}
            onChange={(value) => live.configs.readNullTauAs(value)}
          />
        </div>
      ) : null}
      {findings.length > 0 ? (
        // Scrolls, so it can be reached and scrolled by keyboard.
        <ul className="features-list findings" tabIndex={0} aria-label={t('config.findings', { file })}>
          {findings.map(({ code, message }) => {
            const title = findingKey(code);
            return (
              <li key={message} data-finding={code}>
                {title ? <b>{t(title)}</b> : null}
                <span className="original" lang="en">
                  {message}
                </span>
              </li>
            );
          })}
        </ul>
      ) : null}
      {unknown.length > 0 ? (
        <details>
          <summary>{t('config.unknown', { count: String(unknown.length) })}</summary>
          <ul className="features-list" tabIndex={0} aria-label={t('config.unknown', { count: String(unknown.length) })}>
            {unknown.map((path) => (
              <li key={path}>{path}</li>
            ))}
          </ul>
        </details>
      ) : null}
    </div>
  );
}

/** The session as a file. Names of formats are the same in every language. */
function SaveButtons(): ReactElement {
  const t = useWords();
  const live = useLive();
  const [computing, setComputing] = useState(false);
  const solved = useRun((run) => run.report !== null && run.error === null);
  const saveScript = async (): Promise<void> => {
    setComputing(true);
    const written = await live.configs.writePotScript();
    setComputing(false);
    if (written) saveFile(written);
  };
  return (
    <div className="buttons" role="group" aria-label={t('config.save')}>
      <span className="muted">{t('config.save')}</span>
      <button type="button" className="link" title={t('config.save-lerobot')} onClick={() => saveFile(live.configs.write('lerobot'))}>
        LeRobot
      </button>
      <button type="button" className="link" title={t('config.save-robomimic')} onClick={() => saveFile(live.configs.write('robomimic'))}>
        robomimic
      </button>
      {solved ? (
        <button type="button" className="link" title={t('config.save-pot')} disabled={computing} onClick={() => void saveScript()}>
          <span aria-live="polite">{t(computing ? 'config.computing' : 'config.pot')}</span>
        </button>
      ) : null}
    </div>
  );
}

/** What the file that was written last cannot say, or what to expect of it. */
function Exported({ exported: { file, difference, notes } }: { exported: ExportSummary }): ReactElement {
  const t = useWords();
  return (
    <div className="encoder" role="status" data-exported>
      <div className="caption">
        <b title={file}>{file}</b>
        <span className="spring" />
        <button type="button" className="link" aria-label={t('config.dismiss', { file })} onClick={() => useRun.setState({ exported: null })}>
          <Glyph name="close" />
        </button>
      </div>
      {difference === null ? null : <div>{t('config.difference', { difference: formatNumber(difference, 2) })}</div>}
      {difference === null ? <div className="muted">{t(notes.length > 0 ? 'config.not-said' : 'config.all-said')}</div> : null}
      {notes.map((note) => (
        <div key={note} className="note" lang="en">
          {note}
        </div>
      ))}
    </div>
  );
}
