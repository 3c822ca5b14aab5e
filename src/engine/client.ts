import { errorFromReport, UserError } from '../base/errors.ts';
import { LatestOnly } from '../base/latest.ts';
import type { PickedFile } from '../datasets/browser-files.ts';
import type { Dataset } from '../datasets/types.ts';
import type { LoadedEncoder } from '../encoders/load.ts';
import type { PotSnippet } from '../config/pot-snippet.ts';
import type { DtwSettings } from '../config/pairing.ts';
import type { PotPlan } from '../core/ot/pot.ts';
import type { LoadedPairInfo } from './pair-info-file.ts';
import type { PairingFacts } from './pairing.ts';
import { BUILTIN_ENCODERS } from '../config/session.ts';
import type { ArmState, BackendChoice, BackendInfo, Checkpoint, DriveReport, DriveRequest, DriveStates, EncoderProposal, EngineReply, EngineRequest, EngineSignal, CostResponse, EpisodePairView, GradientBalance, ProblemSettings, RegimeMap, ResponseCurves, Side, SolveMatrices, SolveReport, TrainedFile, TrainedWeights, TrainingMetrics, TrainingSession, TrainingStatus, VerifyReport, WindowTrial } from './protocol.ts';
import { readEncoderInWorker, readInWorker, readPairInfoInWorker } from './reader.ts';

export { droppedFiles, pickedFiles } from '../datasets/browser-files.ts';
export type { PickedFile } from '../datasets/browser-files.ts';
export { stateArrays } from './trainer-state.ts';
export type { Dataset } from '../datasets/types.ts';
export { ExperimentCrew, type ActiveRun, type CrewListener } from './experiment-crew.ts';
export type { Job, RunResult } from './experiment.ts';
export { fileName, groupEncoders, isEncoderDrop } from '../encoders/files.ts';
export type { EncoderProgress, LoadedEncoder } from '../encoders/load.ts';
export type { Preflight } from '../encoders/preflight.ts';
export type { Trainable } from '../encoders/trainable.ts';
export { isPairInfoDrop } from './pair-info-file.ts';
export type { LoadedPairInfo } from './pair-info-file.ts';
export type { PairingFacts } from './pairing.ts';
export { BASE, elbow, ik } from '../world/arm.ts';
export { ATTEMPT_STEPS } from '../world/rollout.ts';
export { BIN, FPS, GOALS, REGION_EDGES } from '../world/task.ts';
export { readEncoderInWorker, readInWorker, readPairInfoInWorker };

type RequestBody<T extends EngineRequest['type']> = Omit<Extract<EngineRequest, { type: T }>, 'id' | 'type'>;
type ReplyOf<T extends EngineReply['type']> = Extract<EngineReply, { type: T }>;

/** The largest problem that a page can set up solves within seconds. */
const ANSWER_WITHIN_MS = 90_000;

/** The longest single run of an encoder; one on the wasm provider blocks the engine, and nothing in there can end it. */
export const WORK_WITHIN_MS = 60_000;

/** They answer when they are done, and yield to what is wanted sooner. A run of training does so too, but it says each step. */
const SWEEPS: ReadonlySet<EngineRequest['type']> = new Set(['responses', 'regime-map', 'cost-response', 'window-trials']);

/** After these ONNX Runtime does not recover, and the engine says so itself. */
const ENDINGS: ReadonlySet<string> = new Set(['encoder-hung', 'encoder-lost']);

/** Who is told how a request that takes its time comes along. */
interface Listeners {
  readonly onProgress?: (done: number, total: number) => void;
  readonly onSteps?: (metrics: readonly TrainingMetrics[], status: TrainingStatus) => void;
  readonly onStates?: (states: readonly DriveStates[]) => void;
}

interface Waiting extends Listeners {
  readonly resolve: (reply: EngineReply) => void;
  readonly reject: (error: UserError) => void;
}

/**
 * The page's side of the engine. Owns the worker, which is disposable: when it dies every waiting request rejects
 * with `engine-died`, or with `encoder-hung` or `encoder-lost` where an encoder is to blame, and `onDeath` is told the
 * same, so that a new one can be given the data again. The error's detail names the encoder's `file`: one that is given
 * to the new engine and used again will hang again.
 */
export class EngineClient {
  readonly #createWorker: () => Worker;
  readonly #onDeath: (reason: UserError) => void;
  readonly #workWithinMs: number;
  #workTimer: ReturnType<typeof setTimeout> | undefined;
  #worker: Worker;
  #nextId = 1;
  #waiting = new Map<number, Waiting>();
  readonly #solves = new LatestOnly();
  readonly #pairs = new LatestOnly();
  /** When the engine last said that it is at work on something. */
  #lastSign = -Infinity;

