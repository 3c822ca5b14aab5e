import { UserError } from '../base/errors.ts';
import { Mutex } from '../base/mutex.ts';
import type { Random } from '../base/random.ts';
import { quote } from '../base/words.ts';
import { priorOf } from '../config/session.ts';
import { trainedTerms } from '../config/trained-terms.ts';
import { embedKeys, type BatchColumn, type FeatureSpec } from '../core/cost/features.ts';
import { combineTerms, type CostTerm } from '../core/cost/terms.ts';
import { timeWindows } from '../core/pairing/time-windows.ts';
import { DEFAULT_ADAMW } from '../core/training/adamw.ts';
import { DEFAULT_EMA, emaDecay } from '../core/training/ema.ts';
import { differentiate } from '../encoders/autodiff/differentiate.ts';
import { splitFrozen } from '../encoders/autodiff/freeze.ts';
import { projection, PROJECTION_INPUT, PROJECTION_OUTPUT } from '../encoders/autodiff/projection.ts';
import { withWeights } from '../encoders/autodiff/with-weights.ts';
import { trainability } from '../encoders/autodiff/source.ts';
import type { LoadedEncoder } from '../encoders/load.ts';
import type { OrtOptions } from '../encoders/ort.ts';
import { preflight } from '../encoders/preflight.ts';
import type { EncoderFile, Embedding, Feed } from '../encoders/session.ts';
import { flatten } from '../encoders/spec.ts';
import { cosineSchedule, drawNoise, timeEmbedding, type NoiseSchedule } from '../training/diffusion.ts';
import { buildHead, checkOwnHead } from '../training/heads.ts';
import { lambdaAt, rateAt } from '../training/schedules.ts';
import type { BcRows, StepInput, StepResult } from '../training/step.ts';
import { stateBytes, stateFits, type Network, type PolicyDesign, type Stepper } from '../training/stepper.ts';
import type { Backend } from './backend.ts';
import { feedsOf, type EncoderRoom, type TrainedEncoder } from './encoders.ts';
import type { PairingRoom } from './pairing.ts';
import type { GradientBalance, Side, TrainedFile, TrainedWeights, TrainingMetrics, TrainingPlace, TrainingSession } from './protocol.ts';
import { frozenInputs, plainInputs, type KeptFeatures, type Extents, type GraphInputs, type RowFeeds } from './row-features.ts';
import { openStepper } from './stepping.ts';
import type { TrainerState } from './trainer-state.ts';
import { fixedTerms, rowFeeds, type ColumnPlace } from './training-columns.ts';
import { actionChunks, bcRowsOf, policyColumns, TrainingDraws, type PolicyColumns, type StepRows } from './training-data.ts';

/** What a trainer works with. */
export interface TrainerPlace extends ColumnPlace {
  readonly room: EncoderRoom;
  readonly pairing: PairingRoom;
  readonly options: OrtOptions;
  /**
   * Features of the encoder's frozen part, which several trainers have in common. Then those of all frames are computed at
   * once: how rows fall into runs changes their last bits, and a run must not depend on those before it.
   */
  readonly frozen?: KeptFeatures;
  /** On whose device runs are stepped; left out, the host steps them. */
  readonly backend?: Backend;
}

export interface TrainOptions {
  /** Whether variance and rank are wanted, and the plan where λ is 0; left out, wherever that costs next to nothing. */
  readonly look?: boolean;
  /** Called with the state after the step, before anything else has its turn. */
  readonly keep?: (state: TrainerState) => void;
}

/** Groups of the optimiser, in its order. */
const GROUPS = [{ name: 'encoder', rate: 1 }, { name: 'head', rate: 1 }] as const;
const NOISE_STEPS = 100;
const TIME_WIDTH = 32;

