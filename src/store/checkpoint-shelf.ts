import { reportError, UserError } from '../base/errors.ts';
import { LatestOnly } from '../base/latest.ts';
import { Mutex } from '../base/mutex.ts';
import { VERSION } from '../base/version.ts';
import { writeSession, type Session } from '../config/session.ts';
import { trainingKey } from '../config/training-key.ts';
import { wantsEmbedding } from '../core/cost/features.ts';
import type { EngineClient } from '../engine/client.ts';
import type { Checkpoints, RunData, SavedRun } from './checkpoints.ts';
import type { WrittenFile } from './config-shelf.ts';
import { csvOf, metricsOf, tableOf } from './run-table.ts';
import { useRun, type CheckpointState } from './run.ts';
import { useSession } from './session.ts';
import { run, type FilmFrame, type RunKeeper, type TrainingShelf } from './training-shelf.ts';

/** From the end of one save to the next while a run plays: what a reload or a killed engine costs at most. */
export const CHECKPOINT_INTERVAL_MS = 5000;

/** Of a run's plans at most so much is saved with it: every save writes them again. */
const FILM_BYTES = 16 * 2 ** 20;

/** What may be there a moment later: it is tried again with the next plan. */
const NOT_YET: ReadonlySet<string> = new Set(['no-data', 'no-encoder', 'no-pairing']);

/** A run that is written down and that the engine does not have. */
interface Found {
  readonly at: number;
  readonly step: number;
  readonly session: Session;
  readonly data: RunData;
  /** Whether it is in the storage. */
  readonly stored: boolean;
  /** Whether it could not be gone on with. */
  readonly refused: boolean;
}

type Client = Pick<EngineClient, 'checkpoint'>;
type Training = Pick<TrainingShelf, 'resume' | 'play' | 'forget'>;

/**
 * Writes the run down while it plays and when it rests, and goes on from there: after a reload, after the engine was
 * started anew, or with the session of a run that was left. A step never waits for it: the engine answers between two
 * steps, and what was not saved in time is saved with the next.
 */
export class CheckpointShelf implements RunKeeper {
  readonly #client: Client;
  readonly #training: Training;
  readonly #slots: Pick<Checkpoints, 'newest' | 'write' | 'clear'>;
  readonly #restore: (session: Session) => Promise<void>;
  readonly #saves = new LatestOnly();
  readonly #claims = new Mutex();
  readonly #opened: Promise<void>;
  /** What the present run is played with. */
  #session: Session | null = null;
  /** Counts runs: what was asked of one is of no use to the next. */
  #runs = 0;
  /** The present run as it was written down last. */
  #last: Found | null = null;
  #found: Found | null = null;
  #saving = false;
  #savedAt = -Infinity;
  /** The engine died, and whether the run is to play on in the next one. */
  #died: { readonly play: boolean } | null = null;
  /** The step at which the run was gone on with when the engine had died last. */
  #revivedAt = 0;

  /** @param restore makes a session the page's, data included */
  constructor(client: Client, training: Training, slots: Pick<Checkpoints, 'newest' | 'write' | 'clear'>, restore: (session: Session) => Promise<void>) {
    this.#client = client;
    this.#training = training;
    this.#slots = slots;
    this.#restore = restore;
    this.#opened = this.#open();
  }

  /** A run is about to be played: where it is the one that was written down, it is gone on with. */
  async begin(session: Session): Promise<void> {
    await this.claim();
    if (this.#session && trainingKey(this.#session) !== trainingKey(session)) {
      // The engine starts anew for it.
      this.lost();
      this.#revivedAt = 0;
    }
    this.#session = session;
  }

