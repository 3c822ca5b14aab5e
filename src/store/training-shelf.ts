import { reportError } from '../base/errors.ts';
import type { Session } from '../config/session.ts';
import type { EngineClient } from '../engine/client.ts';
import type { Checkpoint, TrainedWeights, TrainingMetrics, TrainingStatus } from '../engine/protocol.ts';
import type { WrittenFile } from './config-shelf.ts';
import { matrices, NO_TRAINING, useRun } from './run.ts';
import { useSession } from './session.ts';

/** A plan of the page's batch as the encoder was after a step. */
export interface FilmFrame {
  readonly step: number;
  readonly n: number;
  readonly m: number;
  /** π, n × m. */
  readonly plan: Float32Array<ArrayBuffer>;
}

/** Plans that are kept of a run, evenly over its steps. */
const FILM_FRAMES = 9;

/** What a run has said: by step, in order. Not state: React must never copy it; `useRun` has its version. */
export const run: { metrics: TrainingMetrics[]; film: FilmFrame[] } = { metrics: [], film: [] };

/** Writes the run down. */
export interface RunKeeper {
  /** A run is about to be played: where it was written down, it is gone on with first. */
  begin(session: Session): Promise<void>;
  /** The run has taken steps, rests, or stands at an earlier one. */
  moved(): void;
  /** A person gave the run up. */
  discard(): Promise<void>;
}

/** Plays, pauses and goes back in the engine's run, and keeps what it says. */
export class TrainingShelf {
  readonly #client: EngineClient;
  readonly #onChange: () => void;
  readonly #keeper: () => RunKeeper;

  /** @param onChange called when the encoder's weights have become others  @param keeper who is told how the run stands */
  constructor(client: EngineClient, onChange: () => void, keeper: () => RunKeeper) {
    this.#client = client;
    this.#onChange = onChange;
    this.#keeper = keeper;
  }

  /** Train on, or anew where the session is another one, up to `steps` more steps; null for all. */
  async play(steps: number | null = null): Promise<void> {
    if (useRun.getState().training.playing) return;
    const { session } = useSession.getState();
    await this.#keeper().begin(session);
    const before = useRun.getState().training;
    // Two may have waited for that.
    if (before.playing) return;
    put({ ...before, playing: true, error: null });
    try {
      const status = await this.#client.train(session, steps, (metrics, progress) => {
        take(metrics);
        put(progress);
        this.#keeper().moved();
        this.#onChange();
      });
      // A run that lost its device stands at an earlier step.
      run.metrics = run.metrics.filter(({ step }) => step <= status.step);
      put(status);
      this.#keeper().moved();
      this.#onChange();
    } catch (thrown) {
      put({ ...useRun.getState().training, playing: false, error: reportError(thrown) });
    }
  }

  /** Take a run up where it was written down, paused. @throws UserError as `EngineClient.resumeTraining` */
  async resume(session: Session, state: Checkpoint, { metrics, film }: { readonly metrics: readonly TrainingMetrics[]; readonly film: readonly FilmFrame[] }): Promise<void> {
    const status = await this.#client.resumeTraining(session, state);
    run.metrics = [...metrics];
    run.film = [...film];
    put(status);
    this.#onChange();
  }

  async pause(): Promise<void> {
    await this.#client.pauseTraining().catch(() => undefined);
  }

  /** Go back to the last kept step at or before this one. */
  async rewind(step: number): Promise<void> {
    try {
      const status = await this.#client.rewindTraining(step);
      run.metrics = run.metrics.filter((metrics) => metrics.step <= status.step);
      run.film = run.film.filter((frame) => frame.step <= status.step);
      put(status);
      if (status.step === 0) await this.#keeper().discard();
      else this.#keeper().moved();
      this.#onChange();
    } catch (thrown) {
      put({ ...useRun.getState().training, error: reportError(thrown) });
    }
  }

  /** Forget the run: the encoder is the file's again. */
  async reset(): Promise<void> {
    await this.#client.resetTraining().catch(() => undefined);
    forget();
    await this.#keeper().discard();
    this.#onChange();
  }

  /** Other data, another encoder or another engine: there is no run any more. */
  forget(): void {
    forget();
  }

  /** The encoder with the weights that it has learned, or with their averages (`-ema`), as a file to save; null where it cannot be had, which is said. */
  async encoderFile(which: TrainedWeights): Promise<WrittenFile | null> {
    try {
      const { file, step, bytes } = await this.#client.trainedEncoder(which);
      return { name: file.replace(/(\.onnx)?$/, `-step${step}${which === 'averages' ? '-ema' : ''}.onnx`), content: new Blob([bytes], { type: 'application/octet-stream' }) };
    } catch (thrown) {
      put({ ...useRun.getState().training, error: reportError(thrown) });
      return null;
    }
  }

  /** A plan was drawn: the film takes it where its step is due. */
  planSolved(): void {
    const { training, report } = useRun.getState();
    if (!report || !matrices.plan || training.steps === 0) return;
    const last = run.film.at(-1);
    const due = last === undefined || training.step >= last.step + training.steps / (FILM_FRAMES - 1) || (training.step === training.steps && last.step < training.step);
    if (!due || (last && (last.n !== report.n || last.m !== report.m))) return;
    run.film = [...run.film, { step: training.step, n: report.n, m: report.m, plan: Float32Array.from(matrices.plan.plan) }];
    useRun.setState(({ trainingVersion }) => ({ trainingVersion: trainingVersion + 1 }));
  }
}

function put(training: TrainingStatus): void {
  useRun.setState(({ trainingVersion }) => ({ training, trainingVersion: trainingVersion + 1 }));
}

/** A run that was started anew says step 1 again. */
function take(metrics: readonly TrainingMetrics[]): void {
  const first = metrics[0]?.step ?? Infinity;
  if (run.metrics.length > 0 && first <= run.metrics.at(-1)!.step) {
    run.metrics = run.metrics.filter(({ step }) => step < first);
    run.film = run.film.filter(({ step }) => step < first);
  }
  run.metrics.push(...metrics);
}

function forget(): void {
  run.metrics = [];
  run.film = [];
  put(NO_TRAINING);
}
