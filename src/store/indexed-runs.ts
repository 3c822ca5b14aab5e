import type { RunResult } from '../engine/client.ts';
import { answer, IndexedDatabase } from './indexed.ts';
import type { ExperimentHead, RunStore } from './stored-runs.ts';

const database = new IndexedDatabase('ot-playground.experiments', ['heads', 'runs']);

/** Experiments in IndexedDB: a head of each by its key, and its runs by [key, method, seed]. */
export class IndexedRuns implements RunStore {
  heads(): Promise<unknown[]> {
    return database.transact('readonly', ({ heads }) => answer<unknown[]>(heads.getAll()));
  }

  runs(key: string): Promise<unknown[]> {
    return database.transact('readonly', ({ runs }) => answer<unknown[]>(runs.getAll(runsOf(key))));
  }

  /** In one transaction, so that a page that is closed meanwhile leaves what was there. */
  async put(head: ExperimentHead, results: readonly RunResult[]): Promise<void> {
    await database.transact('readwrite', async ({ heads, runs }) => {
      for (const result of results) await answer(runs.put(result, [head.key, result.method, result.seed]));
      await answer(heads.put(head, head.key));
    });
  }

  async remove(key: string): Promise<void> {
    await database.transact('readwrite', async ({ heads, runs }) => {
      await answer(runs.delete(runsOf(key)));
      await answer(heads.delete(key));
    });
  }
}

/** Keys of an experiment's runs: an array comes after every text. */
const runsOf = (key: string): IDBKeyRange => IDBKeyRange.bound([key], [key, []]);
