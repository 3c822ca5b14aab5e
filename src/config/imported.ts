import { UserError } from '../base/errors.ts';
import type { FeatureSpec } from '../core/cost/features.ts';
import { MAX_CONFIG_TEXT, parseJson, printJson, type JsonObject } from './json.ts';
import { SESSION_LIMITS, type Session, type SolveSettings } from './session.ts';
import { TRAINING_LIMITS, type ConfigDocument, type TrainingSettings } from './training.ts';

/** Something questionable in a config, or something that a file cannot say, in a sentence. */
export interface Finding {
  readonly code: string;
  readonly message: string;
}

/** What a config file says, in the session's terms. */
export interface ConfigSettings {
  readonly solve: Pick<SolveSettings, 'reg' | 'tau1' | 'tau2' | 'prior'>;
  readonly features: readonly FeatureSpec[];
  readonly batch: { readonly size: number; readonly seed: number };
  readonly training: Omit<TrainingSettings, 'document'>;
}

/** A config that was read. */
export interface ImportedConfig {
  readonly kind: 'lerobot' | 'robomimic';
  readonly session: Session;
  readonly findings: readonly Finding[];
  /** Paths of fields that nobody here knows; they are kept for the export. */
  readonly unknown: readonly string[];
}

/** A config to be saved, and what it cannot say of the session. */
export interface ExportedConfig {
  readonly text: string;
  readonly findings: readonly Finding[];
}

/** How a null τ of the LeRobot fork is read: as the fork does (the other side's value), or as a hard marginal. */
export type NullTau = 'fork' | 'hard';

/** Keys of a τ, where Python's Infinity means a hard marginal. */
export const TAU_KEYS: ReadonlySet<string> = new Set(['tau_src', 'tau_tgt', 'tau1', 'tau2']);

/** The OT batch that the fork draws beside a BC batch of B: max(1, int(B·ratio)), and at most what the page solves. */
export const otBatchSize = (batchSize: number, ratio: number): number => Math.min(SESSION_LIMITS.batchSize.high, Math.max(1, Math.trunc(batchSize * ratio)));

/**
 * The session that a config makes of another: what the file does not say stays, and a term that stands in both keeps its
 * encoder.
 * @throws UserError `config-too-large`
 */
export function withSettings(base: Session, settings: ConfigSettings, document: ConfigDocument | null, file: string): Session {
  if (document && document.text.length > TRAINING_LIMITS.document)
    throw new UserError('config-too-large', `${file} holds more than ${TRAINING_LIMITS.document / 1024} kB of settings; a training config has a few. Take out what is no setting.`);
  const features = settings.features.map((spec) => {
    const same = base.features.find(({ term_name, src_key, tgt_key, embed }) => embed && term_name === spec.term_name && src_key === spec.src_key && tgt_key === spec.tgt_key);
    return same && spec.use_learned_embed ? { ...spec, embed: same.embed } : spec;
  });
  return {
    ...base,
    features,
    solve: { ...base.solve, ...settings.solve, normalisation: 'none' },
    batch: { ...base.batch, kind: 'random', ...settings.batch },
    training: { ...settings.training, document },
  };
}

/** The template of a session's own file in this format, else a form with every known field. */
export function templateOf(session: Session, format: ConfigDocument['format'], form: string): JsonObject {
  const { document } = session.training;
  for (const text of document?.format === format ? [document.text, form] : [form]) {
    const value = tryParse(text);
    if (value) return value;
  }
  return new Map();
}

/** A shared link may hold any text in the document's place. */
function tryParse(text: string): JsonObject | null {
  if (text.length > MAX_CONFIG_TEXT) return null;
  try {
    const { value } = parseJson(text, 'template');
    return value instanceof Map ? value : null;
  } catch {
    return null;
  }
}

/** The document of a blanked file; null when it is just the form, which is what no document means. */
export function documentOf(template: JsonObject, format: ConfigDocument['format'], form: string): ConfigDocument | null {
  const text = printJson(template, true);
  return text === form ? null : { format, text };
}

/** What of a session no config file of either kind can say. */
export function unsaid(session: Session, kind: string): Finding[] {
  const { solve, batch } = session;
  const lost: string[] = [];
  if (solve.prior !== 'diagonal' && solve.prior !== 'product') lost.push(`the ${solve.prior} prior (it is written as heuristic = false, which is the product prior with POT ≥ 0.9.5)`);
  if (solve.normalisation !== 'none') lost.push(`costs divided by their ${solve.normalisation}`);
  if (session.training.alignment === 'energy') lost.push('the energy distance in place of transport');
  if (batch.kind === 'ranges') lost.push('the ranges of frames');
  if (session.features.some(({ embed }) => embed)) lost.push('the encoders of its terms');
  return lost.map((what) => ({ code: 'not-written', message: `A ${kind} config cannot say ${what}.` }));
}
