import { digest, fingerprint } from '../base/digest.ts';
import { UserError } from '../base/errors.ts';
import { Mutex } from '../base/mutex.ts';
import { readSession, writeSession, type Session } from '../config/session.ts';
import { stateArrays } from '../engine/client.ts';
import type { Checkpoint } from '../engine/protocol.ts';
import type { MetricTable } from './run-table.ts';
import type { FilmFrame } from './training-shelf.ts';

/** Shape of what is written; a page reads its own and older ones, and says of newer ones that they are. 2 has a film. */
export const CHECKPOINT_VERSION = 2;

/** SHA-256 of what a run learns from, in hex. */
export interface RunData {
  readonly source: string;
  readonly target: string;
  /** Those that its terms name. */
  readonly encoders: readonly { readonly file: string; readonly fingerprint: string }[];
}

/** A run as it is written down. */
export interface SavedRun {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly session: Session;
  readonly data: RunData;
  readonly state: Checkpoint;
  /** Of every step up to the state's. */
  readonly metrics: MetricTable;
  /** Plans along it. */
  readonly film: readonly FilmFrame[];
}

export const SLOTS = ['A', 'B'] as const;
export type Slot = (typeof SLOTS)[number];

/** Two places that outlive the page. A `put` that fails leaves the slot as it was, as far as the storage can. */
export interface SlotStore {
  /** Whether this page may write: two pages would overwrite each other's runs. */
  own(): Promise<boolean>;
  /** What `put` was given; undefined for an empty slot. */
  head(slot: Slot): Promise<unknown>;
  body(slot: Slot): Promise<unknown>;
  put(slot: Slot, head: Head, body: readonly ArrayBuffer[]): Promise<void>;
  clear(): Promise<void>;
}

/** What is known of a checkpoint without its arrays. */
interface Head {
  readonly version: number;
  /** Counts what was written: the newer slot has the larger one. */
  readonly turn: number;
  /** All but the arrays, as JSON. */
  readonly text: string;
  /** SHA-256 over the text's and then each array's, in hex. */
  readonly hash: string;
}

/** A head's text. */
interface Text extends Pick<SavedRun, 'at' | 'data'> {
  readonly session: unknown;
  readonly step: number;
  readonly draws: Checkpoint['draws'];
  /** In the order of their arrays, which are: metrics, plans, weights, first moments, second moments, averages. */
  readonly weights: readonly Pick<Checkpoint['weights'][number], 'network' | 'name'>[];
  readonly averaged: boolean;
  readonly columns: readonly string[];
  /** Not there in version 1. */
  readonly film?: readonly Omit<FilmFrame, 'plan'>[];
}

/** The newest run that is whole, and whether it is in a slot; none; or one that only a newer page can read. */
export type Reading = { readonly kind: 'run'; readonly run: SavedRun; readonly stored: boolean } | { readonly kind: 'none' } | { readonly kind: 'newer' };

/**
 * Keeps the last state of a run in two slots, written in turns: one that was torn or damaged does not cost the other, and
 * what is read is the newest whose hash is right.
 */
export class Checkpoints {
  readonly #store: SlotStore;
  readonly #turn = new Mutex();
  /** The slot with the newest whole run, which is not written over; undefined before they were looked at. */
  #whole: Slot | null | undefined;
  #turns = 0;
  /** The last run, where it could not be written: it is nowhere else. */
  #unwritten: SavedRun | null = null;

  constructor(store: SlotStore) {
    this.#store = store;
  }

  /** The last run that was to be written, also where it could not be, or else the newest that is whole. @throws what the storage throws */
  newest(): Promise<Reading> {
    return this.#turn.run(() => (this.#unwritten ? Promise.resolve({ kind: 'run', run: this.#unwritten, stored: false }) : this.#newest()));
  }

