import { typeOf } from './dtypes.ts';
import type { GraphNode } from './graph.ts';
import { MAX_VALUES } from './graph.ts';

/** Size of an axis; null when it is not known before the run. */
export type Dim = number | null;

/** What is known of a tensor before it exists. */
export interface Known {
  /** null: not even the number of axes. */
  readonly shape: readonly Dim[] | null;
  /** Of one element. */
  readonly bytes: number;
  /** The elements of a short tensor of one axis or none: what shapes are computed from. */
  readonly values: readonly (number | null)[] | null;
}

interface Call {
  readonly node: GraphNode;
  readonly inputs: readonly (Known | null)[];
  readonly opset: number;
}

/** Outputs of a node as far as they are known; fewer than the node has when the rest is unknown. */
type Rule = (call: Call) => readonly Known[];

/** The rule for an operator; null when nothing is derived for it. */
export function ruleOf(op: string): Rule | null {
  return RULES.get(op) ?? null;
}

const of = (shape: readonly Dim[] | null, bytes = 4, values: Known['values'] = null): readonly Known[] => [{ shape, bytes, values }];
const int = ({ node }: Call, name: string, fallback: number): number => {
  const found = node.attributes.get(name);
  return found ? Number(found.i) : fallback;
};
const ints = ({ node }: Call, name: string): number[] | null => node.attributes.get(name)?.ints.map(Number) ?? null;
const text = ({ node }: Call, name: string): string => new TextDecoder().decode(node.attributes.get(name)?.s);
const shapeAt = ({ inputs }: Call, k: number): readonly Dim[] | null => inputs[k]?.shape ?? null;
const bytesAt = ({ inputs }: Call, k: number): number => inputs[k]?.bytes ?? 4;
/** Integers of a later input, or of the attribute that older operator versions had instead. */
const integersAt = (call: Call, k: number, name: string): readonly (number | null)[] | null => call.inputs[k]?.values ?? ints(call, name);
const wrap = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);
const product = (sizes: readonly Dim[]): Dim => sizes.reduce<Dim>((all, size) => (all === null || size === null ? null : all * size), 1);
const positive = (size: number): number => Math.max(0, Math.floor(size));

function broadcast(shapes: readonly (readonly Dim[] | null)[]): Dim[] | null {
  const known = shapes.filter((shape) => shape !== null);
  if (known.length < shapes.length) return null;
  const rank = Math.max(0, ...known.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, k) => {
    // Shapes are aligned at their last axis; a missing axis is 1.
    const sizes = known.map((shape) => (k < rank - shape.length ? 1 : (shape[k - rank + shape.length] ?? null)));
    const larger = sizes.find((size) => size !== null && size !== 1);
    return larger ?? (sizes.includes(null) ? null : 1);
  });
}

const same: Rule = (call) => of(shapeAt(call, 0), bytesAt(call, 0), null);
/** Shapes are computed from floats as well, where a scale is applied. */
function each(compute: (value: number) => number): Rule {
  return (call) => of(shapeAt(call, 0), bytesAt(call, 0), call.inputs[0]?.values?.map((value) => (value === null ? null : compute(value))) ?? null);
}

const keep: Rule = (call) => of(shapeAt(call, 0), bytesAt(call, 0), call.inputs[0]?.values ?? null);

function elementwise(bytes: number | null, combine?: (a: number, b: number) => number): Rule {
  return (call) => {
    const shape = broadcast(call.inputs.map((input) => input?.shape ?? null));
    const [a, b] = [call.inputs[0]?.values, call.inputs[1]?.values];
    let values: (number | null)[] | null = null;
    if (combine && a && b && shape && shape.length <= 1) {
      values = Array.from({ length: Math.max(a.length, b.length) }, (_, k) => {
        const [x, y] = [a[a.length === 1 ? 0 : k] ?? null, b[b.length === 1 ? 0 : k] ?? null];
        return x === null || y === null ? null : combine(x, y);
      });
    }
    return of(shape, bytes ?? Math.max(...call.inputs.map((input) => input?.bytes ?? 1), 1), values);
  };
}

const where: Rule = (call) => of(broadcast(call.inputs.map((input) => input?.shape ?? null)), bytesAt(call, 1));

const cast: Rule = (call) => {
  const type = typeOf(int(call, 'to', 1));
  const values = call.inputs[0]?.values?.map((value) => (value === null || type?.dtype.startsWith('float') ? value : Math.trunc(value)));
  return of(shapeAt(call, 0), type?.bytes ?? 4, values ?? null);
};

