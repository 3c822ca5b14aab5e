import { afterAll, expect, test } from 'vitest';
import { adamwFactors, CpuAdamW } from '../../src/core/training/adamw.ts';
import { DEFAULT_EMA, emaDecay } from '../../src/core/training/ema.ts';
import { bcLoss } from '../../src/core/training/bc-loss.ts';
import { GpuAdamW, type GpuParameter } from '../../src/gpu/adamw.ts';
import { GpuBcLoss } from '../../src/gpu/bc-loss.ts';
import { Buffers, computed, readBack } from '../../src/gpu/buffers.ts';
import { GpuEma } from '../../src/gpu/ema.ts';
import { guarded } from '../../src/gpu/errors.ts';
import { Pipelines } from '../../src/gpu/pipelines.ts';
import { CHUNK, FIGURES, RUN, chunks, error, momentScale, pattern } from '../support/training.ts';
import { describeOnGpu } from './device.ts';

/* The optimiser, averages and losses on the GPU, against torch's figures and the host. */

describeOnGpu('training on a device', ({ device }) => {
  const pipelines = new Pipelines(device);
  afterAll(() => device.destroy());

  const encoded = (work: (pass: GPUComputePassEncoder) => void): void => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    work(pass);
    pass.end();
    device.queue.submit([encoder.finish()]);
  };

  async function read(...sources: readonly (readonly [GPUBuffer, number])[]): Promise<Float32Array[]> {
    return (await readBack(device, sources.map(([buffer, count]) => ({ buffer, bytes: 4 * count })))).map((bytes) => new Float32Array(bytes));
  }

  const tensors = (buffers: Buffers): GpuParameter[] => RUN.sizes.map((count, k) => ({ group: RUN.groupOf[k]!, count, weights: buffers.filled(RUN.start(k)), gradient: buffers.storage(4 * count) }));

  test('AdamW is torch’s over 100 steps: weights, moments, norms, averages', async () => {
    const buffers = new Buffers(device);
    const parameters = tensors(buffers);
    const optimiser = await GpuAdamW.create(device, pipelines, parameters, RUN.groups, RUN.settings);
    const ema = { power: await GpuEma.create(device, pipelines, parameters, optimiser.norms), constant: await GpuEma.create(device, pipelines, parameters, optimiser.norms) };
    for (let t = 1; t <= RUN.steps; t++) {
      const [norms] = await computed(device, `step ${t}`, () => {
        for (const [k, { gradient }] of parameters.entries()) device.queue.writeBuffer(gradient, 0, RUN.gradient(k, t));
        encoded((pass) => {
          optimiser.encode(pass, t, RUN.rate(t));
          ema.power.encode(pass, emaDecay(DEFAULT_EMA, t));
          ema.constant.encode(pass, 0.95);
        });
        return [optimiser.normsReading];
      });
      const kept = RUN.kept[t];
      if (!kept) continue;
      const { total, groups, halted } = optimiser.normsOf(norms!);
      expect(halted).toBeNull();
      expect(error([total, ...groups], [kept.norm, ...kept.groups])).toBeLessThan(1e-6);
      for (const [k, { weights, count }] of parameters.entries()) {
        const [values, m, v] = await read([weights, count], [optimiser.moments[k]!.m, count], [optimiser.moments[k]!.v, count]);
        expect(error(values!, kept.weights[k]!), `weights ${k} at ${t}`).toBeLessThan(1e-6);
        expect(error(m!, kept.m[k]!, momentScale(kept.v[k]!)), `m ${k} at ${t}`).toBeLessThan(1e-6);
        expect(error(v!, kept.v[k]!), `v ${k} at ${t}`).toBeLessThan(1e-6);
      }
    }
    for (const kind of ['power', 'constant'] as const) {
      const averages = await read(...ema[kind].averages.map(({ buffer, bytes }) => [buffer, bytes / 4] as const));
      for (const [k, values] of averages.entries()) expect(error(values, RUN.averages[kind][k]!)).toBeLessThan(1e-6);
      ema[kind].destroy();
    }
    optimiser.destroy();
    buffers.destroy();
  });

  test('tensors of many pieces and rows: norms to 1e-6, weights as on the host', async () => {
    const buffers = new Buffers(device);
    // The first takes more threads than square a gradient (16,384 · 64) and more than a row of a dispatch has.
    const sizes = [2_200_000, 65, 1];
    const host = sizes.map((count, k) => ({ group: 0, values: pattern(count, k), gradient: pattern(count, 9 + k) }));
    const parameters = host.map(({ group, values, gradient }) => ({ group, count: values.length, weights: buffers.filled(values), gradient: buffers.filled(gradient) }));
    const groups = [{ name: 'all', rate: 1, weightDecay: 0.1 }];
    const optimiser = await GpuAdamW.create(device, pipelines, parameters, groups, RUN.settings);
    const reference = new CpuAdamW(host, groups, RUN.settings);
    const [bytes] = await computed(device, 'a step', () => {
      encoded((pass) => optimiser.encode(pass, 1, 0.01));
      return [optimiser.normsReading];
    });
    const expected = reference.step(1, 0.01);
    expect(Math.abs(optimiser.normsOf(bytes!).total / expected.total - 1)).toBeLessThan(1e-6);
    const values = await read(...parameters.map(({ weights, count }) => [weights, count] as const));
    for (const [k, { values: wanted }] of host.entries()) expect(error(values[k]!, wanted)).toBeLessThan(1e-6);
    optimiser.destroy();
    buffers.destroy();
  });

  test.each([Number.NaN, Infinity, -Infinity, 2e15])('a gradient of %d halts all of it before anything changes, and says where', async (value) => {
    const buffers = new Buffers(device);
    const parameters = tensors(buffers);
    const optimiser = await GpuAdamW.create(device, pipelines, parameters, RUN.groups, RUN.settings);
    const ema = await GpuEma.create(device, pipelines, parameters, optimiser.norms);
    const step = async (t: number, fault: boolean) => {
      const [bytes] = await computed(device, `step ${t}`, () => {
        for (const [k, { gradient }] of parameters.entries()) device.queue.writeBuffer(gradient, 0, RUN.gradient(k, t));
        if (fault) for (const [k, place] of [[2, 150], [3, 0]] as const) device.queue.writeBuffer(parameters[k]!.gradient, 4 * place, Float32Array.of(value));
        encoded((pass) => {
          optimiser.encode(pass, t, 0.01);
          ema.encode(pass, 0.5);
        });
        return [optimiser.normsReading];
      });
      return optimiser.normsOf(bytes!).halted;
    };
    const everything = () => read(...parameters.flatMap(({ weights, count }, k) => [[weights, count], [optimiser.moments[k]!.m, count], [optimiser.moments[k]!.v, count], [ema.averages[k]!.buffer, count]] as const));
    expect(await step(1, false)).toBeNull();
    const before = await everything();
    expect(await step(2, true)).toEqual({ step: 2, parameter: 2 });
    expect(await step(3, false)).toEqual({ step: 2, parameter: 2 });
    expect(await everything()).toEqual(before);
    optimiser.resume();
    expect(await step(4, false)).toBeNull();
    expect((await everything())[0]).not.toEqual(before[0]);
    ema.destroy();
    optimiser.destroy();
    buffers.destroy();
  });

  test('moments that are written back go on as if nothing had been', async () => {
    const run = async (interrupted: boolean): Promise<Float32Array[]> => {
      const buffers = new Buffers(device);
      const parameters = tensors(buffers);
      let optimiser = await GpuAdamW.create(device, pipelines, parameters, RUN.groups, RUN.settings);
      for (let t = 1; t <= 6; t++) {
        if (interrupted && t === 4) {
          const saved = await read(...optimiser.moments.flatMap(({ m, v, bytes }) => [[m, bytes / 4], [v, bytes / 4]] as const));
          optimiser.destroy();
          optimiser = await GpuAdamW.create(device, pipelines, parameters, RUN.groups, RUN.settings);
          for (const [k, { m, v }] of optimiser.moments.entries()) {
            device.queue.writeBuffer(m, 0, saved[2 * k] as Float32Array<ArrayBuffer>);
            device.queue.writeBuffer(v, 0, saved[2 * k + 1] as Float32Array<ArrayBuffer>);
          }
        }
        await guarded(device, 'a step', () => {
          for (const [k, { gradient }] of parameters.entries()) device.queue.writeBuffer(gradient, 0, RUN.gradient(k, t));
          encoded((pass) => optimiser.encode(pass, t, RUN.rate(t)));
        });
      }
      const weights = await read(...parameters.map(({ weights: buffer, count }) => [buffer, count] as const));
      optimiser.destroy();
      buffers.destroy();
      return weights;
    };
    expect(await run(true)).toEqual(await run(false));
  });

  test('without clipping the factor is 1', async () => {
    const buffers = new Buffers(device);
    const parameter = { group: 0, count: 3, weights: buffers.filled(Float32Array.of(1, 2, 3)), gradient: buffers.filled(Float32Array.of(1e9, -1e9, 5e8)) };
    const group = { name: 'all', rate: 1, weightDecay: 0 };
    const settings = { ...RUN.settings, maxNorm: Infinity };
    const optimiser = await GpuAdamW.create(device, pipelines, [parameter], [group], settings);
    await guarded(device, 'a step', () => encoded((pass) => optimiser.encode(pass, 1, 0.01)));
    const [m] = await read([optimiser.moments[0]!.m, 3]);
    const { first } = adamwFactors(settings, group, 0.01, 1);
    expect(error(m!, [1e9 * first, -1e9 * first, 5e8 * first])).toBeLessThan(1e-6);
    optimiser.destroy();
    buffers.destroy();
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
    expect(error([written![1]!], [loss])).toBeLessThan(1e-6);
    expect([written![0], written![2]]).toEqual([7, 7]);
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
