import type { Call, Lowering } from './call.ts';
import { constantAt, input, resultDims, wrap } from './call.ts';
import type { Tape } from './tape.ts';
import { range, sizeOf } from './tape.ts';

/*
 * Normalisations written out. Their gradients follow from those of means, products and roots.
 */

/** (x − mean) / √(mean of squares + ε) over some axes. */
function normalise(tape: Tape, x: string, axes: readonly number[], epsilon: number): string {
  const centred = tape.sub(x, tape.reduce('ReduceMean', x, axes));
  const variance = tape.reduce('ReduceMean', tape.mul(centred, centred), axes);
  return tape.div(centred, tape.unary('Sqrt', tape.add(variance, tape.number(epsilon))));
}

/** A vector of one number a channel, as it broadcasts over (N, C, …). */
function perChannel(tape: Tape, vector: string, rank: number): string {
  return tape.reshape(vector, [1, sizeOf(tape.dims(vector)), ...range(2, rank).map(() => 1)]);
}

const epsilonOf = ({ attributes }: Call): number => attributes.float('epsilon', 1e-5);

const layer: Lowering = (call) => {
  const { tape, attributes, inputs } = call;
  const x = input(call, 0);
  const rank = tape.dims(x).length;
  const normal = normalise(tape, x, range(wrap(attributes.int('axis', -1), rank), rank), epsilonOf(call));
  const scaled = inputs[1] ? tape.mul(normal, inputs[1]) : normal;
  return [inputs[2] ? tape.add(scaled, inputs[2]) : scaled];
};

const instance: Lowering = (call) => {
  const { tape } = call;
  const x = input(call, 0);
  const rank = tape.dims(x).length;
  const normal = normalise(tape, x, range(2, rank), epsilonOf(call));
  return [tape.add(tape.mul(normal, perChannel(tape, input(call, 1), rank)), perChannel(tape, input(call, 2), rank))];
};

/** Scale and bias are given by group up to opset 20, by channel from 21 on. */
const group: Lowering = (call) => {
  const { tape, attributes, opset } = call;
  const x = input(call, 0);
  const dims = tape.dims(x);
  const groups = attributes.int('num_groups', 1);
  const grouped = [dims[0]!, groups, sizeOf(dims.slice(1)) / groups];
  const normal = normalise(tape, tape.reshape(x, grouped), [2], epsilonOf(call));
  const affine = (y: string, rank: number): string => tape.add(tape.mul(y, perChannel(tape, input(call, 1), rank)), perChannel(tape, input(call, 2), rank));
  return [opset < 21 ? tape.reshape(affine(normal, 3), dims) : affine(tape.reshape(normal, dims), dims.length)];
};

/** In evaluation mode: the running statistics are constants. */
const batch: Lowering = (call) => {
  const { tape, attributes } = call;
  if (attributes.int('training_mode', 0) === 1) return call.refuse('it is in training mode');
  const x = input(call, 0);
  const rank = tape.dims(x).length;
  const [mean, variance] = [constantAt(call, 3)!, constantAt(call, 4)!];
  const constant = (values: readonly number[]): string => perChannel(tape, tape.floats(values, [values.length]), rank);
  const normal = tape.mul(tape.sub(x, constant(mean)), constant(variance.map((value) => 1 / Math.sqrt(value + epsilonOf(call)))));
  const y = tape.add(tape.mul(normal, perChannel(tape, input(call, 1), rank)), perChannel(tape, input(call, 2), rank));
  return [tape.reshape(y, resultDims(call))];
};

export const normalisations: Readonly<Record<string, Lowering>> = {
  LayerNormalization: layer,
  InstanceNormalization: instance,
  GroupNormalization: group,
  BatchNormalization: batch,
};
