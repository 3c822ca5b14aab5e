import { UserError } from '../base/errors.ts';
import { quote } from './words.ts';

/** The refusal of a file whose bytes are not sound. `cause` is kept for the details, not for the sentence. */
export function damaged(path: string, what: string, cause?: unknown): UserError {
  const detail: Record<string, string> = cause instanceof Error ? { cause: cause.message } : {};
  return new UserError('damaged', `${quote(path)} ${what}; copy or download the file again.`, detail);
}