/** A training run: draws, has steps taken where they are taken (`Stepper`), remembers. One thing at a time. */
export class Trainer implements Omit<TrainedEncoder, 'version'> {
  readonly file: string;
  readonly output: string;
  /** Where its steps are taken. */
  readonly runsOn: TrainingPlace;
  readonly #place: TrainerPlace;
  readonly #spec: FeatureSpec;
  readonly #loaded: LoadedEncoder;
  #settings: TrainingSession;
  readonly #design: PolicyDesign;
  readonly #stepper: Stepper;
  readonly #inputs: GraphInputs;
  readonly #draws: TrainingDraws;
  readonly #columns: PolicyColumns;
  readonly #noise: NoiseSchedule | null;
  readonly #fixed: readonly FeatureSpec[];
  /** Terms that compare the embedding that learns, by name. */
  readonly #shared: ReadonlySet<string>;
  readonly #whole: EncoderFile;
  readonly #turn = new Mutex();
  #step = 0;

  private constructor(place: TrainerPlace, settings: TrainingSession, spec: FeatureSpec, parts: { design: PolicyDesign; stepper: Stepper; runsOn: TrainingPlace; inputs: GraphInputs; draws: TrainingDraws; columns: PolicyColumns; noise: NoiseSchedule | null; fixed: readonly FeatureSpec[]; shared: readonly FeatureSpec[]; loaded: LoadedEncoder; whole: EncoderFile }) {
    this.file = spec.embed!.file;
    this.output = spec.embed!.output;
    this.#place = place;
    this.#spec = spec;
    this.#loaded = parts.loaded;
    this.#settings = settings;
    this.runsOn = parts.runsOn;
    this.#design = parts.design;
    this.#stepper = parts.stepper;
    this.#inputs = parts.inputs;
    this.#draws = parts.draws;
    this.#columns = parts.columns;
    this.#noise = parts.noise;
    this.#fixed = parts.fixed;
    this.#shared = new Set(parts.shared.map(({ term_name }) => term_name));
    this.#whole = parts.whole;
  }

  /**
   * @param keepOff why it is not to be stepped on a device, though there may be one
   * @throws UserError `train-no-encoder`, `train-two-inputs`, `encoder-untrainable`, `encoder-blocked`, `encoder-parameter`,
   * `bad-head`, and what drawing, the columns of the policy and ONNX Runtime throw
   */
  static async create(place: TrainerPlace, settings: TrainingSession, keepOff: UserError | null = null): Promise<Trainer> {
    const { policy, training, features } = settings;
    const { spec, shared, weight } = trainedTerms(features, policy.encoder);
    const loaded = place.room.get(spec.embed!.file);
    if (!loaded) throw new UserError('no-encoder', `The encoder ${spec.embed!.file} is not loaded; drop the file, then train.`);
    const draws = new TrainingDraws(place.source, place.target, settings, place.pairing, policy.seed);
    const columns = policyColumns(draws.chosen, policy, training.bcSourceWeight);
    const fixed = features.flatMap((feature) => (!shared.includes(feature) ? [feature] : feature.weight_label > 0 ? [{ ...feature, use_learned_embed: false, weight_embed: 0 }] : []));
    // One row a side says what is wrong with the terms, before anything is made.
    await fixedTerms(place, fixed, { source: [draws.extents.source.first], target: [draws.extents.target.first] }, training);
    const sizes = { n: draws.size, m: draws.size, bc: training.batchSize };
    const rows = sizes.n + sizes.m + sizes.bc;
    const own = policy.head === 'own';
    const { file, inputs, outputs } = await trainedGraph(loaded, spec, settings, rowFeeds(place, loaded, spec, training), draws.extents, place, own ? policy.output : null);
    try {
      if (place.frozen) for (const side of ['source', 'target'] as const) await inputs.rows(side, Int32Array.from({ length: draws.extents[side].frames }, (_, row) => row));
      const shapes = new Map([...inputs.shapes].map(([name, dims]) => [name, [rows, ...dims]]));
      const graphs = await differentiate(file, { shapes, outputs: own ? outputs : [outputs[0]!], train: trainedNames(file, outputs, policy.frozen, policy.projection !== null), ...place.options });
      const chunk = { horizon: training.actionHorizon, width: columns.action.width };
      const [embedding] = graphs.outputs.map(({ name, dims }) => flatten(dims, rows, name, loaded.file));
      if (own) checkOwnHead(loaded.file, policy.output, graphs.outputs.find(({ name }) => name === policy.output)?.dims, { horizon: chunk.horizon, action: chunk.width });
      const head = own ? null : await headNetwork(settings, { batch: sizes.bc, embedding: embedding!.width, proprio: columns.proprio?.width ?? 0, horizon: chunk.horizon, action: chunk.width }, place.options);
      const groups = GROUPS.map((entry) => ({ ...entry, weightDecay: policy.weightDecay }));
      const design: PolicyDesign = { encoder: { graphs, file: loaded.file }, head, embedding: outputs[0]!, action: own ? policy.output : null, weight, sizes, chunk, loss: { kind: policy.loss, mean: 'unpadded' }, groups, adamw: { ...DEFAULT_ADAMW, maxNorm: policy.maxNorm }, averaged: policy.ema, alignment: training.alignment };
      const { stepper, runsOn } = await openStepper(design, place, keepOff);
      return new Trainer(place, settings, spec, { design, stepper, runsOn, inputs, draws, columns, noise: policy.head === 'diffusion' ? cosineSchedule(NOISE_STEPS) : null, fixed, shared, loaded, whole: policy.projection === null ? loaded : file });
    } catch (error) {
      await inputs.dispose();
      throw error;
    }
  }

