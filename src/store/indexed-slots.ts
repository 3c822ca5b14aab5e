import type { Slot, SlotStore } from './checkpoints.ts';
import { answer, IndexedDatabase } from './indexed.ts';

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
    return database.transact('readonly', ({ heads }) => answer<unknown>(heads.get(slot)));
  }

  async body(slot: Slot): Promise<ArrayBuffer[]> {
    const pieces = await database.transact('readonly', async ({ bodies }) => {
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
    await database.transact('readwrite', async ({ heads, bodies }) => {
      await answer(bodies.delete(piecesOf(slot)));
      for (const [k, array] of body.entries())
        for (let start = 0; start === 0 || start < array.byteLength; start += PIECE) await answer(bodies.put(array.byteLength <= PIECE ? array : array.slice(start, start + PIECE), [slot, k, start / PIECE]));
      await answer(heads.put(head, slot));
    });
  }

  async clear(): Promise<void> {
    await database.transact('readwrite', async ({ heads, bodies }) => {
      await answer(bodies.clear());
      await answer(heads.clear());
    });
  }
}

const database = new IndexedDatabase(NAME, ['heads', 'bodies']);

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