const shapeOf: Rule = (call) => {
  const shape = shapeAt(call, 0);
  if (!shape) return of([null], 8);
  const end = call.node.attributes.has('end') ? int(call, 'end', 0) : shape.length;
  const part = shape.slice(int(call, 'start', 0), end);
  return of([part.length], 8, part);
};

const gather: Rule = (call) => {
  const [data, index] = [shapeAt(call, 0), shapeAt(call, 1)];
  if (!data || !index) return of(null, bytesAt(call, 0));
  const axis = wrap(int(call, 'axis', 0), data.length);
  const source = call.inputs[0]?.values;
  const picked = source && data.length === 1 ? (call.inputs[1]?.values?.map((k) => (k === null ? null : (source.at(k) ?? null))) ?? null) : null;
  return of([...data.slice(0, axis), ...index, ...data.slice(axis + 1)], bytesAt(call, 0), picked);
};

const concat: Rule = (call) => {
  const shapes = call.inputs.map((input) => input?.shape ?? null);
  const first = shapes.find((shape) => shape !== null);
  if (!first) return of(null, bytesAt(call, 0));
  const axis = wrap(int(call, 'axis', 0), first.length);
  const size = shapes.reduce<Dim>((sum, shape) => (sum === null || !shape ? null : shape[axis] === null || shape[axis] === undefined ? null : sum + shape[axis]), 0);
  const parts = call.inputs.map((input) => input?.values ?? null);
  // Counted first: concatenating a thing with itself again and again doubles it each time.
  const count = parts.reduce((sum, part) => sum + (part?.length ?? 0), 0);
  const joined = first.length === 1 && count <= MAX_VALUES && parts.every((part) => part !== null) ? parts.flat() : null;
  return of(first.map((old, k) => (k === axis ? size : old)), bytesAt(call, 0), joined);
};

const unsqueeze: Rule = (call) => {
  const [shape, axes] = [shapeAt(call, 0), integersAt(call, 1, 'axes')];
  if (!shape || !axes) return of(null, bytesAt(call, 0), call.inputs[0]?.values ?? null);
  const rank = shape.length + axes.length;
  const inserted = new Set(axes.map((axis) => wrap(axis ?? 0, rank)));
  const rest = [...shape];
  return of(Array.from({ length: rank }, (_, k) => (inserted.has(k) ? 1 : (rest.shift() ?? null))), bytesAt(call, 0), rank <= 1 ? (call.inputs[0]?.values ?? null) : null);
};

const squeeze: Rule = (call) => {
  const [shape, axes] = [shapeAt(call, 0), integersAt(call, 1, 'axes')];
  if (!shape) return of(null, bytesAt(call, 0), call.inputs[0]?.values ?? null);
  const dropped = axes?.map((axis) => wrap(axis ?? 0, shape.length));
  return of(shape.filter((size, k) => (dropped ? !dropped.includes(k) : size !== 1)), bytesAt(call, 0), call.inputs[0]?.values ?? null);
};

const reshape: Rule = (call) => {
  const [shape, target] = [shapeAt(call, 0), integersAt(call, 1, 'shape')];
  if (!target) return of(null, bytesAt(call, 0));
  const filled: Dim[] = target.map((size, k) => (size === 0 && int(call, 'allowzero', 0) === 0 ? (shape?.[k] ?? null) : size));
  const open = filled.indexOf(-1);
  if (open >= 0) {
    const [all, rest] = [shape && product(shape), product(filled.filter((_, k) => k !== open))];
    filled[open] = all === null || rest === null || rest === 0 ? null : all / rest;
  }
  return of(filled, bytesAt(call, 0), filled.length <= 1 ? (call.inputs[0]?.values ?? null) : null);
};

const transpose: Rule = (call) => {
  const shape = shapeAt(call, 0);
  const order = ints(call, 'perm') ?? shape?.map((_, k) => shape.length - 1 - k);
  return of(shape && order ? order.map((k) => shape[k] ?? null) : null, bytesAt(call, 0));
};

const flatten: Rule = (call) => {
  const shape = shapeAt(call, 0);
  if (!shape) return of(null, bytesAt(call, 0));
  const axis = wrap(int(call, 'axis', 1), shape.length);
  return of([product(shape.slice(0, axis)), product(shape.slice(axis))], bytesAt(call, 0));
};

