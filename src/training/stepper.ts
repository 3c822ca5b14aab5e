import type { Alignment } from '../config/training.ts';
import type { AdamWSettings, OptimiserState, ParameterGroup } from '../core/training/adamw.ts';
import type { BcLossSettings } from '../core/training/bc-loss.ts';
import type { Differentiated } from '../encoders/autodiff/differentiate.ts';
import type { ActionNoise, OutputRows } from './act.ts';
import type { StepInput, StepOptions, StepResult, StepSizes } from './step.ts';

/** A network's graphs, and what its file is called in sentences. */
export interface Network {
  readonly graphs: Differentiated;
  readonly file: string;
}

/** What a policy is made of, wherever it learns. Its weights start as the graphs have them. */
export interface PolicyDesign {
  readonly encoder: Network;
  /** null where an output of the encoder is the action. */
  readonly head: Network | null;
  /** Outputs of the encoder's graph: the embedding, and the action where the file gives it itself. */
  readonly embedding: string;
  readonly action: string | null;
  /** What its steps descend beside behaviour cloning. */
  readonly alignment: Alignment;
  /** Σ term_weight·weight_embed of the terms that compare the trained embedding. */
  readonly weight: number;
  readonly sizes: StepSizes;
  readonly chunk: { readonly horizon: number; readonly width: number };
  readonly loss: BcLossSettings;
  /** Of the encoder, then of the head. */
  readonly groups: readonly ParameterGroup[];
  readonly adamw: AdamWSettings;
  /** Whether moving averages of the weights are kept. */
  readonly averaged: boolean;
}

/** Trained tensors, the encoder's first, with what the optimiser remembers of them. */
export interface PolicyState {
  readonly weights: readonly { readonly network: 'encoder' | 'head'; readonly name: string; readonly values: Float32Array<ArrayBuffer> }[];
  readonly optimiser: OptimiserState;
}

/** The weights of a run, wherever they lie: takes steps, answers with them, gives and takes states. One call at a time. */
export interface Stepper {
  /** One step, as `hostStep` says. @throws UserError as `hostStep`; on a device as `deviceStep`, `gpu-lost` where it is gone */
  step(input: StepInput, t: number, learningRate: number, decay: number, options?: StepOptions): Promise<StepResult>;
  /** z of `count` rows by the present weights. @param inputs of the encoder's graph, `count` rows each */
  embed(inputs: ReadonlyMap<string, Float32Array>, count: number): Promise<OutputRows>;
  /** Chunks of actions by the present weights, as `policyActions`. */
  act(inputs: ReadonlyMap<string, Float32Array>, proprio: Float32Array | null, count: number, noise: ActionNoise | null): Promise<OutputRows>;
  /** A copy of all that training has changed. */
  state(): Promise<PolicyState>;
  /** Go on from a state that `stateFits`, of this stepper or of one elsewhere. */
  restore(state: PolicyState): void;
  dispose(): Promise<void>;
}

/** Whether a state is of such a policy: the same tensors, with averages where they are kept. */
export function stateFits({ encoder, head, averaged }: PolicyDesign, { weights, optimiser: { moments, averages } }: PolicyState): boolean {
  const sizes = new Map([...sizesOf('encoder', encoder), ...sizesOf('head', head)]);
  const alike = (arrays: readonly Float32Array[]): boolean => arrays.length === sizes.size && [...sizes.values()].every((size, k) => arrays[k]!.length === size);
  const named = weights.length === sizes.size && weights.every(({ network, name, values }) => sizes.get(`${network} ${name}`) === values.length);
  return named && alike(moments.map(({ m }) => m)) && alike(moments.map(({ v }) => v)) && (averages === null ? !averaged : averaged && alike(averages));
}

/** Bytes of a state of such a policy: weights, two moments, and averages where they are kept. */
export function stateBytes({ encoder, head, averaged }: PolicyDesign): number {
  return 4 * (averaged ? 4 : 3) * [...sizesOf('encoder', encoder), ...sizesOf('head', head)].reduce((sum, [, size]) => sum + size, 0);
}

const sizesOf = (network: 'encoder' | 'head', of: Network | null): (readonly [string, number])[] => of?.graphs.weights.flatMap(({ name, gradient, elements }) => (gradient === null ? [] : [[`${network} ${name}`, elements] as const])) ?? [];
