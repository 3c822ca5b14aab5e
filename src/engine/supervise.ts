import type { ErrorReport } from '../base/errors.ts';
import { UserError, errorFromReport } from '../base/errors.ts';
import type { Dataset, ReadOptions, ReadProgress } from '../datasets/types.ts';

/** What a reader (a worker in the browser, a child process under Node) tells the side that started it. */
export type ReaderMessage =
  | { readonly type: 'progress'; readonly progress: ReadProgress }
  | { readonly type: 'done'; readonly dataset: Dataset }
  | { readonly type: 'failed'; readonly error: ErrorReport };

/** A reader that can be listened to and killed. */
export interface ReaderHandle {
  /** Both listeners are set once, before the reader says anything. */
  listen(onMessage: (message: ReaderMessage) => void, onDeath: () => void): void;
  /** Ends the reader at once, whatever it is doing. May be called when it is gone already. */
  kill(): void;
}

export interface SuperviseOptions extends ReadOptions {
  /** Silence after which the reader counts as hung. */
  readonly watchdogMs?: number;
}

/** Long enough for a slow disk to deliver the largest table file, short enough to wait for. */
export const defaultWatchdogMs = 20_000;

/**
 * Wait for a reader's dataset, and see that the reader ends in every case: parsers of untrusted bytes can hang, run
 * out of memory or take their process down, and none of that may reach the side that asked.
 */
export function supervise(reader: ReaderHandle, { signal, onProgress, watchdogMs = defaultWatchdogMs }: SuperviseOptions): Promise<Dataset> {
  return new Promise((resolve, reject) => {
    let watchdog: ReturnType<typeof setTimeout> | undefined;
    let ended = false;
    const end = (settle: () => void): void => {
      if (ended) return;
      ended = true;
      clearTimeout(watchdog);
      signal?.removeEventListener('abort', onAbort);
      reader.kill();
      settle();
    };
    const fail = (code: string, sentence: string): void => end(() => reject(new UserError(code, sentence)));
    const onAbort = (): void => fail('cancelled', 'Reading was cancelled.');
    const watch = (): void => {
      clearTimeout(watchdog);
      watchdog = setTimeout(
        () => fail('reader-stalled', `Reading stopped making progress for ${watchdogMs / 1000} seconds and was ended; a file is probably damaged, try a smaller part of the dataset.`),
        watchdogMs,
      );
    };
    reader.listen(
      (message) => {
        // A killed reader's last words may still arrive.
        if (ended) return;
        if (message.type === 'done') end(() => resolve(message.dataset));
        else if (message.type === 'failed') end(() => reject(errorFromReport(message.error)));
        else {
          watch();
          onProgress?.(message.progress);
        }
      },
      () => fail('reader-died', 'The reader ended without an answer; a file is probably damaged or too large for the memory here, try a smaller part of the dataset.'),
    );
    watch();
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort);
  });
}

/** Lets through a few hundred of the progress reports of a read, so that messages do not outweigh the reading. */
export function thinned(onProgress: (progress: ReadProgress) => void): (progress: ReadProgress) => void {
  let last = '';
  return (progress) => {
    const mark = `${progress.step} ${Math.floor((200 * progress.done) / Math.max(1, progress.total))}`;
    if (mark !== last) onProgress(progress);
    last = mark;
  };
}
