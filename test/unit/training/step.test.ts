import { describe, expect, test } from 'vitest';
import { Random } from '../../../src/base/random.ts';
import { normalisationScale } from '../../../src/core/cost/terms.ts';
import { uniformWeights } from '../../../src/core/ot/problem.ts';
import { solve } from '../../../src/core/ot/solve.ts';
import { CpuAdamW, DEFAULT_ADAMW } from '../../../src/core/training/adamw.ts';
import { differentiate } from '../../../src/encoders/autodiff/differentiate.ts';
import { HostGraphs } from '../../../src/encoders/autodiff/host-graphs.ts';
import { preflight } from '../../../src/encoders/preflight.ts';
import type { EncoderFile } from '../../../src/encoders/session.ts';
import { buildHead } from '../../../src/training/heads.ts';
import { timeEmbedding } from '../../../src/training/diffusion.ts';
import { hostStep, type HostPolicy, type StepInput, type TransportSettings } from '../../../src/training/step.ts';
import { floats, int, node, onnxModel, port } from '../../support/onnx.ts';
import { runReference, type Values } from '../../support/reference.ts';

/*
 * The step's gradient against central differences of the whole loss in float64: forward graphs by the reference, the cost,
 * the plan and the losses anew at every point.
 *
 * With π held, the step's gradient is that of BC + λ·P*, P* the regularised optimum in solved units: by the envelope
 * theorem the derivative of P* by M is π, whatever the prior and the penalties are, as long as P* is the optimum that was solved for.
 */

const SIZES = { n: 6, m: 6, bc: 5 } as const;
const CHUNK = { horizon: 3, width: 2 } as const;
const WIDTH = 4;
const WEIGHT = 0.3;

const start = new Random(4);
const draw = (length: number, scale = 1): number[] => Array.from({ length }, () => Math.fround(scale * start.normal()));

/** (batch, 5) → (batch, 4) without a kink; with a second output for the head `own`. */
function encoderFile(): EncoderFile {
  const bytes = onnxModel({
    inputs: [port('x', ['batch', 5])],
    outputs: [port('z', ['batch', WIDTH]), port('action', ['batch', CHUNK.horizon * CHUNK.width])],
    nodes: [
      node('Gemm', ['x', 'w1', 'b1'], ['h'], [int('transB', 1)]),
      node('Tanh', ['h'], ['t']),
      node('Gemm', ['t', 'w2', 'b2'], ['z'], [int('transB', 1)]),
      node('Gemm', ['t', 'w3', 'b3'], ['action'], [int('transB', 1)]),
    ],
    weights: [floats('w1', [7, 5], draw(35, 0.6)), floats('b1', [7], draw(7, 0.3)), floats('w2', [WIDTH, 7], draw(4 * 7, 0.6)), floats('b2', [WIDTH], draw(WIDTH, 0.3)), floats('w3', [6, 7], draw(42, 0.6)), floats('b3', [6], draw(6, 0.3))],
  });
  return { bytes, preflight: preflight(bytes, 'net.onnx') };
}

const FILE = encoderFile();

const TIME_WIDTH = 8;

async function policyOf(own: boolean, sizes: HostPolicy['sizes'] = SIZES, kind: 'l1' | 'l2' = 'l2', embedding = 'z', diffusion = false): Promise<HostPolicy> {
  const rows = sizes.n + sizes.m + sizes.bc;
  const encoder = await HostGraphs.create(await differentiate(FILE, { shapes: new Map([['x', [rows, 5]]]), outputs: own ? [embedding, 'action'] : [embedding] }), 'net.onnx');
  const layers = { hidden: [6], activation: 'gelu', loss: { kind, mean: 'unpadded' } } as const;
  const built = buildHead(diffusion ? { kind: 'diffusion', ...layers, timeWidth: TIME_WIDTH, steps: 100 } : { kind: 'regression', ...layers }, { embedding: WIDTH, proprio: 2, horizon: CHUNK.horizon, action: CHUNK.width }, 8);
  const bytes = Uint8Array.from(built.bytes);
  const head = own ? null : await HostGraphs.create(await differentiate({ bytes, preflight: preflight(bytes, 'head') }, { shapes: new Map(built.inputs.map(({ name, width }) => [name, [sizes.bc, width]])), inputGradients: ['z'] }), 'head');
  const parameters = [...encoder.trained.map((tensor) => ({ group: 0, ...tensor })), ...(head?.trained ?? []).map((tensor) => ({ group: 1, ...tensor }))];
  const optimiser = new CpuAdamW(parameters, [{ name: 'encoder', rate: 1, weightDecay: 0 }, { name: 'head', rate: 1, weightDecay: 0 }], DEFAULT_ADAMW, false);
  return { encoder, embedding, action: own ? 'action' : null, head, optimiser, weight: WEIGHT, sizes, chunk: CHUNK, loss: { kind, mean: 'unpadded' } };
}

