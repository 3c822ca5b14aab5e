import { Random } from '../../src/base/random.ts';
import { CpuAdamW, DEFAULT_ADAMW } from '../../src/core/training/adamw.ts';
import { DEFAULT_EMA, emaDecay } from '../../src/core/training/ema.ts';
import { DeviceGraphs } from '../../src/encoders/autodiff/device-graphs.ts';
import { differentiate, type Differentiated } from '../../src/encoders/autodiff/differentiate.ts';
import { HostGraphs } from '../../src/encoders/autodiff/host-graphs.ts';
import { floats, integer, integers, linearStart, model, node, port } from '../../src/encoders/build.ts';
import { builtinEncoders } from '../../src/encoders/builtin.ts';
import { preflight } from '../../src/encoders/preflight.ts';
import { Buffers } from '../../src/gpu/buffers.ts';
import type { GpuSolver } from '../../src/gpu/solver.ts';
import { DevicePolicy, graphPlace } from '../../src/training/device-policy.ts';
import { deviceStep } from '../../src/training/device-step.ts';
import { buildHead, DEMO_HEAD, type BuiltHeadSettings } from '../../src/training/heads.ts';
import { hostStep, type HostPolicy, type StepInput, type StepOptions, type StepResult, type TransportSettings } from '../../src/training/step.ts';

/* Training steps on drawn data, on the host and on a device: for tests and the bench, in Node and in a page. */

/** An encoder with the demo's head, and how much goes through it. */
export interface StepCase {
  readonly name: 'mlp' | 'cnn';
  readonly n: number;
  readonly m: number;
  readonly bc: number;
}

/** The demo's step: OT 64 + 64, BC 64. */
export const DEMO_STEP: StepCase = { name: 'mlp', n: 64, m: 64, bc: 64 };

export const STEP_TRANSPORT: TransportSettings = { prior: { kind: 'product' }, reg: 0.02, tau1: 0.5, tau2: 0.5, mode: 'fast', normalisation: 'max', alignment: 'transport', lambda: 0.5 };

/** A policy that takes steps on one of both paths. */
export interface Stepper {
  step(t: number, input: StepInput, options?: StepOptions): Promise<StepResult>;
  /** Trained tensors by network and name, and moments and averages end to end. */
  values(): Promise<ReadonlyMap<string, Float32Array>>;
  dispose(): Promise<void>;
}

export const STEP_LEARNING_RATE = 1e-3;
/** Of ‖z − z'‖² in M. */
export const STEP_WEIGHT = 0.6;
const PROPRIO = 5;
const ACTION = 3;
const GROUPS = [{ name: 'encoder', rate: 1, weightDecay: 1e-2 }, { name: 'head', rate: 1, weightDecay: 1e-2 }] as const;
/** A row of what each encoder is fed. */
const FED = { mlp: { name: 'keypoints', dims: [48] }, cnn: { name: 'image', dims: [3, 32, 32] } } as const;

const product = (dims: readonly number[]): number => dims.reduce((all, size) => all * size, 1);

/** What a step is given; the same for the same number. The target's rows lie a little beside the source's. */
export function stepInput({ name, n, m, bc }: StepCase, t: number, over: Partial<TransportSettings> = {}): StepInput {
  const random = new Random(100 + t);
  const size = product(FED[name].dims);
  const x = Float32Array.from({ length: (n + m + bc) * size }, (_, k) => random.normal() + (k >= n * size && k < (n + m) * size ? 0.3 : 0));
  const normals = (count: number): Float32Array<ArrayBuffer> => Float32Array.from({ length: count }, () => random.normal());
  return {
    feeds: new Map([[FED[name].name, x]]),
    fixed: Float64Array.from({ length: n * m }, () => random.uniform()),
    bc: { inputs: new Map([['proprio', normals(bc * PROPRIO)]]), wanted: normals(bc * ACTION), valid: Float32Array.from({ length: bc }, (_, k) => (k % 7 === 0 ? 0 : 1)) },
    transport: { ...STEP_TRANSPORT, ...over },
  };
}

/** Encoder and head of a case as graphs. */
async function graphsOf({ name, n, m, bc }: StepCase): Promise<{ encoder: Differentiated; head: Differentiated; embedding: string }> {
  const file = `${name}.onnx`;
  const bytes = name === 'mlp' ? builtinEncoders().get(file)! : cnn();
  const examined = preflight(bytes, file);
  const encoder = await differentiate({ bytes, preflight: examined }, { shapes: new Map([[FED[name].name, [n + m + bc, ...FED[name].dims]]]) });
  const [embedding] = encoder.outputs;
  const built = buildHead(DEMO_HEAD as BuiltHeadSettings, { embedding: product(embedding!.dims.slice(1)), proprio: PROPRIO, horizon: 1, action: ACTION }, 7);
  const head = await differentiate({ bytes: built.bytes, preflight: preflight(built.bytes, 'head.onnx') }, { shapes: new Map(built.inputs.map((input) => [input.name, [bc, input.width]])), inputGradients: ['z'] });
  return { encoder, head, embedding: embedding!.name };
}

