import { afterAll, expect, test } from 'vitest';
import { adamwFactors, CpuAdamW, GRADIENT_LIMIT, type GradientNorms, type OptimiserState } from '../../src/core/training/adamw.ts';
import { bcLoss } from '../../src/core/training/bc-loss.ts';
import { emaDecay } from '../../src/core/training/ema.ts';
import { GpuAdamW } from '../../src/gpu/adamw.ts';
import { GpuBcLoss, lossOf } from '../../src/gpu/bc-loss.ts';
import { Buffers, computed, readBack } from '../../src/gpu/buffers.ts';
import { guarded } from '../../src/gpu/errors.ts';
import type { GpuParameter } from '../../src/gpu/packs.ts';
import { Pipelines } from '../../src/gpu/pipelines.ts';
import { nodeGpu } from '../../scripts/node/gpu.ts';
import { AVERAGES, CHUNK, FIGURES, RUN, chunks, error, momentScale, pattern } from '../support/training.ts';
import { describeOnGpu } from './device.ts';

/* The optimiser, averages and losses on the GPU, against torch's figures and the host. */

describeOnGpu('training on a device', ({ device }) => {
  const pipelines = new Pipelines(device);
  afterAll(() => device.destroy());

  const submitted = (work: (encoder: GPUCommandEncoder) => void): void => {
    const encoder = device.createCommandEncoder();
    work(encoder);
    device.queue.submit([encoder.finish()]);
  };

  const stepped = async (optimiser: GpuAdamW, t: number, rate: number, decay: number): Promise<GradientNorms> => {
    const [bytes] = await computed(device, `step ${t}`, () => {
      submitted((encoder) => optimiser.encode(encoder, t, rate, decay));
      return [optimiser.normsReading];
    });
    return optimiser.normsOf(bytes!);
  };

  const stateOf = async (optimiser: GpuAdamW): Promise<OptimiserState> => optimiser.stateOf(await readBack(device, optimiser.stateReadings));

  async function read(...sources: readonly (readonly [GPUBuffer, number])[]): Promise<Float32Array[]> {
    return (await readBack(device, sources.map(([buffer, count]) => ({ buffer, bytes: 4 * count })))).map((bytes) => new Float32Array(bytes));
  }

  const weightsOf = (parameters: readonly GpuParameter[]): Promise<Float32Array[]> => read(...parameters.map(({ weights, count }) => [weights, count] as const));

  /** The run's tensors, and what puts a step's gradients into them. */
  const run = (buffers: Buffers): { parameters: readonly GpuParameter[]; derive: (t: number) => void } => {
    const parameters = RUN.sizes.map((count, k): GpuParameter => ({ group: RUN.groupOf[k]!, count, weights: buffers.filled(RUN.start(k)), gradient: buffers.storage(4 * count) }));
    return { parameters, derive: (t) => parameters.forEach(({ gradient }, k) => device.queue.writeBuffer(gradient, 0, RUN.gradient(k, t))) };
  };

  test.each(AVERAGES)('AdamW is torch’s over 100 steps: weights, moments, norms, averages of %s decay', async (kind, settings) => {
    const buffers = new Buffers(device);
    const { parameters, derive } = run(buffers);
    const optimiser = await GpuAdamW.create(device, pipelines, parameters, RUN.groups, RUN.settings, true);
    for (let t = 1; t <= RUN.steps; t++) {
      derive(t);
      const { total, groups, halted } = await stepped(optimiser, t, RUN.rate(t), emaDecay(settings, t));
      const kept = RUN.kept[t];
      if (!kept) continue;
      expect(halted).toBeNull();
      expect(error([total, ...groups], [kept.norm, ...kept.groups])).toBeLessThan(1e-6);
      const { moments } = await stateOf(optimiser);
      for (const [k, values] of (await weightsOf(parameters)).entries()) {
        expect(error(values, kept.weights[k]!), `weights ${k} at ${t}`).toBeLessThan(1e-6);
        expect(error(moments[k]!.m, kept.m[k]!, momentScale(kept.v[k]!)), `m ${k} at ${t}`).toBeLessThan(1e-6);
        expect(error(moments[k]!.v, kept.v[k]!), `v ${k} at ${t}`).toBeLessThan(1e-6);
      }
    }
    const { averages } = await stateOf(optimiser);
    const targets = parameters.map(({ count }) => buffers.storage(4 * count));
    await guarded(device, 'the averages', () => submitted((encoder) => optimiser.copyAverages(encoder, targets)));
    const copies = await read(...targets.map((buffer, k) => [buffer, RUN.sizes[k]!] as const));
    for (const [k, values] of averages!.entries()) {
      expect(error(values, RUN.averages[kind][k]!)).toBeLessThan(1e-6);
      expect(copies[k]).toEqual(values);
    }
    optimiser.destroy();
    buffers.destroy();
  });

  test('large tensors between small ones, and more than a pack has room for: as on the host', async () => {
    const buffers = new Buffers(device);
    const sizes = [300, 70_000, 1, 2_200_000, 65_536, 65_535, ...Array.from({ length: 5000 }, () => 1)];
    const host = sizes.map((count, k) => ({ group: k % 3, values: pattern(count, k), gradient: pattern(count, 9 + k) }));
    const parameters = host.map(({ group, values, gradient }) => ({ group, count: values.length, weights: buffers.filled(values), gradient: buffers.filled(gradient) }));
    const groups = [0.1, 0, 0.3].map((weightDecay, k) => ({ name: `${k}`, rate: 1 + k, weightDecay }));
    const optimiser = await GpuAdamW.create(device, pipelines, parameters, groups, RUN.settings, true);
    const reference = new CpuAdamW(host, groups, RUN.settings, true);
    const norms = await stepped(optimiser, 1, 0.01, 0.5);
    const expected = reference.step(1, 0.01, 0.5);
    expect(error([norms.total], [expected.total])).toBeLessThan(1e-6);
    expect(error(norms.groups, expected.groups)).toBeLessThan(1e-6);
    const [ours, theirs] = [await stateOf(optimiser), reference.state];
    for (const [k, values] of (await weightsOf(parameters)).entries()) {
      const worst = Math.max(error(values, host[k]!.values, 0.1), error(ours.moments[k]!.m, theirs.moments[k]!.m), error(ours.moments[k]!.v, theirs.moments[k]!.v), error(ours.averages![k]!, theirs.averages![k]!, 0.1));
      if (worst > 1e-6) expect(worst, `tensor ${k} of ${sizes[k]}`).toBeLessThan(1e-6);
    }
    optimiser.destroy();
    buffers.destroy();
  });

  test.each([Number.NaN, Infinity, -Infinity, 2e15])('a gradient of %d halts all of it before anything changes, and says where', async (value) => {
    const buffers = new Buffers(device);
    const { parameters, derive } = run(buffers);
    const optimiser = await GpuAdamW.create(device, pipelines, parameters, RUN.groups, RUN.settings, true);
    const step = async (t: number, fault: boolean) => {
      derive(t);
      if (fault) for (const [k, place] of [[2, 150], [3, 0]] as const) device.queue.writeBuffer(parameters[k]!.gradient, 4 * place, Float32Array.of(value));
      return (await stepped(optimiser, t, 0.01, 0.5)).halted;
    };
    const everything = async () => ({ weights: await weightsOf(parameters), ...(await stateOf(optimiser)) });
    expect(await step(1, false)).toBeNull();
    const before = await everything();
    expect(await step(2, true)).toEqual({ step: 2, parameter: 2 });
    expect(await step(3, false)).toEqual({ step: 2, parameter: 2 });
    expect(await everything()).toEqual(before);
    optimiser.resume();
    expect(await step(4, false)).toBeNull();
    expect((await weightsOf(parameters))[0]).not.toEqual(before.weights[0]);
    optimiser.destroy();
    buffers.destroy();
  });

  test.each([true, false])('a state that is put back goes on to the last bit, averages %s', async (averaged) => {
    const outcome = async (interrupted: boolean) => {
      const buffers = new Buffers(device);
      const { parameters, derive } = run(buffers);
      let optimiser = await GpuAdamW.create(device, pipelines, parameters, RUN.groups, RUN.settings, averaged);
      for (let t = 1; t <= 6; t++) {
        if (interrupted && t === 4) {
          const saved = await stateOf(optimiser);
          optimiser.destroy();
          optimiser = await GpuAdamW.create(device, pipelines, parameters, RUN.groups, RUN.settings, averaged);
          optimiser.restore(saved);
        }
        derive(t);
        await stepped(optimiser, t, RUN.rate(t), 0.9);
      }
      const result = { weights: await weightsOf(parameters), ...(await stateOf(optimiser)) };
      optimiser.destroy();
      buffers.destroy();
      return result;
    };
    const interrupted = await outcome(true);
    expect(interrupted.averages !== null).toBe(averaged);
    expect(interrupted).toEqual(await outcome(false));
  });

  test('an adapter with the smallest limits trains, and refuses a tensor that is too large for it', async () => {
    const adapter = await (await nodeGpu()).requestAdapter();
    const minimal = await adapter!.requestDevice();
    const own = new Pipelines(minimal);
    const buffers = new Buffers(minimal);
    const parameter = { group: 0, count: 300, weights: buffers.filled(pattern(300, 1)), gradient: buffers.filled(pattern(300, 2)) };
    const groups = [{ name: 'all', rate: 1, weightDecay: 0 }];
    const optimiser = await GpuAdamW.create(minimal, own, [parameter], groups, RUN.settings, true);
    const [bytes] = await computed(minimal, 'a step', () => {
      const encoder = minimal.createCommandEncoder();
      optimiser.encode(encoder, 1, 0.1, 0);
      minimal.queue.submit([encoder.finish()]);
      return [optimiser.normsReading];
    });
    expect(error([optimiser.normsOf(bytes!).total], [Math.hypot(...pattern(300, 2))])).toBeLessThan(1e-6);
    const huge = { group: 0, count: 2 ** 26, weights: buffers.storage(2 ** 28), gradient: buffers.storage(2 ** 28) };
    await expect(GpuAdamW.create(minimal, own, [huge], groups, RUN.settings, false)).rejects.toThrow(/A weight tensor takes 256 MB, and kernels on this GPU may use 128 MB/);
    buffers.destroy();
    minimal.destroy();
  });

  test('without clipping the factor is 1', async () => {
    const buffers = new Buffers(device);
    const parameter = { group: 0, count: 3, weights: buffers.filled(Float32Array.of(1, 2, 3)), gradient: buffers.filled(Float32Array.of(1e9, -1e9, 5e8)) };
    const group = { name: 'all', rate: 1, weightDecay: 0 };
    const settings = { ...RUN.settings, maxNorm: Infinity };
    const optimiser = await GpuAdamW.create(device, pipelines, [parameter], [group], settings, false);
    await stepped(optimiser, 1, 0.01, 0);
    const { moments } = await stateOf(optimiser);
    const { first } = adamwFactors(settings, group, 0.01, 1);
    expect(error(moments[0]!.m, [1e9 * first, -1e9 * first, 5e8 * first])).toBeLessThan(1e-6);
    optimiser.destroy();
    buffers.destroy();
  });

  const encoded = (work: (pass: GPUComputePassEncoder) => void): void =>
    submitted((encoder) => {
      const pass = encoder.beginComputePass();
      work(pass);
      pass.end();
    });

  test.each(FIGURES.losses)('loss $kind, masked $masked, mean over $mean: torch’s loss and gradient', async ({ kind, masked, mean, valid, loss, gradient }) => {
    const buffers = new Buffers(device);
    const { prediction, target } = chunks();
    const ours = await GpuBcLoss.create(device, pipelines, { kind, mean });
    const [slope, losses] = [buffers.filled(new Float32Array(24).fill(9)), buffers.filled(Float32Array.of(7, 7, 7))];
    const mask = masked ? { buffer: buffers.filled(Float32Array.from(valid)), count: valid.reduce((sum, value) => sum + value, 0) } : null;
    await guarded(device, 'a loss', () => encoded((pass) => ours.encode(pass, CHUNK, { prediction: buffers.filled(prediction), target: buffers.filled(target), valid: mask, gradient: slope, losses, slot: 1 })));
    const [slopes, written] = await read([slope, 24], [losses, 3]);
    expect(error(slopes!, gradient)).toBeLessThan(1e-6);
    expect(error([lossOf(written![1]!)], [loss])).toBeLessThan(1e-6);
    expect([written![0], written![2]]).toEqual([7, 7]);
    ours.destroy();
    buffers.destroy();
  });

  test.each(['l1', 'l2'] as const)('%s: a prediction that is not finite has neither a loss nor a small gradient, unless it is padding', async (kind) => {
    const buffers = new Buffers(device);
    const ours = await GpuBcLoss.create(device, pipelines, { kind, mean: 'all' });
    const { prediction, target } = chunks();
    const valid = new Float32Array(12).fill(1);
    valid[5] = 0;
    const lossAt = async (place: number, value: number) => {
      const [slope, losses] = [buffers.storage(96), buffers.storage(4)];
      const broken = prediction.map((entry, k) => (k === place ? value : entry));
      await guarded(device, 'a loss', () => encoded((pass) => ours.encode(pass, CHUNK, { prediction: buffers.filled(broken), target: buffers.filled(target), valid: { buffer: buffers.filled(valid), count: 11 }, gradient: slope, losses, slot: 0 })));
      const [slopes, written] = await read([slope, 24], [losses, 1]);
      return { loss: lossOf(written![0]!), slope: slopes![place]! };
    };
    for (const value of [Number.NaN, Infinity, -Infinity]) {
      const { loss, slope } = await lossAt(7, value);
      expect(loss).toBeNaN();
      expect(slope).toBeGreaterThan(GRADIENT_LIMIT);
      const padded = await lossAt(11, value);
      expect(padded.slope).toBe(0);
      expect(padded.loss).toBeLessThan(10);
    }
    ours.destroy();
    buffers.destroy();
  });

  test('the loss of a long chunk is the host’s', async () => {
    const shape = { batch: 64, horizon: 16, width: 14 };
    const count = 64 * 16 * 14;
    const [prediction, target, valid] = [pattern(count, 1), pattern(count, 2), pattern(64 * 16, 3).map((value) => (value > 0 ? 1 : 0))];
    const expected = bcLoss(prediction, target, valid, shape, { kind: 'l1', mean: 'unpadded' });
    const buffers = new Buffers(device);
    const ours = await GpuBcLoss.create(device, pipelines, { kind: 'l1', mean: 'unpadded' });
    const [slope, losses] = [buffers.storage(4 * count), buffers.storage(4)];
    const mask = { buffer: buffers.filled(valid), count: valid.reduce((sum, value) => sum + value, 0) };
    await guarded(device, 'a loss', () => encoded((pass) => ours.encode(pass, shape, { prediction: buffers.filled(prediction), target: buffers.filled(target), valid: mask, gradient: slope, losses, slot: 0 })));
    const [slopes, written] = await read([slope, count], [losses, 1]);
    expect(error(slopes!, expected.gradient)).toBeLessThan(1e-6);
    expect(error(written!, [expected.loss])).toBeLessThan(1e-6);
    ours.destroy();
    buffers.destroy();
  });
});