const TRANSPORT: TransportSettings = { prior: { kind: 'product' }, reg: 0.2, tau1: 0.5, tau2: 0.8, mode: 'fast', normalisation: 'none', alignment: 'transport', lambda: 0.7 };

function inputOf({ sizes: { n, m, bc }, head = null }: Pick<HostPolicy, 'sizes'> & Partial<Pick<HostPolicy, 'head'>>, transport: TransportSettings): StepInput {
  const steps = bc * CHUNK.horizon;
  const diffusion = head?.graphs.inputs.some(({ name }) => name === 'noisy') ?? false;
  const mixed = (): [string, Float32Array][] => [['noisy', Float32Array.from(draw(steps * CHUNK.width))], ['time', timeEmbedding(Array.from({ length: bc }, (_, k) => 17 * k), TIME_WIDTH)]];
  return {
    feeds: new Map([['x', Float32Array.from(draw((n + m + bc) * 5))]]),
    fixed: Float64Array.from(draw(n * m), (value) => value * value),
    bc: { inputs: new Map([['proprio', Float32Array.from(draw(2 * bc))], ...(diffusion ? mixed() : [])]), wanted: Float32Array.from(draw(steps * CHUNK.width)), valid: Float32Array.from({ length: steps }, (_, k) => (k % 4 === 3 ? 0 : 1)) },
    transport,
  };
}

/** What is held of the point where the gradient was taken. */
interface Point {
  readonly plan: Float64Array;
  readonly sigma: number;
}

/** BC, P* and ⟨π,M⟩/σ in float64 for weights in float64; σ and the frozen plan are those of `held`, where it is given. */
function lossAt(policy: HostPolicy, input: StepInput, weights: ReadonlyMap<string, Float64Array>, held: Point | null): { bc: number; optimum: number; frozen: number; point: Point } {
  const { encoder, head, sizes, loss, embedding } = policy;
  const { n, m, bc: rows } = sizes;
  const values = (dims: readonly number[], data: ArrayLike<number>): Values => ({ dims, data: Float64Array.from(data) });
  const weightsOf = (graphs: HostGraphs): [string, Values][] => graphs.graphs.weights.map(({ name, dims }) => [name, { dims, data: weights.get(name)! }]);
  const run = runReference(encoder.graphs.forward, new Map([['x', values([n + m + rows, 5], input.feeds.get('x')!)], ...weightsOf(encoder)]));
  const z = run.get(embedding)!.data;
  const width = z.length / (n + m + rows);
  const cost = new Float64Array(n * m);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < m; j++) {
      let distance = 0;
      for (let d = 0; d < width; d++) distance += (z[i * width + d]! - z[(n + j) * width + d]!) ** 2;
      cost[i * m + j] = input.fixed[i * m + j]! + policy.weight * distance;
    }
  const { normalisation, prior, reg, tau1, tau2, mode } = input.transport;
  const sigma = held?.sigma ?? normalisationScale(cost, normalisation);
  for (let k = 0; k < cost.length; k++) cost[k]! /= sigma;
  const solution = solve({ n, m, cost, a: uniformWeights(n), b: uniformWeights(m), prior, reg, tau1, tau2 }, { mode });
  expect(solution.converged).toBe(true);
  const plan = held?.plan ?? solution.plan;
  const frozen = plan.reduce((sum, mass, k) => sum + mass * cost[k]!, 0);

  const predicted = head
    ? runReference(head.graphs.forward, new Map([['z', values([rows, width], z.slice((n + m) * width))], ...Array.from(input.bc.inputs, ([name, data]) => [name, values([rows, data.length / rows], data)] as const), ...weightsOf(head)])).get(head.graphs.outputs[0]!.name)!.data
    : run.get('action')!.data.slice((n + m) * CHUNK.horizon * CHUNK.width);
  let sum = 0;
  let counted = 0;
  for (const [k, value] of predicted.entries()) {
    if (input.bc.valid![Math.floor(k / CHUNK.width)] === 0) continue;
    const error = value - input.bc.wanted[k]!;
    sum += loss.kind === 'l2' ? error * error : Math.abs(error);
    counted++;
  }
  return { bc: rows === 0 ? 0 : sum / counted, optimum: solution.primal, frozen, point: { plan, sigma } };
}

