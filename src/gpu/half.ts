import type { Mode } from '../core/ot/solve.ts';
import type { Buffers } from './buffers.ts';
import type { DeviceMatrix } from './matrix.ts';
import { bindGroup, dispatch, type Pipelines } from './pipelines.ts';
import { NONE, type Side } from './prepare.ts';

const THREADS = 64;
/** Threads that fill a GPU: lines are cut into pieces until there are about this many. */
const WANTED_THREADS = 65_536;
const SHORTEST_PIECE = 64;

/**
 * How a half-step sums its lines: `pieces`, one thread a piece of a line, or of four lines where their number allows, and
 * no barriers (shaders/half_partial.wgsl, half_quads.wgsl, half_combine.wgsl), or `subgroups`, one workgroup a line
 * (half_subgroup.wgsl).
 */
export type HalfPath = 'pieces' | 'subgroups';

/** Subgroups where the device has them, but not on a software adapter: its barriers cost more than they save (ADR 0005). */
export function preferredPath(device: GPUDevice, software: boolean): HalfPath {
  return device.features.has('subgroups') && !software ? 'subgroups' : 'pieces';
}

/** The compiled kernels of one path. */
export type HalfKernels = { readonly path: 'pieces'; readonly partial: GPUComputePipeline; readonly quads: GPUComputePipeline; readonly combine: GPUComputePipeline } | { readonly path: 'subgroups'; readonly whole: GPUComputePipeline };

export async function halfKernels(pipelines: Pipelines, path: HalfPath, mode: Mode, hasPrior: boolean): Promise<HalfKernels> {
  const switches = { HAS_PRIOR: hasPrior ? 1 : 0, CARRY: mode === 'parity' ? 1 : 0 };
  if (path === 'subgroups') return { path, whole: await pipelines.get(['half_subgroup', 'large_common', 'half_terms', 'half_update'], switches) };
  return { path, partial: await pipelines.get(['large_common', 'half_terms', 'half_partial'], switches), quads: await pipelines.get(['large_common', 'half_quads'], switches), combine: await pipelines.get(['large_common', 'half_update', 'half_combine']) };
}

interface HalfStepParts {
  readonly device: GPUDevice;
  readonly buffers: Buffers;
  readonly kernels: HalfKernels;
  /** large_common.wgsl's State: a finished solve's dispatches return. */
  readonly state: GPUBuffer;
  readonly mode: Mode;
  /** Whose potentials it updates. */
  readonly of: 'rows' | 'columns';
  readonly side: Side;
  /** Lines of the other side. */
  readonly length: number;
  readonly cost: DeviceMatrix;
  readonly prior: DeviceMatrix | null;
  readonly tau: number;
}

/** One half of a sweep: the potentials of one side from those of the other. */
export class HalfStep {
  readonly lines: number;
  /** bias | target | shift | mass. */
  readonly side: GPUBuffer;
  readonly potential: GPUBuffer;
  /** What the last half-step added to the potential. */
  readonly moved: GPUBuffer;
  /** Potential + bias, and its drift, a pair a line. */
  readonly outgoing: GPUBuffer;
  readonly #parts: HalfStepParts;
  #steps: readonly Step[] = [];

  constructor(parts: HalfStepParts) {
    const { buffers, side } = parts;
    this.#parts = parts;
    this.lines = side.bias.length;
    this.side = buffers.filled(sideValues(side));
    this.potential = buffers.storage(this.lines * 4);
    this.moved = buffers.storage(this.lines * 4);
    this.outgoing = buffers.storage(this.lines * 8);
  }

  /** Read the other side's potentials from now on. @returns half_update.wgsl's Settings, whose last word is 1/τ */
  connect(other: HalfStep): GPUBuffer {
    const { device, buffers, kernels, state, mode, of, length, cost, prior, tau } = this.#parts;
    const { lines } = this;
    const words = new ArrayBuffer(16);
    new Uint32Array(words).set([lines, length, mode === 'parity' ? 1 : 0]);
    new Float32Array(words)[3] = 1 / tau;
    const settings = buffers.uniform(words);
    // Pieces want neighbouring lines side by side, a workgroup a line wants the line itself in one stretch.
    const lie = (of === 'rows') === (kernels.path === 'subgroups') ? 'straight' : 'flipped';
    const inputs = [cost[lie], (prior ?? cost)[lie], other.outgoing];
    const outputs = [this.potential, this.moved, this.outgoing, settings];
    if (kernels.path === 'subgroups') {
      this.#steps = [{ pipeline: kernels.whole, group: bindGroup(device, kernels.whole, [...inputs, this.side, state, ...outputs]), x: lines, y: 1 }];
      return settings;
    }
    const together = lines % 4 === 0 ? 4 : 1;
    const partial = together === 4 ? kernels.quads : kernels.partial;
    const wanted = Math.max(1, Math.min(Math.ceil((length * together) / SHORTEST_PIECE), Math.floor((WANTED_THREADS * together) / lines), Math.ceil(length / 16)));
    const piece = Math.ceil(length / wanted);
    const pieces = Math.ceil(length / piece);
    const partials = buffers.storage(pieces * lines * 16);
    const shape = buffers.uniform(Uint32Array.of(lines, length, piece, 0));
    const groups = Math.ceil(lines / THREADS);
    this.#steps = [
      { pipeline: partial, group: bindGroup(device, partial, [...inputs, state, partials, shape]), x: Math.ceil(groups / together), y: pieces },
      { pipeline: kernels.combine, group: bindGroup(device, kernels.combine, [partials, this.side, state, ...outputs]), x: groups, y: 1 },
    ];
    return settings;
  }

  /** Set potentials, in log2 units without the shift. */
  start(values: Float32Array): void {
    const { device, side } = this.#parts;
    device.queue.writeBuffer(this.potential, 0, Float32Array.from(values));
    const outgoing = new Float32Array(2 * values.length);
    for (let k = 0; k < values.length; k++) outgoing[2 * k] = Math.max(values[k]! + side.bias[k]!, NONE);
    device.queue.writeBuffer(this.outgoing, 0, outgoing);
  }

  encode(pass: GPUComputePassEncoder): void {
    for (const { pipeline, group, x, y } of this.#steps) dispatch(pass, pipeline, group, x, y);
  }
}

interface Step {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly x: number;
  readonly y: number;
}

function sideValues({ bias, target, shift, mass }: Side): Float32Array<ArrayBuffer> {
  const values = new Float32Array(4 * bias.length);
  for (const [k, part] of [bias, target, shift, mass].entries()) values.set(part, k * bias.length);
  return values;
}
