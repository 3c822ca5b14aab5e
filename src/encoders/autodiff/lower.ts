import { isFloat, typeOf } from '../dtypes.ts';
import type { Call, Lowering } from './call.ts';
import { axesOf, constantAt, input, rankAt, resultDims, wrap } from './call.ts';
import { normalisations } from './lower-norms.ts';
import { windows } from './lower-windows.ts';
import { CAST_TO, computedAs, range, sizeOf } from './tape.ts';
import type { Tape } from './tape.ts';

/*
 * Every operator of a file as steps on a tape: versions of ONNX brought together, composites written out. What comes out
 * has a gradient (vjp.ts) and is an operator that ONNX Runtime has on the GPU.
 */

const alias: Lowering = (call) => [input(call, 0)];
const reshape: Lowering = (call) => [call.tape.reshape(input(call, 0), resultDims(call))];
const unary: Lowering = (call) => [call.tape.unary(call.node.op, input(call, 0))];
const binary: Lowering = (call) => [call.tape.binary(call.node.op, input(call, 0), input(call, 1))];
const comparison: Lowering = (call) => [call.tape.binary(call.node.op, input(call, 0), input(call, 1), 'bool')];

/** An activation with a slope, α, of this default. */
const withAlpha = (fallback: number): Lowering => (call) => [call.tape.unary(call.node.op, input(call, 0), { alpha: call.attributes.float('alpha', fallback) })];

/** Max and Min take any number of inputs; two at a time do the same. */
const many: Lowering = ({ tape, node, inputs }) => [inputs.filter((name) => name !== null).reduce((all, next) => tape.binary(node.op, all, next))];

const reduction: Lowering = (call) => {
  const { tape, attributes, node } = call;
  const x = input(call, 0);
  const axes = axesOf(call, 1) ?? [];
  if (axes.length === 0 && attributes.int('noop_with_empty_axes', 0) === 1) return [x];
  const reduced = tape.reduce(node.op as 'ReduceSum' | 'ReduceMean' | 'ReduceMax', x, axes.length === 0 ? range(0, tape.dims(x).length) : axes);
  return [tape.reshape(reduced, resultDims(call))];
};

/** Powers that have an operator of their own are cheaper there, and negative bases are safe. */
const raise: Lowering = (call) => {
  const { tape } = call;
  const [x, exponent] = [input(call, 0), input(call, 1)];
  const values = tape.scope.constantOf(exponent) ? constantAt(call, 1)! : [];
  if (values.length !== 1 || tape.dims(exponent).length > tape.dims(x).length) return [tape.binary('Pow', x, tape.cast(exponent, tape.scope.tensor(x).dtype))];
  const [power] = values as [number];
  switch (power) {
    case 1:
      return [x];
    case 2:
      return [tape.mul(x, x)];
    case 3:
      return [tape.mul(tape.mul(x, x), x)];
    case 0.5:
      return [tape.unary('Sqrt', x)];
    default:
      return [tape.binary('Pow', x, tape.number(power))];
  }
};

const cast: Lowering = (call) => {
  const { tape, attributes } = call;
  const x = input(call, 0);
  const to = typeOf(attributes.int('to', 1))?.dtype ?? call.refuse('it makes a type that is not supported here');
  // Between kinds of floats there is nothing to do: all are computed in float32.
  if (isFloat(to) && tape.scope.tensor(x).dtype === 'float32') return [x];
  if (CAST_TO[computedAs(to)] === undefined) return call.refuse(`it makes ${to}`);
  return [tape.cast(x, computedAs(to))];
};

/** x·Φ(x), Φ by erf or by a tanh. */
const gelu: Lowering = (call) => {
  const { tape, attributes } = call;
  const x = input(call, 0);
  const half = tape.scale(x, 0.5);
  const inner =
    attributes.text('approximate', 'none') === 'tanh'
      ? tape.unary('Tanh', tape.scale(tape.add(x, tape.scale(tape.mul(tape.mul(x, x), x), 0.044715)), Math.sqrt(2 / Math.PI)))
      : tape.unary('Erf', tape.scale(x, Math.SQRT1_2));
  return [tape.mul(half, tape.add(inner, tape.number(1)))];
};

/** x·max(0, min(1, x/6 + ½)) */
const hardSwish: Lowering = (call) => {
  const { tape } = call;
  const x = input(call, 0);
  const gate = tape.op('Clip', [tape.add(tape.scale(x, 1 / 6), tape.number(0.5)), tape.number(0), tape.number(1)], tape.dims(x));
  return [tape.mul(x, gate)];
};

