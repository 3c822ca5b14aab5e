import { UserError } from '../base/errors.ts';
import { embedKeys, wantsEmbedding, type FeatureSpec } from '../core/cost/features.ts';

export interface TrainedTerms {
  /** The first of `shared`: it says what the encoder is fed and which output is compared. */
  readonly spec: FeatureSpec;
  /** Terms that compare the embedding that is trained. */
  readonly shared: readonly FeatureSpec[];
  /** Σ term_weight·weight_embed of them. */
  readonly weight: number;
}

/**
 * The term whose encoder learns, and those that compare the same embedding.
 * @param chosen the encoder, by file; null for that of the first term that compares embeddings
 * @throws UserError `train-no-encoder`, `train-two-inputs`
 */
export function trainedTerms(features: readonly FeatureSpec[], chosen: string | null): TrainedTerms {
  const all = features.filter(wantsEmbedding).filter(({ embed }) => embed && (chosen === null || embed.file === chosen));
  const spec = all[0];
  if (!spec) throw new UserError('train-no-encoder', chosen === null ? 'No term compares embeddings, so there is no encoder to train; give a term an encoder and weight_embed.' : `No term compares embeddings of ${chosen}, so its training would not see the transport; give a term that encoder and weight_embed.`);
  const shared = all.filter(({ embed }) => embed!.file === spec.embed!.file);
  const same = (other: FeatureSpec): boolean => other.embed!.output === spec.embed!.output && (['source', 'target'] as const).every((side) => JSON.stringify(embedKeys(other, side)) === JSON.stringify(embedKeys(spec, side)));
  const odd = shared.find((other) => !same(other));
  if (odd) throw new UserError('train-two-inputs', `The terms "${spec.term_name}" and "${odd.term_name}" feed ${spec.embed!.file} from other columns or take other outputs of it, and one embedding is trained at a time; leave one of the terms out.`, { term: odd.term_name });
  return { spec, shared, weight: shared.reduce((sum, { term_weight, weight_embed }) => sum + term_weight * weight_embed, 0) };
}
