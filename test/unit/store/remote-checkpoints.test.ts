import { describe, expect, it } from 'vitest';
import { Checkpoints } from '../../../src/store/checkpoints.ts';
import { carryOut, RemoteCheckpoints, type CheckpointAnswer, type CheckpointOrder, type CheckpointWorker } from '../../../src/store/remote-checkpoints.ts';
import { MemorySlots, runAt, stepIn } from '../../support/saved-run.ts';

/* Runs that are kept in another thread: arrays move there and back. */

/** A worker on some slots, to which and from which messages go as between threads. */
class Thread {
  readonly #checkpoints: Checkpoints;
  readonly #listeners = new Map<string, (event: { readonly data: CheckpointAnswer }) => void>();
  silent = false;

  constructor(slots: MemorySlots) {
    this.#checkpoints = new Checkpoints(slots);
  }

  readonly worker = {
    addEventListener: (kind: string, listener: (event: { readonly data: CheckpointAnswer }) => void): void => void this.#listeners.set(kind, listener),
    postMessage: (order: CheckpointOrder, { transfer }: { transfer: Transferable[] }): void => {
      const data = structuredClone(order, { transfer });
      if (!this.silent) void carryOut(this.#checkpoints, data, (answer, moved) => this.#listeners.get('message')!({ data: structuredClone(answer, { transfer: moved }) }));
    },
  } as unknown as CheckpointWorker;

  die(): void {
    this.#listeners.get('error')!({ data: { id: 0, kind: 'done', reading: null } });
  }
}

describe('a run that another thread keeps', () => {
  it('is moved there, and comes back as it was', async () => {
    const slots = new MemorySlots();
    const remote = new RemoteCheckpoints(() => new Thread(slots).worker);
    expect(await remote.newest()).toEqual({ kind: 'none' });
    const run = runAt(3);
    const [{ values }] = run.state.weights as readonly [(typeof run.state.weights)[0]];
    await remote.write(run);
    expect(values.byteLength).toBe(0);
    expect(await remote.newest()).toEqual({ kind: 'run', run: runAt(3), stored: true });
    await remote.clear();
    expect(await stepIn(slots)).toBe('none');
  });

  it('is still there where it could not be written, and may be asked for again; why is said in the same words', async () => {
    const slots = new MemorySlots();
    const remote = new RemoteCheckpoints(() => new Thread(slots).worker);
    slots.failure = Object.assign(new Error('no room'), { name: 'QuotaExceededError' });
    await expect(remote.write(runAt(4))).rejects.toMatchObject({ name: 'UserError', code: 'checkpoint-full', message: expect.stringContaining('so step 4 is not saved') as string });
    for (const _ of [1, 2]) expect(await remote.newest()).toEqual({ kind: 'run', run: runAt(4), stored: false });
  });

  it('a thread that ends is said, and the next order has another one', async () => {
    const slots = new MemorySlots();
    const threads: Thread[] = [];
    const remote = new RemoteCheckpoints(() => {
      const thread = new Thread(slots);
      thread.silent = threads.length === 0;
      threads.push(thread);
      return thread.worker;
    });
    const lost = remote.write(runAt(1));
    threads[0]!.die();
    await expect(lost).rejects.toMatchObject({ code: 'checkpoint-storage' });
    await remote.write(runAt(2));
    expect([threads.length, await stepIn(slots)]).toEqual([2, 2]);
  });
});
