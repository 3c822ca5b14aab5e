import { UserError } from '../base/errors.ts';
import { quote } from '../base/words.ts';
import type { Alignment } from '../config/training.ts';
import { embeddingGradient } from '../core/cost/embedding-gradient.ts';
import { normalisationScale, squaredDistances, type Normalisation } from '../core/cost/terms.ts';
import { uniformWeights, type Prior } from '../core/ot/problem.ts';
import { solve, type Mode, type UotSolution } from '../core/ot/solve.ts';
import type { CpuAdamW, GradientNorms } from '../core/training/adamw.ts';
import { energyDistance } from '../core/training/energy.ts';
import { bcLoss, type BcLossSettings } from '../core/training/bc-loss.ts';
import { spreadOf, type Spread } from '../core/training/spread.ts';
import type { HandoverReason } from '../gpu/outcome.ts';
import type { HostGraphs } from '../encoders/autodiff/host-graphs.ts';

/** How many rows of each kind a step has; they go through the encoder in this order. */
export interface StepSizes {
  readonly n: number;
  readonly m: number;
  readonly bc: number;
}

/** The problem that a step poses, and how much of it counts. */
export interface TransportSettings {
  readonly prior: Prior;
  readonly reg: number;
  readonly tau1: number;
  readonly tau2: number;
  readonly mode: Mode;
  readonly normalisation: Normalisation;
  /** Under `energy` there is no plan, and the energy distance stands in the place of ⟨π,M⟩. */
  readonly alignment: Alignment;
  /** λ of this step. */
  readonly lambda: number;
}

/** What a policy head is fed beside the embedding, and what it is trained to: (bc × horizon × width), row-major. */
export interface BcRows {
  /** By the head's input, all but `z`. */
  readonly inputs: ReadonlyMap<string, Float32Array>;
  readonly wanted: Float32Array;
  /** 1 for a step that counts, 0 for padding; null where none is padded. */
  readonly valid: Float32Array | null;
}

export interface StepInput {
  /** What the encoder's graph takes, source then target then BC rows, by input. */
  readonly feeds: ReadonlyMap<string, Float32Array>;
  /** The part of M that no trained weight moves, weighted: labels, and embeddings of other encoders. n × m. */
  readonly fixed: Float64Array;
  readonly bc: BcRows;
  readonly transport: TransportSettings;
}

/** What a step says of itself, before it moved the weights. */
export interface StepResult {
  readonly bc: number;
  /** ⟨π,M⟩, in raw units; or the energy distance. */
  readonly transport: number;
  /** λ⟨π,M⟩/σ, or λ times the energy distance. */
  readonly weighted: number;
  readonly total: number;
  /** The regularised optimum, which the step descends by the envelope theorem; in solved units. */
  readonly value: number;
  readonly mass: number;
  readonly diagonalMass: number | null;
  readonly perplexity: number;
  /** ‖z_i − z'_j‖², mean over the batch, before its weight. */
  readonly embeddingCost: number;
  /** Whether the solve came to its end; true where there was nothing to solve. */
  readonly converged: boolean;
  /** Why float64 solved in the place of a device; null on the host, and where the device's plan was taken. */
  readonly handedOver: HandoverReason | null;
  /** null where it was not looked at. */
  readonly spread: { readonly source: Spread; readonly target: Spread } | null;
  readonly norms: GradientNorms;
}

/** Parts of a step in their order: the encoder's forward run; cost, plan and dz; the head and BC's loss; the encoder's backward run; the optimiser. */
export type StepPart = 'forward' | 'transport' | 'head' | 'backward' | 'optimiser';

export interface StepOptions {
  /** Whether the spread of the embeddings is wanted, which on a device takes their reading back, and the plan where λ is 0. */
  readonly look?: boolean;
  /** Called when a part was submitted, or on the host is done: for measurements, which make a device wait there. */
  readonly mark?: (part: StepPart) => Promise<void>;
}

/** The parts of a policy that learn, on the host. */
export interface HostPolicy {
  readonly encoder: HostGraphs;
  /** Outputs of the encoder's graph: the embedding, and the action where the file gives it itself. */
  readonly embedding: string;
  readonly action: string | null;
  /** Null where the encoder's own output is the action. */
  readonly head: HostGraphs | null;
  /** Of the encoder's trained tensors, then the head's. */
  readonly optimiser: CpuAdamW;
  /** Σ term_weight·weight_embed of the terms that compare the trained embedding. */
  readonly weight: number;
  readonly sizes: StepSizes;
  readonly chunk: { readonly horizon: number; readonly width: number };
  readonly loss: BcLossSettings;
}

/**
 * One training step: a forward run over src‖tgt‖bc, one problem and its plan, a backward run, and the optimiser.
 *
 *     total = BC + λ·⟨π,M⟩/σ,   π and σ held;   or BC + λ·(energy distance)
 *
 * With π held its gradient is that of the regularised optimum, not of ⟨π,M⟩ itself (docs/method.md).
 * @param t number of the step, from 1  @param learningRate, decay of the averages, after any schedule
 * @throws UserError `training-nan` naming where the first value that is no finite number came from; nothing has moved
 */
