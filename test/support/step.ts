import { Random } from '../../src/base/random.ts';
import { DEFAULT_ADAMW, type OptimiserState } from '../../src/core/training/adamw.ts';
import { DEFAULT_EMA, emaDecay } from '../../src/core/training/ema.ts';
import { differentiate, type Differentiated } from '../../src/encoders/autodiff/differentiate.ts';
import { floats, integer, integers, linearStart, model, node, port } from '../../src/encoders/build.ts';
import { builtinEncoders } from '../../src/encoders/builtin.ts';
import { preflight } from '../../src/encoders/preflight.ts';
import type { GpuSolver } from '../../src/gpu/solver.ts';
import { DeviceStepper } from '../../src/training/device-stepper.ts';
import { cosineSchedule, timeEmbedding } from '../../src/training/diffusion.ts';
import { buildHead, DEMO_HEAD, type BuiltHeadSettings } from '../../src/training/heads.ts';
import { HostStepper } from '../../src/training/host-stepper.ts';
import type { StepInput, StepOptions, StepResult, TransportSettings } from '../../src/training/step.ts';
import type { PolicyDesign, PolicyState, Stepper } from '../../src/training/stepper.ts';

/* Training steps on drawn data, on the host and on a device: for tests and the bench, in Node and in a page. */

/** An encoder with the demo's head, a diffusion head in its place, or a file that gives the action itself; and how much goes through it. */
export interface StepCase {
  readonly name: 'mlp' | 'cnn' | 'diffusion' | 'own';
  readonly n: number;
  readonly m: number;
  readonly bc: number;
}

/** The demo's step: OT 64 + 64, BC 64. */
export const DEMO_STEP = { name: 'mlp', n: 64, m: 64, bc: 64 } as const satisfies StepCase;

export const STEP_TRANSPORT: TransportSettings = { prior: { kind: 'product' }, reg: 0.02, tau1: 0.5, tau2: 0.5, mode: 'fast', normalisation: 'max', alignment: 'transport', lambda: 0.5 };

/** A policy that takes steps on one of both paths. */
export interface CaseStepper {
  step(t: number, input: StepInput, options?: StepOptions): Promise<StepResult>;
  /** Trained tensors by network and name, and moments and averages end to end. */
  values(): Promise<ReadonlyMap<string, Float32Array>>;
  /** Embeddings and actions of more rows than a batch has, by the present weights. */
  answers(): Promise<ReadonlyMap<string, Float32Array>>;
  state(): Promise<PolicyState>;
  restore(state: PolicyState): void;
  dispose(): Promise<void>;
}

export const STEP_LEARNING_RATE = 1e-3;
/** Of ‖z − z'‖² in M. */
export const STEP_WEIGHT = 0.6;
const PROPRIO = 5;
const ACTION = 3;
const GROUPS = [{ name: 'encoder', rate: 1, weightDecay: 1e-2 }, { name: 'head', rate: 1, weightDecay: 1e-2 }] as const;
/** A row of what each encoder is fed. */
const FED = { mlp: { name: 'keypoints', dims: [48] }, diffusion: { name: 'keypoints', dims: [48] }, cnn: { name: 'image', dims: [3, 32, 32] }, own: { name: 'x', dims: [6] } } as const;
/** Of the diffusion head. */
const TIME_WIDTH = 8;
const NOISE_STEPS = 20;

const product = (dims: readonly number[]): number => dims.reduce((all, size) => all * size, 1);

/** What a step is given; the same for the same number. The target's rows lie a little beside the source's. */
export function stepInput({ name, n, m, bc }: StepCase, t: number, over: Partial<TransportSettings> = {}): StepInput {
  const random = new Random(100 + t);
  const size = product(FED[name].dims);
  const x = Float32Array.from({ length: (n + m + bc) * size }, (_, k) => random.normal() + (k >= n * size && k < (n + m) * size ? 0.3 : 0));
  const normals = (count: number): Float32Array<ArrayBuffer> => Float32Array.from({ length: count }, () => random.normal());
  const fixed = Float64Array.from({ length: n * m }, () => random.uniform());
  const [proprio, wanted] = [normals(bc * PROPRIO), normals(bc * ACTION)];
  const noised = name === 'diffusion' ? [['noisy', normals(bc * ACTION)] as const, ['time', timeEmbedding(Array.from({ length: bc }, (_, k) => k % NOISE_STEPS), TIME_WIDTH)] as const] : [];
  return {
    feeds: new Map([[FED[name].name, x]]),
    fixed,
    bc: { inputs: new Map([['proprio', proprio] as const, ...noised]), wanted, valid: Float32Array.from({ length: bc }, (_, k) => (k % 7 === 0 ? 0 : 1)) },
    transport: { ...STEP_TRANSPORT, ...over },
  };
}

