import type { Buffers } from './buffers.ts';

/** Entries of a tensor from which on it is worked on where it lies. */
const ALONE = 65_536;
/** Most entries of a pack of smaller ones (32 MiB), and most of those: its spans are then fewer than `MOST_WORKGROUPS`. */
const FULL = 2 ** 23;
const MOST_MEMBERS = 4096;
/** Entries of a span: one thread squares them, one workgroup updates them. More where a tensor would have too many spans. */
const SPAN = 256;
/** What WebGPU guarantees a dispatch. */
const MOST_WORKGROUPS = 65_535;

/** A tensor that trains, float32. Its buffers belong to who made them, allow copying both ways, and outlive their users. */
export interface GpuParameter {
  /** A place in the optimiser's list of groups. */
  readonly group: number;
  readonly count: number;
  /** Changed in place: what ONNX Runtime reads the weights from. */
  readonly weights: GPUBuffer;
  readonly gradient: GPUBuffer;
}

/**
 * Parameters that one dispatch handles. ONNX Runtime takes a tensor from the start of a buffer only, so each has buffers
 * of its own, and a dispatch each would cost more than the work: small ones are copied end to end, worked on, and copied
 * back. A large tensor is a pack by itself and is not copied.
 */
export interface Pack {
  readonly members: readonly { readonly parameter: number; readonly start: number }[];
  readonly count: number;
  readonly copied: boolean;
  readonly weights: GPUBuffer;
  readonly gradient: GPUBuffer;
  /** Its spans in the list of all. */
  readonly firstSpan: number;
  readonly spans: number;
}

/** Packs, and their spans one after another: (start in its pack, end, parameter, group) each. */
export interface Packed {
  readonly packs: readonly Pack[];
  readonly spans: Uint32Array<ArrayBuffer>;
}

/** Sort parameters into packs. Scratch for those that are copied is allocated from `buffers`. */
export function packed(buffers: Buffers, parameters: readonly GpuParameter[]): Packed {
  const small: { parameter: number; start: number }[][] = [];
  const packs: { members: { parameter: number; start: number }[]; count: number; copied: boolean }[] = [];
  let room = 0;
  for (const [parameter, { count }] of parameters.entries()) {
    if (count >= ALONE) {
      packs.push({ members: [{ parameter, start: 0 }], count, copied: false });
      continue;
    }
    if (room + count > FULL || (small.at(-1)?.length ?? MOST_MEMBERS) === MOST_MEMBERS) {
      small.push([]);
      room = 0;
    }
    small.at(-1)!.push({ parameter, start: room });
    room += count;
  }
  for (const members of small) {
    const last = members.at(-1)!;
    packs.push({ members, count: last.start + parameters[last.parameter]!.count, copied: true });
  }
  const spans: number[] = [];
  const made = packs.map(({ members, count, copied }): Pack => {
    const firstSpan = spans.length / 4;
    for (const { parameter, start } of members) {
      const { count: length, group } = parameters[parameter]!;
      const size = Math.max(SPAN, Math.ceil(length / MOST_WORKGROUPS));
      for (let from = 0; from < length; from += size) spans.push(start + from, start + Math.min(from + size, length), parameter, group);
    }
    const own = parameters[members[0]!.parameter]!;
    return { members, count, copied, weights: copied ? buffers.storage(4 * count) : own.weights, gradient: copied ? buffers.storage(4 * count) : own.gradient, firstSpan, spans: spans.length / 4 - firstSpan };
  });
  return { packs: made, spans: Uint32Array.from(spans) };
}

/** Copy weights and gradients of small parameters into their packs. */
export function gather(encoder: GPUCommandEncoder, packs: readonly Pack[], parameters: readonly GpuParameter[]): void {
  for (const pack of packs) {
    if (!pack.copied) continue;
    for (const { parameter, start } of pack.members) {
      const { weights, gradient, count } = parameters[parameter]!;
      encoder.copyBufferToBuffer(weights, 0, pack.weights, 4 * start, 4 * count);
      encoder.copyBufferToBuffer(gradient, 0, pack.gradient, 4 * start, 4 * count);
    }
  }
}

/** Copy the weights back. */
export function scatter(encoder: GPUCommandEncoder, packs: readonly Pack[], parameters: readonly GpuParameter[]): void {
  for (const pack of packs) {
    if (!pack.copied) continue;
    for (const { parameter, start } of pack.members) encoder.copyBufferToBuffer(pack.weights, 4 * start, parameters[parameter]!.weights, 0, 4 * parameters[parameter]!.count);
  }
}
