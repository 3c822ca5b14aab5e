import type { Slot, SlotStore } from './checkpoints.ts';

const NAME = 'ot-playground.checkpoints';

/**
 * The two slots in IndexedDB: a head and a body of each, put in one transaction, so that a page that is closed meanwhile
 * leaves what was there. Structured clone writes the arrays as they are.
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
    return transact('readonly', (heads) => heads.get(slot));
  }

  body(slot: Slot): Promise<unknown> {
    return transact('readonly', (_, bodies) => bodies.get(slot));
  }

  async put(slot: Slot, head: object, body: readonly ArrayBuffer[]): Promise<void> {
    await transact('readwrite', (heads, bodies) => {
      bodies.put(body, slot);
      return heads.put(head, slot);
    });
  }

  async clear(): Promise<void> {
    await transact('readwrite', (heads, bodies) => {
      bodies.clear();
      return heads.clear();
    });
  }
}

/** One transaction over heads and bodies: what its last request gave, once all of it is written. */
async function transact(mode: IDBTransactionMode, work: (heads: IDBObjectStore, bodies: IDBObjectStore) => IDBRequest): Promise<unknown> {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(['heads', 'bodies'], mode);
      const request = work(transaction.objectStore('heads'), transaction.objectStore('bodies'));
      transaction.addEventListener('complete', () => resolve(request.result));
      // A full storage shows here, whatever request it met.
      transaction.addEventListener('abort', () => reject(transaction.error ?? new Error('the transaction was aborted')));
    });
  } finally {
    database.close();
  }
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.addEventListener('upgradeneeded', () => {
      request.result.createObjectStore('heads');
      request.result.createObjectStore('bodies');
    });
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error ?? new Error('IndexedDB cannot be opened')));
  });
}