const expand: Rule = (call) => of(broadcast([shapeAt(call, 0) ?? [], call.inputs[1]?.values ?? null]), bytesAt(call, 0));

const tile: Rule = (call) => {
  const repeats = call.inputs[1]?.values;
  return of(shapeAt(call, 0)?.map((size, k) => product([size, repeats?.[k] ?? null])) ?? null, bytesAt(call, 0));
};

const constantOfShape: Rule = (call) => {
  const target = call.inputs[0]?.values ?? null;
  const tensor = call.node.tensor;
  const fill = tensor?.values?.[0] ?? null;
  const short = target?.length === 1 && (target[0] ?? Infinity) <= MAX_VALUES && fill !== null;
  return of(target, tensor ? tensor.bytes / Math.max(1, tensor.elements) : 4, short ? Array<number>(Math.max(0, target[0]!)).fill(fill) : null);
};

const pad: Rule = (call) => {
  const [shape, pads, axes] = [shapeAt(call, 0), integersAt(call, 1, 'pads'), call.inputs[3]?.values];
  if (!shape || !pads) return of(shape?.map(() => null) ?? null, bytesAt(call, 0));
  const grown = [...shape];
  const padded = axes ?? shape.map((_, k) => k);
  for (const [k, axis] of padded.entries()) {
    const at = wrap(axis ?? 0, shape.length);
    const [size, low, high] = [grown[at] ?? null, pads[k] ?? null, pads[k + padded.length] ?? null];
    grown[at] = size === null || low === null || high === null ? null : positive(size + low + high);
  }
  return of(grown, bytesAt(call, 0));
};

/** Resize takes scales or sizes, and Upsample scales alone, once as an attribute. */
const resize: Rule = (call) => {
  const { node, inputs } = call;
  const shape = shapeAt(call, 0);
  const sizes = inputs[3]?.values;
  const scales = (node.op === 'Upsample' || call.opset < 11 ? inputs[1]?.values : inputs[2]?.values) ?? node.attributes.get('scales')?.floats;
  const axes = ints(call, 'axes') ?? shape?.map((_, k) => k) ?? [];
  const resized = (size: Dim, place: number): Dim => {
    if (place < 0) return size;
    const scale = scales?.[place];
    return sizes?.[place] ?? (scale === null || scale === undefined || size === null ? null : positive(size * scale));
  };
  return of(shape?.map((size, k, all) => resized(size, axes.findIndex((axis) => wrap(axis, all.length) === k))) ?? null, bytesAt(call, 0));
};

const slice: Rule = (call) => {
  const shape = shapeAt(call, 0);
  const [starts, ends] = [integersAt(call, 1, 'starts'), integersAt(call, 2, 'ends')];
  if (!shape || !starts || !ends) return of(shape?.map(() => null) ?? null, bytesAt(call, 0));
  const axes = integersAt(call, 3, 'axes') ?? starts.map((_, k) => k);
  const steps = call.inputs[4]?.values ?? starts.map(() => 1);
  const out = [...shape];
  let source = call.inputs[0]?.values ?? null;
  for (const [k, axis] of axes.entries()) {
    const at = wrap(axis ?? 0, shape.length);
    const [size, start, end, step] = [out[at] ?? null, starts[k] ?? null, ends[k] ?? null, steps[k] ?? null];
    // Backward slices do not grow anything: the axis as it was is bound enough.
    if (size === null || start === null || end === null || step === null || step < 1) {
      source = null;
      continue;
    }
    const clamp = (place: number): number => Math.min(Math.max(wrap(place, size), 0), size);
    out[at] = positive(Math.ceil((clamp(end) - clamp(start)) / step));
    source = source && shape.length === 1 ? source.slice(clamp(start), clamp(end)).filter((_, n) => n % step === 0) : null;
  }
  return of(out, bytesAt(call, 0), source);
};

const range: Rule = (call) => {
  const [start, limit, delta] = [0, 1, 2].map((k) => call.inputs[k]?.values?.[0] ?? null);
  const count = typeof start === 'number' && typeof limit === 'number' && delta ? positive(Math.ceil((limit - start) / delta)) : null;
  return of([count], bytesAt(call, 0));
};

const fromShapeAttribute: Rule = (call) => of(ints(call, 'shape'), typeOf(int(call, 'dtype', 1))?.bytes ?? 4);

const oneHot: Rule = (call) => {
  const shape = shapeAt(call, 0);
  return of(shape ? [...shape, call.inputs[1]?.values?.[0] ?? null] : null, bytesAt(call, 2));
};