  /** The run has taken steps, rests, or stands at an earlier one. */
  moved(): void {
    const { playing, step, error } = useRun.getState().training;
    // Weights from which the next step is no number are no state to go on from; what was saved before may be.
    if (step === 0 || error?.code === 'training-nan' || (playing && (this.#saving || performance.now() < this.#savedAt + CHECKPOINT_INTERVAL_MS))) return;
    void this.#saves.run(() => this.#save());
  }

  /** A person gave the run up. */
  async discard(): Promise<void> {
    this.#begin(null);
    this.#revivedAt = 0;
    this.#found = this.#died = null;
    put({ savedStep: null, resumed: null, offer: null, error: null });
    await this.#slots.clear().catch((thrown: unknown) => put({ error: reportError(thrown) }));
  }

  /** The engine has the run no more: other data, an encoder, or a new engine. What is written down of it is there to go on from. */
  lost(): void {
    if (this.#last) this.#found = this.#last;
    this.#begin(null);
    put({ savedStep: null, resumed: null });
  }

  /** A new engine takes the place of one that died; to be called before anything is forgotten. */
  engineDied(): void {
    const { playing, step } = useRun.getState().training;
    // An engine that dies at the same step again would do so for ever.
    this.#died = { play: playing && step > this.#revivedAt };
    this.lost();
  }

  /** The page has its session: a run of another one is offered. */
  async offer(): Promise<void> {
    await this.#opened;
    const { session } = useSession.getState();
    if (this.#found && (trainingKey(session) !== trainingKey(this.#found.session) || JSON.stringify([session.source, session.target]) !== JSON.stringify([this.#found.session.source, this.#found.session.target]))) this.#showOffer(this.#found);
  }

  /** A plan was solved, so data, encoders and pairs are there: go on with the run that was found, where it is of these, or offer it. */
  async claim(): Promise<void> {
    await this.#opened;
    await this.#claims.run(async () => {
      const found = this.#found;
      const { step, playing } = useRun.getState().training;
      if (!found || playing || step > 0) return;
      const { session } = useSession.getState();
      if (found.refused || !isOf(found, session)) this.#showOffer(found);
      else await this.#resume(found, session);
    });
  }

  /** Take over the session of the run that is offered; it is gone on with once its data are there. */
  async continueOffered(): Promise<void> {
    if (!this.#found) return;
    this.#found = { ...this.#found, refused: false };
    put({ savedStep: null, resumed: null, offer: null, error: null });
    this.#begin(null);
    this.#training.forget();
    await this.#restore(this.#found.session);
  }

  /** The run as a file: its session, figures and what it learned from, or a row a step. */
  runFile(kind: 'json' | 'csv'): WrittenFile {
    const { training, datasets, encoders } = useRun.getState();
    const name = `run-step${training.step}.${kind}`;
    if (kind === 'csv') return { name, content: new Blob([csvOf(run.metrics)], { type: 'text/csv' }) };
    const data = (['source', 'target'] as const).map((side) => [side, { name: datasets[side]?.name ?? null, fingerprint: datasets[side]?.fingerprint ?? null }]);
    const content = {
      format: 'ot-playground-run',
      version: 1,
      software: { name: 'ot-playground', version: VERSION },
      saved: new Date().toISOString(),
      step: training.step,
      steps: training.steps,
      data: Object.fromEntries(data),
      encoders: encoders.flatMap(({ file, state }) => ('summary' in state ? [{ file, fingerprint: state.summary.fingerprint }] : [])),
      session: JSON.parse(writeSession(this.#sessionNow())) as unknown,
      metrics: run.metrics,
    };
    return { name, content: new Blob([`${JSON.stringify(content, null, 1)}\n`], { type: 'application/json' }) };
  }

  async #open(): Promise<void> {
    // A browser without storage has nothing to say before there is something to save.
    const reading = await this.#slots.newest().catch(() => null);
    if (reading?.kind === 'newer') put({ error: reportError(new UserError('checkpoint-newer', 'A newer version of OT Playground saved a run in this browser, which this page cannot read. Reload the page to get that version; a run that is trained here takes its place.')) });
    if (reading?.kind === 'run') this.#found = foundOf(reading.run, reading.stored);
  }

  #begin(session: Session | null): void {
    this.#runs++;
    this.#session = session;
    this.#last = null;
    this.#savedAt = -Infinity;
  }

  /** The session that the run goes on with: the present one, unless that is of another run. */
  #sessionNow(): Session {
    const { session } = useSession.getState();
    return this.#session && trainingKey(session) !== trainingKey(this.#session) ? this.#session : session;
  }

  async #save(): Promise<void> {
    const runs = this.#runs;
    const session = this.#sessionNow();
    const data = dataOf(session);
    if (!this.#session || !data) return;
    this.#saving = true;
    try {
      const state = await this.#client.checkpoint().catch(() => null);
      if (!state || runs !== this.#runs) return;
      const saved: SavedRun = { at: Date.now(), session, data, state, metrics: tableOf(run.metrics.filter(({ step }) => step <= state.step)), film: bounded(run.film.filter(({ step }) => step <= state.step)) };
      this.#last = foundOf(saved, false);
      await this.#slots.write(saved);
      if (runs !== this.#runs) return;
      this.#last = foundOf(saved, true);
      this.#found = null;
      put({ savedStep: state.step, offer: null, error: null });
    } catch (thrown) {
      if (runs === this.#runs) put({ error: reportError(thrown) });
    } finally {
      this.#saving = false;
      this.#savedAt = performance.now();
    }
  }

  async #resume(found: Found, session: Session): Promise<void> {
    const [died, runs] = [this.#died, this.#runs];
    try {
      const { state, metrics, film } = await this.#newestOf(session);
      await this.#training.resume(session, state, { metrics: metricsOf(metrics), film });
      if (runs !== this.#runs) {
        // The engine was given other data meanwhile; the next plan sees what is there.
        this.#training.forget();
        return;
      }
      this.#begin(session);
      this.#last = found;
      this.#found = this.#died = null;
      if (died) this.#revivedAt = found.step;
      put({ savedStep: found.stored ? found.step : null, resumed: { step: found.step, died: died !== null }, offer: null, error: null });
      if (died?.play) void this.#training.play();
    } catch (thrown) {
      const error = reportError(thrown);
      if (NOT_YET.has(error.code)) return;
      this.#died = null;
      this.#found = { ...found, refused: true };
      this.#showOffer(found);
      put({ error });
    }
  }

  /** The newest run that was written, or was to be. @throws UserError `checkpoint-lost` */
  async #newestOf(session: Session): Promise<SavedRun> {
    const reading = await this.#slots.newest();
    if (reading.kind !== 'run' || !isOf(foundOf(reading.run, reading.stored), session)) throw new UserError('checkpoint-lost', 'The saved run can no longer be read from this browser’s storage, or another tab has saved its own in its place. Train anew.');
    return reading.run;
  }

  #showOffer({ at, step }: Found): void {
    put({ offer: { at, step } });
  }
}

const foundOf = (saved: SavedRun, stored: boolean): Found => ({ at: saved.at, step: saved.state.step, session: saved.session, data: saved.data, stored, refused: false });

/** Copies of some plans of a film, evenly along it, as many as may be saved each time. */
function bounded(film: readonly FilmFrame[]): FilmFrame[] {
  const every = Math.max(1, Math.ceil(film.reduce((sum, { plan }) => sum + plan.byteLength, 0) / FILM_BYTES));
  return film.flatMap((frame, k) => (k % every === 0 ? { ...frame, plan: frame.plan.slice() } : []));
}

/** What a run of this session learns from, as it is loaded; null where something is not. */
function dataOf({ features }: Session): RunData | null {
  const { datasets, encoders } = useRun.getState();
  if (!datasets.source || !datasets.target) return null;
  const named = new Set(features.filter(wantsEmbedding).flatMap(({ embed }) => (embed ? [embed.file] : [])));
  const ready = encoders.flatMap(({ file, state }) => (named.has(file) && state.kind === 'ready' ? [{ file, fingerprint: state.summary.fingerprint }] : []));
  if (ready.length < named.size) return null;
  return { source: datasets.source.fingerprint, target: datasets.target.fingerprint, encoders: ready.toSorted((p, q) => (p.file < q.file ? -1 : 1)) };
}

/** Whether a run is of this session on what is loaded. */
function isOf(found: Found, session: Session): boolean {
  return trainingKey(session) === trainingKey(found.session) && JSON.stringify(dataOf(session)) === JSON.stringify(found.data);
}

function put(change: Partial<CheckpointState>): void {
  useRun.setState(({ checkpoint }) => ({ checkpoint: { ...checkpoint, ...change } }));
}
