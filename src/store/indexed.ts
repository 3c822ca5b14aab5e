/** A database of the browser's, with its object stores, opened for each transaction. */
export class IndexedDatabase<Name extends string> {
  readonly #name: string;
  readonly #stores: readonly Name[];

  constructor(name: string, stores: readonly Name[]) {
    this.#name = name;
    this.#stores = stores;
  }

  /** One transaction: what its work gave, once all of it is written. The work may wait for its own requests only. */
  async transact<T>(mode: IDBTransactionMode, work: (stores: Readonly<Record<Name, IDBObjectStore>>) => Promise<T>): Promise<T> {
    const database = await answer(this.#opening());
    try {
      const transaction = database.transaction(this.#stores, mode);
      const ended = new Promise<void>((resolve, reject) => {
        transaction.addEventListener('complete', () => resolve());
        // A full storage shows here, whatever request it met.
        transaction.addEventListener('abort', () => reject(transaction.error ?? new Error('the transaction was aborted')));
      });
      const result = work(Object.fromEntries(this.#stores.map((name) => [name, transaction.objectStore(name)])) as Record<Name, IDBObjectStore>);
      // Where the storage is full both are rejected, and how the transaction ended says why.
      const [end, outcome] = await Promise.allSettled([ended, result]);
      if (end.status === 'rejected') throw end.reason;
      if (outcome.status === 'rejected') throw outcome.reason;
      return outcome.value;
    } finally {
      database.close();
    }
  }

  #opening(): IDBOpenDBRequest {
    const request = indexedDB.open(this.#name, 1);
    request.addEventListener('upgradeneeded', () => {
      for (const name of this.#stores) request.result.createObjectStore(name);
    });
    return request;
  }
}

/** What a request came to. */
export function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error ?? new Error('IndexedDB gave no reason')));
  });
}
