import type { Call, Lowering } from './call.ts';
import { input, resultDims } from './call.ts';
import type { Tape } from './tape.ts';
import { range } from './tape.ts';

/*
 * Operators that slide a window over an image: convolution and pooling.
 *
 * Pooling goes one axis after the other, over strided slices of the padded image. ONNX Runtime's own MaxPool would have
 * to give the places of its maxima for a gradient, and it does not on the GPU.
 */

/** How a window moves, one entry a spatial axis. */
interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** Below every activation and, unlike −∞, allowed in WGSL. */
const LOWEST = -3e38;

function windowOf({ attributes, tape, refuse }: Call, x: string, kernel: readonly number[]): Window {
  const ones = kernel.map(() => 1);
  const strides = attributes.ints('strides') ?? ones;
  const dilations = attributes.ints('dilations') ?? ones;
  const spatial = tape.dims(x).slice(2);
  const mode = attributes.text('auto_pad', 'NOTSET');
  const pads = attributes.ints('pads') ?? [...kernel, ...kernel].map(() => 0);
  if (mode === 'NOTSET') return { kernel, strides, dilations, before: pads.slice(0, kernel.length), after: pads.slice(kernel.length) };
  if (mode === 'VALID') return { kernel, strides, dilations, before: kernel.map(() => 0), after: kernel.map(() => 0) };
  if (!mode.startsWith('SAME')) return refuse(`its auto_pad is ${mode}`);
  const total = spatial.map((size, k) => Math.max(0, (Math.ceil(size / strides[k]!) - 1) * strides[k]! + (kernel[k]! - 1) * dilations[k]! + 1 - size));
  const before = total.map((size) => (mode === 'SAME_UPPER' ? Math.floor(size / 2) : Math.ceil(size / 2)));
  return { kernel, strides, dilations, before, after: total.map((size, k) => size - before[k]!) };
}

/** One and two spatial axes; one becomes two with a first of size 1, so that gradients know one case. */
const conv: Lowering = (call) => {
  const { tape, attributes, inputs } = call;
  const [x, w] = [input(call, 0), input(call, 1)];
  const [image, filter] = [tape.dims(x), tape.dims(w)];
  const { strides, dilations, before, after } = windowOf(call, x, filter.slice(2));
  const group = attributes.int('group', 1);
  const bias = inputs[2] ?? null;
  if (image.length === 4) return [tape.conv(x, w, bias, { strides, dilations, pads: [...before, ...after], group })];
  if (image.length !== 3) return call.refuse(`it has ${image.length - 2} spatial axes`);
  const flat = (name: string, [outer, channels, length]: readonly number[]): string => tape.reshape(name, [outer!, channels!, 1, length!]);
  const y = tape.conv(flat(x, image), flat(w, filter), bias, { strides: [1, ...strides], dilations: [1, ...dilations], pads: [0, ...before, 0, ...after], group });
  return [tape.reshape(y, resultDims(call))];
};

/** Fold the elements under each window with `combine`, axis by axis from the last. */
function slide(tape: Tape, x: string, { kernel, strides, dilations, before }: Window, out: readonly number[], outside: number, combine: (all: string, next: string) => string): string {
  return range(0, kernel.length).reduceRight((y, k) => {
    const axis = k + 2;
    const size = tape.dims(y)[axis]!;
    const reach = (out[axis]! - 1) * strides[k]! + (kernel[k]! - 1) * dilations[k]! + 1;
    const only = (value: number): number[] => tape.dims(y).map((_, n) => (n === axis ? value : 0));
    const padded = tape.pad(y, only(before[k]!), only(Math.max(0, reach - size - before[k]!)), outside);
    return range(0, kernel[k]!).map((n) => tape.slice(padded, axis, n * dilations[k]!, out[axis]!, strides[k])).reduce(combine);
  }, x);
}

const kernelOf = (call: Call): number[] => call.attributes.ints('kernel_shape') ?? call.refuse('it has no kernel_shape');

const maxPool: Lowering = (call) => {
  const { tape } = call;
  const x = input(call, 0);
  // Earlier elements come first into Max, whose gradient goes to the first of equals, as in torch.
  return [slide(tape, x, windowOf(call, x, kernelOf(call)), resultDims(call), LOWEST, (all, next) => tape.binary('Max', all, next))];
};

const averagePool: Lowering = (call) => {
  const { tape, attributes } = call;
  const x = input(call, 0);
  const window = windowOf(call, x, kernelOf(call));
  const spatial = tape.dims(x).slice(2);
  const out = resultDims(call);
  const sum = slide(tape, x, window, out, 0, (all, next) => tape.add(all, next));
  const padding = attributes.int('count_include_pad', 0) === 1;
  const counts = spatial.map((size, k) => range(0, out[k + 2]!).map((place) => inside(window, k, place, padding ? -window.before[k]! : 0, padding ? size + window.after[k]! : size)));
  // What lies under a window is a product over the axes.
  const shares = counts.reduce<number[]>((all, axis) => all.flatMap((share) => axis.map((count) => share / count)), [1]);
  return [tape.mul(sum, tape.floats(shares, [1, 1, ...out.slice(2)]))];
};

/** Elements of the window at one place along an axis that lie in [low, high). */
function inside({ kernel, strides, dilations, before }: Window, k: number, place: number, low: number, high: number): number {
  const first = place * strides[k]! - before[k]!;
  return range(0, kernel[k]!).filter((n) => first + n * dilations[k]! >= low && first + n * dilations[k]! < high).length;
}

const globalAverage: Lowering = (call) => {
  const { tape } = call;
  const x = input(call, 0);
  return [tape.reshape(tape.reduce('ReduceMean', x, range(2, tape.dims(x).length)), resultDims(call))];
};

export const windows: Readonly<Record<string, Lowering>> = { Conv: conv, MaxPool: maxPool, AveragePool: averagePool, GlobalAveragePool: globalAverage };