/** Largest error of ⟨gradient, direction⟩ against central differences, over |gradient|: of BC + λ·P*, and of BC + λ⟨π,M⟩/σ with π frozen. */
async function errors(policy: HostPolicy, transport: TransportSettings): Promise<{ optimum: number; frozen: number }> {
  const input = inputOf(policy, transport);
  const tensors = [...policy.encoder.trained, ...(policy.head?.trained ?? [])];
  const weights = new Map(tensors.map(({ name, values }) => [name, Float64Array.from(values)]));
  const here = lossAt(policy, input, weights, null);
  const said = await hostStep(policy, input, 1, 0, 0);
  expect(said.bc).toBeCloseTo(here.bc, 5);
  expect(said.value).toBeCloseTo(here.optimum, 5);
  expect(said.weighted).toBeCloseTo(transport.lambda * here.frozen, 5);
  expect(said.transport).toBeCloseTo(here.frozen * here.point.sigma, 4);
  expect(said.total).toBe(said.bc + said.weighted);
  const size = Math.hypot(...tensors.flatMap(({ gradient }) => [...gradient]));
  expect(size).toBeCloseTo(said.norms.total, 5);
  const random = new Random(9);
  const worst = { optimum: 0, frozen: 0 };
  // The gradient itself is a direction too: what is missing of it would show nowhere more.
  for (const along of ['gradient', 'random', 'random', 'random'] as const) {
    const direction = new Map(tensors.map(({ name, gradient }) => [name, Float64Array.from(gradient, (value) => (along === 'gradient' ? value / size : random.normal() / Math.sqrt(tensors.length)))]));
    const slope = tensors.reduce((sum, { name, gradient }) => sum + gradient.reduce((part, value, k) => part + value * direction.get(name)![k]!, 0), 0);
    const moved = (step: number): ReturnType<typeof lossAt> => lossAt(policy, input, new Map([...weights].map(([name, values]) => [name, values.map((value, k) => value + step * direction.get(name)![k]!)])), here.point);
    const h = 1e-4;
    const [up, down] = [moved(h), moved(-h)];
    const difference = (what: 'optimum' | 'frozen'): number => (up.bc - down.bc + transport.lambda * (up[what] - down[what])) / (2 * h);
    for (const what of ['optimum', 'frozen'] as const) worst[what] = Math.max(worst[what], Math.abs(difference(what) - slope) / Math.max(Math.abs(slope), size));
  }
  return worst;
}

describe('the gradient of the whole loss', () => {
  test.each([
    ['product', {}],
    ['ones', { prior: { kind: 'ones' } }],
    ['soft', { prior: { kind: 'soft', epsilon: 0.1 } }],
    ['band', { prior: { kind: 'band', width: 0.3 } }],
    ['diagonal', { prior: { kind: 'diagonal' } }],
    ['balanced', { tau1: Infinity, tau2: Infinity }],
    ['one hard side', { tau1: Infinity }],
    ['sharp', { reg: 0.02, tau1: 0.1, tau2: 0.1 }],
    ['σ of max', { normalisation: 'max' }],
    ['σ of the median', { normalisation: 'median' }],
    ['σ of the standard deviation', { normalisation: 'std' }],
    ['no transport', { lambda: 0 }],
  ] satisfies [string, Partial<TransportSettings>][])('%s', async (_, change) => {
    const found = await errors(await policyOf(false), { ...TRANSPORT, ...change });
    expect(found.optimum).toBeLessThan(1e-4);
    expect(found.frozen).toBeLessThan(1e-4);
  });

  test('sides of different sizes, and the absolute loss', async () => {
    const found = await errors(await policyOf(false, { n: 4, m: 9, bc: 3 }, 'l1'), TRANSPORT);
    expect(Math.max(found.optimum, found.frozen)).toBeLessThan(1e-4);
  });

  test('a head that finds noise', async () => {
    const found = await errors(await policyOf(false, SIZES, 'l2', 'z', true), TRANSPORT);
    expect(Math.max(found.optimum, found.frozen)).toBeLessThan(1e-4);
  });

  test('the action from the encoder itself', async () => {
    const found = await errors(await policyOf(true), TRANSPORT);
    expect(Math.max(found.optimum, found.frozen)).toBeLessThan(1e-4);
  });

  test('an output that is embedding and action at once', async () => {
    const found = await errors(await policyOf(true, SIZES, 'l2', 'action'), TRANSPORT);
    expect(Math.max(found.optimum, found.frozen)).toBeLessThan(1e-4);
  });
});

