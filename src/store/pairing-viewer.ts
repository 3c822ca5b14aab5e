import { reportError, type ErrorReport } from '../base/errors.ts';
import type { EngineClient } from '../engine/client.ts';
import type { EpisodePairView } from '../engine/protocol.ts';
import { matrices, useRun } from './run.ts';
import { useSession } from './session.ts';
import { useView } from './view.ts';

/** Batches that are drawn for each window: the standard error of a mean is then about a third of the spread. */
export const TRIALS = 10;
/** Quiet time after the last change before windows are tried. */
const TRIALS_DELAY_MS = 150;

/** Keeps what stands beside the plan up to date while it is in sight: a pair of episodes, or the windows that are tried. */
export class PairingViewer {
  readonly #client: EngineClient;
  #pairKey = '';
  #trialKey = '';
  #trying = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(client: EngineClient) {
    this.#client = client;
    useView.subscribe((view, previous) => {
      if (view.aside !== previous.aside || view.compared !== previous.compared || view.cursor !== previous.cursor) this.refresh();
    });
  }

  /** Ask for what is in sight, where it is not what is there. */
  refresh(): void {
    const { aside } = useView.getState();
    const { report, datasets } = useRun.getState();
    if (!report || !datasets.source || !datasets.target) return;
    if (aside === 'pairing') void this.#showPair();
    if (aside === 'window') this.#tryWindows();
  }

  async #showPair(): Promise<void> {
    const { costs } = matrices;
    if (!costs) return;
    const { cursor, compared } = useView.getState();
    const { session } = useSession.getState();
    const source = compared.source ?? costs.source.place[cursor.i] ?? null;
    const target = compared.target ?? costs.target.place[cursor.j] ?? 0;
    const key = JSON.stringify([costs.version, session.pairing, session.training, source, target]);
    if (key === this.#pairKey) return;
    this.#pairKey = key;
    try {
      const pair = await this.#client.episodePair(session, source, target);
      if (!pair) return;
      this.#put(pair, null);
    } catch (thrown) {
      if (this.#pairKey !== key) return;
      this.#pairKey = '';
      this.#put(null, reportError(thrown));
    }
  }

  #put(pair: EpisodePairView | null, error: ErrorReport | null): void {
    matrices.episodePair = pair;
    useRun.setState(({ episodePair: { version } }) => ({ episodePair: { version: version + 1, error } }));
  }

  #tryWindows(): void {
    const { session } = useSession.getState();
    const { source, target } = useRun.getState().datasets;
    // The window is what is tried: setting it changes the batch, and nothing of the trials.
    const { window: _, noWindow: __, ...training } = session.training;
    const key = JSON.stringify([session.solve, session.features, session.pairing, session.batch, training, source?.fingerprint, target?.fingerprint]);
    if (key !== this.#trialKey) useRun.setState({ windowTrials: { done: [], error: null } });
    else if (this.#trying || useRun.getState().windowTrials.done.length >= TRIALS) return;
    this.#trialKey = key;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#repeat(key), TRIALS_DELAY_MS);
  }

  async #repeat(key: string): Promise<void> {
    const { session } = useSession.getState();
    const count = (): number => useRun.getState().windowTrials.done.length;
    const wanted = (): boolean => key === this.#trialKey && useView.getState().aside === 'window';
    this.#trying = true;
    try {
      while (wanted() && count() < TRIALS) {
        const trials = await this.#client.windowTrials(session, session.batch.seed + count());
        // A solve came in between: its answer asks for the rest.
        if (!trials || !wanted()) break;
        useRun.setState(({ windowTrials: { done } }) => ({ windowTrials: { done: [...done, trials], error: null } }));
      }
    } catch (thrown) {
      if (key === this.#trialKey) useRun.setState({ windowTrials: { done: [], error: reportError(thrown) } });
    } finally {
      this.#trying = false;
    }
  }
}
