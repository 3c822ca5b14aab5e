import { reportError, UserError } from '../base/errors.ts';
import { suggestTau } from '../core/ot/suggest.ts';
import type { UotProblem } from '../core/ot/problem.ts';
import type { Dataset } from '../datasets/types.ts';
import type { GpuOutcome } from '../gpu/solver.ts';
import { REAL, SIM } from '../world/domains.ts';
import { renderFrame } from '../world/render.ts';
import { frameState } from '../world/shards.ts';
import type { Watch } from '../encoders/ort.ts';
import { Backend } from './backend.ts';
import { breathe, SLICE_MS } from './breathe.ts';
import { EpisodePairRoom } from './episode-pair.ts';
import { EncoderRoom } from './encoders.ts';
import { PairingRoom } from './pairing.ts';
import { ProblemPipeline, type PosedProblem } from './problem.ts';
import { needsDemo, RolloutRoom } from './rollout-room.ts';
import type { TrainerPlace } from './trainer.ts';
import { stateArrays } from './trainer-state.ts';
import { TrainingRoom } from './training.ts';
import { feedableKeys, proposeKeys } from './proposal.ts';
import { DEMO_IMAGE, TRIED_WINDOWS, type EngineReply, type EngineRequest, type ProblemSettings, type Side, type WindowTrial } from './protocol.ts';
import { costResponse, regimeMap, regimeProblems, responseCurves, responseProblems } from './sweeps.ts';

type Send = (reply: EngineReply, transfer: Transferable[]) => void;

/**
 * The engine: owns datasets, the problem and every array. One request at a time; a sweep is cut into slices, and ends
 * when a newer sweep of its kind or a solve comes.
 */
export class EngineHost {
  readonly #send: Send;
  readonly #room: EncoderRoom;
  readonly #watch: Watch | undefined;
  readonly #pairing = new PairingRoom();
  readonly #episodePairs = new EpisodePairRoom(this.#pairing);
  readonly #pipeline: ProblemPipeline;
  readonly #backend = new Backend();
  readonly #training = new TrainingRoom();
  readonly #rollouts = new RolloutRoom();
  /** Counts the datasets that were loaded. */
  #generation = 0;
  readonly #sides: Record<Side, { dataset: Dataset; demo: 'sim' | 'real' | null } | null> = { source: null, target: null };
  readonly #sweeps = new Map<string, number>();

  /** @param watch told what an encoder is at work on, which may block this thread for good */
  constructor(send: Send, watch?: Watch) {
    this.#send = send;
    this.#room = new EncoderRoom(watch);
    this.#watch = watch;
    this.#room.setTrained(() => this.#training.trained());
    this.#pipeline = new ProblemPipeline(this.#room, this.#pairing, this.#backend);
  }

  /** Answer a request. Resolves when the answer has been sent; never rejects. */
  async handle(request: EngineRequest): Promise<void> {
    try {
      await this.#answer(request);
    } catch (thrown) {
      this.#send({ type: 'failed', id: request.id, error: reportError(thrown) }, []);
    }
  }