  /** Take the next steps with these solve settings, λ, learning rate and schedules; the rest has to be the same. */
  follow({ solve, training, policy = this.#settings.policy }: Pick<TrainingSession, 'solve' | 'training'> & Partial<Pick<TrainingSession, 'policy'>>): void {
    const { lambda } = training;
    const { learningRate, steps, schedule, warmup, lambdaRamp } = policy;
    this.#settings = { ...this.#settings, solve, training: { ...this.#settings.training, lambda }, policy: { ...this.#settings.policy, learningRate, steps, schedule, warmup, lambdaRamp } };
  }

  get step(): number {
    return this.#step;
  }

  /**
   * One step.
   * @throws UserError `training-nan`, and what drawing throws; then nothing has moved, and the next one draws the same rows. `gpu-lost`: the weights are gone
   */
  train({ look, keep }: TrainOptions = {}): Promise<TrainingMetrics> {
    return this.#turn.run(async () => {
      const started = performance.now();
      const { policy, training } = this.#settings;
      const t = this.#step + 1;
      const rate = policy.learningRate * rateAt({ kind: policy.schedule, warmup: policy.warmup, steps: policy.steps }, this.#step);
      const lambda = training.lambda * lambdaAt(policy.lambdaRamp > 0 ? { kind: 'ramp', steps: policy.lambdaRamp } : { kind: 'constant' }, this.#step);
      const before = this.#draws.state;
      let result: StepResult;
      let fixed: readonly CostTerm[];
      try {
        const drawn = await this.#draw(lambda);
        fixed = drawn.fixed;
        result = await this.#stepper.step(drawn.input, t, rate, emaDecay(DEFAULT_EMA, t), look === undefined ? {} : { look });
      } catch (error) {
        this.#draws.restore(before);
        throw error;
      }
      this.#step = t;
      const ms = performance.now() - started;
      keep?.(await this.#state());
      // The diagonal of a batch without pairs says nothing.
      return metricsOf(t, this.#draws.paired ? result : { ...result, diagonalMass: null }, this.#termMeans(fixed, result.embeddingCost), rate, lambda, ms);
    });
  }

  /**
   * Norms over the encoder's weights of both gradients of the next batch, λ in full: a step of rate 0 without transport,
   * and one whose BC rows are all padding. It uses the batch and the optimiser's moments up: a trainer does it once, and
   * is disposed of.
   * @throws UserError as `train`
   */
  balance(): Promise<GradientBalance> {
    return this.#turn.run(async () => {
      const { lambda } = this.#settings.training;
      const { input } = await this.#draw(lambda);
      const { sizes, chunk } = this.#design;
      const step = (taken: StepInput): Promise<StepResult> => this.#stepper.step(taken, this.#step + 1, 0, 0);
      const cloned = await step({ ...input, transport: { ...input.transport, lambda: 0 } });
      const moved = await step({ ...input, bc: { ...input.bc, valid: new Float32Array(sizes.bc * chunk.horizon) } });
      return { bc: cloned.norms.groups[0]!, transport: moved.norms.groups[0]!, mass: moved.mass, lambda, step: this.#step };
    });
  }

  /** z of values that are no rows of a dataset, by the present weights. @throws UserError `encoder-non-finite` */
  embed = (feeds: ReadonlyMap<string, Feed>, count: number): Promise<Embedding> =>
    this.#turn.run(async () => {
      const { values, width } = await this.#stepper.embed(await this.#inputs.of(feeds, count), count);
      if (values.some((value) => !Number.isFinite(value))) throw new UserError('encoder-non-finite', `What ${this.file} has learned gives values that are no finite numbers in ${quote(this.output)}; go back to an earlier step, and lower the learning rate.`, { file: this.file });
      return { rows: count, values, width };
    });