describe('a step', () => {
  test('under the energy distance has no plan, and descends it by its derivative', async () => {
    const policy = await policyOf(false);
    const transport = { ...TRANSPORT, alignment: 'energy' } as const;
    const input = inputOf(policy, transport);
    const said = await hostStep(policy, input, 1, 0, 0);
    expect(said).toMatchObject({ mass: NaN, diagonalMass: null, embeddingCost: NaN });
    expect(said.weighted).toBe(transport.lambda * said.transport);
    expect(said.total).toBe(said.bc + said.weighted);
    const tensors = policy.encoder.trained;
    const gradients = tensors.map(({ gradient }) => gradient.slice());
    const without = await hostStep(policy, { ...input, transport: { ...transport, lambda: 0 } }, 1, 0, 0);
    // A step along what λ adds to the encoder's gradient lowers the distance by its squared norm.
    const added = tensors.map(({ gradient }, k) => gradients[k]!.map((value, e) => value - gradient[e]!));
    const slope = added.reduce((sum, values) => sum + values.reduce((part, value) => part + value * value, 0), 0);
    const h = 1e-3 / Math.sqrt(slope);
    const at = async (side: number): Promise<number> => {
      tensors.forEach(({ values }, k) => values.forEach((value, e) => (values[e] = value + side * h * added[k]![e]!)));
      const { transport: energy } = await hostStep(policy, input, 1, 0, 0);
      tensors.forEach(({ values }, k) => values.forEach((value, e) => (values[e] = value - side * h * added[k]![e]!)));
      return energy;
    };
    expect((transport.lambda * ((await at(1)) - (await at(-1)))) / (2 * h) / slope).toBeCloseTo(1, 2);
    expect(without.transport).toBe(said.transport);
  });

  test('with λ = 0 that is not looked at solves nothing, and moves the weights as it would have', async () => {
    const policy = await policyOf(false);
    const input = inputOf(policy, { ...TRANSPORT, lambda: 0 });
    const seen = await hostStep(policy, input, 1, 0, 0);
    const unseen = await hostStep(policy, input, 1, 0, 0, { look: false });
    expect(seen.mass).toBeGreaterThan(0);
    expect(unseen).toMatchObject({ mass: NaN, spread: null, norms: seen.norms, total: seen.total });
  });

  test('without an OT batch is behaviour cloning alone', async () => {
    const sizes = { n: 0, m: 0, bc: 5 };
    const policy = await policyOf(false, sizes);
    const said = await hostStep(policy, inputOf({ sizes }, TRANSPORT), 1, 1e-2, 0);
    expect(said.total).toBe(said.bc);
    expect([said.transport, said.weighted]).toEqual([0, 0]);
    expect(said.norms.total).toBeGreaterThan(0);
  });

  test.each([
    ['an input', (input: StepInput) => input.feeds.get('x')!.fill(Number.NaN, 3, 4), 'the embedding'],
    ['an action', (input: StepInput) => input.bc.wanted.fill(Number.NaN, 0, 1), 'the behaviour cloning loss'],
  ] as const)('on %s that is no number changes nothing and says where', async (_, spoil, where) => {
    const policy = await policyOf(false);
    const input = inputOf({ sizes: SIZES }, TRANSPORT);
    spoil(input);
    const before = policy.encoder.trained.map(({ values }) => values.slice());
    await expect(hostStep(policy, input, 3, 1e-2, 0)).rejects.toMatchObject({ code: 'training-nan', detail: { step: '3', where } });
    expect(policy.encoder.trained.map(({ values }) => values)).toEqual(before);
    expect(policy.optimiser.state.moments[0]!.m.every((value) => value === 0)).toBe(true);
  });

  test('whose gradient is too large names the tensor, and the next one is taken', async () => {
    const policy = await policyOf(false);
    const input = inputOf({ sizes: SIZES }, TRANSPORT);
    await expect(hostStep(policy, { ...input, bc: { ...input.bc, wanted: input.bc.wanted.map(() => 1e30) } }, 1, 1e-2, 0)).rejects.toMatchObject({ code: 'training-nan', detail: { where: 'the gradient of “w1”' } });
    expect((await hostStep(policy, input, 1, 1e-2, 0)).norms.halted).toBeNull();
  });
});