  async #answer(request: EngineRequest): Promise<void> {
    const { id } = request;
    switch (request.type) {
      case 'load':
      case 'clear':
        this.#sweeps.clear();
        this.#generation++;
        this.#training.reset();
        this.#rollouts.reset();
        this.#pairing.dataChanged();
        this.#sides[request.side] = request.type === 'load' ? { dataset: request.dataset, demo: request.demo } : null;
        this.#pipeline.setDatasets(this.#sides.source?.dataset ?? null, this.#sides.target?.dataset ?? null, (side, row) => this.#frame(side, row, DEMO_IMAGE.shape[2], DEMO_IMAGE.shape[1]));
        this.#send({ type: 'done', id }, []);
        return;
      case 'add-encoder': {
        this.#training.reset();
        this.#rollouts.reset();
        this.#room.put(request.encoder);
        const { source, target } = this.#sides;
        const proposal = source && target ? proposeKeys(request.encoder.preflight, feedableKeys(source.dataset, source.demo !== null), feedableKeys(target.dataset, target.demo !== null)) : null;
        this.#send({ type: 'encoder-added', id, proposal }, []);
        return;
      }
      case 'remove-encoder':
        if (this.#training.trained()?.file === request.file) this.#training.reset();
        this.#rollouts.reset();
        this.#room.remove(request.file);
        this.#send({ type: 'done', id }, []);
        return;
      case 'encoders':
        // Copies: they stay in use here.
        this.#send({ type: 'encoders', id, encoders: this.#room.list() }, []);
        return;
      case 'add-pairs':
        this.#pairing.put(request.key, request.pairs);
        this.#send({ type: 'done', id }, []);
        return;
      case 'pair': {
        const { source, target } = this.#sides;
        if (!source || !target) throw new UserError('no-data', 'Pairing needs a source and a target. Drop a shard on the side that has none.');
        const facts = await this.#pairing.pair(request.settings, source.dataset, target.dataset, (progress) => this.#send({ type: 'pairing', id, ...progress }, []));
        this.#send({ type: 'paired', id, ...facts }, []);
        return;
      }
      case 'cancel-pair':
        this.#pairing.cancel();
        this.#send({ type: 'done', id }, []);
        return;
      case 'pair-info':
        this.#send({ type: 'pair-info', id, text: this.#pairing.text() }, []);
        return;
      case 'solve': {
        // Whoever moves a slider wants this plan first; the sweeps of the settings before are of no use any more.
        this.#sweeps.clear();
        this.#training.follow(request.settings);
        const { report, matrices } = await this.#pipeline.solve(request.settings, request.known);
        // The batch's labels stay in the engine too, so they are copied; the matrices of this tick are handed over.
        const transfer = [matrices.plan, matrices.rowMass, matrices.columnMass, ...(matrices.costs ? [matrices.costs.total, ...matrices.costs.terms] : [])];
        this.#send({ type: 'solved', id, report, matrices }, transfer.map((values) => values.buffer as ArrayBuffer));
        return;
      }
      case 'configure':
        this.#send({ type: 'configured', id, backend: await this.#backend.choose(request.backend) }, []);
        return;
      case 'verify':
        this.#send({ type: 'verified', id, report: await this.#pipeline.verify(request.settings) }, []);
        return;
      case 'pot-script': {
        const script = await this.#pipeline.potScript(request.settings);
        this.#send({ type: 'pot-script', id, script }, Array.from(script.files.values(), ({ buffer }) => buffer));
        return;
      }
      case 'suggest-tau':
        this.#send({ type: 'tau', id, tau: suggestTau((await this.#pipeline.problem(request.settings)).problem, request.mass) }, []);
        return;
      case 'responses': {
        const curves = await this.#sweep('responses', id, request.settings, ({ problem }) => responseProblems(problem), ({ problem }, outcomes) => responseCurves(problem, outcomes));
        if (curves) this.#send({ type: 'responses', id, curves }, []);
        return;
      }
      case 'regime-map': {
        const map = await this.#sweep('regime-map', id, request.settings, ({ problem }) => regimeProblems(problem), ({ problem, sigma }, outcomes) => regimeMap(problem, sigma, outcomes));
        if (map) this.#send({ type: 'regime-map', id, map }, []);
        return;
      }
      case 'cost-response': {
        const response = await this.#sweep('cost-response', id, request.settings, null, ({ problem }) => costResponse(problem));
        if (response) this.#send({ type: 'cost-response', id, response }, []);
        return;
      }
      case 'pot-plan': {
        const pot = await this.#pipeline.potPlan(request.settings);
        this.#send({ type: 'pot-plan', id, pot }, pot ? [pot.plan.buffer as ArrayBuffer] : []);
        return;
      }
      case 'gradient-balance':
        this.#send({ type: 'gradient-balance', id, balance: await this.#training.balance(this.#trainerPlace(), request.settings, this.#generation) }, []);
        return;
      case 'episode-pair': {
        const { source, target } = this.#sides;
        if (!source || !target) throw new UserError('no-data', 'Episodes are compared between a source and a target. Drop a shard on the side that has none.');
        this.#send({ type: 'episode-pair', id, pair: await this.#episodePairs.view(source.dataset, target.dataset, request.settings, request) }, []);
        return;
      }
      case 'window-trials': {
        const trials = await this.#windowTrials(id, request.settings, request.seed);
        if (trials) this.#send({ type: 'window-trials', id, trials }, []);
        return;
      }
      case 'train': {
        const status = await this.#training.play(this.#trainerPlace(), request.settings, this.#generation, request.steps, (metrics, progress) => this.#send({ type: 'training', id, metrics, status: progress }, []));
        this.#send({ type: 'trained', id, status }, []);
        return;
      }
      case 'pause-training':
        this.#training.pause();
        this.#send({ type: 'done', id }, []);
        return;
      case 'rewind-training':
        this.#send({ type: 'trained', id, status: await this.#training.rewind(request.step) }, []);
        return;
      case 'reset-training':
        this.#training.reset();
        this.#send({ type: 'done', id }, []);
        return;
      case 'checkpoint': {
        const checkpoint = await this.#training.checkpoint();
        this.#send({ type: 'checkpoint', id, checkpoint }, checkpoint ? stateArrays(checkpoint).map(({ buffer }) => buffer) : []);
        return;
      }
      case 'resume-training':
        this.#send({ type: 'trained', id, status: await this.#training.resume(this.#trainerPlace(), request.settings, this.#generation, request.checkpoint) }, []);
        return;
      case 'trained-encoder': {
        const trained = await this.#training.exported(request.which);
        this.#send({ type: 'encoder-file', id, trained }, [trained.bytes.buffer]);
        return;
      }
      case 'roll-out': {
        needsDemo(this.#sides.source?.demo ?? null, this.#sides.target?.demo ?? null);
        const policyOf = (): ReturnType<TrainingRoom['policyAt']> => this.#training.policyAt(request.settings, this.#generation, request.drive.step);
        const report = await this.#rollouts.drive(this.#trainerPlace(), policyOf, request.drive, (states) => this.#send({ type: 'rollout', id, states }, []));
        this.#send({ type: 'rolled-out', id, report }, []);
        return;
      }
      case 'cancel-rollout':
        this.#rollouts.cancel();
        this.#send({ type: 'done', id }, []);
        return;
      case 'look': {
        const { domain, state, width, height, noise } = request;
        const pixels = renderFrame(domain === 'sim' ? SIM : REAL, { ee: { x: state.x, y: state.y }, obj: { x: state.discX, y: state.discY }, grip: state.grip }, width, height, noise);
        this.#send({ type: 'frame', id, pixels }, [pixels.buffer]);
        return;
      }
      case 'frame': {
        const pixels = this.#frame(request.side, request.row, request.width, request.height);
        this.#send({ type: 'frame', id, pixels }, pixels ? [pixels.buffer] : []);
        return;
      }
    }
  }

  #trainerPlace(): TrainerPlace {
    const { source, target } = this.#sides;
    if (!source || !target) throw new UserError('no-data', 'Training needs a source and a target. Drop a shard on the side that has none.');
    const images: TrainerPlace['images'] = (side, row) => this.#frame(side, row, DEMO_IMAGE.shape[2], DEMO_IMAGE.shape[1]);
    return { source: source.dataset, target: target.dataset, images, room: this.#room, pairing: this.#pairing, backend: this.#backend, options: this.#watch ? { watch: this.#watch } : {} };
  }

  /** One batch a window; null, after a `superseded` reply, when newer trials or a solve have come. */
  async #windowTrials(id: number, settings: ProblemSettings, seed: number): Promise<WindowTrial[] | null> {
    this.#sweeps.set('window-trials', id);
    const trials: WindowTrial[] = [];
    for (const window of TRIED_WINDOWS) {
      await breathe();
      if (this.#sweeps.get('window-trials') !== id) {
        this.#send({ type: 'superseded', id }, []);
        return null;
      }
      trials.push(await this.#pipeline.tryWindow(settings, window, seed));
    }
    return trials;
  }

  /** Run a sweep: its `problems` on a GPU in one batch, and what is left in slices; null, after a `superseded` reply, when a newer one of its kind has come. */
  async #sweep<T>(kind: string, id: number, settings: ProblemSettings, problems: ((posed: PosedProblem) => UotProblem[]) | null, steps: (posed: PosedProblem, outcomes: readonly GpuOutcome[] | null) => Generator<void, T>): Promise<T | null> {
    this.#sweeps.set(kind, id);
    const superseded = (): boolean => {
      if (this.#sweeps.get(kind) === id) return false;
      this.#send({ type: 'superseded', id }, []);
      return true;
    };
    const posed = await this.#pipeline.problem(settings).catch((thrown: unknown) => {
      // What its data were may be gone; who asked for something newer does not care.
      if (this.#sweeps.get(kind) === id) throw thrown;
      return null;
    });
    if (superseded() || !posed) return null;
    // A software adapter takes ten times as long as warm solves on the CPU.
    const outcomes = problems && this.#backend.info().kind === 'gpu' ? await this.#backend.solveSweep(problems(posed)) : null;
    if (superseded()) return null;
    const run = steps(posed, outcomes);
    let sliceEnd = performance.now() + SLICE_MS;
    for (;;) {
      const step = run.next();
      if (step.done) return step.value;
      if (performance.now() < sliceEnd) continue;
      await breathe();
      if (superseded()) return null;
      sliceEnd = performance.now() + SLICE_MS;
    }
  }

  /** The demo's frame at a dataset row, redrawn from its state; null for data that have no drawing. */
  #frame(side: Side, row: number, width: number, height: number): Uint8ClampedArray<ArrayBuffer> | null {
    const held = this.#sides[side];
    const state = held?.dataset.features.get('observation.state')?.values;
    const environment = held?.dataset.features.get('observation.environment_state')?.values;
    if (!held?.demo || !state || !environment || row < 0 || row >= held.dataset.frames) return null;
    return renderFrame(held.demo === 'sim' ? SIM : REAL, frameState(row, state, environment), width, height, row);
  }
}
