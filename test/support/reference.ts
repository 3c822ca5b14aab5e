import { fromBinary } from '@bufbuild/protobuf';
import type { NodeProto, TensorProto } from 'onnx-buf';
import { ModelProtoSchema } from 'onnx-buf';

/*
 * A reference in float64 for the graphs that autodiff writes: finite differences of it are exact to ten digits, which
 * those of a float32 runtime are not. It knows the few operators that a forward graph may hold, each as ONNX defines it.
 */

/** A tensor, row-major. */
export interface Values {
  readonly dims: readonly number[];
  readonly data: Float64Array;
}

const size = (dims: readonly number[]): number => dims.reduce((product, axis) => product * axis, 1);

/** Run a graph on float64 values; gives everything that it computes. */
export function runReference(model: Uint8Array, feeds: ReadonlyMap<string, Values>): Map<string, Values> {
  const graph = fromBinary(ModelProtoSchema, model).graph!;
  const known = new Map<string, Values>([...feeds, ...graph.initializer.map((tensor) => [tensor.name, constant(tensor)] as const)]);
  for (const node of graph.node) {
    const rule = RULES[node.opType];
    if (!rule) throw new Error(`the reference does not know ${node.opType}`);
    known.set(node.output[0]!, rule(node.input.map((name) => known.get(name)!), attributes(node)));
  }
  return known;
}

interface Given {
  readonly ints: (name: string) => number[];
  readonly int: (name: string) => number;
  readonly float: (name: string) => number;
}
type Rule = (inputs: readonly Values[], given: Given) => Values;

function attributes({ attribute }: NodeProto): Given {
  const at = (name: string) => attribute.find((entry) => entry.name === name)!;
  return { ints: (name) => at(name).ints.map(Number), int: (name) => Number(at(name).i), float: (name) => at(name).f };
}

function constant({ dims, dataType, rawData }: TensorProto): Values {
  const { buffer } = new Uint8Array(rawData);
  const data = dataType === 7 ? Float64Array.from(new BigInt64Array(buffer), Number) : dataType === 9 ? Float64Array.from(new Uint8Array(buffer)) : Float64Array.from(new Float32Array(buffer));
  return { dims: dims.map(Number), data };
}

/** Fill a tensor by the indices of its elements. */
function make(dims: readonly number[], element: (at: number[]) => number): Values {
  const data = new Float64Array(size(dims));
  const at = dims.map(() => 0);
  for (let k = 0; k < data.length; k++) {
    data[k] = element(at);
    for (let axis = dims.length - 1; axis >= 0 && ++at[axis]! === dims[axis]; axis--) at[axis] = 0;
  }
  return { dims, data };
}

/** The element at some indices; aligned at the last axis, and axes of size 1 take any index. */
function get({ dims, data }: Values, at: readonly number[]): number {
  let place = 0;
  for (const [k, axis] of dims.entries()) place = place * axis + (axis === 1 ? 0 : at[at.length - dims.length + k]!);
  return data[place]!;
}

function together(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map(({ length }) => length));
  return Array.from({ length: rank }, (_, k) => Math.max(...shapes.map((dims) => dims[k - rank + dims.length] ?? 1)));
}

const each = (compute: (x: number, given: Given) => number): Rule => ([x], given) => ({ dims: x!.dims, data: x!.data.map((value) => compute(value, given)) });
const pairs = (compute: (a: number, b: number) => number): Rule => ([a, b]) => make(together(a!.dims, b!.dims), (at) => compute(get(a!, at), get(b!, at)));

