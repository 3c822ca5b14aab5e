import { reportError, type ErrorReport } from '../base/errors.ts';
import { assert } from '../base/assert.ts';
import { Gate } from '../base/gate.ts';
import { breathe, SLICE_MS } from './breathe.ts';
import { Experimenter, type ExperimentSettings, type Job, type Pace, type RunResult } from './experiment.ts';

/** Crew → worker. `begin` comes once and first; after it one `run` at a time. */
export type CrewOrder =
  /** Answered by `ready`, where there is a run to try (`Experimenter.check`) once that can begin. */
  | { readonly type: 'begin'; readonly settings: ExperimentSettings; readonly check: Job | null }
  /** Answered by any number of `progress`, then `done`. */
  | { readonly type: 'run'; readonly job: Job }
  | { readonly type: 'pause' }
  | { readonly type: 'go-on' };

/** Worker → crew. `failed` takes the place of `ready` and of `done`. */
export type CrewReply =
  | { readonly type: 'ready' }
  /** Also the sign that the worker is alive: it comes several times a second while anything moves. */
  | { readonly type: 'progress'; readonly share: number; readonly seconds: number }
  | { readonly type: 'done'; readonly result: RunResult }
  | { readonly type: 'failed'; readonly error: ErrorReport };

const TELL_MS = 250;

/** What an experiment's worker does: runs, one after the other, that can be held. It has no timers, which a hidden tab would slow down. */
export class ExperimentHost {
  readonly #send: (reply: CrewReply) => void;
  #experimenter: Experimenter | null = null;
  readonly #gate = new Gate();
  #share = 0;
  #startedAt = 0;
  #heldMs = 0;
  #toldAt = -Infinity;
  #sliceEnd = 0;

  constructor(send: (reply: CrewReply) => void) {
    this.#send = send;
  }

  /** Carry out an order. Resolves when it has been answered; never rejects. */
  async handle(order: CrewOrder): Promise<void> {
    if (order.type === 'pause') this.#gate.close();
    else if (order.type === 'go-on') this.#gate.open();
    else
      try {
        if (order.type === 'begin') await this.#begin(order.settings, order.check);
        else await this.#run(order.job);
      } catch (thrown) {
        this.#send({ type: 'failed', error: reportError(thrown) });
      }
  }

  async #begin(settings: ExperimentSettings, check: Job | null): Promise<void> {
    const watch = (): (() => void) => {
      this.#tell();
      return () => this.#tell();
    };
    this.#startedAt = performance.now();
    this.#experimenter = new Experimenter(settings, { watch });
    if (check) await this.#experimenter.check(check);
    this.#send({ type: 'ready' });
  }

  async #run(job: Job): Promise<void> {
    assert(this.#experimenter, 'a worker is told the settings first');
    this.#share = 0;
    this.#heldMs = 0;
    this.#startedAt = performance.now();
    const result = await this.#experimenter.run(job, this.#pace);
    // How long a run takes does not hang on how long it was held.
    this.#send({ type: 'done', result: { ...result, seconds: result.seconds - this.#heldMs / 1000 } });
  }

  readonly #pace: Pace = async (share) => {
    this.#share = share;
    this.#tell();
    if (performance.now() > this.#sliceEnd) {
      await breathe();
      this.#sliceEnd = performance.now() + SLICE_MS;
    }
    const from = performance.now();
    await this.#gate.opened;
    this.#heldMs += performance.now() - from;
  };

  #tell(): void {
    const now = performance.now();
    if (now < this.#toldAt + TELL_MS) return;
    this.#toldAt = now;
    this.#send({ type: 'progress', share: this.#share, seconds: (now - this.#startedAt - this.#heldMs) / 1000 });
  }
}
