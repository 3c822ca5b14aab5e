import { UserError } from '../base/errors.ts';
import { Buffers } from './buffers.ts';
import { cdist, type Distances } from './cdist.ts';
import { guarded } from './errors.ts';
import type { DeviceMatrix } from './matrix.ts';
import type { Pipelines } from './pipelines.ts';
import { weightedSum } from './weighted-sum.ts';

/** Row vectors of one side of a batch, `width` values each, float32, row-major: on the host or already on the device. */
export type DeviceRows = { readonly width: number } & ({ readonly values: Float32Array<ArrayBuffer> } | { readonly buffer: GPUBuffer });

/** What both sides of a batch are compared by, and its weight. */
export interface ResidentPart {
  readonly source: DeviceRows;
  readonly target: DeviceRows;
  readonly weight: number;
}

/** M_term = weight_embed·‖z − z'‖² + weight_label·‖y − y'‖²; at least one part. */
export interface ResidentTerm {
  readonly name: string;
  readonly embed: ResidentPart | null;
  readonly label: ResidentPart | null;
}

/**
 * M_term of one term, which the caller destroys.
 * @throws UserError `width-mismatch`, `bad-rows`, `no-weight`, naming the term; `gpu-memory` and as `guarded`
 */
export async function measureTerm(device: GPUDevice, pipelines: Pipelines, n: number, m: number, term: ResidentTerm): Promise<DeviceMatrix> {
  const parts = (['embed', 'label'] as const).flatMap((kind) => (term[kind] && term[kind].weight !== 0 ? [{ kind, ...term[kind] }] : []));
  if (parts.length === 0) throw new UserError('no-weight', `The term "${term.name}" has neither an embedding nor a label with a weight, so it measures nothing. Give one of them a weight, or leave the term out.`, { term: term.name });
  for (const { kind, source, target } of parts) {
    checkRows(device, term.name, kind, 'source', source, n);
    checkRows(device, term.name, kind, 'target', target, m);
    if (source.width !== target.width)
      throw new UserError('width-mismatch', `The source has ${source.width} values per frame and the target has ${target.width} in the ${kind === 'embed' ? 'embeddings' : 'labels'} of the term "${term.name}", so it has no distance. Compare vectors of one width, or leave the term out.`, {
        term: term.name,
        source: String(source.width),
        target: String(target.width),
      });
  }
  const measured: { distances: Distances; weight: number }[] = [];
  const uploads = new Buffers(device);
  try {
    for (const { source, target, weight } of parts) {
      const [x, y] = await guarded(device, `the vectors of the term "${term.name}"`, () => [bufferOf(uploads, source), bufferOf(uploads, target)] as const);
      measured.push({ distances: await cdist(device, pipelines, x, y, { batch: 1, n, m, dim: source.width }), weight });
    }
    return await sumOf(device, pipelines, measured.map(({ distances: { distances, flipped }, weight }) => ({ matrix: { straight: distances, flipped, length: n * m }, weight })));
  } finally {
    uploads.destroy();
    for (const { distances } of measured) destroyMatrix({ straight: distances.distances, flipped: distances.flipped });
  }
}

/** Σ w_k·M_k and its transpose, from M_k and theirs. The caller destroys both. */
export async function sumOf(device: GPUDevice, pipelines: Pipelines, terms: readonly { readonly matrix: DeviceMatrix; readonly weight: number }[]): Promise<DeviceMatrix> {
  const { length } = terms[0]!.matrix;
  const straight = await weightedSum(device, pipelines, terms.map(({ matrix, weight }) => ({ buffer: matrix.straight, weight })), length);
  try {
    return { straight, flipped: await weightedSum(device, pipelines, terms.map(({ matrix, weight }) => ({ buffer: matrix.flipped, weight })), length), length };
  } catch (thrown) {
    straight.destroy();
    throw thrown;
  }
}

export function destroyMatrix({ straight, flipped }: Pick<DeviceMatrix, 'straight' | 'flipped'>): void {
  straight.destroy();
  flipped.destroy();
}

const bufferOf = (uploads: Buffers, rows: DeviceRows): GPUBuffer => ('buffer' in rows ? rows.buffer : uploads.filled(rows.values));

function checkRows({ limits }: GPUDevice, term: string, kind: 'embed' | 'label', side: string, rows: DeviceRows, count: number): void {
  const what = kind === 'embed' ? 'embeddings' : 'labels';
  const needed = count * rows.width * 4;
  const most = Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
  if (needed > most)
    throw new UserError('gpu-memory', `The ${side} ${what} of the term "${term}" take ${Math.ceil(needed / 2 ** 20)} MiB, and this GPU allows ${Math.floor(most / 2 ** 20)} MiB a buffer. Draw a smaller batch, or use the CPU.`, { term });
  const held = 'buffer' in rows ? rows.buffer.size : rows.values.byteLength;
  if (!(Number.isInteger(rows.width) && rows.width >= 1) || ('buffer' in rows ? held < needed : held !== needed))
    throw new UserError('bad-rows', `The ${side} ${what} of the term "${term}" hold ${held / 4} values, but ${count} frames of width ${rows.width} need ${needed / 4}.`, { term });
}
