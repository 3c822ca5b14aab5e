import { assert } from '../../base/assert.ts';
import { toNumbers } from '../dtypes.ts';
import type { Step, Tape } from './tape.ts';
import { range, sizeOf } from './tape.ts';
import { convGradients } from './vjp-conv.ts';

/*
 * The gradient of every operator that a tape may hold: with L the loss, y = f(x₀, x₁, …) and dy = ∂L/∂y, a rule makes
 * dx_k = dy · ∂y/∂x_k out of dy, the inputs and y itself.
 */

/** A step to be differentiated. */
export interface Reverse {
  /** Where the gradient's steps go. What they read of the forward tape is saved for them. */
  readonly tape: Tape;
  /** Where something more may be computed for later use, as long as it is cheap. */
  readonly forward: Tape;
  readonly step: Step;
  /** dy; of the shape of y. */
  readonly dy: string;
  /** Which inputs' gradients are wanted. */
  readonly needs: readonly boolean[];
}

/** Gradients of the inputs, in their order; null where none is wanted. */
export type Rule = (reverse: Reverse) => readonly (string | null)[];

/** A rule for one input: dx from dy, x and y. */
const one = (gradient: (tape: Tape, dy: string, x: string, y: string, step: Step) => string): Rule => ({ tape, step, dy }) => [gradient(tape, dy, step.inputs[0]!, step.output, step)];

/** A rule for two inputs that are broadcast together; each part is asked for only where it is wanted. */
const two =
  (first: (tape: Tape, dy: string, a: string, b: string, y: string) => string, second: typeof first): Rule =>
  ({ tape, step: { inputs, output }, dy, needs }) => {
    const [a, b] = [inputs[0]!, inputs[1]!];
    return [needs[0] ? tape.unbroadcast(first(tape, dy, a, b, output), tape.dims(a)) : null, needs[1] ? tape.unbroadcast(second(tape, dy, a, b, output), tape.dims(b)) : null];
  };

/** dy where the condition holds, else 0. */
const where = (tape: Tape, condition: string, dy: string): string => tape.where(condition, dy, tape.number(0));
const unless = (tape: Tape, condition: string, dy: string): string => tape.where(condition, tape.number(0), dy);
const above = (tape: Tape, x: string, bound = 0): string => tape.binary('Greater', x, tape.number(bound), 'bool');
const below = (tape: Tape, x: string, bound = 0): string => tape.binary('Less', x, tape.number(bound), 'bool');

const passOn: Rule = one((_, dy) => dy);

/** d(x^p) = p·x^(p−1) dx + x^p·ln x dp, the latter 0 where x is not positive. */
const power = two(
  (tape, dy, x, p) => tape.mul(dy, tape.mul(p, tape.binary('Pow', x, lowered(tape, p)))),
  (tape, dy, x, _, y) => where(tape, above(tape, tape.expand(x, tape.dims(y))), tape.mul(dy, tape.mul(y, tape.unary('Log', tape.binary('Max', x, tape.number(1e-37)))))),
);

/** p − 1, at once where p is a constant. */
function lowered(tape: Tape, p: string): string {
  const constant = tape.scope.constantOf(p);
  return constant ? tape.floats(toNumbers(constant.dtype, constant.data).map((value) => value - 1), constant.dims) : tape.sub(p, tape.number(1));
}

/** The larger (or smaller) input takes it all; of equals the first. */
const extremum = (comparison: 'GreaterOrEqual' | 'LessOrEqual'): Rule =>
  two(
    (tape, dy, a, b) => where(tape, tape.binary(comparison, a, b, 'bool'), dy),
    (tape, dy, a, b) => unless(tape, tape.binary(comparison, a, b, 'bool'), dy),
  );

const reducedAxes = (tape: Tape, x: string, y: string): number[] => range(0, tape.dims(x).length).filter((k) => tape.dims(x)[k] !== tape.dims(y)[k]);

const softmax = one((tape, dy, _, y, { ints }) => tape.mul(y, tape.sub(dy, tape.reduce('ReduceSum', tape.mul(dy, y), [ints['axis'] as number]))));

/** With C = A·B: dA = dC·Bᵀ, dB = Aᵀ·dC, summed over axes that were broadcast. */
const matmul: Rule = ({ tape, step: { inputs }, dy, needs }) => {
  const [a, b] = [inputs[0]!, inputs[1]!];
  const [left, right] = [tape.dims(a), tape.dims(b)];
  const da = needs[0] ? tape.unbroadcast(tape.matmul(dy, tape.swap(b)), left) : null;
  if (!needs[1]) return [da];
  // One product over all rows instead of one a matrix and a sum.
  if (right.length === 2) return [da, tape.matmul(tape.swap(rows(tape, a)), rows(tape, dy))];
  return [da, tape.unbroadcast(tape.matmul(tape.swap(a), dy), right)];
};

