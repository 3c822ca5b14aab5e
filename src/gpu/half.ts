import type { Mode } from '../core/ot/solve.ts';
import type { Buffers } from './buffers.ts';
import { bindGroup, dispatch } from './pipelines.ts';
import { NONE, type Side } from './prepare.ts';

const THREADS = 64;
/** Threads that fill a GPU: lines are cut into pieces until there are about this many. */
const WANTED_THREADS = 65_536;
const SHORTEST_PIECE = 64;

interface HalfStepParts {
  readonly device: GPUDevice;
  readonly buffers: Buffers;
  readonly partial: GPUComputePipeline;
  readonly combine: GPUComputePipeline;
  /** iterations, done, error: a finished solve's dispatches return. */
  readonly state: GPUBuffer;
  readonly mode: Mode;
  readonly lines: number;
  readonly length: number;
  /** length × lines: neighbouring lines are neighbours in memory. */
  readonly cost: GPUBuffer;
  readonly prior: GPUBuffer | null;
  readonly side: GPUBuffer;
}

/** One half of a sweep: the potentials of one side from those of the other (shaders/half_partial.wgsl, half_combine.wgsl). */
export class HalfStep {
  readonly lines: number;
  readonly side: GPUBuffer;
  readonly potential: GPUBuffer;
  /** What the last half-step added to the potential. */
  readonly moved: GPUBuffer;
  /** Potential + bias, and its drift, a pair a line. */
  readonly outgoing: GPUBuffer;
  /** What `start` was given last. */
  initial: Float32Array;
  readonly #parts: HalfStepParts;
  readonly #pieces: number;
  readonly #piece: number;
  readonly #partials: GPUBuffer;
  readonly #shape: GPUBuffer;
  readonly #settings: GPUBuffer;
  readonly #bias: Float32Array;
  #groups: readonly [GPUBindGroup, GPUBindGroup] | null = null;

  constructor(parts: HalfStepParts & { readonly side: GPUBuffer }) {
    const { buffers, lines, length } = parts;
    this.#parts = parts;
    this.lines = lines;
    this.side = parts.side;
    const pieces = Math.max(1, Math.min(Math.ceil(length / SHORTEST_PIECE), Math.floor(WANTED_THREADS / lines)));
    this.#piece = Math.ceil(length / pieces);
    this.#pieces = Math.ceil(length / this.#piece);
    this.initial = new Float32Array(lines);
    this.#bias = biasOf.get(parts.side) ?? new Float32Array(lines);
    this.potential = buffers.storage(lines * 4);
    this.moved = buffers.storage(lines * 4);
    this.outgoing = buffers.storage(lines * 8);
    this.#partials = buffers.storage(this.#pieces * lines * 16);
    this.#shape = buffers.uniform(new ArrayBuffer(32));
    this.#settings = buffers.uniform(new ArrayBuffer(32));
  }

  /** Read the other side's potentials from now on. */
  connect(other: HalfStep): void {
    const { device, partial, combine, cost, prior, state, side } = this.#parts;
    this.#groups = [
      bindGroup(device, partial, [cost, prior ?? cost, other.outgoing, state, this.#partials, this.#shape]),
      bindGroup(device, combine, [this.#partials, side, state, this.potential, this.moved, this.outgoing, this.#settings]),
    ];
  }

  /** Set potentials, in log2 units without the shift. */
  start(values: Float32Array): void {
    const { queue } = this.#parts.device;
    this.initial = values;
    queue.writeBuffer(this.potential, 0, Float32Array.from(values));
    const outgoing = new Float32Array(2 * values.length);
    for (let k = 0; k < values.length; k++) outgoing[2 * k] = Math.max(values[k]! + this.#bias[k]!, NONE);
    queue.writeBuffer(this.outgoing, 0, outgoing);
  }

  /** @param epsilon units of cost  @param rho τ/(τ+ε) */
  setLevel(epsilon: number, rho: number): void {
    const { device, lines, length, prior, mode } = this.#parts;
    const shape = new ArrayBuffer(32);
    new Uint32Array(shape).set([lines, length, this.#piece, prior ? 1 : 0]);
    new Float32Array(shape)[4] = -Math.LOG2E / epsilon;
    device.queue.writeBuffer(this.#shape, 0, shape);
    const settings = new ArrayBuffer(32);
    new Uint32Array(settings).set([lines, this.#pieces, mode === 'parity' ? 1 : 0]);
    new Float32Array(settings)[4] = rho;
    device.queue.writeBuffer(this.#settings, 0, settings);
  }

  encode(pass: GPUComputePassEncoder): void {
    const { partial, combine } = this.#parts;
    const [first, second] = this.#groups!;
    const groups = Math.ceil(this.lines / THREADS);
    dispatch(pass, partial, first, groups, this.#pieces);
    dispatch(pass, combine, second, groups);
  }
}

const biasOf = new WeakMap<GPUBuffer, Float32Array>();

/** A side as the shaders read it: bias | target | shift | mass. */
export function sideBuffer(buffers: Buffers, { bias, target, shift, mass }: Side): GPUBuffer {
  const values = new Float32Array(4 * bias.length);
  for (const [k, part] of [bias, target, shift, mass].entries()) values.set(part, k * bias.length);
  const buffer = buffers.filled(values);
  biasOf.set(buffer, bias);
  return buffer;
}
