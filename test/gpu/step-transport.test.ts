import { afterAll, describe, expect, test } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { embeddingGradient } from '../../src/core/cost/embedding-gradient.ts';
import { normalisationScale, squaredDistances } from '../../src/core/cost/terms.ts';
import { uniformWeights } from '../../src/core/ot/problem.ts';
import { solve, type UotSolution } from '../../src/core/ot/solve.ts';
import { Buffers, computed, readBack } from '../../src/gpu/buffers.ts';
import { GpuEmbeddingGradient } from '../../src/gpu/embedding-gradient.ts';
import { guarded } from '../../src/gpu/errors.ts';
import { GpuSolver } from '../../src/gpu/solver.ts';
import { StepTransport, type StepSettings } from '../../src/gpu/step-transport.ts';
import { error } from '../support/training.ts';
import { describeOnGpu } from './device.ts';

/* The transport part of a training step on a device, against the float64 path. */

const normals = (count: number, seed: number, scale = 1): Float32Array<ArrayBuffer> => {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => scale * random.normal());
};

describeOnGpu('the transport of a training step', ({ device }) => {
  const solver = new GpuSolver(device);
  afterAll(() => device.destroy());

  test.each([[5, 7, 3, 0], [64, 64, 16, 64], [70, 30, 33, 5]])('embedding gradient of %d × %d, width %d, with %d further rows', async (n, m, width, rest) => {
    const z = normals((n + m + rest) * width, 1);
    const plan = Float64Array.from(normals(n * m, 2), (value) => Math.fround(value * value));
    const kept = normals(z.length, 3);
    const buffers = new Buffers(device);
    const gradient = buffers.filled(kept);
    const make = await GpuEmbeddingGradient.prepare(device, solver.pipelines);
    const [bytes] = await computed(device, 'the gradient', () => {
      const kernel = make({ n, m, width }, { embeddings: buffers.filled(z), plan: buffers.filled(Float32Array.from(plan)), factors: buffers.filled(Float32Array.of(7, 1.5)), place: 1, gradient, uniform: buffers.uniform(new Uint32Array(8)) });
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      kernel.encode(pass);
      pass.end();
      device.queue.submit([encoder.finish()]);
      return [{ buffer: gradient, bytes: 4 * z.length }];
    });
    const expected = kept.slice();
    embeddingGradient(plan, z.subarray(0, n * width), z.subarray(n * width, (n + m) * width), width, 0.75, expected.subarray(0, (n + m) * width));
    expect(error(new Float32Array(bytes!), expected)).toBeLessThan(2e-6);
    expect(new Float32Array(bytes!).subarray((n + m) * width)).toEqual(kept.subarray((n + m) * width));
    buffers.destroy();
  });

  const BASE: StepSettings = { prior: { kind: 'product' }, reg: 0.05, tau1: 1, tau2: 1, mode: 'fast', normalisation: 'none', lambda: 0.7 };
  interface Case {
    readonly name: string;
    readonly n: number;
    readonly m: number;
    readonly over?: Partial<StepSettings>;
    readonly scale?: number;
    /** Solved on the device at all, and believed. */
    readonly here?: boolean;
    readonly handover?: string;
  }
  const CASES: readonly Case[] = [
    { name: 'the demo’s size', n: 64, m: 64 },
    { name: 'one pair', n: 1, m: 1 },
    { name: 'sides that differ', n: 20, m: 33, over: { tau1: 0.3, tau2: 5 } },
    { name: 'divided by the largest cost', n: 64, m: 64, over: { normalisation: 'max' }, scale: 30 },
    { name: 'divided by the standard deviation', n: 48, m: 64, over: { normalisation: 'std' }, scale: 7 },
    { name: 'hard marginals', n: 32, m: 32, over: { reg: 0.5, tau1: Infinity, tau2: Infinity } },
    { name: 'hard marginals that need many sweeps', n: 32, m: 32, over: { tau1: Infinity, tau2: Infinity }, handover: 'stalled' },
    { name: 'one hard marginal', n: 32, m: 24, over: { tau1: Infinity } },
    { name: 'a soft prior', n: 32, m: 32, over: { prior: { kind: 'soft', epsilon: 0.1 } } },
    { name: 'c = 1', n: 16, m: 32, over: { prior: { kind: 'ones' } } },
    { name: 'POT’s scheme', n: 33, m: 64, over: { mode: 'parity', prior: { kind: 'band', width: 0.3 } } },
    { name: 'large', n: 100, m: 80 },
    { name: 'large, sides that do not come in fours', n: 65, m: 131, over: { normalisation: 'max', tau2: Infinity } },
    { name: 'large, a soft prior', n: 96, m: 96, over: { prior: { kind: 'soft', epsilon: 0.2 } } },
    { name: 'a cost far beyond reg', n: 32, m: 32, scale: 100, over: { reg: 1e-3 }, handover: 'cost-range' },
    { name: 'a median', n: 32, m: 32, over: { normalisation: 'median' }, here: false },
    { name: 'a hard mask', n: 32, m: 32, over: { prior: { kind: 'diagonal' } }, here: false },
    { name: 'POT’s scheme, large', n: 80, m: 70, over: { mode: 'parity' }, here: false },
  ];

  describe('from embeddings to their gradient', () => {
    test.each(CASES)('$name', async ({ n, m, over = {}, scale = 1, here = true, handover = null }) => {
      const width = 6;
      const settings = { ...BASE, ...over };
      const weight = 0.4;
      const z = normals((n + m + 3) * width, n + m, scale);
      const fixed = Float64Array.from(normals(n * m, 9), (value) => Math.fround(Math.abs(value)));
      const buffers = new Buffers(device);
      const [gradient, guard] = [buffers.filled(new Float32Array(z.length).fill(5)), buffers.filled(Float32Array.of(3, 4))];
      const transport = await StepTransport.create(solver, { n, m, width, weight }, { embeddings: buffers.filled(z), gradient, guard });
      const submitted = (work: (encoder: GPUCommandEncoder) => void): void => {
        const encoder = device.createCommandEncoder();
        work(encoder);
        device.queue.submit([encoder.finish()]);
      };
      const read = async (buffer: GPUBuffer, count: number): Promise<Float32Array> => new Float32Array((await readBack(device, [{ buffer, bytes: 4 * count }]))[0]!);
      const expected = truth(z, fixed, n, m, width, weight, settings);
      const holds = async (tolerance: number): Promise<void> => {
        const found = await read(gradient, z.length);
        expect(error(found.subarray(0, (n + m) * width), expected.gradient)).toBeLessThan(tolerance);
        expect(found.subarray((n + m) * width)).toEqual(new Float32Array(3 * width).fill(5));
      };
      try {
        expect(await transport.pose(settings, fixed)).toBe(here);
        if (!here) {
          await guarded(device, 'the cost', () => submitted((encoder) => transport.encodeCost(encoder)));
          const { solution, sigma } = await transport.solveOnHost();
          expect(error([sigma, solution.primal], [expected.sigma, expected.solution.primal])).toBeLessThan(1e-5);
          return await holds(1e-4);
        }
        for (const round of [1, 2]) {
          const bytes = await computed(device, `step ${round}`, () => {
            submitted((encoder) => {
              transport.encode(encoder);
              transport.encodeCheck(encoder);
            });
            return transport.readings;
          });
          const outcome = transport.outcomeOf(bytes);
          expect(outcome.handover).toBe(handover);
          expect((await read(guard, 2))[0]! > 1e29).toBe(handover !== null);
          if (handover !== null) {
            await transport.solveOnHost();
            await holds(1e-3);
            continue;
          }
          const { solution } = expected;
          await holds(1e-4);
          expect(outcome.converged).toBe(solution.converged);
          expect(Math.abs(outcome.embeddingCost / expected.embeddingCost - 1)).toBeLessThan(1e-5);
          for (const key of ['transportCost', 'mass', 'perplexity', 'primal'] as const) expect(Math.abs(outcome[key] / solution[key] - 1), key).toBeLessThan(1e-4);
          if (n === m) expect(Math.abs(outcome.diagonalMass! - solution.diagonalMass!)).toBeLessThan(1e-5);
        }
      } finally {
        transport.destroy();
        buffers.destroy();
      }
    });
  });

  test('a change of mode and prior between steps is taken up, and values that are no numbers are told', async () => {
    const [n, m, width] = [16, 16, 4];
    const buffers = new Buffers(device);
    const z = normals((n + m) * width, 4);
    const [embeddings, gradient, guard] = [buffers.filled(z), buffers.storage(4 * z.length), buffers.storage(4)];
    const transport = await StepTransport.create(solver, { n, m, width, weight: 1 }, { embeddings, gradient, guard });
    const step = async (settings: StepSettings): Promise<string | null> => {
      expect(await transport.pose(settings, new Float64Array(n * m))).toBe(true);
      const bytes = await computed(device, 'a step', () => {
        const encoder = device.createCommandEncoder();
        transport.encode(encoder);
        transport.encodeCheck(encoder);
        device.queue.submit([encoder.finish()]);
        return [...transport.readings, { buffer: gradient, bytes: 4 * z.length }];
      });
      const { handover } = transport.outcomeOf(bytes);
      if (handover === null) expect(error(new Float32Array(bytes.at(-1)!), truth(z, new Float64Array(n * m), n, m, width, 1, settings).gradient)).toBeLessThan(1e-4);
      return handover;
    };
    for (const over of [{}, { mode: 'parity' }, { prior: { kind: 'soft', epsilon: 0.3 } }, { tau1: Infinity, tau2: Infinity, reg: 1 }, { reg: 0.2 }] as const) expect(await step({ ...BASE, ...over })).toBeNull();
    device.queue.writeBuffer(embeddings, 40, Float32Array.of(Number.NaN));
    expect(await step(BASE)).toBe('non-finite');
    device.queue.writeBuffer(embeddings, 0, new Float32Array(z.length));
    expect(await step({ ...BASE, normalisation: 'max' })).toBe('non-finite');
    await expect(transport.solveOnHost()).rejects.toThrow(/max of the cost matrix is 0/);
    transport.destroy();
    buffers.destroy();
  });
});

function truth(z: Float32Array, fixed: Float64Array, n: number, m: number, width: number, weight: number, settings: StepSettings): { solution: UotSolution; sigma: number; gradient: Float32Array; embeddingCost: number } {
  const [source, target] = [z.subarray(0, n * width), z.subarray(n * width, (n + m) * width)];
  const distances = squaredDistances({ values: source, width }, { values: target, width });
  const raw = distances.map((value, k) => fixed[k]! + weight * value);
  const sigma = normalisationScale(raw, settings.normalisation);
  const { prior, reg, tau1, tau2, mode } = settings;
  const solution = solve({ n, m, cost: raw.map((value) => value / sigma), a: uniformWeights(n), b: uniformWeights(m), prior, reg, tau1, tau2 }, { mode });
  const gradient = new Float32Array((n + m) * width);
  embeddingGradient(solution.plan, source, target, width, (settings.lambda * weight) / sigma, gradient);
  return { solution, sigma, gradient, embeddingCost: distances.reduce((sum, value) => sum + value, 0) / (n * m) };
}