export async function hostStep(policy: HostPolicy, { feeds, fixed, bc, transport }: StepInput, t: number, learningRate: number, decay: number, { look = true, mark }: StepOptions = {}): Promise<StepResult> {
  const { encoder, head, sizes, chunk, weight, optimiser } = policy;
  const { n, m, bc: rows } = sizes;
  const outputs = await encoder.forward(feeds);
  await mark?.('forward');
  const z = outputs.get(policy.embedding)!;
  const width = z.length / (n + m + rows);
  checkFinite(z, t, 'the embedding');
  const [source, target] = [z.subarray(0, n * width), z.subarray(n * width, (n + m) * width)];

  const paired = n > 0 && m > 0;
  const energetic = transport.alignment === 'energy';
  const solved = paired && !energetic && (transport.lambda !== 0 || look) ? solveTransport(policy, source, target, width, fixed, transport) : null;
  const dz = new Float32Array(z.length);
  const energy = paired && energetic ? energyDistance(source, target, width, transport.lambda, dz) : 0;
  if (solved && weight > 0) embeddingGradient(solved.solution.plan, source, target, width, (transport.lambda * weight) / solved.sigma, dz);
  await mark?.('transport');

  const gradients = new Map([[policy.embedding, dz]]);
  const shape = { batch: rows, ...chunk };
  let loss = 0;
  if (rows > 0 && head) {
    const result = await head.forward(new Map([...bc.inputs, ['z', z.slice((n + m) * width)]]));
    const [prediction] = result.values();
    const cloned = bcLoss(prediction!, bc.wanted, bc.valid, shape, policy.loss);
    loss = cloned.loss;
    const [name] = result.keys();
    const back = await head.backward(new Map([[name!, cloned.gradient]]));
    dz.set(back.get('z')!, (n + m) * width);
  } else if (rows > 0 && policy.action !== null) {
    const predicted = outputs.get(policy.action)!;
    const size = chunk.horizon * chunk.width;
    const cloned = bcLoss(predicted.slice((n + m) * size), bc.wanted, bc.valid, shape, policy.loss);
    loss = cloned.loss;
    const all = new Float32Array(predicted.length);
    all.set(cloned.gradient, (n + m) * size);
    // Where the embedding is the action itself, both losses pull at it.
    if (policy.action === policy.embedding) for (let k = 0; k < all.length; k++) all[k]! += dz[k]!;
    gradients.set(policy.action, all);
  }
  if (!Number.isFinite(loss)) throw notFinite(t, 'the behaviour cloning loss');
  await mark?.('head');
  await encoder.backward(gradients);
  await mark?.('backward');
  const norms = optimiser.step(t, learningRate, decay);
  if (norms.halted) {
    optimiser.resume();
    throw notFinite(t, `the gradient of ${quote([...encoder.trained, ...(head?.trained ?? [])][norms.halted.parameter]!.name)}`);
  }
  await mark?.('optimiser');

  const spread = look ? { source: spreadOf(source, n, width), target: spreadOf(target, m, width) } : null;
  if (!solved) return { ...NOTHING_MOVED, bc: loss, transport: energy, weighted: transport.lambda * energy, total: loss + transport.lambda * energy, spread, norms };
  const { solution, sigma, embeddingCost } = solved;
  const weighted = transport.lambda * solution.transportCost;
  return {
    bc: loss,
    transport: solution.transportCost * sigma,
    weighted,
    total: loss + weighted,
    value: solution.primal,
    mass: solution.mass,
    diagonalMass: solution.diagonalMass,
    perplexity: solution.perplexity,
    embeddingCost,
    converged: solution.converged,
    handedOver: null,
    spread,
    norms,
  };
}

/** What a step without a plan says of transport. */
export const NOTHING_MOVED = { transport: 0, weighted: 0, value: 0, mass: Number.NaN, diagonalMass: null, perplexity: Number.NaN, embeddingCost: Number.NaN, converged: true, handedOver: null } as const satisfies Partial<StepResult>;

/** The plan of a batch under its present embeddings. */
function solveTransport({ weight, sizes: { n, m } }: HostPolicy, source: Float32Array, target: Float32Array, width: number, fixed: Float64Array, settings: TransportSettings): { solution: UotSolution; sigma: number; embeddingCost: number } {
  const cost = squaredDistances({ values: source, width }, { values: target, width });
  let embeddingCost = 0;
  for (let k = 0; k < cost.length; k++) {
    embeddingCost += cost[k]! / cost.length;
    cost[k] = fixed[k]! + weight * cost[k]!;
  }
  const sigma = normalisationScale(cost, settings.normalisation);
  if (sigma !== 1) for (let k = 0; k < cost.length; k++) cost[k] = cost[k]! / sigma;
  const { prior, reg, tau1, tau2, mode } = settings;
  return { solution: solve({ n, m, cost, a: uniformWeights(n), b: uniformWeights(m), prior, reg, tau1, tau2 }, { mode }), sigma, embeddingCost };
}

function checkFinite(values: Float32Array, t: number, what: string): void {
  if (values.some((value) => !Number.isFinite(value))) throw notFinite(t, what);
}

/** What stops a run. @param what is no number any more */
export function notFinite(t: number, what: string): UserError {
  return new UserError('training-nan', `Step ${t} stopped: ${what} is no number any more, or too large to go on with. The weights of the step before are kept; lower the learning rate, clip the gradients at a smaller norm, or lower λ.`, { step: String(t), where: what });
}