const matmul: Rule = (call) => {
  const [a, b] = [shapeAt(call, 0), shapeAt(call, 1)];
  if (!a || !b || a.length === 0 || b.length === 0) return of(null, bytesAt(call, 0));
  const batch = broadcast([a.slice(0, -2), b.slice(0, -2)]) ?? [];
  return of([...batch, ...(a.length > 1 ? [a.at(-2)!] : []), ...(b.length > 1 ? [b.at(-1)!] : [])], bytesAt(call, 0));
};

const gemm: Rule = (call) => {
  const [a, b] = [shapeAt(call, 0), shapeAt(call, 1)];
  return of([a?.[int(call, 'transA', 0) ? 1 : 0] ?? null, b?.[int(call, 'transB', 0) ? 0 : 1] ?? null], bytesAt(call, 0));
};

/** Convolution, its transpose and pooling over the axes from the third on. */
function windowed(channels: 'weight' | 'transposed' | 'kept'): Rule {
  return (call) => {
    const [shape, weight] = [shapeAt(call, 0), shapeAt(call, 1)];
    const kernel = ints(call, 'kernel_shape') ?? (channels === 'kept' ? null : weight?.slice(2));
    if (!shape || !kernel) return of(shape?.map((size, k) => (k === 0 ? size : null)) ?? null, bytesAt(call, 0));
    const [pads, strides, dilations, extra, fixed] = ['pads', 'strides', 'dilations', 'output_padding', 'output_shape'].map((name) => ints(call, name));
    const mode = text(call, 'auto_pad');
    const ceil = int(call, 'ceil_mode', 0) === 1;
    const spatial = shape.slice(2).map((size, k) => {
      if (size === null) return null;
      const stride = strides?.[k] ?? 1;
      const reach = ((kernel[k] ?? 1) - 1) * (dilations?.[k] ?? 1) + 1;
      const padding = (pads?.[k] ?? 0) + (pads?.[k + kernel.length] ?? 0);
      if (channels === 'transposed') return positive(fixed?.[k] ?? (size - 1) * stride + reach + (extra?.[k] ?? 0) - padding);
      if (mode.startsWith('SAME')) return positive(Math.ceil(size / stride));
      const steps = (size + (mode === 'VALID' ? 0 : padding) - reach) / stride;
      return positive((ceil ? Math.ceil(steps) : Math.floor(steps)) + 1);
    });
    const width = channels === 'kept' ? shape[1] : channels === 'weight' ? weight?.[0] : product([weight?.[1] ?? null, int(call, 'group', 1)]);
    const out = [shape[0] ?? null, width ?? null, ...spatial];
    // MaxPool may give the places of its maxima as well.
    return [...of(out, bytesAt(call, 0)), ...of(out, 8)];
  };
}

const globalPool: Rule = (call) => of(shapeAt(call, 0)?.map((size, k) => (k < 2 ? size : 1)) ?? null, bytesAt(call, 0));

const FOLDS: ReadonlyMap<string, (a: number, b: number) => number> = new Map([
  ['ReduceSum', (a, b) => a + b],
  ['ReduceProd', (a, b) => a * b],
  ['ReduceMax', (a, b) => Math.max(a, b)],
  ['ReduceMin', (a, b) => Math.min(a, b)],
]);

const reduce: Rule = (call) => {
  const shape = shapeAt(call, 0);
  const axes = call.node.op.startsWith('Arg') ? [int(call, 'axis', 0)] : (integersAt(call, 1, 'axes') ?? (call.inputs[1] ? null : shape?.map((_, k) => k)));
  if (!shape || !axes) return of(null, bytesAt(call, 0));
  const gone = new Set(axes.map((axis) => wrap(axis ?? 0, shape.length)));
  const kept = int(call, 'keepdims', 1) === 1;
  const fold = FOLDS.get(call.node.op);
  const values = call.inputs[0]?.values;
  const folded = fold && shape.length === 1 && gone.has(0) && values?.every((value) => value !== null) ? [values.reduce(fold)] : null;
  return of(shape.flatMap((size, k) => (gone.has(k) ? (kept ? [1] : []) : [size])), call.node.op.startsWith('Arg') ? 8 : bytesAt(call, 0), folded);
};

