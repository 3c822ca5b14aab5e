import { UserError } from '../base/errors.ts';
import { readSession, type Session } from '../config/session.ts';
import type { RunResult } from '../engine/client.ts';

/** Shape of what is written; what is of another one is not read. */
const FORMAT = 1;
/** Experiments that are kept, the newest. */
const KEPT = 6;

/** What an experiment is kept under, and what it was asked to do. */
export interface ExperimentHead {
  readonly format: number;
  readonly key: string;
  /** Milliseconds since 1970 of its last run. */
  readonly at: number;
  /** `writeSession`'s text. */
  readonly session: string;
  readonly attempts: number;
  readonly encoders: readonly NamedEncoder[];
  readonly methods: readonly string[];
  readonly seeds: string;
}

export interface NamedEncoder {
  readonly file: string;
  readonly fingerprint: string;
}

export interface StoredExperiment {
  readonly head: ExperimentHead;
  readonly session: Session;
  readonly runs: readonly RunResult[];
}

/** A place that outlives the page; what comes out of it is looked at before it is believed. */
export interface RunStore {
  heads(): Promise<unknown[]>;
  runs(key: string): Promise<unknown[]>;
  put(head: ExperimentHead, results: readonly RunResult[]): Promise<void>;
  remove(key: string): Promise<void>;
}

/** Experiments as they are written down, run by run. */
export class StoredRuns {
  readonly #store: RunStore;

  constructor(store: RunStore) {
    this.#store = store;
  }

  /** The experiment of a key, or the one that was worked on last; null where there is none, or none that can be read. */
  async find(key: string | null): Promise<StoredExperiment | null> {
    const heads = (await this.#store.heads()).filter(isHead).toSorted((p, q) => q.at - p.at);
    const head = key === null ? heads[0] : heads.find((one) => one.key === key);
    const reading = head ? readSession(JSON.parse(head.session)) : null;
    if (!head || reading?.kind !== 'session') return null;
    return { head, session: reading.session, runs: (await this.#store.runs(head.key)).filter(isRun) };
  }

  /**
   * Write runs down beside those that are there; experiments that are older than the newest few go.
   * @throws UserError `experiment-full`, `experiment-storage`
   */
  async add(head: Omit<ExperimentHead, 'format'>, results: readonly RunResult[]): Promise<void> {
    try {
      await this.#store.put({ format: FORMAT, ...head }, results);
      const old = (await this.#store.heads()).filter(isHead).toSorted((p, q) => q.at - p.at).slice(KEPT);
      for (const { key } of old) await this.#store.remove(key);
    } catch (thrown) {
      throw storageError(thrown);
    }
  }

  /** @throws what the storage throws */
  remove(key: string): Promise<void> {
    return this.#store.remove(key);
  }
}

function storageError(thrown: unknown): UserError {
  const name = thrown instanceof Error || thrown instanceof DOMException ? thrown.name : '';
  if (name === 'QuotaExceededError') return new UserError('experiment-full', 'The browser’s storage for this page is full, so runs are kept in this page only and a reload loses them; the experiment goes on. Free space on the disk, or save the runs as a file.');
  return new UserError('experiment-storage', `The browser did not let the page keep a run (${thrown instanceof Error ? thrown.message : String(thrown)}), so a reload loses it; the experiment goes on. A private window may forbid it: save the runs as a file.`);
}

function isHead(value: unknown): value is ExperimentHead {
  if (typeof value !== 'object' || value === null) return false;
  const { format, key, at, session, attempts, encoders, methods, seeds } = value as Partial<Record<keyof ExperimentHead, unknown>>;
  return format === FORMAT && [key, session, seeds].every((text) => typeof text === 'string') && [at, attempts].every((number) => typeof number === 'number') && Array.isArray(encoders) && Array.isArray(methods);
}

function isRun(value: unknown): value is RunResult {
  if (typeof value !== 'object' || value === null) return false;
  const { method, seed, id, ood, curve } = value as Partial<Record<keyof RunResult, unknown>>;
  return typeof method === 'string' && [seed, id, ood].every((number) => typeof number === 'number') && Array.isArray(curve);
}