/** What a case's tensors start from: the encoder's, then the head's. */
export async function stepWeights(given: StepCase): Promise<{ dims: readonly number[]; values: Float32Array }[]> {
  const { encoder, head } = await graphsOf(given);
  return [encoder, head].flatMap(({ weights }) => weights.map((weight) => ({ dims: weight.dims, values: weight.read() })));
}

/** On the wasm provider and the float64 solver. */
export async function hostStepper(given: StepCase): Promise<Stepper> {
  const { encoder: encoderGraphs, head: headGraphs, embedding } = await graphsOf(given);
  const [encoder, head] = [await HostGraphs.create(encoderGraphs, 'encoder'), await HostGraphs.create(headGraphs, 'head')];
  const optimiser = new CpuAdamW([encoder, head].flatMap(({ trained }, group) => trained.map(({ values, gradient }) => ({ group, values, gradient }))), GROUPS, DEFAULT_ADAMW, true);
  const policy: HostPolicy = { ...common(given, embedding), encoder, head, optimiser };
  return {
    step: (t, input, options) => hostStep(policy, input, t, STEP_LEARNING_RATE, emaDecay(DEFAULT_EMA, t), options),
    values: () => Promise.resolve(named([...encoder.trained.map(({ name, values }) => [`encoder ${name}`, values.slice()] as const), ...head.trained.map(({ name, values }) => [`head ${name}`, values.slice()] as const)], optimiser.state)),
    dispose: async () => {
      await Promise.all([encoder.dispose(), head.dispose()]);
    },
  };
}

/** On the webgpu provider and our kernels. */
export async function deviceStepper(given: StepCase, solver: GpuSolver): Promise<Stepper> {
  const { encoder: encoderGraphs, head: headGraphs, embedding } = await graphsOf(given);
  const buffers = new Buffers(solver.device);
  const place = graphPlace(buffers);
  const [encoder, head] = [await DeviceGraphs.create(encoderGraphs, 'encoder', place), await DeviceGraphs.create(headGraphs, 'head', place)];
  const policy = await DevicePolicy.create(solver, { ...common(given, embedding), buffers, encoder, head, groups: GROUPS, adamw: DEFAULT_ADAMW, averaged: true });
  return {
    step: (t, input, options) => deviceStep(policy, input, t, STEP_LEARNING_RATE, emaDecay(DEFAULT_EMA, t), options),
    values: async () => {
      const state = await policy.state();
      return named(state.weights.map(({ network, name, values }) => [`${network} ${name}`, values] as const), state.optimiser);
    },
    dispose: () => policy.dispose(),
  };
}

function common({ n, m, bc }: StepCase, embedding: string): Pick<HostPolicy, 'embedding' | 'action' | 'weight' | 'sizes' | 'chunk' | 'loss'> {
  return { embedding, action: null, weight: STEP_WEIGHT, sizes: { n, m, bc }, chunk: { horizon: 1, width: ACTION }, loss: { kind: 'l2', mean: 'unpadded' } };
}

function named(weights: readonly (readonly [string, Float32Array])[], { moments, averages }: CpuAdamW['state']): ReadonlyMap<string, Float32Array> {
  return new Map([...weights, ...moments.flatMap(({ m, v }, k) => [[`m ${k}`, m] as const, [`v ${k}`, v] as const]), ...(averages ?? []).map((values, k) => [`average ${k}`, values] as const)]);
}

/** Three convolutions, 3 → 16 → 32 → 64, the mean over positions and a Linear to 64: of shared/gradients' cnn16 the shape. */
function cnn(): Uint8Array {
  const random = new Random(11);
  const weights = [['c1', [16, 3, 3, 3]], ['c2', [32, 16, 3, 3]], ['c3', [64, 32, 3, 3]], ['fc', [64, 64]]] as const;
  const conv = (input: string, name: string, output: string, stride: number): ReturnType<typeof node> => node('Conv', [input, `${name}.weight`, `${name}.bias`], output, [integers('kernel_shape', [3, 3]), integers('strides', [stride, stride]), integers('pads', [1, 1, 1, 1])]);
  const nodes = [
    conv('image', 'c1', 'one', 2),
    node('Relu', ['one'], 'one.active'),
    node('MaxPool', ['one.active'], 'pooled', [integers('kernel_shape', [2, 2]), integers('strides', [2, 2])]),
    conv('pooled', 'c2', 'two', 1),
    node('Relu', ['two'], 'two.active'),
    conv('two.active', 'c3', 'three', 2),
    node('Relu', ['three'], 'three.active'),
    node('GlobalAveragePool', ['three.active'], 'mean'),
    node('Flatten', ['mean'], 'flat'),
    node('Gemm', ['flat', 'fc.weight', 'fc.bias'], 'embedding', [integer('transB', 1)]),
  ];
  const started = weights.flatMap(([name, dims]) => {
    const fan = product(dims.slice(1));
    return [floats(`${name}.weight`, dims, linearStart(dims, fan, random)), floats(`${name}.bias`, [dims[0]], linearStart([dims[0]], fan, random))];
  });
  return model('cnn', [port('image', [3, 32, 32])], [port('embedding', [64])], [{ nodes, weights: started }]);
}
