import { reportError, UserError } from '../base/errors.ts';
import { Mutex } from '../base/mutex.ts';
import { trainingKey } from '../config/training-key.ts';
import { breathe, SLICE_MS } from './breathe.ts';
import type { TrainedEncoder } from './encoders.ts';
import type { GradientBalance, TrainedFile, TrainedWeights, TrainingMetrics, TrainingSession, TrainingStatus } from './protocol.ts';
import { Trainer, type TrainerPlace } from './trainer.ts';
import type { TrainerState } from './trainer-state.ts';

/** Steps are told this often. */
const TELL_MS = 100;
/** States that a run keeps to go back to, and how many bytes of them at most: none where one alone is larger. */
const KEPT_STATES = 30;
const KEPT_BYTES = 256 * 2 ** 20;

type Tell = (metrics: readonly TrainingMetrics[], status: TrainingStatus) => void;

/**
 * The run of the engine: started with the settings that it is played with, played in slices between which other requests
 * are answered, and gone back in. While it is there its encoder stands in for the file's (`trained`).
 */
export class TrainingRoom {
  readonly #keptBytes: number;
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
  /** Two plays at once would make two trainers. */
  readonly #starting = new Mutex();
  /** Tells the steps of the play that are not told yet. */
  #tellAll = (): void => undefined;

  constructor(keptBytes = KEPT_BYTES) {
    this.#keptBytes = keptBytes;
  }

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
        metrics.push(await trainer.train(this.#isDue(trainer.step + 1) ? { keep: (state) => this.#keep(state) } : {}));
      } catch (thrown) {
        error = thrown instanceof UserError && thrown.code === 'gpu-lost' && trainer.runsOn.kind !== 'cpu' ? await this.#rescue(trainer, place, settings) : thrown;
        break;
      }
      this.#changes++;
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

  /** Go back to the last kept state at or before a step. @throws UserError `no-training`, `no-kept-step` */
  async rewind(step: number): Promise<TrainingStatus> {
    this.pause();
    const trainer = this.#trainer;
    const at = Math.max(...[...this.#kept.keys()].filter((kept) => kept <= step));
    if (trainer && this.#kept.size === 0) throw new UserError('no-kept-step', `Weights and moments of ${trainer.file} take ${Math.round(trainer.stateBytes / 2 ** 20)} MB, so no step is kept to go back to; forget the run to begin at the file’s weights.`, { file: trainer.file });
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
    this.#keep(state);
    this.#changes++;
    return this.#status(null);
  }

  /**
   * What pulls at the encoder in its next step: of the run, where it is of these settings, or of a fresh one. A trainer of
   * its own finds it out, so the run stays as it is.
   * @throws UserError as `Trainer.create`
   */
  async balance(place: TrainerPlace, settings: TrainingSession, generation: number): Promise<GradientBalance> {
    const running = this.#key === keyOf(settings, generation) ? this.#trainer : null;
    const state = running ? await running.settled() : null;
    const probe = await Trainer.create(place, settings);
    try {
      if (state) await probe.restore(state);
      return await probe.balance();
    } finally {
      await probe.dispose();
    }
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
      return { settings, run: keyOf(settings, generation), state: null };
    }
    const run = { settings: this.#settings, run: this.#key };
    const state = step === null || step === trainer.step ? await trainer.settled() : this.#kept.get(step);
    if (!state) throw notKept(step ?? trainer.step, [...this.#kept.keys()]);
    return { ...run, state };
  }

  /** The encoder's file with the weights that it has learned, or with their averages. @throws UserError `no-training`, `no-averages`, `gpu-lost` */
  async exported(which: TrainedWeights): Promise<TrainedFile> {
    if (!this.#trainer || this.#trainer.step === 0) throw new UserError('no-training', 'Nothing is trained yet, so the encoder is the file that was loaded.');
    return this.#trainer.exported(which);
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
  #start(place: TrainerPlace, settings: TrainingSession, generation: number): Promise<void> {
    return this.#starting.run(async () => {
      const key = keyOf(settings, generation);
      this.#steps = settings.policy.steps;
      if (this.#trainer && key === this.#key) {
        this.#trainer.follow(settings);
        return;
      }
      const run = this.#run;
      this.reset();
      this.#run = run;
      const trainer = await Trainer.create(place, settings);
      this.#trainer = trainer;
      if (!this.#unkept()) this.#keep(await trainer.settled());
      this.#key = key;
      this.#settings = settings;
    });
  }

  /**
   * A device that is lost takes the weights with it: a trainer on the host takes the place of the one there, at the last kept state.
   * @returns what is to be said of it  @throws UserError as `Trainer.create`
   */
  #rescue(lost: Trainer, place: TrainerPlace, settings: TrainingSession): Promise<UserError> {
    return this.#starting.run(async () => {
      const state = this.#kept.get(Math.max(...this.#kept.keys()));
      const error = new UserError('train-gpu-lost', `The GPU was lost in step ${lost.step + 1}; the run is back at step ${state?.step ?? 0}, the last that was kept, and goes on from there on the CPU.`);
      // It may have been given up meanwhile.
      if (lost !== this.#trainer || !state) return error;
      const trainer = await Trainer.create(place, settings, error);
      await trainer.restore(state);
      if (lost !== this.#trainer) {
        await trainer.dispose();
        return error;
      }
      this.#trainer = trainer;
      this.#changes++;
      void lost.dispose().catch(() => undefined);
      return error;
    });
  }

  #isDue(step: number): boolean {
    const every = Math.max(1, Math.ceil(this.#steps / KEPT_STATES));
    return !this.#unkept() && (step % every === 0 || step === this.#steps);
  }

  /** Whether a state of the run is too large for any to be kept; then none is even copied. A step that fails moves no weight, so a run stops safely without it. */
  #unkept(): boolean {
    return (this.#trainer?.stateBytes ?? 0) > this.#keptBytes;
  }

  #keep(state: TrainerState): void {
    const bytes = this.#trainer?.stateBytes ?? 0;
    if (bytes > this.#keptBytes) return;
    // The oldest but the first go: the start is what most is compared with.
    while ((this.#kept.size + 1) * bytes > this.#keptBytes) this.#kept.delete([...this.#kept.keys()][this.#kept.size > 1 ? 1 : 0]!);
    this.#kept.set(state.step, state);
  }

  #status(thrown: unknown): TrainingStatus {
    const trainer = this.#trainer;
    return { step: trainer?.step ?? 0, steps: this.#steps, playing: this.#playing, kept: [...this.#kept.keys()].toSorted((p, q) => p - q), unkept: this.#unkept() ? trainer!.stateBytes : null, averaged: trainer?.averaged ?? false, file: trainer?.file ?? '', runsOn: trainer?.runsOn ?? null, error: thrown === null ? null : reportError(thrown) };
  }
}

const keyOf = (settings: TrainingSession, generation: number): string => `${generation} ${trainingKey(settings)}`;

function notKept(step: number, kept: readonly number[]): UserError {
  return new UserError('step-not-kept', `The run has not kept step ${step}, so its policy of then cannot drive; choose one of the kept steps ${kept.toSorted((p, q) => p - q).join(', ')}.`, { step: String(step) });
}
