import type { AttributeProto, NodeProto, TensorProto } from 'onnx-buf';
import { Random } from '../../../src/base/random.ts';
import type { DifferentiateOptions } from '../../../src/encoders/autodiff/differentiate.ts';
import { differentiate } from '../../../src/encoders/autodiff/differentiate.ts';
import { gradientsOf } from '../../../src/encoders/autodiff/run.ts';
import { preflight } from '../../../src/encoders/preflight.ts';
import type { EncoderFile } from '../../../src/encoders/session.ts';
import { EncoderSession } from '../../../src/encoders/session.ts';
import { floats, node, onnxModel, port } from '../../support/onnx.ts';
import type { Values } from '../../support/reference.ts';
import { runReference } from '../../support/reference.ts';

/** A graph from x (batch, …) to y with one operator under test, or a few. */
export interface Net {
  /** Of x with the batch. */
  readonly x: readonly number[];
  readonly nodes: readonly NodeProto[];
  /** Float weights by name. */
  readonly weights?: Readonly<Record<string, readonly number[]>>;
  /** Constants of the graph, int64 as a rule. */
  readonly others?: readonly TensorProto[];
  readonly opset?: number;
  /** Where x and weights are drawn; away from kinks and poles. */
  readonly low?: number;
  readonly high?: number;
}

/** One node from x and further inputs to y. */
export function op(name: string, inputs: readonly string[] = [], attributes: readonly AttributeProto[] = []): NodeProto {
  return node(name, ['x', ...inputs], ['y'], [...attributes]);
}

export function encoderOf(net: Net, seed = 1): EncoderFile {
  const random = new Random(seed);
  const { x, nodes, weights = {}, others = [], opset = 17, low = -1.5, high = 1.5 } = net;
  const drawn = Object.entries(weights).map(([name, dims]) => floats(name, dims, draw(random, dims, low, high)));
  const bytes = onnxModel({ inputs: [port('x', ['batch', ...x.slice(1)])], outputs: [port('y', null)], nodes, weights: [...drawn, ...others], opset });
  return { bytes, preflight: preflight(bytes, 'net.onnx') };
}

function draw(random: Random, dims: readonly number[], low: number, high: number): number[] {
  return Array.from({ length: dims.reduce((product, size) => product * size, 1) }, () => Math.fround(random.between(low, high)));
}

export interface Checked {
  /** Against the file itself in ONNX Runtime, over the largest |y|. */
  readonly output: number;
  /** Against central differences of the forward graph in float64, over the largest gradient of that tensor. */
  readonly gradient: number;
  readonly parameters: readonly string[];
}

/** Step of the differences: what is left out is of its square, 1e-10. */
const STEP = 1e-5;

/** Differentiate a net, run both graphs on the wasm provider, and compare with L = Σ dy·y of the float64 reference. */
export async function check(net: Net, options: Partial<DifferentiateOptions> = {}): Promise<Checked> {
  const encoder = encoderOf(net);
  const random = new Random(7);
  const x = Float32Array.from(draw(random, net.x, net.low ?? -1.5, net.high ?? 1.5));
  const graphs = await differentiate(encoder, { shapes: new Map([['x', net.x]]), inputGradients: ['x'], ...options });
  const { dims, name: y } = graphs.outputs[0]!;
  const dy = Float32Array.from(draw(random, dims, -1, 1));
  const { outputs, gradients } = await gradientsOf(graphs, { name: 'wasm' }, 'net.onnx', { inputs: new Map([['x', x]]), outputGradients: new Map([[y, dy]]) });
  const session = await EncoderSession.create(encoder);
  const itself = (await session.run(new Map([['x', { dims: net.x, values: x }]]))).get(y)!;
  await session.dispose();
  const feeds = new Map<string, Values>([['x', { dims: net.x, data: Float64Array.from(x) }], ...graphs.weights.map((weight) => [weight.name, { dims: weight.dims, data: Float64Array.from(weight.read()) }] as const)]);
  const loss = (): number => runReference(graphs.forward, feeds).get(y)!.data.reduce((sum, value, k) => sum + value * dy[k]!, 0);
  let gradient = 0;
  for (const [name, found] of gradients) {
    const { data } = feeds.get(name)!;
    const truth = Float64Array.from(found, (_, k) => {
      const value = data[k]!;
      const [up, down] = [STEP, -STEP].map((step) => {
        data[k] = value + step;
        return loss();
      });
      data[k] = value;
      return (up! - down!) / (2 * STEP);
    });
    gradient = Math.max(gradient, deviation(truth, found));
  }
  return { output: deviation(Float64Array.from(itself.data as Float32Array), outputs.get(y)!), gradient, parameters: [...gradients.keys()] };
}

export function deviation(truth: ArrayLike<number>, found: ArrayLike<number>): number {
  if (truth.length !== found.length) return Infinity;
  let [worst, top] = [0, 1e-30];
  for (let k = 0; k < truth.length; k++) {
    const difference = Math.abs(truth[k]! - found[k]!);
    worst = Math.max(worst, Number.isNaN(difference) ? Infinity : difference);
    top = Math.max(top, Math.abs(truth[k]!));
  }
  return worst / top;
}
