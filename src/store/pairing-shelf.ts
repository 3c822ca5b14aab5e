import { reportError } from '../base/errors.ts';
import { pairingKey, type DtwSettings, type PairingRef } from '../config/pairing.ts';
import { DEMO_PAIRING } from '../config/presets.ts';
import type { Session } from '../config/session.ts';
import { defaultWindow } from '../core/pairing/window-size.ts';
import { readPairInfoInWorker, type EngineClient, type PairingFacts, type PickedFile } from '../engine/client.ts';
import { t } from '../words/index.ts';
import { useRun, type DatasetSummary, type PairingState } from './run.ts';
import { useSession } from './session.ts';

/** The columns without which there is no ground truth. */
const TRUTH = ['ground_truth.phase', 'ground_truth.goal'];

/**
 * Keeps the engine's pairs those that the session names: reads a pair_info file in the disposable reader, has the engine
 * pair by DTW, and asks for a file that a link cannot carry.
 */
export class PairingShelf {
  readonly #client: EngineClient;
  readonly #onChange: () => void;
  /** The last file that was read, kept so that it can be chosen again and given to a new engine. */
  #file: { readonly ref: Extract<PairingRef, { kind: 'file' }>; readonly files: readonly PickedFile[] } | null = null;
  /** By key: what the engine holds. */
  readonly #held = new Map<string, PairingFacts>();
  #work: AbortController | null = null;

  /** @param onChange called whenever pairs that the session names have become usable */
  constructor(client: EngineClient, onChange: () => void) {
    this.#client = client;
    this.#onChange = onChange;
  }

  /** Whether the pairs of this session are on their way: there is nothing to solve before. */
  isPreparing({ pairing }: Session): boolean {
    const key = pairingKey(pairing);
    return key !== null && !this.#held.has(key) && this.#work !== null;
  }

