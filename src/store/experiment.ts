import { create } from 'zustand';
import { reportError, UserError, type ErrorReport } from '../base/errors.ts';
import { DEFAULT_ATTEMPTS, methodOf, METHODS, methodText, parseMethod, parseSeeds, withMethod, type Method } from '../config/methods.ts';
import type { Session } from '../config/session.ts';
import type { ActiveRun, Job, RunResult } from '../engine/client.ts';
import type { NamedEncoder } from './stored-runs.ts';

/** What the runs of an experiment share: only runs with the same key are compared. */
export interface Experiment {
  readonly key: string;
  /** What its methods are made from. */
  readonly session: Session;
  readonly attempts: number;
  readonly encoders: readonly NamedEncoder[];
}

export interface FailedRun extends Job {
  readonly error: ErrorReport;
}

export interface ExperimentState {
  /** Methods that are to be run, as `methodText` writes them. */
  readonly chosen: readonly string[];
  /** Beside the kinds, those that were added. */
  readonly variants: readonly string[];
  /** As it is written. */
  readonly seeds: string;
  readonly attempts: number;
  /** The method that others are compared with. */
  readonly reference: string;
  readonly phase: 'idle' | 'starting' | 'running' | 'paused';
  /** What the runs are of; null before the first start. */
  readonly experiment: Experiment | null;
  readonly runs: readonly RunResult[];
  readonly failed: readonly FailedRun[];
  readonly active: readonly ActiveRun[];
  /** Workers that died or hung. */
  readonly replaced: number;
  /** Why nothing was started. */
  readonly error: ErrorReport | null;
  /** Why runs are not kept. The experiment goes on. */
  readonly saveError: ErrorReport | null;
}

/** What nobody has run yet. */
export const NO_RUNS = { experiment: null, runs: [], failed: [], active: [], replaced: 0, error: null, saveError: null } as const satisfies Partial<ExperimentState>;

export const useExperiment = create<ExperimentState>()(() => ({
  chosen: ['cotrain', 'balanced', 'uot'],
  variants: [],
  seeds: '20:28',
  attempts: DEFAULT_ATTEMPTS,
  reference: 'cotrain',
  phase: 'idle',
  ...NO_RUNS,
}));

/** Methods and seeds that are asked for, or why they are none. */
export type Plan = { readonly methods: readonly string[]; readonly seeds: readonly number[]; readonly error: null } | { readonly methods: null; readonly seeds: null; readonly error: ErrorReport };

/** @param base whose window is meant where a method names none */
export function planOf({ chosen, seeds }: Pick<ExperimentState, 'chosen' | 'seeds'>, base: Method): Plan {
  try {
    const methods = [...new Set(chosen.map((text) => methodText(parseMethod(text, base), base)))];
    if (methods.length === 0) throw new UserError('no-methods', 'No method is chosen, so there is nothing to run; tick at least one, and a second one to compare it with.');
    return { methods: inOrder(methods), seeds: parseSeeds(seeds), error: null };
  } catch (thrown) {
    return { methods: null, seeds: null, error: reportError(thrown) };
  }
}

/** Methods by their kind, and each kind's variants after it as they came. */
export function inOrder(methods: readonly string[]): string[] {
  const rank = (text: string): number => METHODS.findIndex((kind) => text.split('/')[0] === kind);
  return methods.toSorted((p, q) => rank(p) - rank(q) || p.split('/').length - q.split('/').length);
}

/** The session that methods are made from: the experiment's, or the page's while there is none. */
export const baseOf = (experiment: Experiment | null, session: Session): Method => methodOf(experiment?.session ?? session);

/** What a run hangs on beside method and seed, as text. The policy's seed is the run's own, and of an imported file its settings alone count. */
export function settingsText({ features, batch, pairing, solve, training, policy }: Session): string {
  return JSON.stringify({ features, batch, pairing, solve, training: { ...training, document: null }, policy: { ...policy, seed: 0 } }, (_, value: unknown) => (value === Infinity ? 'inf' : value));
}

/** Whether a session trains by one of an experiment's methods, with everything else as it is there. */
export function belongsTo(session: Session, { session: base }: Pick<Experiment, 'session'>): boolean {
  return settingsText(withMethod(base, methodOf(session))) === settingsText(session);
}

/** Of the runs that a plan asks for: how many there are, are done, and failed. */
export function countsOf({ runs, failed }: Pick<ExperimentState, 'runs' | 'failed'>, { methods, seeds }: Plan): { readonly total: number; readonly done: number; readonly failed: number } {
  const asked = ({ method, seed }: Job): boolean => (methods?.includes(method) ?? false) && (seeds?.includes(seed) ?? false);
  return { total: (methods?.length ?? 0) * (seeds?.length ?? 0), done: runs.filter(asked).length, failed: failed.filter(asked).length };
}

/** Seconds until all runs are done, by those that are done or, before any is, by those under way; null where neither says enough. */
export function secondsLeft({ runs, active }: Pick<ExperimentState, 'runs' | 'active'>, left: number): number | null {
  if (active.length === 0) return null;
  const begun = active.filter(({ share }) => share > 0.1).map(({ share, seconds }) => seconds / share);
  const each = runs.length > 0 ? runs.map(({ seconds }) => seconds) : begun;
  if (each.length === 0) return null;
  const mean = each.reduce((sum, seconds) => sum + seconds, 0) / each.length;
  return Math.max(0, ((left - active.reduce((sum, { share }) => sum + share, 0)) * mean) / active.length);
}
