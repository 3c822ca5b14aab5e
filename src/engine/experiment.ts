import { UserError } from '../base/errors.ts';
import { methodOf, parseMethod, withMethod } from '../config/methods.ts';
import { DEMO_ENCODER } from '../config/presets.ts';
import type { Session } from '../config/session.ts';
import type { Run } from '../core/experiment/summary.ts';
import { demoEncoder } from '../encoders/builtin.ts';
import { loadEncoder, type LoadedEncoder } from '../encoders/load.ts';
import type { OrtOptions } from '../encoders/ort.ts';
import type { Dataset } from '../datasets/types.ts';
import { Backend } from './backend.ts';
import type { DemoImages } from './demo-images.ts';
import { demoFrames, demoWorld } from './demo-world.ts';
import { EncoderRoom } from './encoders.ts';
import { PairingRoom } from './pairing.ts';
import { ProblemPipeline } from './problem.ts';
import type { TrainingMetrics } from './protocol.ts';
import { noFeatures, type KeptFeatures } from './row-features.ts';
import { goalProbe, rollOut, type RolloutResult } from './rollouts.ts';
import { Trainer } from './trainer.ts';

/*
 * An experiment: methods × seeds on the demo's world, each run trained and driven without anybody watching. A seed has
 * demonstrations, first weights, draws and attempts of its own, and every method meets the same ones.
 */

/** One run of an experiment. `method` as `methodText` writes it. */
export interface Job {
  readonly method: string;
  readonly seed: number;
}

/** A run on the way. */
export interface CurvePoint {
  readonly step: number;
  /** Means over the steps since the point before. Null where a step has none: λ = 0 or the energy distance knows no plan. */
  readonly bc: number;
  readonly mass: number | null;
  /** Of the target's embeddings at this step. */
  readonly variance: number;
  /** Error of the goal probe out of distribution; null where it was not looked at. */
  readonly probe: number | null;
}

/** What a run comes to. */
export interface RunResult extends Run {
  readonly sourceVariance: number;
  readonly targetRank: number | null;
  /** Mean loss of behaviour cloning over the last twentieth of the steps. */
  readonly bc: number;
  readonly curve: readonly CurvePoint[];
  readonly seconds: number;
}

/** What the runs of an experiment share. */
export interface ExperimentSettings {
  /** What methods are made from (`withMethod`). */
  readonly session: Session;
  /** Encoders of the session, but the demo's own, whose first weights are the seed's. */
  readonly encoders: readonly LoadedEncoder[];
  /** Attempts in each region. */
  readonly attempts: number;
}

const POINTS = 30;
/** Points at which the goal probe looks. */
const PROBES = 5;
/** Another run of numbers than any that training draws. */
const ROLLOUT_SEED = 100_000;

/** Called between steps; it may wait, and throws to end the run. */
export type Pace = (share: number) => Promise<void>;

/** @throws UserError `experiment-data`, `experiment-pairing`: an experiment makes its own demonstrations */
export function checkExperiment({ source, target, pairing }: Pick<Session, 'source' | 'target' | 'pairing'>): void {
  if (source.kind !== 'demo' || source.name !== 'sim_pick' || target.kind !== 'demo' || target.name !== 'real_pick')
    throw new UserError('experiment-data', 'An experiment lets policies drive, and only the demo has an arm to drive. Take the demo’s data on both sides; your encoder may stay.');
  if (pairing.kind === 'file') throw new UserError('experiment-pairing', 'The pairing file belongs to one set of demonstrations, and an experiment makes others for each seed. Pair by DTW, by ground truth, or not at all.');
}

interface World {
  readonly seed: number;
  readonly source: Dataset;
  readonly target: Dataset;
  /** The demo's, with first weights of the seed. */
  readonly encoder: LoadedEncoder;
  readonly pairing: PairingRoom;
  /** What the methods' encoders have in common: their frozen part is the same, and so are the frames. */
  readonly frozen: KeptFeatures;
}

/** Carries out the runs of an experiment, one after the other. */
export class Experimenter {
  readonly #settings: ExperimentSettings;
  readonly #options: OrtOptions;
  /** The world of the last seed: methods of one seed come together. */
  #world: World | null = null;

  /** @throws UserError as `checkExperiment` */
  constructor(settings: ExperimentSettings, options: OrtOptions) {
    checkExperiment(settings.session);
    this.#settings = settings;
    this.#options = options;
  }

  /**
   * Make what a run begins with, and let it go: whether all of it is there and the encoder can be trained is known then,
   * and known once, where an experiment would fail run after run.
   * @throws UserError `bad-method` and as `Trainer.create`
   */
  async check(job: Job): Promise<void> {
    const { trainer, room } = await this.#begin(job);
    await this.#end(trainer, room);
  }