  constructor(createWorker: () => Worker, onDeath: (reason: UserError) => void, workWithinMs = WORK_WITHIN_MS) {
    this.#createWorker = createWorker;
    this.#onDeath = onDeath;
    this.#workWithinMs = workWithinMs;
    this.#worker = this.#start();
  }

  /** End the worker and start an empty one. */
  restart(reason = engineDied()): void {
    this.#worker.terminate();
    clearTimeout(this.#workTimer);
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const request of waiting) request.reject(reason);
    this.#worker = this.#start();
  }

  #start(): Worker {
    const worker = this.#createWorker();
    // What a worker said before it was ended may arrive later.
    worker.addEventListener('message', (event: MessageEvent<EngineReply | EngineSignal>) => {
      if (worker === this.#worker) this.#receive(event.data);
    });
    worker.addEventListener('error', () => {
      if (worker === this.#worker) this.#die();
    });
    return worker;
  }

  #receive(reply: EngineReply | EngineSignal): void {
    if (reply.type === 'working') {
      this.#time(reply.work);
      return;
    }
    const waiting = this.#waiting.get(reply.id);
    if (reply.type === 'pairing') {
      this.#lastSign = performance.now();
      waiting?.onProgress?.(reply.done, reply.total);
      return;
    }
    if (reply.type === 'training') {
      this.#lastSign = performance.now();
      waiting?.onSteps?.(reply.metrics, reply.status);
      return;
    }
    if (reply.type === 'rollout') {
      this.#lastSign = performance.now();
      waiting?.onStates?.(reply.states);
      return;
    }
    this.#waiting.delete(reply.id);
    if (reply.type !== 'failed') {
      waiting?.resolve(reply);
      return;
    }
    const error = errorFromReport(reply.error);
    waiting?.reject(error);
    if (ENDINGS.has(error.code)) this.#die(error);
  }

