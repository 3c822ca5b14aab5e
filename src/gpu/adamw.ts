import { assert } from '../base/assert.ts';
import { UserError } from '../base/errors.ts';
import { bytes as inUnits, plural } from '../base/words.ts';
import { adamwFactors, type AdamWSettings, type GradientNorms, type OptimiserState, type ParameterGroup } from '../core/training/adamw.ts';
import { Buffers, type Reading } from './buffers.ts';
import { guarded } from './errors.ts';
import { gather, packed, scatter, type GpuParameter, type Pack } from './packs.ts';
import { bindGroup, dispatch, type Pipelines } from './pipelines.ts';

const THREADS = 64;
/** Groups that adamw.wgsl has room for, and the numbers that it has of each. */
const MOST_GROUPS = 8;
const FACTORS = 8;
/** Bytes of the norms ahead of those by group. */
const NORMS_HEAD = 16;

interface Compiled {
  readonly squares: GPUComputePipeline;
  readonly norm: GPUComputePipeline;
  readonly adamw: GPUComputePipeline;
  readonly ema: GPUComputePipeline;
}

/** A pack with what the optimiser remembers of it. */
interface Trained extends Pack {
  readonly m: GPUBuffer;
  readonly v: GPUBuffer;
  readonly average: GPUBuffer | null;
  readonly squares: GPUBindGroup;
  readonly step: GPUBindGroup;
  readonly ema: GPUBindGroup | null;
}

/**
 * AdamW on weights that live on a device (shaders/squares.wgsl, gradient_norm.wgsl, adamw.wgsl, ema.wgsl): the same step
 * as `CpuAdamW`. Gradients are clipped by their norm without its being read; `normsReading` has it for whoever wants it.
 */
export class GpuAdamW {
  readonly #device: GPUDevice;
  readonly #buffers: Buffers;
  readonly #compiled: Compiled;
  readonly #parameters: readonly GpuParameter[];
  readonly #groups: readonly ParameterGroup[];
  readonly #settings: AdamWSettings;
  readonly #packs: readonly Trained[];
  readonly #spans: number;
  readonly #norms: GPUBuffer;
  readonly #norm: GPUBindGroup;
  readonly #normSettings: GPUBuffer;
  readonly #factors: GPUBuffer;
  readonly #shares: GPUBuffer;

