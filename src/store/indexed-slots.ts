import type { Slot, SlotStore } from './checkpoints.ts';

const NAME = 'ot-playground.checkpoints';
/**
 * An array is put in pieces of this many bytes, one after the other: Chromium takes no value beyond 127 MB and clones each
 * on the page's thread, and an encoder may have 200 MB of weights and twice that of moments.
 */
const PIECE = 8 * 2 ** 20;

/**
 * The two slots in IndexedDB: a head of each by slot, and the pieces of its arrays by [slot, array, piece]. All of a slot
 * is put in one transaction, so that a page that is closed meanwhile leaves what was there.
 */
export class IndexedSlots implements SlotStore {
  #owned = false;

  /** The first page that asks may write, until it is closed. */
  async own(): Promise<boolean> {
    if (this.#owned) return true;
    // Old browsers have no locks; there the last page that writes wins.
    if (!('locks' in navigator)) return true;
    return new Promise((resolve, reject) => {
      const held = navigator.locks.request(NAME, { ifAvailable: true }, async (lock) => {
        this.#owned = lock !== null;
        resolve(this.#owned);
        // It is held for as long as this is not settled.
        if (lock) await new Promise(() => undefined);
      });
      held.catch(reject);
    });
  }

  head(slot: Slot): Promise<unknown> {
    return transact('readonly', ({ heads }) => answer<unknown>(heads.get(slot)));
  }

  async body(slot: Slot): Promise<ArrayBuffer[]> {
    const pieces = await transact('readonly', async ({ bodies }) => {
      const keys = (await answer(bodies.getAllKeys(piecesOf(slot)))) as [Slot, number, number][];
      const held: { readonly array: number; readonly piece: ArrayBuffer }[] = [];
      for (const key of keys) held.push({ array: key[1], piece: await answer<ArrayBuffer>(bodies.get(key)) });
      return held;
    });
    const count = (pieces.at(-1)?.array ?? -1) + 1;
    const parts: ArrayBuffer[][] = Array.from({ length: count }, () => []);
    for (const { array, piece } of pieces) parts[array]!.push(piece);
    return parts.map(joined);
  }

  async put(slot: Slot, head: object, body: readonly ArrayBuffer[]): Promise<void> {
    await transact('readwrite', async ({ heads, bodies }) => {
      await answer(bodies.delete(piecesOf(slot)));
      for (const [k, array] of body.entries())
        for (let start = 0; start === 0 || start < array.byteLength; start += PIECE) await answer(bodies.put(array.byteLength <= PIECE ? array : array.slice(start, start + PIECE), [slot, k, start / PIECE]));
      await answer(heads.put(head, slot));
    });
  }

  async clear(): Promise<void> {
    await transact('readwrite', async ({ heads, bodies }) => {
      await answer(bodies.clear());
      await answer(heads.clear());
    });
  }
}

/** Keys of a slot's pieces: an array comes after every number. */
const piecesOf = (slot: Slot): IDBKeyRange => IDBKeyRange.bound([slot], [slot, []]);

function joined(pieces: readonly ArrayBuffer[]): ArrayBuffer {
  if (pieces.length === 1) return pieces[0]!;
  const whole = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(new Uint8Array(piece), at);
    at += piece.byteLength;
  }
  return whole.buffer;
}

interface Stores {
  readonly heads: IDBObjectStore;
  readonly bodies: IDBObjectStore;
}

/** One transaction: what its work gave, once all of it is written. The work may wait for its own requests only. */
async function transact<T>(mode: IDBTransactionMode, work: (stores: Stores) => Promise<T>): Promise<T> {
  const database = await answer(opening());
  try {
    const transaction = database.transaction(['heads', 'bodies'], mode);
    const ended = new Promise<void>((resolve, reject) => {
      transaction.addEventListener('complete', () => resolve());
      // A full storage shows here, whatever request it met.
      transaction.addEventListener('abort', () => reject(transaction.error ?? new Error('the transaction was aborted')));
    });
    const result = work({ heads: transaction.objectStore('heads'), bodies: transaction.objectStore('bodies') });
    // Where the storage is full both are rejected, and how the transaction ended says why.
    const [end, outcome] = await Promise.allSettled([ended, result]);
    if (end.status === 'rejected') throw end.reason;
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  } finally {
    database.close();
  }
}

function opening(): IDBOpenDBRequest {
  const request = indexedDB.open(NAME, 1);
  request.addEventListener('upgradeneeded', () => {
    request.result.createObjectStore('heads');
    request.result.createObjectStore('bodies');
  });
  return request;
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error ?? new Error('IndexedDB gave no reason')));
  });
}
