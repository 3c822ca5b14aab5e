import { useRef, type ReactElement } from 'react';
import { BUILTIN_ENCODERS, SESSION_LIMITS } from '../../config/session.ts';
import { droppedFiles, pickedFiles } from '../../engine/client.ts';
import { useRun, type EncoderPort, type EncoderState, type EncoderSummary } from '../../store/run.ts';
import { useSession } from '../../store/session.ts';
import { formatCount } from '../../words/numbers.ts';
import { ErrorText, Glyph } from '../parts/controls.tsx';
import { useLive } from '../parts/live.ts';
import { useWords } from '../parts/words.ts';
import { useDropTarget } from './use-drop.ts';

/** The encoders that terms may name: what they take and give, how they ran, and how to add one. */
export function EncodersPanel(): ReactElement {
  const t = useWords();
  const live = useLive();
  const encoders = useRun((run) => run.encoders);
  const error = useRun((run) => run.encoderError);
  const picker = useRef<HTMLInputElement>(null);
  const drop = useDropTarget((transfer) => void live.encoders.openFiles(() => droppedFiles(transfer)));
  const room = encoders.length < SESSION_LIMITS.encoders;
  const absent = BUILTIN_ENCODERS.filter((file) => encoders.every((entry) => entry.file !== file));
  return (
    <section className={drop.over ? 'shard over' : 'shard'} aria-label={t('encoders.title')} data-encoders {...drop.handlers}>
      <h3>{t('encoders.title')}</h3>
      {encoders.map(({ file, state }) => (
        <Encoder key={file} file={file} state={state} />
      ))}
      {encoders.length === 0 ? <p className="muted">{t('encoders.none')}</p> : null}
      {error ? (
        <div className="message" role="alert">
          <ErrorText error={error} />{' '}
          <button type="button" className="link" onClick={() => useRun.setState({ encoderError: null })}>
            {t('shard.dismiss')}
          </button>
        </div>
      ) : null}
      {room ? (
        <div className="buttons">
          <button type="button" className="link" onClick={() => picker.current?.click()}>
            {t('encoders.open')}
          </button>
          {absent.map((file) => (
            <button key={file} type="button" className="link" title={t('encoders.builtin', { file })} onClick={() => void live.encoders.openBuiltin(file)}>
              {file.replace('.onnx', '')}
            </button>
          ))}
        </div>
      ) : null}
      <input
        ref={picker}
        hidden
        type="file"
        multiple
        data-pick="encoder"
        onChange={(event) => {
          const chosen = pickedFiles(event.target.files ?? []);
          // The same choice again must fire again.
          event.target.value = '';
          if (chosen.length > 0) void live.encoders.openFiles(() => Promise.resolve(chosen));
        }}
      />
    </section>
  );
}

function Encoder({ file, state }: { file: string; state: EncoderState }): ReactElement {
  const t = useWords();
  const live = useLive();
  const removeEncoder = useSession((session) => session.removeEncoder);
  const ran = useRun((run) => run.report?.encoders.find((entry) => entry.file === file));
  return (
    <div className="encoder" data-encoder={file}>
      <div className="caption">
        <b title={file}>{file}</b>
        <span className="spring" />
        {state.kind === 'loading' ? (
          <button type="button" className="link" onClick={() => live.encoders.cancel(file)}>
            {t('shard.cancel')}
          </button>
        ) : (
          <button type="button" className="link" aria-label={t('encoders.remove-named', { file })} onClick={() => removeEncoder(file)}>
            <Glyph name="close" />
          </button>
        )}
      </div>
      {state.kind === 'loading' ? (
        <div className="muted" role="status">
          {t('encoders.reading')}
        </div>
      ) : null}
      {state.kind === 'wanted' ? <div className="muted">{t('encoders.wanted')}</div> : null}
      {state.kind === 'stopped' ? (
        <div className="message">
          <ErrorText error={state.error} />{' '}
          <button type="button" className="link" onClick={() => void live.encoders.retry(file)}>
            {t('encoders.again')}
          </button>
        </div>
      ) : null}
      {state.kind === 'ready' ? (
        <>
          <div className="muted number">
            {t('encoders.facts', { parameters: formatCount(state.summary.parameters), where: t(ran ? `encoders.${ran.provider}` : 'encoders.idle') })}
          </div>
          {[...new Set([...state.summary.warnings, ...(ran?.notes ?? [])])].map((note) => (
            <div key={note} className="note" lang="en">
              {note}
            </div>
          ))}
          <Ports summary={state.summary} />
        </>
      ) : null}
    </div>
  );
}

function Ports({ summary: { file, inputs, outputs, ops } }: { summary: EncoderSummary }): ReactElement {
  const t = useWords();
  const title = t('encoders.ports', { inputs: String(inputs.length), outputs: String(outputs.length) });
  return (
    <details>
      <summary>{title}</summary>
      {/* Scrolls, so it can be reached and scrolled by keyboard. */}
      <ul className="features-list" tabIndex={0} aria-label={`${file}: ${title}`}>
        {inputs.map((port) => (
          <PortLine key={`in ${port.name}`} what={t('encoders.input')} port={port} />
        ))}
        {outputs.map((port) => (
          <PortLine key={`out ${port.name}`} what={t('encoders.output')} port={port} />
        ))}
        <li className="muted">{ops.map(({ op, count }) => (count > 1 ? `${op} ×${count}` : op)).join(', ')}</li>
      </ul>
    </details>
  );
}

function PortLine({ what, port: { name, dtype, shape } }: { what: string; port: EncoderPort }): ReactElement {
  return (
    <li>
      <span className="muted">{what}</span> {name} <span className="muted">{`${dtype} ${shape ? `[${shape.map((axis) => axis ?? '?').join(', ')}]` : '?'}`}</span>
    </li>
  );
}