/** Each part as large as the whole: which is bound enough, since splitting does not grow anything. */
const split: Rule = (call) => call.node.outputs.map(() => ({ shape: shapeAt(call, 0)?.map((size, k, all) => (k === wrap(int(call, 'axis', 0), all.length) ? null : size)) ?? null, bytes: bytesAt(call, 0), values: null }));

/** "bij,bjk->bik" as far as it names every axis. */
const einsum: Rule = (call) => {
  const [from = '', to] = text(call, 'equation').replaceAll(' ', '').split('->');
  if (to === undefined || !/^[a-z,]*$/i.test(from + to)) return of(null, bytesAt(call, 0));
  const sizes = new Map<string, Dim>();
  for (const [k, letters] of from.split(',').entries()) for (const [n, letter] of letters.split('').entries()) sizes.set(letter, shapeAt(call, k)?.[n] ?? sizes.get(letter) ?? null);
  return of(to.split('').map((letter) => sizes.get(letter) ?? null), bytesAt(call, 0));
};

function blocks(shrink: boolean): Rule {
  return (call) => {
    const [n = null, c = null, h = null, w = null] = shapeAt(call, 0) ?? [];
    const block = int(call, 'blocksize', 1);
    const scaled = (size: Dim, by: number): Dim => (size === null ? null : positive(size * by));
    return of([n, scaled(c, shrink ? block ** 2 : block ** -2), scaled(h, shrink ? 1 / block : block), scaled(w, shrink ? 1 / block : block)], bytesAt(call, 0));
  };
}

const names = (list: string, rule: Rule): [string, Rule][] => list.split(' ').map((name) => [name, rule]);

const RULES: ReadonlyMap<string, Rule> = new Map([
  ...names('Log Relu Tanh Sigmoid Erf Gelu FastGelu QuickGelu Softplus Softsign Elu Selu Celu LeakyRelu HardSigmoid HardSwish Mish Swish Softmax LogSoftmax Hardmax Sign Reciprocal Sin Cos Tan Clip Dropout BatchNormalization InstanceNormalization LayerNormalization GroupNormalization RMSNormalization LpNormalization MeanVarianceNormalization LRN CumSum Trilu ScatterElements ScatterND RandomNormalLike RandomUniformLike EyeLike ThresholdedRelu Shrink', same),
  ...names('Identity', keep),
  ...Object.entries({ Abs: Math.abs, Neg: (x: number) => -x, Floor: Math.floor, Ceil: Math.ceil, Round: Math.round, Sqrt: Math.sqrt, Exp: Math.exp }).map(([name, compute]): [string, Rule] => [name, each(compute)]),
  ...names('Add', elementwise(null, (a, b) => a + b)),
  ...names('Sub', elementwise(null, (a, b) => a - b)),
  ...names('Mul', elementwise(null, (a, b) => a * b)),
  // Integers divide towards zero; a quotient of floats that is rounded here as well stays a good estimate.
  ...names('Div', elementwise(null, (a, b) => (b === 0 ? 0 : Number.isInteger(a) && Number.isInteger(b) ? Math.trunc(a / b) : a / b))),
  ...names('Max', elementwise(null, Math.max)),
  ...names('Min', elementwise(null, Math.min)),
  ...names('Pow', elementwise(null, (a, b) => Math.trunc(a ** b))),
  ...names('Sum Mean Mod PRelu BiasGelu BitShift', elementwise(null)),
  ...names('Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor', elementwise(1)),
  ...names('Conv FusedConv', windowed('weight')),
  ...names('ConvTranspose', windowed('transposed')),
  ...names('MaxPool AveragePool LpPool', windowed('kept')),
  ...names('GlobalAveragePool GlobalMaxPool GlobalLpPool', globalPool),
  ...names('ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceSumSquare ArgMax ArgMin', reduce),
  ...names('RandomNormal RandomUniform', fromShapeAttribute),
  ...names('MatMul', matmul),
  ...names('Gemm FusedGemm', gemm),
  ...names('Resize Upsample', resize),
  ...Object.entries({ Where: where, Cast: cast, Shape: shapeOf, Gather: gather, Concat: concat, Unsqueeze: unsqueeze, Squeeze: squeeze, Reshape: reshape, Transpose: transpose, Flatten: flatten, Expand: expand, Tile: tile, ConstantOfShape: constantOfShape, Pad: pad, Slice: slice, Range: range, OneHot: oneHot, Split: split, Einsum: einsum, DepthToSpace: blocks(false), SpaceToDepth: blocks(true) }),
]);
