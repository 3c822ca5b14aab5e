import type { RandomState } from '../base/random.ts';
import type { PolicyState } from '../training/stepper.ts';

/** What decides which rows the next steps draw, beside the data: with it a run goes on as it would have. */
export interface DrawState {
  readonly random: RandomState;
  /** What is left of the present epoch: samples by place. */
  readonly epoch: readonly (readonly number[])[];
}

/** Everything that a run goes on from: with the same settings and data, bit by bit as it would have. */
export interface TrainerState extends PolicyState {
  readonly step: number;
  readonly draws: DrawState;
}

/** The arrays of a state: weights, then first and second moments, then averages where there are any. */
export function stateArrays({ weights, optimiser: { moments, averages } }: TrainerState): Float32Array<ArrayBuffer>[] {
  return [...weights.map(({ values }) => values), ...moments.map(({ m }) => m), ...moments.map(({ v }) => v), ...(averages ?? [])];
}
