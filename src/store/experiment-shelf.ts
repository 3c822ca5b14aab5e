import { digest, fingerprint } from '../base/digest.ts';
import { reportError, UserError } from '../base/errors.ts';
import { Mutex } from '../base/mutex.ts';
import { VERSION } from '../base/version.ts';
import { ALIGNED, methodOf, METHODS, methodText, parseMethod, withMethod, type Method } from '../config/methods.ts';
import { writeSession, type Session } from '../config/session.ts';
import { wantsEmbedding } from '../core/cost/features.ts';
import { ExperimentCrew, type CrewListener, type EngineClient, type Job, type LoadedEncoder, type RunResult } from '../engine/client.ts';
import type { WrittenFile } from './config-shelf.ts';
import { experimentCsv, experimentJson } from './experiment-file.ts';
import { baseOf, NO_RUNS, planOf, settingsText, useExperiment, type Experiment, type Plan } from './experiment.ts';
import { useSession } from './session.ts';
import { StoredRuns, type RunStore, type StoredExperiment } from './stored-runs.ts';

type Crew = Pick<ExperimentCrew, 'run' | 'pause' | 'goOn' | 'stop'>;

const put = useExperiment.setState;

/**
 * The experiment of the page: what is to be run, the crew that runs it, and its runs, which are written down one by one.
 * What they share is fixed when the first is begun; whatever the page's session becomes after that is for another one.
 */
export class ExperimentShelf {
  readonly #client: Pick<EngineClient, 'encoders'>;
  readonly #stored: StoredRuns;
  readonly #hire: (listener: CrewListener) => Crew;
  readonly #saves = new Mutex();
  #crew: Crew | null = null;
  /** Runs that could not be written down yet. */
  #unsaved: readonly RunResult[] = [];

  /** @param hire gives a crew that has done nothing yet */
  constructor(client: Pick<EngineClient, 'encoders'>, store: RunStore, hire: (listener: CrewListener) => Crew = (listener) => new ExperimentCrew(listener)) {
    this.#client = client;
    this.#stored = new StoredRuns(store);
    this.#hire = hire;
  }

  /** The experiment of the last visit, to be looked at and gone on with. */
  async open(): Promise<void> {
    try {
      const stored = await this.#stored.find(null);
      const { experiment, phase } = useExperiment.getState();
      if (stored && experiment === null && phase === 'idle') show(stored);
    } catch {
      // A browser without storage has nothing to say before there is something to keep.
    }
  }

  /** Choose a method, or leave it out. */
  toggle(method: string): void {
    put(({ chosen }) => ({ chosen: chosen.includes(method) ? chosen.filter((one) => one !== method) : [...chosen, method] }));
  }

  /** Offer a method with pairs or a window of its own, and choose it. */
  addVariant(method: Method): void {
    const { experiment } = useExperiment.getState();
    const text = methodText(method, baseOf(experiment, useSession.getState().session));
    const plain = METHODS.some((kind) => kind === text);
    put(({ chosen, variants }) => ({ chosen: chosen.includes(text) ? chosen : [...chosen, text], variants: plain || variants.includes(text) ? variants : [...variants, text] }));
  }

  removeVariant(method: string): void {
    put(({ chosen, variants }) => ({ chosen: chosen.filter((one) => one !== method), variants: variants.filter((one) => one !== method) }));
  }

  /** Run what is chosen and not run yet; what keeps it from being begun is said in `error`. Resolves when it has ended. */
  async start(): Promise<void> {
    if (useExperiment.getState().phase !== 'idle') return;
    put({ phase: 'starting', error: null });
    try {
      const loaded = await this.#client.encoders();
      const experiment = await this.#experiment(loaded);
      const { attempts, session } = experiment;
      const plan = planOf(useExperiment.getState(), methodOf(session));
      if (plan.error) throw new UserError(plan.error.code, plan.error.message);
      const jobs = jobsOf(plan, useExperiment.getState().runs);
      if (jobs.length === 0 || useExperiment.getState().phase !== 'starting') return;
      put({ experiment, failed: [], replaced: 0 });
      await this.#run({ session, attempts, encoders: named(loaded, session) }, jobs);
    } catch (thrown) {
      put({ error: reportError(thrown) });
    } finally {
      this.#crew = null;
      put(({ runs, failed, experiment }) => ({ phase: 'idle', active: [], ...(runs.length + failed.length === 0 && experiment ? { experiment: null } : {}) }));
    }
  }

  pause(): void {
    if (useExperiment.getState().phase !== 'running') return;
    this.#crew?.pause();
    put({ phase: 'paused' });
  }

  goOn(): void {
    if (useExperiment.getState().phase !== 'paused') return;
    this.#crew?.goOn();
    put({ phase: 'running' });
  }

