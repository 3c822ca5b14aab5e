import { reportError, UserError } from '../base/errors.ts';
import { trainingKey } from '../config/training-key.ts';
import { breathe, SLICE_MS } from './breathe.ts';
import type { TrainedEncoder } from './encoders.ts';
import type { TrainingMetrics, TrainingSession, TrainingStatus } from './protocol.ts';
import { Trainer, type TrainerPlace } from './trainer.ts';
import type { TrainerState } from './trainer-state.ts';

/** Steps are told this often. */
const TELL_MS = 100;
/** States that a run keeps to go back to, and how many bytes of them. */
const KEPT_STATES = 30;
const KEPT_BYTES = 256 * 2 ** 20;

type Tell = (metrics: readonly TrainingMetrics[], status: TrainingStatus) => void;

/**
 * The run of the engine: started with the settings that it is played with, played in slices between which other requests
 * are answered, and gone back in. While it is there its encoder stands in for the file's (`trained`).
 */
export class TrainingRoom {
  #trainer: Trainer | null = null;
  #key = '';
  /** What the run was started with. */
  #settings: TrainingSession | null = null;
  #steps = 0;
  #kept = new Map<number, TrainerState>();
  #run = 0;
  #playing = false;
  /** Counts the changes of the weights. */
  #changes = 0;
  #starting: Promise<void> = Promise.resolve();
  /** Tells the steps of the play that are not told yet. */
  #tellAll = (): void => undefined;

  /** The encoder as it has learned so far; null before the first step. */
  trained(): TrainedEncoder | null {
    const trainer = this.#trainer;
    return trainer && trainer.step > 0 ? { file: trainer.file, output: trainer.output, version: `trained ${this.#changes}`, embed: trainer.embed } : null;
  }

  /** Solve settings and λ that the next steps are to be taken with. */
  follow(settings: Pick<TrainingSession, 'solve' | 'training'> & Partial<Pick<TrainingSession, 'policy'>>): void {
    this.#trainer?.follow(settings);
  }