  /** Follow the session: what it names is held, made, or asked for. */
  async follow(): Promise<void> {
    const { pairing } = useSession.getState().session;
    const key = pairingKey(pairing);
    if (key === null || this.#held.has(key)) {
      this.cancel();
      useRun.setState({ pairingError: null });
      setState(this.#standing());
    } else if (pairing.kind === 'dtw') {
      const { source, target } = useRun.getState().datasets;
      if (source && target) await this.#pair(pairing, false);
      else setState(this.#standing());
    } else if (pairing.kind === 'file') {
      if (this.#file?.ref.fingerprint === key) await this.#read(this.#file.files, false);
      else setState(this.#standing());
    }
  }

  /** Read a pair_info file that a person chose or dropped; the session names it from then on. */
  async openFiles(getFiles: () => Promise<readonly PickedFile[]>): Promise<void> {
    useRun.setState({ pairingError: null });
    try {
      await this.#read(await getFiles(), true);
    } catch (thrown) {
      useRun.setState({ pairingError: reportError(thrown) });
    }
  }

  /** The file that was read last, to be used again; null where there is none. */
  lastFile(): Extract<PairingRef, { kind: 'file' }> | null {
    return this.#file?.ref ?? null;
  }

  /** Pair the episodes by DTW; the session names it when it is done. */
  async pair(settings: DtwSettings): Promise<void> {
    await this.#pair({ kind: 'dtw', ...settings }, true);
  }

  cancel(): void {
    this.#work?.abort();
  }

  /** What was paired by DTW, as a file to save. */
  async save(): Promise<Blob> {
    return new Blob([await this.#client.pairInfo()], { type: 'application/json' });
  }

  /** Other data: what was paired by DTW was of those before. Files stay, whether they fit or not. */
  async dataChanged(): Promise<void> {
    for (const key of this.#held.keys()) if (key !== this.#file?.ref.fingerprint) this.#held.delete(key);
    if (useSession.getState().session.pairing.kind === 'dtw') await this.follow();
  }

  /** Give a new engine what the old one held. What needs data waits for them. */
  async reload(): Promise<void> {
    this.#held.clear();
    if (useSession.getState().session.pairing.kind === 'file') await this.follow();
  }

  /** How the pairs that the session names stand, no work being under way. */
  #standing(): PairingState {
    const { pairing } = useSession.getState().session;
    const facts = this.#held.get(pairingKey(pairing) ?? '');
    if (facts) return { kind: 'ready', facts };
    return pairing.kind === 'file' ? { kind: 'wanted', name: pairing.name } : { kind: 'none' };
  }

  async #read(files: readonly PickedFile[], adopt: boolean): Promise<void> {
    const before = useRun.getState().pairing;
    await this.#run({ kind: 'reading' }, async (signal) => {
      const { session } = useSession.getState();
      const loaded = await readPairInfoInWorker(files, { signal });
      await this.#client.addPairs(loaded);
      signal.throwIfAborted();
      if (this.#file) this.#held.delete(this.#file.ref.fingerprint);
      const { name, fingerprint, pairs, warnings } = loaded;
      const ref = { kind: 'file', name, fingerprint } as const;
      this.#file = { ref, files };
      const differs = before.kind === 'wanted' && session.pairing.kind === 'file' && session.pairing.fingerprint !== fingerprint;
      if (differs) useRun.setState({ remark: t('shard.differs') });
      return { ref, facts: { pairs: [...pairs.values()].reduce((sum, entries) => sum + entries.length, 0), warnings } };
    }, adopt);
  }

  async #pair(ref: Extract<PairingRef, { kind: 'dtw' }>, adopt: boolean): Promise<void> {
    await this.#run({ kind: 'pairing', done: 0, total: 1 }, async (signal) => {
      signal.addEventListener('abort', () => void this.#client.cancelPairing().catch(() => undefined));
      const facts = await this.#client.pair(ref, (done, total) => {
        if (!signal.aborted) setState({ kind: 'pairing', done, total });
      });
      signal.throwIfAborted();
      for (const key of this.#held.keys()) if (key !== this.#file?.ref.fingerprint) this.#held.delete(key);
      return { ref, facts };
    }, adopt);
  }

  /** One piece of work at a time: the newest ends the one before. */
  async #run(first: PairingState, work: (signal: AbortSignal) => Promise<{ ref: PairingRef; facts: PairingFacts }>, adopt: boolean): Promise<void> {
    this.#work?.abort();
    const abort = new AbortController();
    this.#work = abort;
    useRun.setState({ pairingError: null });
    setState(first);
    try {
      const { ref, facts } = await work(abort.signal);
      this.#held.set(pairingKey(ref)!, facts);
      setState({ kind: 'ready', facts });
      this.#work = null;
      if (adopt) adoptPairing(ref);
      this.#onChange();
    } catch (thrown) {
      if (this.#work !== abort) return;
      this.#work = null;
      const error = reportError(thrown);
      setState(this.#standing());
      if (!abort.signal.aborted && error.code !== 'cancelled') useRun.setState({ pairingError: error });
      this.#onChange();
    }
  }
}

/**
 * The pairing for data that were just loaded: ground truth where both sides have it and nothing else was chosen, no DTW
 * over columns that are gone, and not the demo's own, which nobody chose.
 */
export function pairingFor(pairing: PairingRef, source: DatasetSummary, target: DatasetSummary): PairingRef {
  const has = ({ features }: DatasetSummary, key: string): boolean => features.some((feature) => feature.key === key && feature.numeric);
  if (pairing.kind === 'file') return pairing;
  if (isDemoPairing(pairing)) return source.demo && target.demo ? pairing : { kind: hasTruth(source) && hasTruth(target) ? 'truth' : 'none' };
  if (pairing.kind === 'dtw' && pairing.features.every(({ src_key, tgt_key }) => has(source, src_key) && has(target, tgt_key))) return pairing;
  return { kind: hasTruth(source) && hasTruth(target) ? 'truth' : 'none' };
}

/** Whether pairs are those that the demo starts with. */
export const isDemoPairing = (pairing: PairingRef): boolean => pairingKey(pairing) === pairingKey(DEMO_PAIRING);

/** Whether a side knows phase and goal of its frames. */
export function hasTruth({ features }: DatasetSummary): boolean {
  return TRUTH.every((key) => features.some((feature) => feature.key === key && feature.numeric));
}

/** Make the session name pairs that are now there. With the first ones comes a window, unless a config brought one. */
function adoptPairing(ref: PairingRef): void {
  const { session, replace } = useSession.getState();
  const { source } = useRun.getState().datasets;
  const untouched = pairingKey(session.pairing) === null && session.training.document === null && session.training.window === 0;
  const window = untouched && source ? defaultWindow(source.fps, [source.medianEpisode]) : session.training.window;
  replace({ ...session, pairing: ref, training: { ...session.training, window } });
}

function setState(pairing: PairingState): void {
  useRun.setState({ pairing });
}