  /** The column of actions that the policy learns. */
  get action(): { readonly key: string; readonly width: number } {
    return { key: this.#settings.policy.action, width: this.#columns.action.width };
  }

  /** z of what is seen on a side, by the present weights. @param seen columns by key, `count` rows each @throws UserError `unseen-key` */
  embedSeen(side: Side, seen: ReadonlyMap<string, BatchColumn>, count: number): Promise<Embedding> {
    return this.embed(this.#feedsOfSeen(side, seen, count), count);
  }

  /**
   * The action for the present moment of each row, by the present weights (not their averages): of a chunk that begins
   * before it, the one that falls on it.
   * @param seen columns by key, `count` rows each: what the encoder is fed on that side, and the proprioception
   * @param random of the noise that a diffusion head starts from
   * @returns rows × `action.width`
   * @throws UserError `unseen-key`, and as the encoder's run
   */
  act(side: Side, seen: ReadonlyMap<string, BatchColumn>, count: number, random: Random): Promise<Float32Array<ArrayBuffer>> {
    const feeds = this.#feedsOfSeen(side, seen, count);
    const { proprio: key } = this.#settings.policy;
    const proprio = this.#columns.proprio ? Float32Array.from(seenColumn(seen, key, 'the head').values) : null;
    const { obsSteps, actionHorizon } = this.#settings.training;
    const present = -(timeWindows(obsSteps, actionHorizon).actions?.[0] ?? 0);
    return this.#turn.run(async () => {
      const noise = this.#noise && { schedule: this.#noise, timeWidth: TIME_WIDTH, random };
      const chunks = await this.#stepper.act(await this.#inputs.of(feeds, count), proprio, count, noise);
      const { width } = this.#columns.action;
      const actions = new Float32Array(count * width);
      for (let row = 0; row < count; row++) {
        const start = row * chunks.width + present * width;
        actions.set(chunks.values.subarray(start, start + width), row * width);
      }
      return actions;
    });
  }

  /** The state between two steps: within one, rows are drawn that no weight has seen. @throws UserError `gpu-lost` */
  settled(): Promise<TrainerState> {
    return this.#turn.run(() => this.#state());
  }

  /** Go on from a state of a trainer of the same settings. @throws UserError `checkpoint-mismatch`; nothing has moved then */
  restore(state: TrainerState): Promise<void> {
    return this.#turn.run(() => {
      if (!stateFits(this.#design, state) || !this.#draws.fits(state.draws)) throw new UserError('checkpoint-mismatch', 'The checkpoint is of another policy or other data than the present settings name; restore its session and its data, or train anew.');
      this.#stepper.restore(state);
      this.#draws.restore(state.draws);
      this.#step = state.step;
      return Promise.resolve();
    });
  }

  /** Whether averages of the weights are kept beside them. */
  get averaged(): boolean {
    return this.#design.averaged;
  }

