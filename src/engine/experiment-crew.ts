import { errorFromReport, reportError, UserError, type ErrorReport } from '../base/errors.ts';
import { Gate } from '../base/gate.ts';
import type { ExperimentSettings, Job, RunResult } from './experiment.ts';
import type { CrewOrder, CrewReply } from './experiment-host.ts';

/** A run that is under way. */
export interface ActiveRun extends Job {
  /** Of its training, in [0, 1]; driving comes after that. */
  readonly share: number;
  /** Since it began, but for the time that it was held. */
  readonly seconds: number;
}

/** Who is told how an experiment goes on. */
export interface CrewListener {
  readonly onProgress: (active: readonly ActiveRun[]) => void;
  readonly onDone: (result: RunResult) => void;
  readonly onFailed: (job: Job, error: ErrorReport) => void;
  /** A worker died or hung, and another one took its place. */
  readonly onReplaced: () => void;
}

/**
 * A worker that says nothing for so many ticks is as dead as one that crashed. Ticks are counted and not time: a tab that
 * slept for an hour wakes with one tick, and what its workers said meanwhile comes with it.
 */
const TICK_MS = 5000;
const SILENT_TICKS = 18;
/** More would only wait for each other's memory. */
const MOST_WORKERS = 8;

/** The worker ended without an answer; what it was at may be done again by another. */
class WorkerDied extends Error {}

/**
 * Carries an experiment out on several workers. Each is given runs of one seed after the other where it can be, so that
 * it makes the seed's world once. A run whose worker dies or hangs is done again once, by another.
 */
export class ExperimentCrew {
  readonly #listener: CrewListener;
  readonly #createWorker: () => Worker;
  readonly #gate = new Gate();
  readonly #seats: Seat[] = [];
  #held = false;
  #stopped = false;
  /** What nobody has begun, in order. */
  #todo: Job[] = [];
  /** Runs that a worker died of. */
  readonly #again = new Set<Job>();

  constructor(listener: CrewListener, createWorker: () => Worker = experimentWorker) {
    this.#listener = listener;
    this.#createWorker = createWorker;
  }

