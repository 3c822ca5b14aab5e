import { reportError, type ErrorReport } from '../base/errors.ts';
import type { PolicySettings } from '../config/policy.ts';
import { trainedTerms } from '../config/trained-terms.ts';
import { wantsEmbedding, type FeatureSpec } from '../core/cost/features.ts';
import type { Trainable } from '../engine/client.ts';
import type { EncoderState, EncoderSummary } from './run.ts';

/** Which encoder a policy trains with the terms and encoders that are there, and what of it can be. */
export type Learner =
  /** No term names it, or its terms are at odds. */
  | { readonly kind: 'none'; readonly error: ErrorReport }
  | { readonly kind: 'absent'; readonly file: string }
  /** The output that its term compares was not examined, or is not there. */
  | { readonly kind: 'unknown'; readonly summary: EncoderSummary; readonly output: string }
  | { readonly kind: 'untrainable'; readonly summary: EncoderSummary; readonly output: string; readonly error: ErrorReport }
  /** What learns stands before an operator without a gradient; with less of it something could. */
  | ({ readonly kind: 'blocked'; readonly error: ErrorReport; /** To be frozen, beside what is. */ readonly freeze: readonly string[] } & Tensors)
  | ({ readonly kind: 'trainable' } & Tensors);

/** What can learn of an encoder. */
interface Tensors extends Pick<Extract<Trainable, { ok: true }>, 'parameters' | 'unlisted'> {
  readonly summary: EncoderSummary;
  readonly output: string;
  /** Operators without a gradient, the first of each output. */
  readonly obstacles: readonly { readonly op: string; readonly node: string }[];
}

/** Files whose embeddings terms compare: one of them can learn. */
export function learnableFiles(features: readonly FeatureSpec[]): string[] {
  return [...new Set(features.filter(wantsEmbedding).flatMap(({ embed }) => (embed ? [embed.file] : [])))];
}

/**
 * @param encoders as `useRun` has them
 * @param refusal what stopped the last run, which may tell of the encoder what only its shapes do
 */
export function learnerOf(features: readonly FeatureSpec[], policy: Pick<PolicySettings, 'encoder' | 'head' | 'output' | 'frozen'>, encoders: readonly { readonly file: string; readonly state: EncoderState }[], refusal: ErrorReport | null): Learner {
  let source: { readonly file: string; readonly output: string };
  try {
    source = trainedTerms(features, policy.encoder).spec.embed!;
  } catch (thrown) {
    return { kind: 'none', error: reportError(thrown) };
  }
  const { file, output } = source;
  const state = encoders.find((entry) => entry.file === file)?.state;
  if (state?.kind !== 'ready') return { kind: 'absent', file };
  const { summary } = state;
  const main = summary.trainable.get(output);
  if (!main) return { kind: 'unknown', summary, output };
  const action = policy.head === 'own' ? summary.trainable.get(policy.output) : undefined;
  for (const found of [main, action]) if (found && !found.ok) return { kind: 'untrainable', summary, output, error: { code: 'encoder-untrainable', message: found.message, detail: { file } } };
  if (refusal?.code === 'encoder-untrainable' && refusal.detail.file === file) return { kind: 'untrainable', summary, output, error: refusal };
  const lists = [main, action].filter((found) => found?.ok === true);
  const parameters = new Map(lists.flatMap((list) => list.parameters.map((parameter) => [parameter.name, parameter] as const)));
  // Two outputs share most of what is not listed, so the longer list's count is the nearer one.
  const unlisted = lists.map((list) => list.unlisted).reduce((most, next) => (next.tensors > most.tensors ? next : most));
  const obstacles = lists.flatMap(({ obstacle }) => obstacle ?? []);
  const tensors: Tensors = { summary, output, parameters: [...parameters.values()], unlisted, obstacles };
  const freeze = [...new Set(obstacles.flatMap(({ before }) => before))].filter((name) => !policy.frozen.includes(name));
  if (freeze.length === 0) return { kind: 'trainable', ...tensors };
  const { message } = obstacles.find(({ before }) => before.some((name) => freeze.includes(name)))!;
  return { kind: 'blocked', ...tensors, freeze, error: { code: 'encoder-blocked', message, detail: { file } } };
}
