import { assert } from '../../base/assert.ts';
import type { DType, TensorData } from '../dtypes.ts';
import { isFloat } from '../dtypes.ts';

/*
 * Graphs in the making. What is put on a tape is a small set of operators in the form of ONNX's opset 17, with every
 * shape known, so that the rules for gradients (vjp.ts) see neither versions of operators nor open axes.
 */

/** The version of ONNX's operators in which both graphs are written. */
export const TAPE_OPSET = 17;

export interface Tensor {
  readonly dtype: DType;
  readonly dims: readonly number[];
}

/** A tensor whose elements are known before any run. */
export interface Constant extends Tensor {
  readonly data: TensorData;
}

/** One operator with one result. */
export interface Step {
  readonly op: string;
  /** Names; '' for an optional input that is left out. */
  readonly inputs: readonly string[];
  readonly output: string;
  readonly ints: Readonly<Record<string, number | readonly number[]>>;
  readonly floats: Readonly<Record<string, number>>;
}

interface StepOptions {
  readonly ints?: Step['ints'];
  readonly floats?: Step['floats'];
  readonly dtype?: DType;
}

export interface ConvAttributes {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Before each axis, then after each axis, as ONNX has them. */
  readonly pads: readonly number[];
  readonly group: number;
}

/** ONNX's numbers of the types that a Cast here may make. */
export const CAST_TO: Readonly<Partial<Record<DType, number>>> = { float32: 1, int32: 6, int64: 7, bool: 9 };

/** Elements of a constant that is looked for among those there are; longer ones are not worth the comparison. */
const SHORT = 64;

export const sizeOf = (dims: readonly number[]): number => dims.reduce((product, size) => product * size, 1);
export const range = (start: number, end: number): number[] => Array.from({ length: Math.max(0, end - start) }, (_, k) => start + k);
export const sameDims = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((size, k) => size === b[k]);

/** Tensors of the forward and the backward graph by name: they share it, since one reads what the other makes. */
export class Scope {
  readonly #tensors = new Map<string, Tensor>();
  readonly #constants = new Map<string, Constant>();
  readonly #shorts = new Map<string, string>();
  readonly #taken: Set<string>;
  #made = 0;

  /** @param taken names that are given away already */
  constructor(taken: Iterable<string>) {
    this.#taken = new Set(taken);
  }

  /** A name that nothing has. */
  fresh(stem: string): string {
    let name = stem;
    while (this.#taken.has(name)) name = `${stem}~${++this.#made}`;
    this.#taken.add(name);
    return name;
  }

  declare(name: string, tensor: Tensor): string {
    this.#tensors.set(name, tensor);
    return name;
  }

  tensor(name: string): Tensor {
    const found = this.#tensors.get(name);
    assert(found, `a shape for ${name}`);
    return found;
  }

  constant(value: Constant): string {
    const key = value.data.length <= SHORT ? `${value.dtype} ${value.dims.join()} ${Array.from(value.data, String).join()}` : null;
    const known = key === null ? undefined : this.#shorts.get(key);
    if (known !== undefined) return known;
    const name = this.fresh(`c${this.#constants.size}`);
    this.#constants.set(name, value);
    if (key !== null) this.#shorts.set(key, name);
    return this.declare(name, value);
  }

  constantOf(name: string): Constant | null {
    return this.#constants.get(name) ?? null;
  }
}

/** Steps in the order in which they run. Every method adds at most a few and gives the result's name. */
export class Tape {
  readonly steps: Step[] = [];
  readonly scope: Scope;
  readonly #prefix: string;

  constructor(scope: Scope, prefix: string) {
    this.scope = scope;
    this.#prefix = prefix;
  }

  dims(name: string): readonly number[] {
    return this.scope.tensor(name).dims;
  }

  /** Add a step whose result has the shape `dims` and, unless told otherwise, the first input's type. */
  op(op: string, inputs: readonly string[], dims: readonly number[], { ints = {}, floats = {}, dtype = this.scope.tensor(inputs[0]!).dtype }: StepOptions = {}): string {
    const output = this.scope.declare(this.scope.fresh(`${this.#prefix}${this.steps.length}`), { dtype, dims });
    this.steps.push({ op, inputs, output, ints, floats });
    return output;
  }

