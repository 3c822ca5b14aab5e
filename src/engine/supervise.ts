import type { ErrorReport } from '../base/errors.ts';
import { UserError, errorFromReport } from '../base/errors.ts';
import type { ReadProgress } from '../datasets/types.ts';

/** What a reader (a worker in the browser, a child process under Node) tells the side that started it. */
export type ReaderMessage<Result, Progress = ReadProgress> =
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'done'; readonly result: Result }
  | { readonly type: 'failed'; readonly error: ErrorReport };

/** A reader that can be listened to and killed. */
export interface ReaderHandle<Result, Progress = ReadProgress> {
  /** Both listeners are set once, before the reader says anything. */
  listen(onMessage: (message: ReaderMessage<Result, Progress>) => void, onDeath: () => void): void;
  /** Ends the reader at once, whatever it is doing. May be called when it is gone already. */
  kill(): void;
}

export interface SuperviseOptions<Progress = ReadProgress> {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
  /** Silence after which the reader counts as hung. */
  readonly watchdogMs?: number;
  /** What may work where the reader hung or died; it ends a sentence. */
  readonly advice?: string;
}

/** Long enough for a slow disk to deliver the largest table file, short enough to wait for. */
export const defaultWatchdogMs = 20_000;

/**
 * Wait for what a reader reads (a dataset, an encoder), and see that the reader ends in every case: parsers of untrusted bytes can hang, run
 * out of memory or take their process down, and none of that may reach the side that asked.
 */
export function supervise<Result, Progress = ReadProgress>(
  reader: ReaderHandle<Result, Progress>,
  { signal, onProgress, watchdogMs = defaultWatchdogMs, advice = 'try a smaller part of the dataset' }: SuperviseOptions<Progress>,
): Promise<Result> {
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
        () => fail('reader-stalled', `Reading stopped making progress for ${watchdogMs / 1000} seconds and was ended; a file is probably damaged, ${advice}.`),
        watchdogMs,
      );
    };
    reader.listen(
      (message) => {
        // A killed reader's last words may still arrive.
        if (ended) return;
        if (message.type === 'done') end(() => resolve(message.result));
        else if (message.type === 'failed') end(() => reject(errorFromReport(message.error)));
        else {
          watch();
          onProgress?.(message.progress);
        }
      },
      () => fail('reader-died', `The reader ended without an answer; a file is probably damaged or too large for the memory here, ${advice}.`),
    );
    watch();
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort);
  });
}

/** Lets through a few hundred of the progress reports of a read, so that messages do not outweigh the reading. */
export function thinned<Progress extends { readonly step: string; readonly done: number; readonly total: number }>(onProgress: (progress: Progress) => void): (progress: Progress) => void {
  let last = '';
  return (progress) => {
    const mark = `${progress.step} ${Math.floor((200 * progress.done) / Math.max(1, progress.total))}`;
    if (mark !== last) onProgress(progress);
    last = mark;
  };
}