/** erf by its Taylor series, and by the continued fraction of erfc where that is long. */
function erf(x: number): number {
  if (Math.abs(x) > 3) {
    let fraction = 0;
    for (let k = 60; k > 0; k--) fraction = k / 2 / (Math.abs(x) + fraction);
    return Math.sign(x) * (1 - Math.exp(-x * x) / (Math.sqrt(Math.PI) * (Math.abs(x) + fraction)));
  }
  let term = x;
  let sum = x;
  for (let k = 1; k < 60; k++) {
    term *= -(x * x) / k;
    sum += term / (2 * k + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

function reduced(x: Values, axes: readonly number[], fold: (all: number, next: number) => number, start: number, divide = false): Values {
  const dims = x.dims.map((axis, k) => (axes.includes(k) ? 1 : axis));
  const out = make(dims, () => start);
  make(x.dims, (at) => {
    const place = dims.reduce((sum, axis, k) => sum * axis + (axis === 1 ? 0 : at[k]!), 0);
    out.data[place] = fold(out.data[place]!, get(x, at));
    return 0;
  });
  const count = divide ? x.data.length / out.data.length : 1;
  return { dims, data: out.data.map((value) => value / count) };
}

function matrixProduct(a: Values, b: Values): Values {
  const dims = [...together(a.dims.slice(0, -2), b.dims.slice(0, -2)), a.dims.at(-2)!, b.dims.at(-1)!];
  return make(dims, (at) => {
    let sum = 0;
    const [row, column] = [at.at(-2)!, at.at(-1)!];
    for (let k = 0; k < a.dims.at(-1)!; k++) sum += get(a, [...at.slice(0, -2), row, k]) * get(b, [...at.slice(0, -2), k, column]);
    return sum;
  });
}

function transposed(x: Values, perm: readonly number[]): Values {
  return make(perm.map((axis) => x.dims[axis]!), (at) => get(x, x.dims.map((_, axis) => at[perm.indexOf(axis)]!)));
}

const gemm: Rule = ([a, b, c], { int, float }) => {
  const y = matrixProduct(int('transA') ? transposed(a!, [1, 0]) : a!, int('transB') ? transposed(b!, [1, 0]) : b!);
  return make(y.dims, (at) => float('alpha') * get(y, at) + (c ? float('beta') * get(c, at) : 0));
};

const conv: Rule = ([x, w, bias], { ints, int }) => {
  const [strides, dilations, pads, group] = [ints('strides'), ints('dilations'), ints('pads'), int('group')];
  const [[rows, , ...image], [outputs, perGroup, ...kernel]] = [x!.dims, w!.dims] as [number[], number[]];
  const out = image.map((length, k) => Math.floor((length + pads[k]! + pads[k + 2]! - (kernel[k]! - 1) * dilations[k]! - 1) / strides[k]!) + 1);
  return make([rows!, outputs!, ...out], ([n, o, p, q]) => {
    let sum = bias?.data[o!] ?? 0;
    const first = Math.floor(o! / (outputs! / group)) * perGroup!;
    for (let c = 0; c < perGroup!; c++) {
      for (let i = 0; i < kernel[0]!; i++) {
        for (let j = 0; j < kernel[1]!; j++) {
          const [r, s] = [p! * strides[0]! + i * dilations[0]! - pads[0]!, q! * strides[1]! + j * dilations[1]! - pads[1]!];
          if (r >= 0 && s >= 0 && r < image[0]! && s < image[1]!) sum += get(w!, [o!, c, i, j]) * get(x!, [n!, first + c, r, s]);
        }
      }
    }
    return sum;
  });
};

const softmax: Rule = ([x], { int }) => {
  const axis = int('axis');
  const top = reduced(x!, [axis], Math.max, -Infinity);
  const powers = make(x!.dims, (at) => Math.exp(get(x!, at) - get(top, at)));
  const sums = reduced(powers, [axis], (a, b) => a + b, 0);
  return make(x!.dims, (at) => get(powers, at) / get(sums, at));
};

const concat: Rule = (parts, { int }) => {
  const axis = int('axis');
  return make(
    parts[0]!.dims.map((length, k) => (k === axis ? parts.reduce((sum, part) => sum + part.dims[axis]!, 0) : length)),
    (at) => {
      let place = at[axis]!;
      const part = parts.find(({ dims }) => (place < dims[axis]! ? true : ((place -= dims[axis]!), false)))!;
      return get(part, at.map((index, k) => (k === axis ? place : index)));
    },
  );
};

const slice: Rule = ([x, starts, ends, axes, steps]) => {
  const of = (list: Values, axis: number, fallback: number): number => {
    const k = axes!.data.indexOf(axis);
    return k < 0 ? fallback : list.data[k]!;
  };
  const dims = x!.dims.map((length, axis) => Math.ceil((of(ends!, axis, length) - of(starts!, axis, 0)) / of(steps!, axis, 1)));
  return make(dims, (at) => get(x!, at.map((index, axis) => of(starts!, axis, 0) + index * of(steps!, axis, 1))));
};

const pad: Rule = ([x, pads, value]) => {
  const rank = x!.dims.length;
  return make(
    x!.dims.map((length, k) => length + pads!.data[k]! + pads!.data[k + rank]!),
    (at) => {
      const inner = at.map((index, k) => index - pads!.data[k]!);
      return inner.every((index, k) => index >= 0 && index < x!.dims[k]!) ? get(x!, inner) : value!.data[0]!;
    },
  );
};

const list = ({ data }: Values): number[] => [...data];

const RULES: Readonly<Record<string, Rule>> = {
  Neg: each((x) => -x),
  Abs: each(Math.abs),
  Sqrt: each(Math.sqrt),
  Exp: each(Math.exp),
  Log: each(Math.log),
  Erf: each(erf),
  Relu: each((x) => Math.max(x, 0)),
  LeakyRelu: each((x, { float }) => (x > 0 ? x : float('alpha') * x)),
  Elu: each((x, { float }) => (x > 0 ? x : float('alpha') * Math.expm1(x))),
  Tanh: each(Math.tanh),
  Sigmoid: each((x) => 1 / (1 + Math.exp(-x))),
  Softplus: each((x) => Math.log1p(Math.exp(x))),
  Identity: each((x) => x),
  Not: each((x) => 1 - x),
  Cast: each((x) => x),
  Add: pairs((a, b) => a + b),
  Sub: pairs((a, b) => a - b),
  Mul: pairs((a, b) => a * b),
  Div: pairs((a, b) => a / b),
  Pow: pairs((a, b) => a ** b),
  Max: pairs(Math.max),
  Min: pairs(Math.min),
  Greater: pairs((a, b) => (a > b ? 1 : 0)),
  Less: pairs((a, b) => (a < b ? 1 : 0)),
  Where: ([c, a, b]) => make(together(c!.dims, a!.dims, b!.dims), (at) => (get(c!, at) === 0 ? get(b!, at) : get(a!, at))),
  Clip: ([x, low, high]) => make(x!.dims, (at) => Math.min(Math.max(get(x!, at), low!.data[0]!), high!.data[0]!)),
  MatMul: ([a, b]) => matrixProduct(a!, b!),
  Gemm: gemm,
  Conv: conv,
  Softmax: softmax,
  ReduceSum: ([x, axes]) => reduced(x!, list(axes!), (a, b) => a + b, 0),
  ReduceMean: ([x], { ints }) => reduced(x!, ints('axes'), (a, b) => a + b, 0, true),
  ReduceMax: ([x], { ints }) => reduced(x!, ints('axes'), Math.max, -Infinity),
  Reshape: ([x, dims]) => ({ dims: list(dims!), data: x!.data }),
  Transpose: ([x], { ints }) => transposed(x!, ints('perm')),
  Expand: ([x, dims]) => make(list(dims!), (at) => get(x!, at)),
  Concat: concat,
  Slice: slice,
  Pad: pad,
  Gather: ([x, indices], { int }) => {
    const axis = int('axis');
    return make(x!.dims.map((length, k) => (k === axis ? indices!.data.length : length)), (at) => get(x!, at.map((index, k) => (k === axis ? indices!.data[index]! : index))));
  },
};
