import { reportError, UserError, type ErrorReport } from '../base/errors.ts';
import { stateArrays } from '../engine/client.ts';
import type { Checkpoints, Reading, SavedRun } from './checkpoints.ts';

/** What the page asks of the worker that keeps its runs. */
export type CheckpointOrder = { readonly id: number } & ({ readonly kind: 'newest' | 'clear' } | { readonly kind: 'write'; readonly run: SavedRun });

export type CheckpointAnswer = { readonly id: number } & ({ readonly kind: 'done'; readonly reading: Reading | null } | { readonly kind: 'failed'; readonly error: ErrorReport });

/** The worker's side. @param post takes an answer and the buffers that move with it */
export async function carryOut(checkpoints: Checkpoints, order: CheckpointOrder, post: (answer: CheckpointAnswer, transfer: Transferable[]) => void): Promise<void> {
  const { id } = order;
  try {
    if (order.kind === 'write') await checkpoints.write(order.run);
    else if (order.kind === 'clear') await checkpoints.clear();
    const reading = order.kind === 'newest' ? await checkpoints.newest() : null;
    // What was read belongs to who asked; what is kept here because it is nowhere else is cloned.
    post({ id, kind: 'done', reading }, reading?.kind === 'run' && reading.stored ? buffersOf(reading.run) : []);
  } catch (thrown) {
    post({ id, kind: 'failed', error: reportError(thrown) }, []);
  }
}

/** What of a worker is used. */
export type CheckpointWorker = Pick<Worker, 'addEventListener' | 'postMessage'>;

interface Waiting {
  readonly resolve: (reading: Reading | null) => void;
  readonly reject: (error: UserError) => void;
}

/**
 * `Checkpoints` in a worker: of an encoder of 200 MB a checkpoint is 600 MB, and its hash and its way into IndexedDB would
 * hold the page's thread for seconds. Arrays are moved, so a run that was given to `write` is the worker's.
 */
export class RemoteCheckpoints implements Pick<Checkpoints, 'newest' | 'write' | 'clear'> {
  readonly #create: () => CheckpointWorker;
  #worker: CheckpointWorker | null = null;
  #orders = 0;
  readonly #waiting = new Map<number, Waiting>();

  constructor(create: () => CheckpointWorker) {
    this.#create = create;
  }

  async newest(): Promise<Reading> {
    return (await this.#ask({ kind: 'newest' })) ?? { kind: 'none' };
  }

  async write(run: SavedRun): Promise<void> {
    await this.#ask({ kind: 'write', run }, buffersOf(run));
  }

  async clear(): Promise<void> {
    await this.#ask({ kind: 'clear' });
  }

  #ask(order: { readonly kind: 'newest' | 'clear' } | { readonly kind: 'write'; readonly run: SavedRun }, transfer: Transferable[] = []): Promise<Reading | null> {
    this.#worker ??= this.#start();
    const [worker, id] = [this.#worker, ++this.#orders];
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ id, ...order } satisfies CheckpointOrder, { transfer });
    });
  }

  #start(): CheckpointWorker {
    const worker = this.#create();
    worker.addEventListener('message', ({ data }: MessageEvent<CheckpointAnswer>) => {
      const waiting = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if (data.kind === 'done') waiting?.resolve(data.reading);
      else waiting?.reject(new UserError(data.error.code, data.error.message, data.error.detail));
    });
    worker.addEventListener('error', () => {
      // The next order starts another one.
      if (this.#worker === worker) this.#worker = null;
      const waiting = [...this.#waiting.values()];
      this.#waiting.clear();
      for (const { reject } of waiting) reject(new UserError('checkpoint-storage', 'What saves runs in this browser stopped, so the run is not saved; training goes on. It is tried again with the next save; save the run as a file to be safe.'));
    });
    return worker;
  }
}

function buffersOf({ metrics, film, state }: SavedRun): Transferable[] {
  return [...new Set([metrics.values, ...film.map(({ plan }) => plan), ...stateArrays(state)].map(({ buffer }) => buffer))];
}