  /**
   * Write a run down in place of the one before the last.
   * @throws UserError `checkpoint-full`, `checkpoint-elsewhere`, `checkpoint-storage`; the last one written is still there then
   */
  write(run: SavedRun): Promise<void> {
    return this.#turn.run(async () => {
      try {
        if (!(await this.#store.own())) throw new UserError('checkpoint-elsewhere', 'Another tab of this page keeps its run in this browser, so the run of this tab is not saved; training goes on. Close the other tab, or save the run as a file.');
        if (this.#whole === undefined) await this.#newest();
        const slot: Slot = this.#whole === 'A' ? 'B' : 'A';
        const { text, arrays } = pack(run);
        await this.#store.put(slot, { version: CHECKPOINT_VERSION, turn: this.#turns + 1, text, hash: await hashOf(text, arrays) }, arrays);
        this.#turns++;
        this.#whole = slot;
        this.#unwritten = null;
      } catch (thrown) {
        this.#unwritten = run;
        throw thrown instanceof UserError ? thrown : storageError(thrown, run);
      }
    });
  }

  /** Forget what is written, where it is this page's to forget. */
  clear(): Promise<void> {
    return this.#turn.run(async () => {
      this.#unwritten = null;
      if (!(await this.#store.own())) return;
      await this.#store.clear();
      this.#whole = null;
    });
  }

  async #newest(): Promise<Reading> {
    const held = await Promise.all(SLOTS.map(async (slot) => ({ slot, head: await this.#store.head(slot) })));
    const heads = held.flatMap(({ slot, head }) => (isHead(head) ? [{ slot, head }] : [])).toSorted((p, q) => q.head.turn - p.head.turn);
    this.#turns = Math.max(this.#turns, ...heads.map(({ head }) => head.turn));
    this.#whole = null;
    for (const { slot, head } of heads) {
      const run = head.version <= CHECKPOINT_VERSION ? await unpack(head, await this.#store.body(slot)) : null;
      if (!run) continue;
      this.#whole = slot;
      return { kind: 'run', run, stored: true };
    }
    return { kind: heads.some(({ head }) => head.version > CHECKPOINT_VERSION) ? 'newer' : 'none' };
  }
}

function pack({ at, session, data, state, metrics, film }: SavedRun): { text: string; arrays: ArrayBuffer[] } {
  const text: Text = {
    at,
    data,
    session: JSON.parse(writeSession(session)),
    step: state.step,
    draws: state.draws,
    weights: state.weights.map(({ network, name }) => ({ network, name })),
    averaged: state.optimiser.averages !== null,
    columns: metrics.columns,
    film: film.map(({ step, n, m }) => ({ step, n, m })),
  };
  return { text: JSON.stringify(text), arrays: [metrics.values, ...film.map(({ plan }) => plan), ...stateArrays(state)].map((array) => (array.byteLength === array.buffer.byteLength ? array.buffer : array.slice().buffer)) };
}

/** null for what is not whole: cut, changed, or of a session that cannot be read. */
async function unpack({ text, hash }: Head, body: unknown): Promise<SavedRun | null> {
  if (!Array.isArray(body) || !body.every((part) => part instanceof ArrayBuffer) || (await hashOf(text, body)) !== hash) return null;
  const { at, data, session, step, draws, weights, averaged, columns, film = [] } = JSON.parse(text) as Text;
  const reading = readSession(session);
  const count = weights.length;
  if (reading.kind !== 'session' || body.length !== 1 + film.length + count * (averaged ? 4 : 3)) return null;
  const [metrics, ...rest] = body;
  const arrays = rest.slice(film.length);
  const floats = (from: number): Float32Array<ArrayBuffer>[] => arrays.slice(from * count, (from + 1) * count).map((part) => new Float32Array(part));
  const [values, m, v, averages] = [floats(0), floats(1), floats(2), averaged ? floats(3) : null];
  const state: Checkpoint = { step, draws, weights: weights.map((tensor, k) => ({ ...tensor, values: values[k]! })), optimiser: { moments: m.map((first, k) => ({ m: first, v: v[k]! })), averages } };
  return { at, session: reading.session, data, state, metrics: { columns, values: new Float64Array(metrics!) }, film: film.map((frame, k) => ({ ...frame, plan: new Float32Array(rest[k]!) })) };
}

async function hashOf(text: string, arrays: readonly ArrayBuffer[]): Promise<string> {
  const digests = [await digest(new TextEncoder().encode(text).buffer)];
  for (const array of arrays) digests.push(await digest(array));
  return fingerprint(digests);
}

function isHead(head: unknown): head is Head {
  if (typeof head !== 'object' || head === null) return false;
  const { version, turn, text, hash } = head as Partial<Record<keyof Head, unknown>>;
  return Number.isInteger(version) && Number.isInteger(turn) && typeof text === 'string' && typeof hash === 'string';
}

/** Why nothing was written, and what to do. */
function storageError(thrown: unknown, { state }: SavedRun): UserError {
  const name = thrown instanceof Error || thrown instanceof DOMException ? thrown.name : '';
  if (name === 'QuotaExceededError') {
    const size = stateArrays(state).reduce((sum, { byteLength }) => sum + byteLength, 0) / 2 ** 20;
    return new UserError('checkpoint-full', `The browser’s storage for this page is full, so step ${state.step} is not saved (${size < 1 ? 'under 1' : Math.round(size)} MB); training goes on. Free space on the disk or clear other sites’ data, or save the run as a file.`);
  }
  return new UserError('checkpoint-storage', `The browser did not let the page save step ${state.step} (${thrown instanceof Error ? thrown.message : String(thrown)}); training goes on. A private window may forbid it: save the run as a file, or use an ordinary window.`);
}
