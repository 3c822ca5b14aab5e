import { assert } from '../base/assert.ts';
import { UserError } from '../base/errors.ts';
import { embedColumn, embedKeys, wantsEmbedding, type BatchSide, type FeatureSpec, type Vectors } from '../core/cost/features.ts';
import { checkEmbeddings, costTerms, measuredTerm, relativeVariance, termLabels, type Compared, type CostTerm } from '../core/cost/terms.ts';
import { momentsOf } from '../gpu/moments.ts';
import { ResidentCost } from '../gpu/resident.ts';
import type { GpuSolver } from '../gpu/solver.ts';
import type { DeviceRows, ResidentPart, ResidentTerm } from '../gpu/terms.ts';
import type { DrawnBatch } from './batch.ts';
import type { EmbedRequest, EncoderRoom } from './encoders.ts';
import type { Side } from './protocol.ts';

/** What is compared of a batch. */
export type BatchSides = Pick<DrawnBatch, 'source' | 'target'>;

/** Embeddings of one side: in main memory, or in a buffer of the solver's device that no copy lies between. */
interface SideEmbedding {
  readonly width: number;
  readonly relativeVariance: number;
  readonly rows: Vectors | { readonly width: number; readonly buffer: GPUBuffer };
  readonly release: () => void;
}

/**
 * The embeddings of one batch. Each is made once: a weight moves nothing, and terms that ask the same of an encoder share
 * what it said.
 */
export class BatchEmbeddings {
  readonly #room: EncoderRoom;
  readonly #batch: BatchSides;
  readonly #solver: GpuSolver | null;
  readonly #made = new Map<string, Promise<SideEmbedding>>();

  /** @param solver whose device embeddings stay on; null for main memory */
  constructor(room: EncoderRoom, batch: BatchSides, solver: GpuSolver | null) {
    this.#room = room;
    this.#batch = batch;
    this.#solver = solver;
  }

  /**
   * z of both sides for every term that wants one, by term name.
   * @throws UserError `missing-key`, `non-finite`, `width-mismatch`, and those of `EncoderRoom.embed`
   */
  async of(specs: readonly FeatureSpec[]): Promise<Map<string, Readonly<Record<Side, SideEmbedding>>>> {
    const all = new Map<string, Readonly<Record<Side, SideEmbedding>>>();
    for (const spec of specs.filter(wantsEmbedding)) {
      const pair = { source: await this.#side(spec, 'source'), target: await this.#side(spec, 'target') };
      checkEmbeddings(spec, pair.source, pair.target);
      all.set(spec.term_name, pair);
    }
    return all;
  }

  /** Give buffers back. */
  destroy(): void {
    for (const made of this.#made.values()) void made.then(({ release }) => release()).catch(() => undefined);
    this.#made.clear();
  }

  #side(spec: FeatureSpec, side: Side): Promise<SideEmbedding> {
    const request = embedRequest(spec, side, this.#batch[side]);
    const key = JSON.stringify([request.file, this.#room.version(request.file), request.output, side, spec.time_reduce, embedKeys(spec, side)]);
    const known = this.#made.get(key);
    if (known) return known;
    const made = this.#embed(request);
    this.#made.set(key, made);
    // What failed may succeed when it is asked for again.
    made.catch(() => this.#made.delete(key));
    return made;
  }

  async #embed(request: EmbedRequest): Promise<SideEmbedding> {
    const solver = this.#solver;
    const embedding = solver ? await this.#room.embedOnDevice(request) : await this.#room.embed(request);
    if (!('buffer' in embedding)) return { width: embedding.width, relativeVariance: relativeVariance(embedding), rows: embedding, release: () => undefined };
    assert(solver, 'embeddings lie on the solver’s device');
    const { width, buffer, release } = embedding;
    try {
      const moments = await momentsOf(solver.device, solver.pipelines, buffer, request.count, width);
      const { file, term, side } = request;
      if (!moments.finite) throw new UserError('encoder-non-finite', `${file} gives values that are no finite numbers in "${request.output}" for this batch; check the range of its inputs and its weights.`, { term, side, file });
      return { width, relativeVariance: moments.relativeVariance, rows: { width, buffer }, release };
    } catch (thrown) {
      release();
      throw thrown;
    }
  }
}

function embedRequest(spec: FeatureSpec, side: Side, batch: BatchSide): EmbedRequest {
  const inputs = embedKeys(spec, side).map(([input, key]) => ({ input, key, column: embedColumn(spec, side, key, batch) }));
  return { term: spec.term_name, file: spec.embed?.file ?? '', output: spec.embed?.output ?? '', side, inputs, count: batch.count };
}

/** The terms of a batch, measured. Names and weights are those of then. */
export interface MeasuredTerms {
  readonly terms: readonly CostTerm[];
  /** How much the embeddings of each term vary, by side (`relativeVariance`); null without one. */
  readonly variances: readonly (Readonly<Record<Side, number>> | null)[];
  /** The same terms on the device, where a GPU measured them; `terms` are their pixels. */
  readonly resident: ResidentCost | null;
}

/**
 * Measure every term: in float64 on the CPU, or in float32 on the solver's device, which embeddings never leave.
 * @throws UserError as `BatchEmbeddings.of`, `costTerms` and `ResidentCost.measure`
 */
export async function measureTerms(specs: readonly FeatureSpec[], batch: BatchSides, embeddings: BatchEmbeddings, solver: GpuSolver | null): Promise<MeasuredTerms> {
  const made = await embeddings.of(specs);
  const variances = specs.map(({ term_name }) => {
    const pair = made.get(term_name);
    // One sample a side varies in nothing and says nothing about the encoder.
    return pair && batch.source.count > 1 && batch.target.count > 1 ? { source: pair.source.relativeVariance, target: pair.target.relativeVariance } : null;
  });
  if (!solver) {
    const compared = new Map([...made].map(([name, { source, target }]) => [name, { source: inMemory(source), target: inMemory(target) }] satisfies [string, Compared]));
    return { terms: costTerms(specs, batch.source, batch.target, compared), variances, resident: null };
  }
  const labels = specs.map((spec) => termLabels(spec, batch.source, batch.target));
  const parts = specs.map((spec, k): ResidentTerm => {
    const pair = made.get(spec.term_name);
    const label = labels[k];
    return {
      name: spec.term_name,
      embed: pair ? part(pair.source.rows, pair.target.rows, spec.weight_embed) : null,
      label: label ? part(label.source, label.target, spec.weight_label) : null,
    };
  });
  const resident = await ResidentCost.measure(solver, batch.source.count, batch.target.count, parts);
  try {
    const values = await resident.readTerms();
    return { terms: specs.map((spec, k) => measuredTerm(spec, values[k]!, labels[k] ?? null)), variances, resident };
  } catch (thrown) {
    resident.destroy();
    throw thrown;
  }
}

function inMemory({ rows }: SideEmbedding): Vectors {
  assert('values' in rows, 'without a solver embeddings are in main memory');
  return rows;
}

function part(source: SideEmbedding['rows'], target: SideEmbedding['rows'], weight: number): ResidentPart {
  const rows = (vectors: SideEmbedding['rows']): DeviceRows => ('buffer' in vectors ? vectors : { width: vectors.width, values: Float32Array.from(vectors.values) });
  return { source: rows(source), target: rows(target), weight };
}