/** A case's policy: the demo's groups and loss, averages kept. */
async function designOf({ name, n, m, bc }: StepCase): Promise<PolicyDesign> {
  const graphs = await differentiate(encoderFile(name), { shapes: new Map([[FED[name].name, [n + m + bc, ...FED[name].dims]]]) });
  const [embedding] = graphs.outputs;
  const own = name === 'own';
  return {
    encoder: { graphs, file: 'encoder' },
    head: own ? null : { graphs: await headOf(name, product(embedding!.dims.slice(1)), bc), file: 'head' },
    embedding: embedding!.name,
    action: own ? 'action' : null,
    alignment: 'transport',
    weight: STEP_WEIGHT,
    sizes: { n, m, bc },
    chunk: { horizon: 1, width: ACTION },
    loss: { kind: 'l2', mean: 'unpadded' },
    groups: GROUPS,
    adamw: DEFAULT_ADAMW,
    averaged: true,
  };
}

function encoderFile(name: StepCase['name']): Parameters<typeof differentiate>[0] {
  const bytes = name === 'cnn' ? cnn() : name === 'own' ? twoOutputs() : builtinEncoders().get('mlp.onnx')!;
  return { bytes, preflight: preflight(bytes, `${name}.onnx`) };
}

async function headOf(name: StepCase['name'], embedding: number, bc: number): Promise<Differentiated> {
  const settings = name === 'diffusion' ? ({ ...DEMO_HEAD, kind: 'diffusion', hidden: [16], timeWidth: TIME_WIDTH, steps: NOISE_STEPS } as const) : DEMO_HEAD;
  const built = buildHead(settings as BuiltHeadSettings, { embedding, proprio: PROPRIO, horizon: 1, action: ACTION }, 7);
  return differentiate({ bytes: built.bytes, preflight: preflight(built.bytes, 'head.onnx') }, { shapes: new Map(built.inputs.map((input) => [input.name, [bc, input.width]])), inputGradients: ['z'] });
}

/** What a case's tensors start from: the encoder's, then the head's. */
export async function stepWeights(given: StepCase): Promise<{ dims: readonly number[]; values: Float32Array }[]> {
  const { encoder, head } = await designOf(given);
  return [encoder, ...(head ? [head] : [])].flatMap(({ graphs }) => graphs.weights.map((weight) => ({ dims: weight.dims, values: weight.read() })));
}

/** On the wasm provider and the float64 solver. */
export async function hostStepper(given: StepCase): Promise<CaseStepper> {
  return steppingOf(given, await HostStepper.create(await designOf(given)));
}

/** On the webgpu provider and our kernels. */
export async function deviceStepper(given: StepCase, solver: GpuSolver): Promise<CaseStepper> {
  return steppingOf(given, await DeviceStepper.create(await designOf(given), solver));
}

const steppingOf = (given: StepCase, stepper: Stepper): CaseStepper => ({
  step: (t, input, options) => stepper.step(input, t, STEP_LEARNING_RATE, emaDecay(DEFAULT_EMA, t), options),
  values: async () => {
    const { weights, optimiser } = await stepper.state();
    return named(weights.map(({ network, name, values }) => [`${network} ${name}`, values] as const), optimiser);
  },
  answers: async () => {
    const count = given.n + given.m + 2 * given.bc + 1;
    const random = new Random(9);
    const rows = (size: number): Float32Array => Float32Array.from({ length: count * size }, () => random.normal());
    const inputs = new Map([[FED[given.name].name, rows(product(FED[given.name].dims))]]);
    const noise = given.name === 'diffusion' ? { schedule: cosineSchedule(NOISE_STEPS), timeWidth: TIME_WIDTH, random: new Random(10) } : null;
    return new Map([['z', (await stepper.embed(inputs, count)).values] as const, ['actions', (await stepper.act(inputs, given.name === 'own' ? null : rows(PROPRIO), count, noise)).values] as const]);
  },
  state: () => stepper.state(),
  restore: (state) => stepper.restore(state),
  dispose: () => stepper.dispose(),
});

function named(weights: readonly (readonly [string, Float32Array])[], { moments, averages }: OptimiserState): ReadonlyMap<string, Float32Array> {
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

/** x → 8 → (z, action): a file that gives the action itself. */
function twoOutputs(): Uint8Array {
  const random = new Random(12);
  const linear = (name: string, dims: readonly number[]): ReturnType<typeof floats> => floats(name, dims, linearStart(dims, dims[1]!, random));
  const gemm = (input: string, weight: string, output: string): ReturnType<typeof node> => node('Gemm', [input, weight], output, [integer('transB', 1)]);
  const nodes = [gemm('x', 'w1', 'h'), node('Tanh', ['h'], 't'), gemm('t', 'w2', 'z'), gemm('t', 'w3', 'action')];
  return model('two', [port('x', [6])], [port('z', [4]), port('action', [ACTION])], [{ nodes, weights: [linear('w1', [8, 6]), linear('w2', [4, 8]), linear('w3', [ACTION, 8])] }]);
}
