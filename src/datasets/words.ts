import { plural } from '../base/words.ts';
import { MAX_WARNINGS } from './limits.ts';

/** The words of the readers are those of every room that speaks of files. */
export { bytes, count, list, plural, quote } from '../base/words.ts';

/** The warnings that are kept, and how many more there were. */
export function cut(warnings: readonly string[]): string[] {
  if (warnings.length <= MAX_WARNINGS) return [...warnings];
  const rest = warnings.length - MAX_WARNINGS + 1;
  return [...warnings.slice(0, MAX_WARNINGS - 1), `${plural(rest, 'further warning')} left out.`];
}
