import { UserError } from '../base/errors.ts';
import type { ReadOptions, ReadProgress } from './types.ts';

/** Throw the `cancelled` error when the reader's caller has given up. */
export function checkCancelled(options: ReadOptions): void {
  if (options.signal?.aborted) throw cancelled();
}

/** The error of a read that its caller stopped. */
function cancelled(): UserError {
  return new UserError('cancelled', 'Reading was cancelled.');
}

/** Report progress and take the chance to stop. */
export function step(options: ReadOptions, progress: ReadProgress): void {
  options.onProgress?.(progress);
  checkCancelled(options);
}