const clip: Lowering = (call) => {
  const { tape, attributes } = call;
  const x = input(call, 0);
  const bound = (slot: number, name: string): number | null => constantAt(call, slot)?.[0] ?? (attributes.has(name) ? attributes.float(name, 0) : null);
  const [low, high] = [bound(1, 'min'), bound(2, 'max')];
  if (low === null && high === null) return [x];
  if (tape.scope.tensor(x).dtype !== 'float32') return call.refuse('it works on integers');
  const top = 3.4028234663852886e38;
  return [tape.op('Clip', [x, tape.number(Math.max(low ?? -top, -top)), tape.number(Math.min(high ?? top, top))], tape.dims(x))];
};

/** Before opset 13 a Softmax normalised everything from its axis on. */
const softmax: Lowering = (call) => {
  const { tape, attributes, opset } = call;
  const x = input(call, 0);
  const dims = tape.dims(x);
  const axis = wrap(attributes.int('axis', opset < 13 ? 1 : -1), dims.length);
  if (opset >= 13) return [tape.op('Softmax', [x], dims, { ints: { axis } })];
  const flat = tape.reshape(x, [sizeOf(dims.slice(0, axis)), sizeOf(dims.slice(axis))]);
  return [tape.reshape(tape.op('Softmax', [flat], tape.dims(flat), { ints: { axis: 1 } }), dims)];
};

/** Vectors become matrices of one row or column for the product. */
const matmul: Lowering = (call) => {
  const { tape } = call;
  const [a, b] = [input(call, 0), input(call, 1)];
  const [left, right] = [tape.dims(a), tape.dims(b)];
  const product = tape.matmul(left.length === 1 ? tape.reshape(a, [1, left[0]!]) : a, right.length === 1 ? tape.reshape(b, [right[0]!, 1]) : b);
  return [tape.reshape(product, resultDims(call))];
};

const gemm: Lowering = (call) => {
  const { tape, attributes, inputs } = call;
  return [tape.gemm(input(call, 0), input(call, 1), inputs[2] ?? null, { transA: attributes.int('transA', 0), transB: attributes.int('transB', 0), alpha: attributes.float('alpha', 1), beta: attributes.float('beta', 1) })];
};

const transpose: Lowering = (call) => [call.tape.transpose(input(call, 0), call.attributes.ints('perm') ?? range(0, rankAt(call, 0)).toReversed())];

const concat: Lowering = (call) => {
  const parts = call.inputs.filter((name) => name !== null);
  return [call.tape.concat(parts, wrap(call.attributes.int('axis', 1), call.tape.dims(parts[0]!).length))];
};

const split: Lowering = (call) => {
  const { tape, attributes, results } = call;
  const x = input(call, 0);
  const axis = wrap(attributes.int('axis', 0), tape.dims(x).length);
  let start = 0;
  return results.map((result) => {
    if (!result) return call.refuse('a part of it has no name');
    start += result.dims[axis]!;
    return tape.slice(x, axis, start - result.dims[axis]!, result.dims[axis]!);
  });
};

const slice: Lowering = (call) => {
  const { tape, attributes } = call;
  const x = input(call, 0);
  const dims = tape.dims(x);
  const starts = constantAt(call, 1) ?? attributes.ints('starts') ?? [];
  const ends = constantAt(call, 2) ?? attributes.ints('ends') ?? [];
  const axes = (constantAt(call, 3) ?? attributes.ints('axes') ?? range(0, starts.length)).map((axis) => wrap(axis, dims.length));
  const steps = constantAt(call, 4) ?? axes.map(() => 1);
  let y = x;
  for (const [k, axis] of axes.entries()) {
    const [size, step] = [dims[axis]!, steps[k]!];
    const count = resultDims(call)[axis]!;
    // Backwards, the first element may be the last there is; forwards, one past the end is an empty slice.
    const first = Math.min(Math.max(wrap(starts[k]!, size), 0), step < 0 ? size - 1 : size);
    if (count === 0 || ends[k] === undefined) return call.refuse('its result is empty');
    y = step < 0 ? pick(tape, y, axis, range(0, count).map((n) => first + n * step)) : tape.slice(y, axis, first, count, step);
  }
  return [y];
};

