import { reportError, type ErrorReport } from '../base/errors.ts';
import type { BuiltinEncoder, EncoderRef, Session } from '../config/session.ts';
import { builtinEncoderFiles, fileName, groupEncoders, readEncoderInWorker, type EngineClient, type LoadedEncoder, type PickedFile } from '../engine/client.ts';
import type { EncoderProposal } from '../engine/protocol.ts';
import { t } from '../words/index.ts';
import { termForEncoder } from './encoder-terms.ts';
import { useRun, type EncoderState, type EncoderSummary } from './run.ts';
import { useSession } from './session.ts';

/**
 * Keeps the engine's encoders those that the session names: reads what is new in the disposable reader, hands it over,
 * forgets what is gone, and asks for local files that a link cannot carry.
 */
export class EncoderShelf {
  readonly #client: EngineClient;
  readonly #onChange: () => void;
  /** Files by encoder, kept so that a new engine can be given them again. */
  readonly #files = new Map<string, { readonly files: readonly PickedFile[]; readonly builtin: BuiltinEncoder | null }>();
  readonly #reads = new Map<string, AbortController>();

  /** @param onChange called whenever an encoder has become usable */
  constructor(client: EngineClient, onChange: () => void) {
    this.#client = client;
    this.#onChange = onChange;
  }

  /** Follow the session: what it names is loaded, or asked for; what it no longer names is forgotten. */
  async follow(encoders: readonly EncoderRef[]): Promise<void> {
    const named = new Map(encoders.map((ref) => [ref.file, ref]));
    for (const { file } of useRun.getState().encoders) if (!named.has(file)) await this.#forget(file);
    await Promise.all(encoders.map((ref) => this.#open(ref)));
  }

  /** Read encoders that a person chose or dropped; each becomes one that the session names. */
  async openFiles(getFiles: () => Promise<readonly PickedFile[]>): Promise<void> {
    useRun.setState({ encoderError: null });
    try {
      const files = await getFiles();
      await Promise.all(groupEncoders(files).map(async ({ model, weights }) => this.#read(fileName(model.path), [model, ...weights], null, true)));
    } catch (thrown) {
      useRun.setState({ encoderError: reportError(thrown) });
    }
  }

  /** Add one of the page's own encoders. */
  async openBuiltin(file: BuiltinEncoder): Promise<void> {
    await this.#fetch(file, true);
  }

  cancel(file: string): void {
    this.#reads.get(file)?.abort();
  }

  /** Keep an encoder from the next engine: given it again, that would hang again. */
  stop(file: string, error: ErrorReport): void {
    const state = stateOf(file);
    if (state?.kind === 'ready') setState(file, { kind: 'stopped', summary: state.summary, error });
  }

  /** Give an encoder that was stopped another chance. */
  async retry(file: string): Promise<void> {
    const held = this.#files.get(file);
    if (held) await this.#read(file, held.files, held.builtin, false);
  }

  /** Give a new engine what the old one held, but for what was stopped. */
  async reload(): Promise<void> {
    const { encoders } = useSession.getState().session;
    for (const ref of encoders) {
      if (stateOf(ref.file)?.kind === 'stopped') continue;
      const held = this.#files.get(ref.file);
      if (held) await this.#read(ref.file, held.files, held.builtin, false);
      else await this.#open(ref);
    }
  }

  async #open(ref: EncoderRef): Promise<void> {
    const state = stateOf(ref.file);
    if (state?.kind === 'loading') return;
    if ((state?.kind === 'ready' || state?.kind === 'stopped') && (ref.kind === 'builtin' ? state.summary.builtin : state.summary.fingerprint === ref.fingerprint)) return;
    if (ref.kind === 'local') {
      await this.#forget(ref.file);
      setState(ref.file, { kind: 'wanted', fingerprint: ref.fingerprint });
      return;
    }
    await this.#fetch(ref.file, false);
  }

  async #fetch(file: BuiltinEncoder, adopt: boolean): Promise<void> {
    try {
      setState(file, { kind: 'loading' });
      await this.#read(file, await builtinEncoderFiles(document.baseURI, [file]), file, adopt);
    } catch (thrown) {
      setState(file, null);
      useRun.setState({ encoderError: reportError(thrown) });
    }
  }

  /** @param adopt whether the session is yet to name it */
  async #read(file: string, files: readonly PickedFile[], builtin: BuiltinEncoder | null, adopt: boolean): Promise<void> {
    this.#reads.get(file)?.abort();
    const abort = new AbortController();
    this.#reads.set(file, abort);
    const before = stateOf(file);
    setState(file, { kind: 'loading' });
    try {
      const encoder = await readEncoderInWorker(files, { signal: abort.signal });
      if (this.#reads.get(file) !== abort) return;
      const summary = summarise(encoder, builtin !== null);
      const proposal = await this.#client.addEncoder(encoder);
      if (this.#reads.get(file) !== abort) return;
      this.#files.set(file, { files, builtin });
      setState(file, { kind: 'ready', summary });
      if (before?.kind === 'wanted' && before.fingerprint !== summary.fingerprint) useRun.setState({ remark: t('shard.differs') });
      if (adopt) this.#adopt(builtin ? { kind: 'builtin', file: builtin } : { kind: 'local', file, fingerprint: summary.fingerprint }, proposal, summary);
      this.#onChange();
    } catch (thrown) {
      if (this.#reads.get(file) !== abort) return;
      const error = reportError(thrown);
      setState(file, before?.kind === 'loading' ? null : (before ?? null));
      if (error.code !== 'cancelled') useRun.setState({ encoderError: error });
    } finally {
      if (this.#reads.get(file) === abort) this.#reads.delete(file);
    }
  }

  /** Make the session name an encoder; one that no term asks for yet gets a term, where its inputs say which keys it means. */
  #adopt(ref: EncoderRef, proposal: EncoderProposal | null, summary: EncoderSummary): void {
    const { session, replace } = useSession.getState();
    const encoders = [...session.encoders.filter(({ file }) => file !== ref.file), ref];
    const asked = session.features.some(({ embed }) => embed?.file === ref.file);
    const term = asked || !proposal ? null : termForEncoder(proposal, summary, session.features);
    replace({ ...session, encoders, features: term ? [...session.features, term] : session.features } satisfies Session);
  }

  async #forget(file: string): Promise<void> {
    this.#reads.get(file)?.abort();
    this.#reads.delete(file);
    this.#files.delete(file);
    if (stateOf(file)?.kind === 'ready') await this.#client.removeEncoder(file).catch(() => undefined);
    setState(file, null);
  }
}

function stateOf(file: string): EncoderState | undefined {
  return useRun.getState().encoders.find((entry) => entry.file === file)?.state;
}

/** Set or, with null, take out the state of an encoder. The order in which they came is kept. */
function setState(file: string, state: EncoderState | null): void {
  useRun.setState(({ encoders }) => {
    const rest = encoders.filter((entry) => entry.file !== file);
    if (!state) return { encoders: rest };
    const known = encoders.some((entry) => entry.file === file);
    return { encoders: known ? encoders.map((entry) => (entry.file === file ? { file, state } : entry)) : [...encoders, { file, state }] };
  });
}

function summarise({ file, fingerprint, preflight, trainable, warnings }: LoadedEncoder, builtin: boolean): EncoderSummary {
  return {
    file,
    fingerprint,
    builtin,
    inputs: [...preflight.inputs].map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
    outputs: [...preflight.outputs].map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
    parameters: preflight.parameters,
    ops: [...preflight.ops].map(([op, count]) => ({ op, count })),
    trainable,
    warnings,
  };
}