  #time(work: EngineSignal['work']): void {
    this.#lastSign = performance.now();
    clearTimeout(this.#workTimer);
    if (!work) return;
    const { what, file } = work;
    this.#workTimer = setTimeout(
      () => this.#die(new UserError('encoder-hung', `The engine did not return from ${what} for ${this.#workWithinMs / 1000} seconds and was started again; the encoder may be too heavy for this machine.`, { file })),
      this.#workWithinMs,
    );
  }

  /**
   * A worker that does not answer is as dead as one that crashed. Sweeps answer when they are done, and yield; one that
   * runs an encoder many times says so each time, and is timed by the run.
   */
  #watch(id: number, withinMs = ANSWER_WITHIN_MS): void {
    setTimeout(() => {
      if (!this.#waiting.has(id)) return;
      const left = this.#lastSign + ANSWER_WITHIN_MS - performance.now();
      if (left > 0) this.#watch(id, left);
      else this.#die();
    }, withinMs);
  }

  #die(reason = engineDied()): void {
    this.restart(reason);
    this.#onDeath(reason);
  }

  async #request<T extends EngineRequest['type']>(type: T, body: RequestBody<T>, transfer: Transferable[] = [], listeners: Listeners = {}): Promise<EngineReply> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { ...listeners, resolve, reject });
      if (!SWEEPS.has(type)) this.#watch(id);
      this.#worker.postMessage({ type, id, ...body }, transfer);
    });
  }

  /** Hand a dataset over. Its column buffers move to the engine. */
  async load(side: Side, dataset: Dataset, demo: 'sim' | 'real' | null): Promise<void> {
    const buffers = [...dataset.features.values()].flatMap(({ values }) => (values ? [values.buffer] : []));
    await this.#request('load', { side, dataset, demo }, [...new Set(buffers)]);
  }

  async clear(side: Side): Promise<void> {
    await this.#request('clear', { side });
  }

  /** Hand an encoder over; its bytes move to the engine. What its inputs seem to mean, where both sides are loaded. */
  async addEncoder(encoder: LoadedEncoder): Promise<EncoderProposal | null> {
    const buffers = [encoder.bytes, ...encoder.external.values()].map(({ buffer }) => buffer);
    return ((await this.#request('add-encoder', { encoder }, buffers)) as ReplyOf<'encoder-added'>).proposal;
  }

  async removeEncoder(file: string): Promise<void> {
    await this.#request('remove-encoder', { file });
  }

  /** Copies of the encoders that the engine holds. */
  async encoders(): Promise<readonly LoadedEncoder[]> {
    return ((await this.#request('encoders', {})) as ReplyOf<'encoders'>).encoders;
  }

  /** Hand the pairs of a file over; they take the place of another file's. */
  async addPairs({ fingerprint: key, pairs }: LoadedPairInfo): Promise<void> {
    await this.#request('add-pairs', { key, pairs });
  }

  /** Pair all episodes by DTW. @throws UserError `cancelled` after `cancelPairing` or other data, and as `PairingRoom.pair` */
  async pair(settings: DtwSettings, onProgress: (done: number, total: number) => void): Promise<PairingFacts> {
    const { pairs, warnings } = (await this.#request('pair', { settings }, [], { onProgress })) as ReplyOf<'paired'>;
    return { pairs, warnings };
  }

  async cancelPairing(): Promise<void> {
    await this.#request('cancel-pair', {});
  }

  /** What was paired by DTW, as the text of a pair_info file. @throws UserError `no-pairing` */
  async pairInfo(): Promise<string> {
    return ((await this.#request('pair-info', {})) as ReplyOf<'pair-info'>).text;
  }

  /**
   * Solve; latest wins. While one solve runs, only the newest request waits; those it replaces resolve to null.
   * @throws UserError with what the settings or the data do not allow
   */
  async solve(settings: ProblemSettings, known: number): Promise<{ report: SolveReport; matrices: SolveMatrices } | null> {
    return this.#solves.run(async () => {
      const { report, matrices } = (await this.#request('solve', { settings, known })) as ReplyOf<'solved'>;
      return { report, matrices };
    });
  }

  /** Choose the solver; what it came to. */
  async configure(backend: BackendChoice): Promise<BackendInfo> {
    return ((await this.#request('configure', { backend })) as ReplyOf<'configured'>).backend;
  }

  /** Run both solvers on the present problem. @throws UserError `no-adapter` */
  async verify(settings: ProblemSettings): Promise<VerifyReport> {
    return ((await this.#request('verify', { settings })) as ReplyOf<'verified'>).report;
  }

  /** Files that give the present problem to POT, and what to expect of it; at 1024 × 1024 the engine works on it for seconds. @throws UserError as a solve */
  async potScript(settings: ProblemSettings): Promise<PotSnippet> {
    return ((await this.#request('pot-script', { settings })) as ReplyOf<'pot-script'>).script;
  }

  /** τ₁ = τ₂ that gives a mass. @throws UserError `no-such-tau` */
  async suggestTau(settings: ProblemSettings, mass: number): Promise<number> {
    return ((await this.#request('suggest-tau', { settings, mass })) as ReplyOf<'tau'>).tau;
  }

  /** Response curves, or null when something newer was asked for. */
  async responses(settings: ProblemSettings): Promise<ResponseCurves | null> {
    const reply = await this.#request('responses', { settings });
    return reply.type === 'responses' ? reply.curves : null;
  }

  /** Regime map, or null when something newer was asked for. */
  async regimeMap(settings: ProblemSettings): Promise<RegimeMap | null> {
    const reply = await this.#request('regime-map', { settings });
    return reply.type === 'regime-map' ? reply.map : null;
  }

  /** What multiplying all costs does, or null when something newer was asked for. */
  async costResponse(settings: ProblemSettings): Promise<CostResponse | null> {
    const reply = await this.#request('cost-response', { settings });
    return reply.type === 'cost-response' ? reply.response : null;
  }

  /** The plan that POT returns where it breaks; null where it does not. @throws UserError as a solve */
  async potPlan(settings: ProblemSettings): Promise<PotPlan | null> {
    return ((await this.#request('pot-plan', { settings })) as ReplyOf<'pot-plan'>).pot;
  }

  /** What pulls at the encoder in its next step. Moves nothing. @throws UserError as `train` */
  async gradientBalance(settings: TrainingSession): Promise<GradientBalance> {
    return ((await this.#request('gradient-balance', { settings })) as ReplyOf<'gradient-balance'>).balance;
  }

  /** How two episodes go together; latest wins, and those it replaces resolve to null. @throws UserError as `EpisodePairRoom.view` */
  async episodePair(settings: ProblemSettings, source: number | null, target: number): Promise<EpisodePairView | null> {
    return this.#pairs.run(async () => ((await this.#request('episode-pair', { settings, source, target })) as ReplyOf<'episode-pair'>).pair);
  }

  /** One batch for each of TRIED_WINDOWS, or null when something newer was asked for. @throws UserError as `tryWindow` */
  async windowTrials(settings: ProblemSettings, seed: number): Promise<readonly WindowTrial[] | null> {
    const reply = await this.#request('window-trials', { settings, seed });
    return reply.type === 'window-trials' ? reply.trials : null;
  }

  /**
   * Train, telling steps as they come; until it is paused, at its end, or stopped on an error, which the status then has.
   * @throws UserError with what the settings or the data do not allow
   */
  async train(settings: TrainingSession, steps: number | null, onSteps: (metrics: readonly TrainingMetrics[], status: TrainingStatus) => void): Promise<TrainingStatus> {
    return ((await this.#request('train', { settings, steps }, [], { onSteps })) as ReplyOf<'trained'>).status;
  }

  async pauseTraining(): Promise<void> {
    await this.#request('pause-training', {});
  }

  /** Back to the last kept step at or before this one. @throws UserError `no-training` */
  async rewindTraining(step: number): Promise<TrainingStatus> {
    return ((await this.#request('rewind-training', { step })) as ReplyOf<'trained'>).status;
  }

  /** Forget the run: the encoder is the file's again. */
  async resetTraining(): Promise<void> {
    await this.#request('reset-training', {});
  }

  /** The run as it stands, to be written down; null where nothing is trained. */
  async checkpoint(): Promise<Checkpoint | null> {
    return ((await this.#request('checkpoint', {})) as ReplyOf<'checkpoint'>).checkpoint;
  }

  /** Go on from what was written down. @throws UserError `checkpoint-mismatch`, and as `train` */
  async resumeTraining(settings: TrainingSession, checkpoint: Checkpoint): Promise<TrainingStatus> {
    return ((await this.#request('resume-training', { settings, checkpoint })) as ReplyOf<'trained'>).status;
  }

  /** The encoder's ONNX file with the weights that it has learned, or with their averages. @throws UserError `no-training`, `no-averages` */
  async trainedEncoder(which: TrainedWeights): Promise<TrainedFile> {
    return ((await this.#request('trained-encoder', { which })) as ReplyOf<'encoder-file'>).trained;
  }

  /**
   * Let a policy drive the demo's arm, telling where the arms are as they move; null where it was cancelled.
   * @throws UserError `rollout-world`, `rollout-action`, `rollout-nan`, `step-not-kept`, `unseen-key`, and as training is refused
   */
  async rollOut(settings: TrainingSession, drive: DriveRequest, onStates: (states: readonly DriveStates[]) => void): Promise<DriveReport | null> {
    return ((await this.#request('roll-out', { settings, drive }, [], { onStates })) as ReplyOf<'rolled-out'>).report;
  }

  /** End the drive that is under way. */
  async cancelRollout(): Promise<void> {
    await this.#request('cancel-rollout', {});
  }

  /** RGBA of what a camera shows of the demo's arm. @param noise seed of the camera's noise; null for none */
  async look(domain: 'sim' | 'real', state: ArmState, width: number, height: number, noise: number | null): Promise<Uint8ClampedArray<ArrayBuffer> | null> {
    return ((await this.#request('look', { domain, state, width, height, noise })) as ReplyOf<'frame'>).pixels;
  }

  /** RGBA of a demo frame, or null for data that have no drawing. */
  async frame(side: Side, row: number, width: number, height: number): Promise<Uint8ClampedArray<ArrayBuffer> | null> {
    return ((await this.#request('frame', { side, row, width, height })) as ReplyOf<'frame'>).pixels;
  }
}

function engineDied(): UserError {
  return new UserError('engine-died', 'The engine stopped and was started again. The last plan is shown until the new one is ready.');
}

/** The demo shards as files, fetched from beside the page. @throws UserError `demo-missing` */
export async function demoFiles(name: 'sim_pick' | 'real_pick', base: string): Promise<PickedFile[]> {
  const fetched = async (path: string): Promise<Response> => {
    const response = await fetch(new URL(`demo/${path}`, base));
    if (!response.ok) throw new UserError('demo-missing', `The demo file ${path} cannot be fetched (${response.status}). Serve the page with its public folder, or drop shards of your own.`);
    return response;
  };
  const manifest = (await (await fetched('files.json')).json()) as Record<string, { path: string }[]>;
  const entries = manifest[name] ?? [];
  return Promise.all(entries.map(async ({ path }) => ({ path: `${name}/${path}`, file: new File([await (await fetched(`${name}/${path}`)).blob()], path.split('/').at(-1) ?? path) })));
}

/** Encoders of the demo as files, fetched from beside the page; they are read as a person's own. @throws UserError `demo-missing` */
export async function builtinEncoderFiles(base: string, names: readonly (typeof BUILTIN_ENCODERS)[number][] = BUILTIN_ENCODERS): Promise<PickedFile[]> {
  return Promise.all(
    names.map(async (name) => {
      const response = await fetch(new URL(`encoders/${name}`, base));
      if (!response.ok) throw new UserError('demo-missing', `The encoder ${name} cannot be fetched (${response.status}). Serve the page with its public folder, or drop an encoder of your own.`);
      return { path: name, file: new File([await response.blob()], name) };
    }),
  );
}