  /**
   * Go on with the run, or start another where data or settings are others, up to a number of steps.
   * @param steps at most; null for all that the policy names
   * @returns how it stands when it was paused, is at its end, or stopped on an error (which the status then has)
   * @throws UserError as `Trainer.create`
   */
  async play(place: TrainerPlace, settings: TrainingSession, generation: number, steps: number | null, tell: Tell): Promise<TrainingStatus> {
    const run = ++this.#run;
    await this.#start(place, settings, generation);
    const trainer = this.#trainer!;
    const end = Math.min(this.#steps, steps === null ? Infinity : trainer.step + steps);
    let metrics: TrainingMetrics[] = [];
    let [told, sliceEnd] = [performance.now(), performance.now() + SLICE_MS];
    const tellAll = (): void => {
      if (metrics.length > 0) tell(metrics, this.#status(null));
      metrics = [];
      told = performance.now();
    };
    this.#tellAll = tellAll;
    this.#playing = true;
    let error: unknown = null;
    while (run === this.#run && trainer.step < end) {
      try {
        metrics.push(await trainer.train());
      } catch (thrown) {
        error = thrown;
        break;
      }
      this.#changes++;
      this.#keep(trainer);
      if (performance.now() > told + TELL_MS) tellAll();
      if (performance.now() < sliceEnd) continue;
      await breathe();
      sliceEnd = performance.now() + SLICE_MS;
    }
    if (run === this.#run) this.#playing = false;
    tellAll();
    return this.#status(error);
  }

  /** End a play after the step that is under way. */
  pause(): void {
    this.#run++;
    this.#playing = false;
  }

  /** Go back to the last kept state at or before a step. @throws UserError `no-training` */
  async rewind(step: number): Promise<TrainingStatus> {
    this.pause();
    const trainer = this.#trainer;
    const at = Math.max(...[...this.#kept.keys()].filter((kept) => kept <= step));
    if (!trainer || !Number.isFinite(at)) throw new UserError('no-training', 'Nothing is trained yet, so there is no step to go back to.');
    await trainer.restore(this.#kept.get(at)!);
    for (const kept of this.#kept.keys()) if (kept > at) this.#kept.delete(kept);
    this.#changes++;
    return this.#status(null);
  }

  /** The state to write down, once all steps up to it have been told; null where nothing is trained. */
  async checkpoint(): Promise<TrainerState | null> {
    const trainer = this.#trainer;
    if (!trainer || trainer.step === 0) return null;
    const state = await trainer.settled();
    if (trainer !== this.#trainer) return null;
    this.#tellAll();
    return state;
  }

  /** Start from a state that was written down. @throws UserError `checkpoint-mismatch`, and as `Trainer.create` */
  async resume(place: TrainerPlace, settings: TrainingSession, generation: number, state: TrainerState): Promise<TrainingStatus> {
    this.pause();
    this.#key = '';
    await this.#start(place, settings, generation);
    await this.#trainer!.restore(state);
    this.#kept.set(state.step, state);
    this.#changes++;
    return this.#status(null);
  }

  /**
   * Settings and state of a policy of the run, and the run's name: at a kept step, or (null) as it stands between two.
   * Where nothing is trained they are the settings that are given, and the state is null: untrained weights.
   * @throws UserError `step-not-kept`
   */
  async policyAt(settings: TrainingSession, generation: number, step: number | null): Promise<{ readonly settings: TrainingSession; readonly run: string; readonly state: TrainerState | null }> {
    const trainer = this.#trainer;
    if (!trainer || !this.#settings) {
      if (step !== null && step > 0) throw notKept(step, [0]);
      return { settings, run: `${generation} ${trainingKey(settings)}`, state: null };
    }
    const run = { settings: this.#settings, run: this.#key };
    const state = step === null || step === trainer.step ? await trainer.settled() : this.#kept.get(step);
    if (!state) throw notKept(step ?? trainer.step, [...this.#kept.keys()]);
    return { ...run, state };
  }

  /** The encoder's file with the weights that it has learned. @throws UserError `no-training` */
  exported(): { readonly file: string; readonly bytes: Uint8Array<ArrayBuffer> } {
    if (!this.#trainer || this.#trainer.step === 0) throw new UserError('no-training', 'Nothing is trained yet, so the encoder is the file that was loaded.');
    return this.#trainer.exported();
  }

  /** Forget the run: the encoder is the file's again. */
  reset(): void {
    this.pause();
    const trainer = this.#trainer;
    this.#trainer = null;
    this.#settings = null;
    this.#key = '';
    this.#kept.clear();
    this.#changes++;
    void trainer?.dispose().catch(() => undefined);
  }

  /** A trainer of these settings: the present one, or a new one in its place. */
  async #start(place: TrainerPlace, settings: TrainingSession, generation: number): Promise<void> {
    // Two plays at once would make two trainers.
    const before = this.#starting;
    let done = (): void => undefined;
    this.#starting = new Promise((resolve) => (done = resolve));
    await before;
    try {
      const key = `${generation} ${trainingKey(settings)}`;
      this.#steps = settings.policy.steps;
      if (this.#trainer && key === this.#key) {
        this.#trainer.follow(settings);
        return;
      }
      const run = this.#run;
      this.reset();
      this.#run = run;
      this.#trainer = await Trainer.create(place, settings);
      this.#key = key;
      this.#settings = settings;
      this.#kept.set(0, this.#trainer.state);
    } finally {
      done();
    }
  }

  #keep(trainer: Trainer): void {
    const every = Math.max(1, Math.ceil(this.#steps / KEPT_STATES));
    if (trainer.step % every !== 0 && trainer.step !== this.#steps) return;
    const state = trainer.state;
    this.#kept.set(trainer.step, state);
    const bytes = 4 * state.weights.reduce((sum, { values }) => sum + 3 * values.length, 0);
    // The oldest but the first go: the start can always be had again.
    while (this.#kept.size > 2 && this.#kept.size * bytes > KEPT_BYTES) this.#kept.delete([...this.#kept.keys()][1]!);
  }

  #status(thrown: unknown): TrainingStatus {
    return { step: this.#trainer?.step ?? 0, steps: this.#steps, playing: this.#playing, kept: [...this.#kept.keys()].toSorted((p, q) => p - q), file: this.#trainer?.file ?? '', error: thrown === null ? null : reportError(thrown) };
  }
}

function notKept(step: number, kept: readonly number[]): UserError {
  return new UserError('step-not-kept', `The run has not kept step ${step}, so its policy of then cannot drive; choose one of the kept steps ${kept.toSorted((p, q) => p - q).join(', ')}.`, { step: String(step) });
}
