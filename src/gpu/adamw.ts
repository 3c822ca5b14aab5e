import { assert } from '../base/assert.ts';
import { adamwFactors, type AdamWSettings, type GradientNorms, type ParameterGroup } from '../core/training/adamw.ts';
import { Buffers, type Reading } from './buffers.ts';
import { guarded } from './errors.ts';
import { foldedOver, type Folded } from './fold.ts';
import { bindGroup, dispatch, type Pipelines } from './pipelines.ts';

const THREADS = 64;
/** Entries of a gradient that one thread squares, and the most threads that do so. */
const PIECE = 64;
const MOST_PIECES = 16_384;
/** Bytes of the norms ahead of those by group. */
const NORMS_HEAD = 16;
const FACTORS = 8;

/** A tensor that trains, float32. Its buffers belong to who made them and must outlive the optimiser. */
export interface GpuParameter {
  /** A place in the optimiser's list of groups. */
  readonly group: number;
  readonly count: number;
  /** Changed in place: what ONNX Runtime reads the weights from. */
  readonly weights: GPUBuffer;
  readonly gradient: GPUBuffer;
}

interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly size: Folded;
}

/**
 * AdamW on weights that live on a device (shaders/squares.wgsl, gradient_norm.wgsl, adamw.wgsl): the same step as
 * `CpuAdamW`. Gradients are clipped by their norm without its being read; `normsReading` has it for whoever wants it.
 *
 * One dispatch a tensor, because ONNX Runtime takes a tensor from the start of a buffer only, so that every weight has
 * one of its own.
 */
export class GpuAdamW {
  /** First and second moments of each parameter, float32, zeros at first: what a checkpoint reads and writes. */
  readonly moments: readonly { readonly m: GPUBuffer; readonly v: GPUBuffer; readonly bytes: number }[];
  /** Whether training has halted stands in here: what else changes weights asks it (`GpuEma`). */
  readonly norms: GPUBuffer;
  readonly #device: GPUDevice;
  readonly #buffers: Buffers;
  readonly #groups: readonly ParameterGroup[];
  readonly #settings: AdamWSettings;
  readonly #factors: readonly GPUBuffer[];
  readonly #normSettings: GPUBuffer;
  readonly #dispatches: readonly Dispatch[];
  readonly #parameters: number;

  private constructor(buffers: Buffers, pipelines: Readonly<Record<'squares' | 'norm' | 'adamw', GPUComputePipeline>>, parameters: readonly GpuParameter[], groups: readonly ParameterGroup[], settings: AdamWSettings) {
    const { device } = buffers;
    this.#device = device;
    this.#buffers = buffers;
    this.#groups = groups;
    this.#settings = settings;
    this.#parameters = parameters.length;
    this.moments = parameters.map(({ count }) => ({ m: buffers.storage(4 * count), v: buffers.storage(4 * count), bytes: 4 * count }));
    this.norms = buffers.storage(NORMS_HEAD + 4 * groups.length);
    this.#factors = groups.map(() => buffers.uniform(new Float32Array(FACTORS)));
    this.#normSettings = buffers.uniform(new Uint32Array(4));

    const pieces = parameters.map(({ count }) => Math.min(MOST_PIECES, Math.ceil(count / PIECE)));
    const places = new Uint32Array(4 * parameters.length);
    let end = 0;
    for (const [k, { group }] of parameters.entries()) {
      places.set([end, end + pieces[k]!, group], 4 * k);
      end += pieces[k]!;
    }
    const partials = buffers.storage(8 * end);
    const squares = parameters.map(({ gradient, count }, k): Dispatch => {
      const shape = buffers.uniform(Uint32Array.of(count, pieces[k]!, places[4 * k]!, 0));
      return { pipeline: pipelines.squares, group: bindGroup(device, pipelines.squares, [gradient, partials, shape]), size: { x: Math.ceil(pieces[k]! / THREADS), y: 1, stride: 0 } };
    });
    const norm = { pipeline: pipelines.norm, group: bindGroup(device, pipelines.norm, [partials, buffers.filled(places), this.norms, this.#normSettings]), size: { x: 1, y: 1, stride: 0 } };
    const steps = parameters.map(({ group, count, weights, gradient }, k): Dispatch => {
      const { m, v } = this.moments[k]!;
      const size = foldedOver(count, THREADS);
      const bound = [gradient, weights, m, v, this.norms, this.#factors[group]!, buffers.uniform(Uint32Array.of(count, size.stride, 0, 0))];
      return { pipeline: pipelines.adamw, group: bindGroup(device, pipelines.adamw, bound), size };
    });
    this.#dispatches = [...squares, norm, ...steps];
  }

  /**
   * Moments and bind groups for some tensors. A frozen tensor is one that is not given.
   * @throws UserError as `guarded`
   */
  static async create(device: GPUDevice, pipelines: Pipelines, parameters: readonly GpuParameter[], groups: readonly ParameterGroup[], settings: AdamWSettings): Promise<GpuAdamW> {
    assert(parameters.length > 0 && parameters.every(({ group, count }) => group < groups.length && count > 0), 'every parameter has values and a group');
    const [squares, norm, adamw] = [await pipelines.get(['squares']), await pipelines.get(['gradient_norm']), await pipelines.get(['adamw'])];
    const buffers = new Buffers(device);
    try {
      return await guarded(device, `the optimiser of ${parameters.length} tensors`, () => new GpuAdamW(buffers, { squares, norm, adamw }, parameters, groups, settings));
    } catch (thrown) {
      buffers.destroy();
      throw thrown;
    }
  }

  /**
   * Encode one step from the gradients as they will stand then. Its settings are written at once, so the pass has to be
   * submitted before the next step is encoded; the caller does both under `guarded`.
   * @param t number of the step, from 1  @param learningRate after any schedule
   */
  encode(pass: GPUComputePassEncoder, t: number, learningRate: number): void {
    const { queue } = this.#device;
    for (const [k, group] of this.#groups.entries()) {
      const { keep, first, beta2, second, stepSize, rootCorrection, epsilon } = adamwFactors(this.#settings, group, learningRate, t);
      queue.writeBuffer(this.#factors[k]!, 0, Float32Array.of(keep, first, beta2, second, stepSize, rootCorrection, epsilon, 0));
    }
    const words = Uint32Array.of(this.#parameters, this.#groups.length, t, 0);
    // The shader knows no infinities; no norm of gradients that it accepts is larger than this.
    new Float32Array(words.buffer)[3] = Math.min(this.#settings.maxNorm, 3e38);
    queue.writeBuffer(this.#normSettings, 0, words);
    for (const { pipeline, group, size } of this.#dispatches) dispatch(pass, pipeline, group, size.x, size.y);
  }

  /** What to read for `normsOf`, of the step that was submitted last. */
  get normsReading(): Reading {
    return { buffer: this.norms, bytes: NORMS_HEAD + 4 * this.#groups.length };
  }

  /** The reading's bytes in words. */
  normsOf(bytes: ArrayBuffer): GradientNorms {
    const total = new Float32Array(bytes)[1]!;
    const [step, parameter] = new Uint32Array(bytes, 8, 2);
    return { total, groups: [...new Float32Array(bytes, NORMS_HEAD)], halted: step === 0 ? null : { step: step!, parameter: parameter! } };
  }

  /** Forget that gradients were not finite, once good weights are back. */
  resume(): void {
    this.#device.queue.writeBuffer(this.norms, 8, new Uint32Array(2));
  }

  destroy(): void {
    this.#buffers.destroy();
  }
}
