import type { RandomState } from '../base/random.ts';
import type { OptimiserState } from '../core/training/adamw.ts';

/** What decides which rows the next steps draw, beside the data: with it a run goes on as it would have. */
export interface DrawState {
  readonly random: RandomState;
  /** What is left of the present epoch: samples by place. */
  readonly epoch: readonly (readonly number[])[];
}

/** Everything that a run goes on from: with the same settings and data, bit by bit as it would have. */
export interface TrainerState {
  readonly step: number;
  /** By network and tensor; the encoder's first. */
  readonly weights: readonly { readonly network: 'encoder' | 'head'; readonly name: string; readonly values: Float32Array<ArrayBuffer> }[];
  readonly optimiser: OptimiserState;
  readonly draws: DrawState;
}

/** The arrays of a state: weights, then first and second moments, then averages where there are any. */
export function stateArrays({ weights, optimiser: { moments, averages } }: TrainerState): Float32Array<ArrayBuffer>[] {
  return [...weights.map(({ values }) => values), ...moments.map(({ m }) => m), ...moments.map(({ v }) => v), ...(averages ?? [])];
}