  /** What a state holds: weights, two moments, and averages. */
  get stateBytes(): number {
    return stateBytes(this.#design);
  }

  /**
   * The file that learned, the encoder's or that of the projection on top of it: with its weights as they are, or with
   * their averages. Its metadata (`ot-playground.weights`, `ot-playground.step`) say which.
   * @throws UserError `no-averages`, `gpu-lost`
   */
  async exported(which: TrainedWeights): Promise<TrainedFile> {
    const { weights, optimiser: { averages }, step } = await this.settled();
    if (which === 'averages' && !averages) throw new UserError('no-averages', 'This run keeps no averages of its weights; save the weights themselves, or turn EMA on and train anew.');
    const learned = weights.flatMap(({ network, name, values }, k) => (network === 'encoder' ? [[name, which === 'averages' ? averages![k]! : values] as const] : []));
    const bytes = withWeights(this.#whole, new Map(learned), { 'ot-playground.weights': which, 'ot-playground.step': String(step) });
    return { file: this.#settings.policy.projection === null ? this.file : `projection-of-${this.file}`, step, bytes };
  }

  async dispose(): Promise<void> {
    await this.#turn.run(async () => {
      await Promise.all([this.#stepper.dispose(), this.#inputs.dispose()]);
    });
  }

  async #state(): Promise<TrainerState> {
    return { step: this.#step, ...(await this.#stepper.state()), draws: this.#draws.state };
  }

  #feedsOfSeen(side: Side, seen: ReadonlyMap<string, BatchColumn>, count: number): ReadonlyMap<string, Feed> {
    const inputs = embedKeys(this.#spec, side).map(([input, key]) => ({ input, key, column: seenColumn(seen, key, this.file) }));
    return feedsOf(this.#loaded, { output: this.output, side, inputs, count });
  }

  /** What the next step takes, and the fixed terms of its batch. */
  async #draw(lambda: number): Promise<{ input: StepInput; fixed: readonly CostTerm[] }> {
    const { solve, training } = this.#settings;
    const { reg, tau1, tau2, mode, normalisation } = solve;
    const rows = this.#draws.next();
    const [feeds, fixed] = [await this.#feeds(rows), await fixedTerms(this.#place, this.#fixed, rows, training)];
    const size = rows.source.length * rows.target.length;
    return { input: { feeds, fixed: fixed.length > 0 ? combineTerms(fixed) : new Float64Array(size), bc: this.#bcRows(rows), transport: { prior: priorOf(solve), reg, tau1, tau2, mode, normalisation, alignment: training.alignment, lambda } }, fixed };
  }

  async #feeds(rows: StepRows): Promise<ReadonlyMap<string, Float32Array>> {
    const parts = [await this.#inputs.rows('source', rows.source), await this.#inputs.rows('target', rows.target), await this.#inputs.rows('source', rows.bc.source), await this.#inputs.rows('target', rows.bc.target)];
    return new Map([...this.#inputs.shapes.keys()].map((name) => [name, joined(parts.map((part) => part.get(name)!))]));
  }

  /** `ot_cost/<term>` of a batch, from what is fixed of each term and the embeddings that learn. */
  #termMeans(fixed: readonly CostTerm[], embeddingCost: number): TrainingMetrics['terms'] {
    const means = new Map(fixed.map(({ name, mean }) => [name, mean]));
    return this.#settings.features.map((spec) => ({ name: spec.term_name, mean: (means.get(spec.term_name) ?? 0) + (this.#shared.has(spec.term_name) ? spec.weight_embed * embeddingCost : 0) }));
  }

  #bcRows(rows: StepRows): BcRows {
    const { wanted, valid } = actionChunks(this.#columns.action, this.#place, rows, this.#settings.training);
    const inputs = new Map<string, Float32Array>(this.#columns.proprio ? [['proprio', bcRowsOf(this.#columns.proprio, rows)]] : []);
    if (!this.#noise) return { inputs, wanted, valid };
    const { times, noise, noisy } = drawNoise(this.#noise, wanted, this.#design.sizes.bc, this.#draws.random);
    return { inputs: new Map([...inputs, ['noisy', noisy], ['time', timeEmbedding(times, TIME_WIDTH)]]), wanted: noise, valid };
  }
}

/** The file that is trained, what it is fed, and its outputs: the embedding, then the action where it gives that itself. */
async function trainedGraph(loaded: LoadedEncoder, spec: FeatureSpec, { policy }: TrainingSession, feeds: RowFeeds, extents: Extents, { options, frozen }: Pick<TrainerPlace, 'options' | 'frozen'>, action: string | null): Promise<{ file: EncoderFile; inputs: GraphInputs; outputs: string[] }> {
  const { output } = spec.embed!;
  if (policy.projection !== null) {
    if (action !== null) throw new UserError('bad-head', `The action is to come from ${loaded.file} itself, which a projection leaves as it is; choose a head that is built here, or train the encoder without a projection.`, { file: loaded.file });
    const inputs = await frozenInputs(loaded, [output], feeds, extents, options, frozen);
    const dims = inputs?.shapes.get(output);
    if (!inputs || !dims) throw new UserError('encoder-batch', `${loaded.file} gives no float32 rows in "${output}" to project; choose another output.`, { file: loaded.file });
    const width = dims.reduce((product, size) => product * size, 1);
    const renamed: GraphInputs = { ...inputs, shapes: new Map([[PROJECTION_INPUT, [width]]]), rows: async (side, rows) => rename(await inputs.rows(side, rows)), of: async (given, count) => rename(await inputs.of(given, count)) };
    return { file: projection(`${loaded.file} (projection)`, { width, features: policy.projection, layerNorm: true, seed: policy.seed }), inputs: renamed, outputs: [PROJECTION_OUTPUT] };
  }
  const outputs = [output, ...(action === null ? [] : [action])];
  const split = splitFrozen(loaded, trainedNames(loaded, outputs, policy.frozen, false), outputs);
  const before = split && (await frozenInputs(split.prefix, split.cuts, feeds, extents, options, frozen));
  return split && before ? { file: split.suffix(before.shapes), inputs: before, outputs } : { file: loaded, inputs: plainInputs(feeds, extents, loaded.file), outputs };
}

const rename = (values: ReadonlyMap<string, Float32Array>): ReadonlyMap<string, Float32Array> => new Map([...values.values()].map((value) => [PROJECTION_INPUT, value]));

/** Initialisers that are trained: all that can be but the frozen ones. @throws UserError `encoder-untrainable`, `encoder-blocked`, `encoder-parameter` */
function trainedNames({ bytes, preflight: { file } }: EncoderFile, outputs: readonly string[], frozen: readonly string[], whole: boolean): string[] {
  const found = trainability(bytes, file, { outputs, cut: true });
  if (!found.ok) throw new UserError('encoder-untrainable', found.message, { file });
  if (!whole && found.obstacle?.before.some((name) => !frozen.includes(name))) throw new UserError('encoder-blocked', found.obstacle.message, { file });
  const names = found.parameters.filter(({ dims, name }) => dims.length > 0 && (whole || !frozen.includes(name))).map(({ name }) => name);
  if (names.length === 0) throw new UserError('encoder-parameter', `All of ${file} is frozen, so nothing of it learns; let a part of it train, or train a projection on top of it.`, { file });
  return names;
}

async function headNetwork({ policy }: TrainingSession, shape: { batch: number; embedding: number; proprio: number; horizon: number; action: number }, options: OrtOptions): Promise<Network> {
  const layers = { hidden: policy.hidden, activation: policy.activation, loss: { kind: policy.loss, mean: 'unpadded' } } as const;
  const built = buildHead(policy.head === 'diffusion' ? { kind: 'diffusion', ...layers, timeWidth: TIME_WIDTH, steps: NOISE_STEPS } : { kind: 'regression', ...layers }, shape, policy.seed);
  const file = 'the policy head';
  const bytes = Uint8Array.from(built.bytes);
  return { graphs: await differentiate({ bytes, preflight: preflight(bytes, file) }, { shapes: new Map(built.inputs.map(({ name, width }) => [name, [shape.batch, width]])), inputGradients: ['z'], ...options }), file };
}

function metricsOf(step: number, result: StepResult, terms: TrainingMetrics['terms'], learningRate: number, lambda: number, ms: number): TrainingMetrics {
  const { norms, spread, embeddingCost: _, ...rest } = result;
  return { step, ...rest, terms, encoderNorm: norms.groups[0]!, headNorm: norms.groups[1]!, sourceVariance: spread?.source.variance ?? null, targetVariance: spread?.target.variance ?? null, sourceRank: spread?.source.effectiveRank ?? null, targetRank: spread?.target.effectiveRank ?? null, learningRate, lambda, ms };
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function seenColumn(seen: ReadonlyMap<string, BatchColumn>, key: string, taker: string): BatchColumn {
  const column = seen.get(key);
  if (!column) throw new UserError('unseen-key', `While the policy drives there is no column ${quote(key)}, which ${taker} is fed; train it on one of ${[...seen.keys()].map(quote).join(', ')}.`, { key });
  return column;
}
