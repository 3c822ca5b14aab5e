import { embedColumn, embedKeys, wantsEmbedding, type BatchSide, type FeatureSpec } from '../core/cost/features.ts';
import { checkEmbeddings, type Compared } from '../core/cost/terms.ts';
import type { DrawnBatch } from './batch.ts';
import type { EmbedRequest, EncoderRoom } from './encoders.ts';
import type { Side } from './protocol.ts';

/**
 * The embeddings of one batch. Each is made once: a weight moves nothing, and terms that ask the same of an encoder share
 * what it said.
 */
export class BatchEmbeddings {
  readonly #room: EncoderRoom;
  readonly #batch: DrawnBatch;
  readonly #made = new Map<string, Promise<Compared['source']>>();

  constructor(room: EncoderRoom, batch: DrawnBatch) {
    this.#room = room;
    this.#batch = batch;
  }

  /**
   * z of both sides for every term that wants one, by term name.
   * @throws UserError `missing-key`, `non-finite`, `width-mismatch`, and those of `EncoderRoom.embed`
   */
  async of(specs: readonly FeatureSpec[]): Promise<Map<string, Compared>> {
    const all = new Map<string, Compared>();
    for (const spec of specs.filter(wantsEmbedding)) {
      const pair = { source: await this.#side(spec, 'source'), target: await this.#side(spec, 'target') };
      checkEmbeddings(spec, pair.source, pair.target);
      all.set(spec.term_name, pair);
    }
    return all;
  }

  #side(spec: FeatureSpec, side: Side): Promise<Compared['source']> {
    const request = embedRequest(spec, side, this.#batch[side]);
    const key = JSON.stringify([request.file, this.#room.get(request.file)?.fingerprint, request.output, side, spec.time_reduce, embedKeys(spec, side)]);
    const known = this.#made.get(key);
    if (known) return known;
    const made = this.#room.embed(request);
    this.#made.set(key, made);
    // What failed may succeed when it is asked for again.
    made.catch(() => this.#made.delete(key));
    return made;
  }
}

function embedRequest(spec: FeatureSpec, side: Side, batch: BatchSide): EmbedRequest {
  const inputs = embedKeys(spec, side).map(([input, key]) => ({ input, key, column: embedColumn(spec, side, key, batch) }));
  return { term: spec.term_name, file: spec.embed?.file ?? '', output: spec.embed?.output ?? '', side, inputs, count: batch.count };
}