  floats(values: ArrayLike<number>, dims: readonly number[]): string {
    return this.scope.constant({ dtype: 'float32', dims, data: Float32Array.from(values) });
  }

  number(value: number): string {
    return this.floats([value], []);
  }

  /** A list of int64, as shapes, axes and pads are given. */
  longs(values: readonly number[]): string {
    return this.scope.constant({ dtype: 'int64', dims: [values.length], data: BigInt64Array.from(values.map(BigInt)) });
  }

  unary(op: string, x: string, floats: Step['floats'] = {}): string {
    return this.op(op, [x], this.dims(x), { floats });
  }

  /** Element by element with broadcasting, comparisons among them. */
  binary(op: string, a: string, b: string, dtype?: DType): string {
    return this.op(op, [a, b], broadcast(this.dims(a), this.dims(b)), dtype ? { dtype } : {});
  }

  add(a: string, b: string): string {
    return this.binary('Add', a, b);
  }
  sub(a: string, b: string): string {
    return this.binary('Sub', a, b);
  }
  mul(a: string, b: string): string {
    return this.binary('Mul', a, b);
  }
  div(a: string, b: string): string {
    return this.binary('Div', a, b);
  }
  neg(x: string): string {
    return this.unary('Neg', x);
  }
  scale(x: string, factor: number): string {
    return factor === 1 ? x : this.mul(x, this.number(factor));
  }

  where(condition: string, a: string, b: string): string {
    const dims = broadcast(this.dims(condition), broadcast(this.dims(a), this.dims(b)));
    return this.op('Where', [condition, a, b], dims, { dtype: this.scope.tensor(a).dtype });
  }

  cast(x: string, dtype: DType): string {
    const to = CAST_TO[dtype];
    assert(to !== undefined, `a cast to ${dtype}`);
    return this.scope.tensor(x).dtype === dtype ? x : this.op('Cast', [x], this.dims(x), { ints: { to }, dtype });
  }

  reshape(x: string, dims: readonly number[]): string {
    assert(sizeOf(dims) === sizeOf(this.dims(x)), `(${this.dims(x).join()}) as (${dims.join()})`);
    return sameDims(dims, this.dims(x)) ? x : this.op('Reshape', [x, this.longs(dims)], dims);
  }

  transpose(x: string, perm: readonly number[]): string {
    if (perm.every((axis, k) => axis === k)) return x;
    return this.op('Transpose', [x], perm.map((axis) => this.dims(x)[axis]!), { ints: { perm } });
  }

  /** The last two axes exchanged. */
  swap(x: string): string {
    const rank = this.dims(x).length;
    return this.transpose(x, [...range(0, rank - 2), rank - 1, rank - 2]);
  }

  expand(x: string, dims: readonly number[]): string {
    return sameDims(dims, this.dims(x)) ? x : this.op('Expand', [x, this.longs(dims)], dims);
  }

  /** Sum, mean or maximum over axes, which stay with size 1. */
  reduce(op: 'ReduceSum' | 'ReduceMean' | 'ReduceMax', x: string, axes: readonly number[]): string {
    if (axes.length === 0) return x;
    const dims = this.dims(x).map((size, k) => (axes.includes(k) ? 1 : size));
    // In opset 17 only ReduceSum takes its axes as an input.
    return op === 'ReduceSum' ? this.op(op, [x, this.longs(axes)], dims, { ints: { keepdims: 1 } }) : this.op(op, [x], dims, { ints: { axes, keepdims: 1 } });
  }

  /** A gradient of a broadcast result, summed to the shape that one operand had. */
  unbroadcast(gradient: string, dims: readonly number[]): string {
    const from = this.dims(gradient);
    const missing = from.length - dims.length;
    const axes = range(0, from.length).filter((k) => k < missing || (dims[k - missing] === 1 && from[k] !== 1));
    return this.reshape(this.reduce('ReduceSum', gradient, axes), dims);
  }