  /**
   * Do runs; once for each crew.
   * @param jobs seeds outer, methods inner
   * @param workers at most; one core is left to the page
   * @returns when all are done or failed, or `stop` was called
   * @throws UserError with what keeps the first of them from beginning: then none is begun
   */
  async run(settings: ExperimentSettings, jobs: readonly Job[], workers = Math.max(1, (navigator.hardwareConcurrency || 2) - 1)): Promise<void> {
    this.#todo = [...jobs];
    const count = Math.min(workers, MOST_WORKERS, jobs.length);
    const ticks = setInterval(() => this.#tick(), TICK_MS);
    try {
      const first = this.#seat();
      await this.#begin(first, settings, jobs[0]!);
      await Promise.all([this.#work(first, settings), ...Array.from({ length: count - 1 }, () => this.#work(this.#seat(), settings))]);
    } finally {
      clearInterval(ticks);
      this.stop();
    }
  }

  /** Hold all runs between two steps. */
  pause(): void {
    this.#held = true;
    this.#gate.close();
    for (const { hand } of this.#seats) hand?.send({ type: 'pause' });
  }

  goOn(): void {
    this.#held = false;
    this.#gate.open();
    for (const { hand } of this.#seats) hand?.send({ type: 'go-on' });
  }

  /** End all workers; what they were at is lost. */
  stop(): void {
    this.#stopped = true;
    this.#gate.open();
    for (const { hand } of this.#seats) hand?.end();
  }

  #seat(): Seat {
    const seat: Seat = { hand: null, job: null, seed: null, share: 0, seconds: 0, silent: 0 };
    this.#seats.push(seat);
    return seat;
  }

  /** Have the seat's worker ready. @param check a run to try first; a worker that dies of that too is not replaced again */
  async #begin(seat: Seat, settings: ExperimentSettings, check: Job | null): Promise<void> {
    for (let again = false; !this.#stopped; again = true)
      try {
        seat.hand ??= new Hand(this.#createWorker(), (reply) => this.#hear(seat, reply));
        if (this.#held) seat.hand.send({ type: 'pause' });
        seat.silent = 0;
        await seat.hand.ask({ type: 'begin', settings, check });
        return;
      } catch (thrown) {
        this.#dismiss(seat);
        if (this.#stopped) return;
        if (!(thrown instanceof WorkerDied)) throw thrown;
        if (again) throw diedTwice('A worker of the experiment');
        this.#listener.onReplaced();
      }
  }

  async #work(seat: Seat, settings: ExperimentSettings): Promise<void> {
    for (;;) {
      await this.#gate.opened;
      const job = this.#stopped ? undefined : this.#take(seat);
      if (!job) break;
      Object.assign(seat, { job, seed: job.seed, share: 0, seconds: 0, silent: 0 });
      this.#tell();
      try {
        if (!seat.hand) await this.#begin(seat, settings, null);
        if (this.#stopped) break;
        const reply = await seat.hand!.ask({ type: 'run', job });
        seat.job = null;
        if (reply.type === 'done') this.#listener.onDone(reply.result);
      } catch (thrown) {
        seat.job = null;
        if (this.#stopped) break;
        this.#fail(seat, job, thrown);
      }
    }
    seat.job = null;
    this.#dismiss(seat);
    this.#tell();
  }

  #fail(seat: Seat, job: Job, thrown: unknown): void {
    if (!(thrown instanceof WorkerDied)) {
      this.#listener.onFailed(job, reportError(thrown));
      return;
    }
    this.#dismiss(seat);
    this.#listener.onReplaced();
    if (this.#again.has(job)) this.#listener.onFailed(job, reportError(diedTwice(`The worker of ${job.method} on seed ${job.seed}`)));
    else {
      this.#again.add(job);
      this.#todo.unshift(job);
    }
  }

  /** The next run for a seat: of the seed whose world it has, else of a seed that nobody is at, else of the one with most left. */
  #take(seat: Seat): Job | undefined {
    const others = new Set(this.#seats.flatMap((one) => (one !== seat && one.job ? [one.job.seed] : [])));
    const left = new Map<number, number>();
    for (const { seed } of this.#todo) left.set(seed, (left.get(seed) ?? 0) + 1);
    const most = Math.max(...left.values());
    const wanted = left.has(seat.seed ?? Number.NaN) ? seat.seed : ([...left.keys()].find((seed) => !others.has(seed)) ?? [...left.keys()].find((seed) => left.get(seed) === most));
    const at = this.#todo.findIndex(({ seed }) => seed === wanted);
    return at < 0 ? undefined : this.#todo.splice(at, 1)[0];
  }

  #hear(seat: Seat, reply: CrewReply): void {
    seat.silent = 0;
    if (reply.type !== 'progress' || !seat.job) return;
    seat.share = reply.share;
    seat.seconds = reply.seconds;
    this.#tell();
  }

  #tell(): void {
    this.#listener.onProgress(this.#seats.flatMap(({ job, share, seconds }) => (job ? [{ ...job, share, seconds }] : [])));
  }

  #tick(): void {
    if (this.#held) return;
    for (const seat of this.#seats) if (seat.hand?.asked && ++seat.silent >= SILENT_TICKS) seat.hand.end();
  }

  #dismiss(seat: Seat): void {
    seat.hand?.end();
    seat.hand = null;
  }
}

/** A place for a worker, and what it is at. */
interface Seat {
  hand: Hand | null;
  job: Job | null;
  /** Of the world that its worker has made. */
  seed: number | null;
  share: number;
  seconds: number;
  /** Ticks since its worker said something. */
  silent: number;
}

/** A worker that is asked one thing at a time. */
class Hand {
  readonly #worker: Worker;
  #waiting: { readonly resolve: (reply: CrewReply) => void; readonly reject: (error: Error) => void } | null = null;
  #ended = false;

  constructor(worker: Worker, onReply: (reply: CrewReply) => void) {
    this.#worker = worker;
    worker.addEventListener('message', (event: MessageEvent<CrewReply>) => {
      const reply = event.data;
      onReply(reply);
      if (reply.type === 'progress') return;
      const waiting = this.#waiting;
      this.#waiting = null;
      if (reply.type === 'failed') waiting?.reject(errorFromReport(reply.error));
      else waiting?.resolve(reply);
    });
    worker.addEventListener('error', () => this.end());
    worker.addEventListener('messageerror', () => this.end());
  }

  get asked(): boolean {
    return this.#waiting !== null;
  }

  send(order: CrewOrder): void {
    this.#worker.postMessage(order, []);
  }

  /** @throws UserError that the worker answers with, WorkerDied where it does not answer */
  ask(order: CrewOrder): Promise<CrewReply> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      if (this.#ended) this.end();
      else this.send(order);
    });
  }

  /** End the worker at once; may be called again. */
  end(): void {
    this.#ended = true;
    this.#worker.terminate();
    this.#waiting?.reject(new WorkerDied());
    this.#waiting = null;
  }
}

const diedTwice = (what: string): UserError => new UserError('experiment-worker', `${what} ended or fell silent twice without an answer; this machine may have too little memory for it. Close other tabs, and go on.`);

function experimentWorker(): Worker {
  return new Worker(new URL('./experiment.worker.ts', import.meta.url), { type: 'module', name: 'experiment' });
}