  /** End the runs that are under way; those that are done stay, and `start` goes on from there. */
  stop(): void {
    this.#crew?.stop();
    if (!this.#crew) put({ phase: 'idle' });
  }

  /** Forget the runs, in the storage too. */
  async clear(): Promise<void> {
    this.stop();
    const { experiment } = useExperiment.getState();
    this.#unsaved = [];
    put(NO_RUNS);
    if (experiment) await this.#saves.run(() => this.#stored.remove(experiment.key)).catch((thrown: unknown) => put({ error: reportError(thrown) }));
  }

  /** Leave the runs where they are written down, and begin with the page's session; runs that there are of it come back. */
  async renew(): Promise<void> {
    this.stop();
    this.#unsaved = [];
    put(NO_RUNS);
    try {
      const loaded = await this.#client.encoders();
      await this.#experiment(loaded);
    } catch (thrown) {
      put({ error: reportError(thrown) });
    }
  }

  /** The session that trains by one of the experiment's methods. */
  sessionOf(method: string): Session {
    const session = useExperiment.getState().experiment?.session ?? useSession.getState().session;
    return withMethod(session, parseMethod(method, methodOf(session)));
  }

  /** All that is known as JSON, or a row a run. */
  file(kind: 'json' | 'csv'): WrittenFile {
    const state = useExperiment.getState();
    const text = kind === 'json' ? experimentJson(state) : experimentCsv(state.runs);
    return { name: `experiment.${kind}`, content: new Blob([text], { type: kind === 'json' ? 'application/json' : 'text/csv' }) };
  }

  /** What the next runs are of: what the last ones were, or the page's session with the runs that are written down of it. */
  async #experiment(loaded: readonly LoadedEncoder[]): Promise<Experiment> {
    const { experiment, attempts } = useExperiment.getState();
    const session = experiment?.session ?? useSession.getState().session;
    const encoders = named(loaded, session).map(({ file, fingerprint: hash }) => ({ file, fingerprint: hash }));
    if (experiment) {
      const other = experiment.encoders.find(({ file, fingerprint: hash }) => encoders.find((one) => one.file === file)?.fingerprint !== hash);
      if (other) throw new UserError('experiment-encoder', `The runs that are done were made with a ${other.file} that is not the one loaded now; load that one again, or clear the runs.`, { file: other.file });
      return experiment;
    }
    const made: Experiment = { key: await keyOf(session, attempts, encoders), session, attempts, encoders };
    const stored = await this.#stored.find(made.key).catch(() => null);
    if (stored) put({ experiment: made, runs: stored.runs });
    return made;
  }

  async #run(settings: Parameters<Crew['run']>[0], jobs: readonly Job[]): Promise<void> {
    const crew = this.#hire({
      onProgress: (active) => put(({ phase }) => ({ active, phase: phase === 'starting' ? 'running' : phase })),
      onDone: (result) => {
        put(({ runs }) => ({ runs: [...runs, result] }));
        void this.#save(result);
      },
      onFailed: (job, error) => put(({ failed }) => ({ failed: [...failed, { ...job, error }] })),
      onReplaced: () => put(({ replaced }) => ({ replaced: replaced + 1 })),
    });
    this.#crew = crew;
    await crew.run(settings, jobs);
  }

  async #save(result: RunResult): Promise<void> {
    this.#unsaved = [...this.#unsaved, result];
    await this.#saves.run(async () => {
      const { experiment, chosen, seeds } = useExperiment.getState();
      const unsaved = this.#unsaved;
      if (!experiment || unsaved.length === 0) return;
      const { key, session, attempts, encoders } = experiment;
      try {
        await this.#stored.add({ key, at: Date.now(), session: writeSession(session), attempts, encoders, methods: chosen, seeds }, unsaved);
        this.#unsaved = this.#unsaved.filter((run) => !unsaved.includes(run));
        put({ saveError: null });
      } catch (thrown) {
        put({ saveError: reportError(thrown) });
      }
    });
  }
}

/** Seeds outer, methods inner, without what is done: a seed's world is made once. */
function jobsOf({ methods, seeds }: Extract<Plan, { error: null }>, runs: readonly RunResult[]): Job[] {
  const done = new Set(runs.map(({ method, seed }) => `${method} ${seed}`));
  return seeds.flatMap((seed) => methods.flatMap((method) => (done.has(`${method} ${seed}`) ? [] : [{ method, seed }])));
}

/** Encoders that the session's terms name. */
function named(loaded: readonly LoadedEncoder[], { features }: Session): LoadedEncoder[] {
  const files = new Set(features.filter(wantsEmbedding).flatMap(({ embed }) => (embed ? [embed.file] : [])));
  return loaded.filter(({ file }) => files.has(file)).toSorted((p, q) => (p.file < q.file ? -1 : 1));
}

async function keyOf(session: Session, attempts: number, encoders: Experiment['encoders']): Promise<string> {
  const text = JSON.stringify([VERSION, settingsText(session), attempts, encoders]);
  return fingerprint([await digest(new TextEncoder().encode(text).buffer)]);
}

function show({ head: { key, attempts, encoders, methods, seeds }, session, runs }: StoredExperiment): void {
  const base = methodOf(session);
  const all = [...methods, ...runs.map(({ method }) => method)];
  const variants = [...new Set(all)].filter((text) => ALIGNED.has(parseMethod(text, base).kind) && text.includes('/'));
  put({ experiment: { key, session, attempts, encoders }, attempts, chosen: methods, variants, seeds, runs });
}