  /** Elements [start, end) of every axis, by steps. */
  crop(x: string, starts: readonly number[], ends: readonly number[], steps: readonly number[] = starts.map(() => 1)): string {
    const dims = this.dims(x);
    const axes = range(0, dims.length).filter((k) => starts[k] !== 0 || ends[k] !== dims[k] || steps[k] !== 1);
    if (axes.length === 0) return x;
    const pick = (values: readonly number[]): string => this.longs(axes.map((k) => values[k]!));
    const result = dims.map((_, k) => Math.max(0, Math.ceil((ends[k]! - starts[k]!) / steps[k]!)));
    return this.op('Slice', [x, pick(starts), pick(ends), this.longs(axes), pick(steps)], result);
  }

  /** `count` elements of one axis from `start` on, by `step`. */
  slice(x: string, axis: number, start: number, count: number, step = 1): string {
    const dims = this.dims(x);
    const at = <T>(value: T, others: readonly T[]): T[] => others.map((other, k) => (k === axis ? value : other));
    return this.crop(x, at(start, dims.map(() => 0)), at(start + (count - 1) * step + 1, dims), at(step, dims.map(() => 1)));
  }

  /** Zeros, or another number, around a tensor. */
  pad(x: string, before: readonly number[], after: readonly number[], value = 0): string {
    if ([...before, ...after].every((size) => size === 0)) return x;
    const dims = this.dims(x).map((size, k) => size + before[k]! + after[k]!);
    return this.op('Pad', [x, this.longs([...before, ...after]), this.number(value)], dims);
  }

  concat(parts: readonly string[], axis: number): string {
    if (parts.length === 1) return parts[0]!;
    const total = parts.reduce((sum, part) => sum + this.dims(part)[axis]!, 0);
    return this.op('Concat', parts, this.dims(parts[0]!).map((size, k) => (k === axis ? total : size)), { ints: { axis } });
  }

  /** Elements of one axis by their index; indices are known. */
  gather(x: string, axis: number, indices: readonly number[]): string {
    return this.op('Gather', [x, this.longs(indices)], this.dims(x).map((size, k) => (k === axis ? indices.length : size)), { ints: { axis } });
  }

  /** Matrix product of the last two axes; those before are broadcast. */
  matmul(a: string, b: string): string {
    const [left, right] = [this.dims(a), this.dims(b)];
    return this.op('MatMul', [a, b], [...broadcast(left.slice(0, -2), right.slice(0, -2)), left.at(-2)!, right.at(-1)!]);
  }

  /** α·op(a)·op(b) + β·c with op the transposition where asked for. */
  gemm(a: string, b: string, c: string | null, { transA = 0, transB = 0, alpha = 1, beta = 1 }: { transA?: number; transB?: number; alpha?: number; beta?: number } = {}): string {
    const dims = [this.dims(a)[transA]!, this.dims(b)[1 - transB]!];
    return this.op('Gemm', c === null ? [a, b] : [a, b, c], dims, { ints: { transA, transB }, floats: { alpha, beta } });
  }

  /** x (N, C, H, W) with w (O, C/group, kh, kw). */
  conv(x: string, w: string, bias: string | null, { strides, dilations, pads, group }: ConvAttributes): string {
    const [size, kernel] = [this.dims(x).slice(2), this.dims(w).slice(2)];
    const out = size.map((length, k) => Math.floor((length + pads[k]! + pads[k + size.length]! - ((kernel[k]! - 1) * dilations[k]! + 1)) / strides[k]!) + 1);
    return this.op('Conv', bias === null ? [x, w] : [x, w, bias], [this.dims(x)[0]!, this.dims(w)[0]!, ...out], { ints: { strides, dilations, pads, group, kernel_shape: kernel } });
  }
}

/** The shape that two shapes have together, aligned at their last axes. */
export function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, k) => {
    const [left, right] = [a[k - rank + a.length] ?? 1, b[k - rank + b.length] ?? 1];
    assert(left === right || left === 1 || right === 1, `(${a.join()}) with (${b.join()})`);
    return left === 1 ? right : left;
  });
}

/** The type that a tensor of an encoder has in the two graphs: they compute in float32 whatever kind of float it has. */
export function computedAs(dtype: DType): DType {
  return isFloat(dtype) ? 'float32' : dtype;
}