const pad: Lowering = (call) => {
  const { tape, attributes } = call;
  const x = input(call, 0);
  const rank = tape.dims(x).length;
  const pads = constantAt(call, 1) ?? attributes.ints('pads') ?? [];
  const axes = constantAt(call, 3)?.map((axis) => wrap(axis, rank)) ?? range(0, rank);
  const before = range(0, rank).map((axis) => (axes.includes(axis) ? pads[axes.indexOf(axis)]! : 0));
  const after = range(0, rank).map((axis) => (axes.includes(axis) ? pads[axes.length + axes.indexOf(axis)]! : 0));
  const mode = attributes.text('mode', 'constant');
  if (mode === 'constant') {
    const cut = (sizes: readonly number[]): number[] => sizes.map((size) => Math.max(0, -size));
    const kept = tape.crop(x, cut(before), tape.dims(x).map((size, k) => size - cut(after)[k]!));
    return [tape.pad(kept, before.map((size) => Math.max(0, size)), after.map((size) => Math.max(0, size)), constantAt(call, 2)?.[0] ?? attributes.float('value', 0))];
  }
  return [range(0, rank).reduce((y, axis) => padByCopies(tape, y, axis, before[axis]!, after[axis]!, mode, call), x)];
};

/** Padding with elements of the tensor itself picks them by their index. */
function padByCopies(tape: Tape, x: string, axis: number, before: number, after: number, mode: string, { refuse }: Call): string {
  const size = tape.dims(x)[axis]!;
  const source = (k: number): number => {
    if (mode === 'edge') return Math.min(Math.max(k, 0), size - 1);
    if (mode === 'wrap') return ((k % size) + size) % size;
    if (mode !== 'reflect') return refuse(`its mode is ${mode}`);
    const period = Math.max(1, 2 * (size - 1));
    const place = ((k % period) + period) % period;
    return place < size ? place : period - place;
  };
  return before === 0 && after === 0 ? x : pick(tape, x, axis, range(-before, size + after).map(source));
}

/** Indices with a constant step forwards are a slice, whose gradient is cheaper. */
function pick(tape: Tape, x: string, axis: number, indices: readonly number[]): string {
  const step = indices.length > 1 ? indices[1]! - indices[0]! : 1;
  const regular = step > 0 && indices.every((index, k) => index === indices[0]! + k * step);
  return regular ? tape.slice(x, axis, indices[0]!, indices.length, step) : tape.gather(x, axis, indices);
}

const gather: Lowering = (call) => {
  const { tape, attributes } = call;
  const x = input(call, 0);
  const axis = wrap(attributes.int('axis', 0), tape.dims(x).length);
  const indices = constantAt(call, 1) ?? call.refuse('its indices are missing');
  if (indices.length === 0) return call.refuse('its result is empty');
  return [tape.reshape(pick(tape, x, axis, indices.map((index) => wrap(index, tape.dims(x)[axis]!))), resultDims(call))];
};

const dropout: Lowering = (call) => ((constantAt(call, 2)?.[0] ?? 0) === 0 ? alias(call) : call.refuse('it is in training mode'));

const LOWERINGS: Readonly<Record<string, Lowering>> = {
  ...fill(unary, 'Neg Abs Sqrt Exp Log Erf Relu Tanh Sigmoid Softplus Not'),
  ...fill(binary, 'Add Sub Mul Div And Or Xor'),
  ...fill(comparison, 'Equal Greater GreaterOrEqual Less LessOrEqual'),
  ...fill(reduction, 'ReduceSum ReduceMean ReduceMax'),
  ...fill(reshape, 'Reshape Flatten Squeeze Unsqueeze'),
  ...fill(many, 'Max Min'),
  ...normalisations,
  ...windows,
  LeakyRelu: withAlpha(0.01),
  Elu: withAlpha(1),
  Pow: raise,
  Gelu: gelu,
  HardSwish: hardSwish,
  Clip: clip,
  Softmax: softmax,
  MatMul: matmul,
  Gemm: gemm,
  Identity: alias,
  Dropout: dropout,
  Cast: cast,
  Transpose: transpose,
  Expand: (call) => [call.tape.expand(input(call, 0), resultDims(call))],
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
  Gather: gather,
  Where: (call) => [call.tape.where(input(call, 0), input(call, 1), input(call, 2))],
};

function fill(lowering: Lowering, names: string): Record<string, Lowering> {
  return Object.fromEntries(names.split(' ').map((name) => [name, lowering]));
}

/** Put a node of a file on its tape. */
export function lower(call: Call): readonly string[] {
  const lowering = Object.hasOwn(LOWERINGS, call.node.op) ? LOWERINGS[call.node.op] : undefined;
  return lowering ? lowering(call) : call.refuse('nothing is known of it');
}