  private constructor(buffers: Buffers, compiled: Compiled, parameters: readonly GpuParameter[], groups: readonly ParameterGroup[], settings: AdamWSettings, averaged: boolean) {
    const { device } = buffers;
    this.#device = device;
    this.#buffers = buffers;
    this.#compiled = compiled;
    this.#parameters = parameters;
    this.#groups = groups;
    this.#settings = settings;
    this.#norms = buffers.storage(NORMS_HEAD + 4 * groups.length);
    this.#normSettings = buffers.uniform(new Uint32Array(4));
    this.#factors = buffers.uniform(new Float32Array(MOST_GROUPS * FACTORS));
    this.#shares = buffers.uniform(new Float32Array(4));
    const { packs, spans } = packed(buffers, parameters);
    this.#spans = spans.length / 4;
    const table = buffers.filled(spans);
    const partials = buffers.storage(8 * this.#spans);
    this.#norm = bindGroup(device, compiled.norm, [partials, table, this.#norms, this.#normSettings]);
    this.#packs = packs.map((pack): Trained => {
      const [m, v, average] = [buffers.storage(4 * pack.count), buffers.storage(4 * pack.count), averaged ? buffers.storage(4 * pack.count) : null];
      const place = buffers.uniform(Uint32Array.of(pack.firstSpan, pack.spans, 0, 0));
      return {
        ...pack,
        m,
        v,
        average,
        squares: bindGroup(device, compiled.squares, [pack.gradient, table, partials, place]),
        step: bindGroup(device, compiled.adamw, [pack.gradient, pack.weights, m, v, this.#norms, table, this.#factors, place]),
        ema: average && bindGroup(device, compiled.ema, [pack.weights, average, this.#norms, table, this.#shares, place]),
      };
    });
    if (averaged) this.#startAverages();
  }

  /**
   * Moments, averages and bind groups for some tensors. A frozen tensor is one that is not given.
   * @param averaged whether moving averages of the weights are kept; they start as copies
   * @throws UserError `gpu-memory` where a tensor is larger than a kernel may bind; as `guarded`
   */
  static async create(device: GPUDevice, pipelines: Pipelines, parameters: readonly GpuParameter[], groups: readonly ParameterGroup[], settings: AdamWSettings, averaged: boolean): Promise<GpuAdamW> {
    assert(groups.length <= MOST_GROUPS && parameters.length > 0 && parameters.every(({ group, count }) => group < groups.length && count > 0), 'every parameter has values and one of a few groups');
    const most = Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize);
    const largest = 4 * Math.max(...parameters.map(({ count }) => count));
    if (largest > most) throw new UserError('gpu-memory', `A weight tensor takes ${inUnits(largest)}, and kernels on this GPU may use ${inUnits(most)} of a buffer. Let it stay as it is and train others, or use the CPU.`);
    const compiled = { squares: await pipelines.get(['squares']), norm: await pipelines.get(['gradient_norm']), adamw: await pipelines.get(['adamw']), ema: await pipelines.get(['ema']) };
    const buffers = new Buffers(device);
    try {
      return await guarded(device, `the optimiser of ${plural(parameters.length, 'tensor')}`, () => new GpuAdamW(buffers, compiled, parameters, groups, settings, averaged));
    } catch (thrown) {
      buffers.destroy();
      throw thrown;
    }
  }

  /**
   * Encode one step from the gradients as they will stand then. Its settings are written at once, so the commands have to
   * be submitted before the next step is encoded; the caller does both under `guarded`.
   * @param t number of the step, from 1  @param learningRate after any schedule
   * @param decay share of the averages that is kept (`emaDecay`); not used where there are none
   */
  encode(encoder: GPUCommandEncoder, t: number, learningRate: number, decay: number): void {
    this.#writeSettings(t, learningRate, decay);
    gather(encoder, this.#packs, this.#parameters);
    const pass = encoder.beginComputePass();
    for (const { squares, spans } of this.#packs) dispatch(pass, this.#compiled.squares, squares, Math.ceil(spans / THREADS));
    dispatch(pass, this.#compiled.norm, this.#norm, 1);
    for (const { step, spans } of this.#packs) dispatch(pass, this.#compiled.adamw, step, spans);
    for (const { ema, spans } of this.#packs) if (ema) dispatch(pass, this.#compiled.ema, ema, spans);
    pass.end();
    scatter(encoder, this.#packs, this.#parameters);
  }

  /** What to read for `normsOf`, of the step that was submitted last. */
  get normsReading(): Reading {
    return { buffer: this.#norms, bytes: NORMS_HEAD + 4 * this.#groups.length };
  }

  /** The reading's bytes in words. */
  normsOf(bytes: ArrayBuffer): GradientNorms {
    const total = new Float32Array(bytes)[1]!;
    const [step, parameter] = new Uint32Array(bytes, 8, 2);
    return { total, groups: [...new Float32Array(bytes, NORMS_HEAD)], halted: step === 0 ? null : { step: step!, parameter: parameter! } };
  }

  /** What to read for `stateOf`. */
  get stateReadings(): Reading[] {
    return this.#packs.flatMap(({ m, v, average, count }) => [m, v, ...(average ? [average] : [])].map((buffer) => ({ buffer, bytes: 4 * count })));
  }

  /** The readings' bytes by parameter: what `CpuAdamW` would have. */
  stateOf(bytes: readonly ArrayBuffer[]): OptimiserState {
    const parts = bytes.map((part) => new Float32Array(part));
    const moments: OptimiserState['moments'][number][] = [];
    const averages: Float32Array<ArrayBuffer>[] = [];
    for (const { members, average } of this.#packs) {
      const [m, v, mean] = parts.splice(0, average ? 3 : 2);
      for (const { parameter, start } of members) {
        const end = start + this.#parameters[parameter]!.count;
        moments[parameter] = { m: m!.slice(start, end), v: v!.slice(start, end) };
        if (mean) averages[parameter] = mean.slice(start, end);
      }
    }
    return { moments, averages: averages.length > 0 ? averages : null };
  }

  /** Go on from what `stateOf` gave, as if nothing had been; the weights are the caller's to put back. */
  restore({ moments, averages }: OptimiserState): void {
    const { queue } = this.#device;
    for (const { members, m, v, average } of this.#packs) {
      for (const { parameter, start } of members) {
        queue.writeBuffer(m, 4 * start, moments[parameter]!.m);
        queue.writeBuffer(v, 4 * start, moments[parameter]!.v);
        if (average && averages) queue.writeBuffer(average, 4 * start, averages[parameter]!);
      }
    }
    this.resume();
  }

  /** Copy the averages into other weight buffers, one a parameter: those of a session that evaluates them. */
  copyAverages(encoder: GPUCommandEncoder, targets: readonly GPUBuffer[]): void {
    for (const { members, average } of this.#packs) {
      assert(average, 'averages are kept');
      for (const { parameter, start } of members) encoder.copyBufferToBuffer(average, 4 * start, targets[parameter]!, 0, 4 * this.#parameters[parameter]!.count);
    }
  }

  /** Forget that gradients were not finite. */
  resume(): void {
    this.#device.queue.writeBuffer(this.#norms, 8, new Uint32Array(2));
  }

  destroy(): void {
    this.#buffers.destroy();
  }

  #startAverages(): void {
    const encoder = this.#device.createCommandEncoder();
    for (const { members, average } of this.#packs)
      for (const { parameter, start } of members) {
        const { weights, count } = this.#parameters[parameter]!;
        encoder.copyBufferToBuffer(weights, 0, average!, 4 * start, 4 * count);
      }
    this.#device.queue.submit([encoder.finish()]);
  }

  #writeSettings(t: number, learningRate: number, decay: number): void {
    const { queue } = this.#device;
    const factors = this.#groups.flatMap((group) => {
      const { keep, first, beta2, second, stepSize, rootCorrection, epsilon } = adamwFactors(this.#settings, group, learningRate, t);
      return [keep, first, beta2, second, stepSize, rootCorrection, epsilon, 0];
    });
    queue.writeBuffer(this.#factors, 0, Float32Array.from(factors));
    const words = Uint32Array.of(this.#spans, this.#groups.length, t, 0);
    // The shader knows no infinities; no norm of gradients that it accepts is larger than this.
    new Float32Array(words.buffer)[3] = Math.min(this.#settings.maxNorm, 3e38);
    queue.writeBuffer(this.#normSettings, 0, words);
    queue.writeBuffer(this.#shares, 0, Float32Array.of(decay, 1 - decay, 0, 0));
  }
}
