import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import { words, type WordKey } from '../../words/index.ts';

export type Translate = (key: WordKey, values?: Record<string, string>) => string;

/** The catalogue in the present language; the component renders again when the language changes. */
export function useWords(): Translate {
  const { t } = useTranslation(undefined, { i18n: words });
  return useCallback((key, values = {}) => t(key, values), [t]);
}
