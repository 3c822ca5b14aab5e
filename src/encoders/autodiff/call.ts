import type { GraphNode } from '../graph.ts';
import { toNumbers } from '../dtypes.ts';
import type { Attributes } from './attributes.ts';
import type { Tape, Tensor } from './tape.ts';

/** A node of a file with what is known of it. */
export interface Call {
  readonly tape: Tape;
  /** Version of ONNX's operators that the file uses. */
  readonly opset: number;
  readonly node: GraphNode;
  readonly attributes: Attributes;
  /** Names on the tape; null where an optional input is left out. */
  readonly inputs: readonly (string | null)[];
  /** Results as the probe saw them; null where an optional one is left out. */
  readonly results: readonly (Tensor | null)[];
  /** The one place where an operator turns out to have no gradient once shapes are known. */
  readonly refuse: (why: string) => never;
}

/** Names of the results, in their order; fewer where later ones (a Dropout's mask) are not made. */
export type Lowering = (call: Call) => readonly string[];

/** An input that has to be there. */
export function input(call: Call, slot: number): string {
  return call.inputs[slot] ?? call.refuse(`its input ${slot} is missing`);
}

/** Elements of an input that is a constant; null where it is left out. */
export function constantAt({ tape, inputs, refuse }: Call, slot: number): number[] | null {
  const name = inputs[slot];
  if (name === null || name === undefined) return null;
  const found = tape.scope.constantOf(name);
  return found ? [...toNumbers(found.dtype, found.data)] : refuse(`its input ${slot} is computed`);
}

export function resultDims(call: Call, k = 0): readonly number[] {
  return call.results[k]?.dims ?? call.refuse(`its result ${k} is missing`);
}

/** An axis counted from the front. */
export const wrap = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

export const rankAt = (call: Call, slot: number): number => call.tape.dims(input(call, slot)).length;

/** The axes of an attribute, or of the input that took its place, counted from the front. */
export function axesOf(call: Call, slot: number): number[] | null {
  return (call.attributes.ints('axes') ?? constantAt(call, slot))?.map((axis) => wrap(axis, rankAt(call, 0))) ?? null;
}