  /** @throws UserError `bad-method`, `train-nan` and all that training and driving throw */
  async run(job: Job, pace: Pace): Promise<RunResult> {
    const { method, seed } = job;
    const started = performance.now();
    const { session: base, attempts } = this.#settings;
    const { session, world, images, room, trainer } = await this.#begin(job);
    try {
      const { curve, bc, last } = await train(trainer, session.policy.steps, seed, pace);
      const ask = { domain: 'real', count: attempts, seed: ROLLOUT_SEED + seed } as const;
      const lower = await rollOut(trainer, { ...ask, region: 'lower' });
      await pace(1);
      const upper = await rollOut(trainer, { ...ask, region: 'upper' });
      const probe = await goalProbe(trainer, seed);
      const end = curve.at(-1)!;
      curve[curve.length - 1] = { ...end, probe: probe.outOfDistribution };
      room.setTrained(() => ({ file: trainer.file, output: trainer.output, version: 'trained', embed: trainer.embed }));
      await pair(world, base);
      const pipeline = new ProblemPipeline(room, world.pairing, new Backend());
      pipeline.setDatasets(world.source, world.target, images);
      const { report } = await pipeline.solve(base, 0);
      const phase = report.match.errors.find(({ kind }) => kind === 'phase');
      return {
        method,
        seed,
        attempts,
        id: successes(lower),
        ood: successes(upper),
        probeId: probe.inDistribution,
        probeOod: probe.outOfDistribution,
        mass: report.ot_pi_sum,
        phaseError: phase?.plan ?? Number.NaN,
        sourceVariance: last.sourceVariance ?? Number.NaN,
        targetVariance: last.targetVariance ?? Number.NaN,
        targetRank: last.targetRank,
        bc,
        curve,
        seconds: (performance.now() - started) / 1000,
      };
    } finally {
      await this.#end(trainer, room);
    }
  }

  async #begin({ method, seed }: Job): Promise<{ session: Session; world: World; images: DemoImages; room: EncoderRoom; trainer: Trainer }> {
    const { session: base, encoders } = this.#settings;
    const made = withMethod(base, parseMethod(method, methodOf(base)));
    const session: Session = { ...made, policy: { ...made.policy, seed } };
    const world = await this.#worldOf(seed);
    await pair(world, session);
    const room = new EncoderRoom();
    for (const encoder of encoders) room.put(encoder.file === DEMO_ENCODER ? world.encoder : encoder);
    const images = demoFrames(world);
    const trainer = await Trainer.create({ source: world.source, target: world.target, images, room, pairing: world.pairing, options: this.#options, frozen: world.frozen }, session);
    return { session, world, images, room, trainer };
  }

  async #end(trainer: Trainer, room: EncoderRoom): Promise<void> {
    await trainer.dispose();
    for (const { file } of this.#settings.encoders) room.remove(file);
  }

  async #worldOf(seed: number): Promise<World> {
    if (this.#world?.seed !== seed) {
      const bytes = Uint8Array.from(demoEncoder(seed));
      const encoder = await loadEncoder([{ path: DEMO_ENCODER, size: bytes.length, slice: (start, end) => Promise.resolve(bytes.slice(start, end).buffer) }]);
      this.#world = { seed, ...demoWorld(seed), encoder, pairing: new PairingRoom(), frozen: noFeatures() };
    }
    return this.#world;
  }
}

/** Pairs by DTW are held one set at a time, under their settings. */
async function pair({ source, target, pairing }: World, { pairing: wanted }: Session): Promise<void> {
  if (wanted.kind === 'dtw' && !pairing.holds(wanted)) await pairing.pair(wanted, source, target, () => undefined);
}

async function train(trainer: Trainer, steps: number, seed: number, pace: Pace): Promise<{ curve: CurvePoint[]; bc: number; last: TrainingMetrics }> {
  const every = Math.max(1, Math.floor(steps / POINTS));
  const looks = Math.max(1, Math.round(steps / every / PROBES));
  const curve: CurvePoint[] = [];
  const losses: number[] = [];
  let since: TrainingMetrics[] = [];
  let last: TrainingMetrics | null = null;
  for (let step = 1; step <= steps; step++) {
    await pace((step - 1) / steps);
    const look = step % every === 0 || step === steps;
    const metrics = await trainer.train({ look });
    losses.push(metrics.bc);
    since.push(metrics);
    if (!look) continue;
    last = metrics;
    const probed = curve.length % looks === looks - 1 && step < steps;
    const mass = mean(since.map((at) => at.mass));
    curve.push({ step, bc: mean(since.map((at) => at.bc)), mass: Number.isNaN(mass) ? null : mass, variance: metrics.targetVariance ?? Number.NaN, probe: probed ? (await goalProbe(trainer, seed)).outOfDistribution : null });
    since = [];
  }
  if (!last) throw new UserError('bad-experiment', 'A run has at least one step; set more under Policy.');
  return { curve, bc: mean(losses.slice(-Math.max(1, Math.floor(steps / 20)))), last };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const successes = ({ attempts }: RolloutResult): number => attempts.filter(({ success }) => success).length;
