import { en } from './en.ts';
import type { WordKey } from './index.ts';

/** Catalogue key of a finding's title; null for one that has none. Its sentence, with the file's figures, is English. */
export function findingKey(code: string): WordKey | null {
  const key = `finding.${code}`;
  return Object.hasOwn(en, key) ? (key as WordKey) : null;
}