function rows(tape: Tape, x: string): string {
  const dims = tape.dims(x);
  const width = dims.at(-1)!;
  return tape.reshape(x, [sizeOf(dims) / width, width]);
}

const gemm: Rule = ({ tape, step, dy, needs }) => {
  const [a, b, c] = step.inputs;
  const [transA, transB] = [step.ints['transA'] as number, step.ints['transB'] as number];
  const { alpha, beta } = { alpha: step.floats['alpha'] ?? 1, beta: step.floats['beta'] ?? 1 };
  const da = (): string => (transA ? tape.gemm(b!, dy, null, { transA: transB, transB: 1, alpha }) : tape.gemm(dy, b!, null, { transB: 1 - transB, alpha }));
  const db = (): string => (transB ? tape.gemm(dy, a!, null, { transA: 1, transB: transA, alpha }) : tape.gemm(a!, dy, null, { transA: 1 - transA, alpha }));
  return [needs[0] ? da() : null, needs[1] ? db() : null, c && needs[2] ? tape.scale(tape.unbroadcast(dy, tape.dims(c)), beta) : null];
};

const concat: Rule = ({ tape, step: { inputs, ints }, dy }) => {
  const axis = ints['axis'] as number;
  let start = 0;
  return inputs.map((name) => {
    const size = tape.dims(name)[axis]!;
    start += size;
    return tape.slice(dy, axis, start - size, size);
  });
};

/** Zeros around what was cut off and, for steps, between the elements: each is made a row of `step` that begins with it. */
const slice: Rule = ({ tape, step: { inputs }, dy }) => {
  const dims = tape.dims(inputs[0]!);
  const [starts, steps] = [dims.map(() => 0), dims.map(() => 1)];
  const list = (k: number): number[] => constants(tape, inputs[k]!);
  for (const [k, axis] of list(3).entries()) [starts[axis], steps[axis]] = [list(1)[k]!, list(4)[k]!];
  let spread = dy;
  const taken = tape.dims(dy);
  if (steps.some((step) => step > 1)) {
    const apart = tape.reshape(dy, taken.flatMap((size) => [size, 1]));
    const filled = tape.pad(apart, taken.flatMap(() => [0, 0]), steps.flatMap((step) => [0, step - 1]));
    const wide = tape.reshape(filled, taken.map((size, k) => size * steps[k]!));
    // The last row may run over the end.
    spread = tape.crop(wide, starts.map(() => 0), tape.dims(wide).map((size, k) => Math.min(size, dims[k]! - starts[k]!)));
  }
  return [tape.pad(spread, starts, dims.map((size, k) => size - starts[k]! - tape.dims(spread)[k]!))];
};

const pad: Rule = ({ tape, step: { inputs }, dy }) => {
  const before = constants(tape, inputs[1]!);
  const dims = tape.dims(inputs[0]!);
  return [tape.crop(dy, before.slice(0, dims.length), dims.map((size, k) => size + before[k]!))];
};

/**
 * What several results took from one element adds up: a product with the matrix whose entry (i, k) is 1 where result k
 * came from element i. A scatter would need atomic float additions, which WGSL has not.
 */
const gather: Rule = ({ tape, step: { inputs, ints }, dy }) => {
  const dims = tape.dims(inputs[0]!);
  const axis = ints['axis'] as number;
  const indices = constants(tape, inputs[1]!);
  const size = dims[axis]!;
  const matrix = new Float32Array(size * indices.length);
  for (const [k, index] of indices.entries()) matrix[index * indices.length + k] = 1;
  const parts = tape.reshape(dy, [sizeOf(dims.slice(0, axis)), indices.length, sizeOf(dims.slice(axis + 1))]);
  return [tape.reshape(tape.matmul(tape.floats(matrix, [size, indices.length]), parts), dims)];
};

/** The condition is turned into factors where it is known, so that a buffer of float32 is saved and none of bool. */
const select: Rule = ({ tape, forward, step: { inputs }, dy, needs }) => {
  const [condition, a, b] = [inputs[0]!, inputs[1]!, inputs[2]!];
  const mask = forward.cast(condition, 'float32');
  const taken = tape.mul(dy, mask);
  return [null, needs[1] ? tape.unbroadcast(taken, tape.dims(a)) : null, needs[2] ? tape.unbroadcast(tape.sub(dy, taken), tape.dims(b)) : null];
};

