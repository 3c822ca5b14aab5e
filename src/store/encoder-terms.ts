import { embedTerm } from '../config/presets.ts';
import { SESSION_LIMITS } from '../config/session.ts';
import type { FeatureSpec } from '../core/cost/features.ts';
import type { EncoderProposal } from '../engine/protocol.ts';
import type { EncoderSummary } from './run.ts';

/**
 * A term on a new encoder: the keys that its inputs mean, and 1/D as weight where the width D of its embedding is known,
 * so that ‖z − z'‖² is a mean over dimensions. Null where an input has no key yet, or there are terms enough.
 */
export function termForEncoder({ file, output, inputs }: EncoderProposal, summary: EncoderSummary, features: readonly FeatureSpec[]): FeatureSpec | null {
  const [first, ...others] = inputs;
  if (!first || inputs.some(({ src_key, tgt_key }) => src_key === null || tgt_key === null) || features.length >= SESSION_LIMITS.terms) return null;
  const stem = file.replace(/\.onnx$/i, '').slice(0, 40) || 'embedding';
  const taken = new Set(features.map((spec) => spec.term_name));
  let name = stem;
  for (let k = 2; taken.has(name); k++) name = `${stem} ${k}`;
  const embed = { file, input: first.input, output, others: others.map(({ input, src_key, tgt_key }) => ({ input, src_key: src_key ?? '', tgt_key: tgt_key ?? '' })) };
  return { ...embedTerm(name, first.src_key ?? '', embed, 1 / (embeddingWidth(summary, output) ?? 1)), tgt_key: first.tgt_key ?? '' };
}

/** Values of one embedding, where the file says so: the product of all axes behind the frames'. */
export function embeddingWidth({ outputs }: EncoderSummary, output: string): number | null {
  const axes = outputs.find(({ name }) => name === output)?.shape?.slice(1);
  return axes?.every((axis) => typeof axis === 'number') ? axes.reduce((product, axis) => product * axis, 1) : null;
}