function constants(tape: Tape, name: string): number[] {
  const found = tape.scope.constantOf(name);
  assert(found, `${name} is a constant`);
  return [...toNumbers(found.dtype, found.data)];
}

const inverse = (perm: readonly number[]): number[] => range(0, perm.length).map((axis) => perm.indexOf(axis));

const RULES: Readonly<Record<string, Rule>> = {
  Add: two((_, dy) => dy, (_, dy) => dy),
  Sub: two((_, dy) => dy, (tape, dy) => tape.neg(dy)),
  Mul: two((tape, dy, _, b) => tape.mul(dy, b), (tape, dy, a) => tape.mul(dy, a)),
  Div: two((tape, dy, _, b) => tape.div(dy, b), (tape, dy, _, b, y) => tape.neg(tape.div(tape.mul(dy, y), b))),
  Pow: power,
  Max: extremum('GreaterOrEqual'),
  Min: extremum('LessOrEqual'),
  Neg: one((tape, dy) => tape.neg(dy)),
  Abs: one((tape, dy, x) => tape.where(above(tape, x), dy, where(tape, below(tape, x), tape.neg(dy)))),
  Sqrt: one((tape, dy, _, y) => tape.div(tape.scale(dy, 0.5), y)),
  Exp: one((tape, dy, _, y) => tape.mul(dy, y)),
  Log: one((tape, dy, x) => tape.div(dy, x)),
  Erf: one((tape, dy, x) => tape.mul(dy, tape.scale(tape.unary('Exp', tape.neg(tape.mul(x, x))), 2 / Math.sqrt(Math.PI)))),
  Relu: one((tape, dy, _, y) => where(tape, above(tape, y), dy)),
  LeakyRelu: one((tape, dy, x, _, { floats }) => tape.where(above(tape, x), dy, tape.scale(dy, floats['alpha']!))),
  // Below zero y = α(eˣ − 1), so its slope αeˣ is y + α.
  Elu: one((tape, dy, x, y, { floats }) => tape.where(above(tape, x), dy, tape.mul(dy, tape.add(y, tape.number(floats['alpha']!))))),
  Tanh: one((tape, dy, _, y) => tape.mul(dy, tape.sub(tape.number(1), tape.mul(y, y)))),
  Sigmoid: one((tape, dy, _, y) => tape.mul(dy, tape.mul(y, tape.sub(tape.number(1), y)))),
  Softplus: one((tape, dy, x) => tape.mul(dy, tape.unary('Sigmoid', x))),
  Clip: one((tape, dy, x, _, { inputs }) => unless(tape, below(tape, x, constants(tape, inputs[1]!)[0]), unless(tape, above(tape, x, constants(tape, inputs[2]!)[0]), dy))),
  Softmax: softmax,
  MatMul: matmul,
  Gemm: gemm,
  Conv: convGradients,
  ReduceSum: one((tape, dy, x) => tape.expand(dy, tape.dims(x))),
  ReduceMean: one((tape, dy, x, y) => tape.expand(tape.scale(dy, sizeOf(tape.dims(y)) / sizeOf(tape.dims(x))), tape.dims(x))),
  // Equal maxima share, as in torch's amax.
  ReduceMax: one((tape, dy, x, y) => {
    const tops = tape.cast(tape.binary('Equal', x, y, 'bool'), 'float32');
    return tape.mul(tops, tape.div(dy, tape.reduce('ReduceSum', tops, reducedAxes(tape, x, y))));
  }),
  Reshape: one((tape, dy, x) => tape.reshape(dy, tape.dims(x))),
  Transpose: one((tape, dy, _, __, { ints }) => tape.transpose(dy, inverse(ints['perm'] as readonly number[]))),
  Expand: one((tape, dy, x) => tape.unbroadcast(dy, tape.dims(x))),
  Concat: concat,
  Slice: slice,
  Pad: pad,
  Gather: gather,
  Where: select,
  Identity: passOn,
};

/** The gradients of a step's inputs. */
export function reverse(call: Reverse): readonly (string | null)[] {
  const rule = Object.hasOwn(RULES, call.step.op) ? RULES[call.step.op] : undefined;
  assert(rule, `a gradient for ${call.step.op}`);
  return rule(call);
}
