import { createInstance, type i18n } from 'i18next';
import { en } from './en.ts';
import { zh } from './zh.ts';

/** Every text of the product, by key. English defines the keys; the other languages must have the same ones. */
export type Catalogue = { readonly [key in keyof typeof en]: string };
export type WordKey = keyof Catalogue;
export const LANGUAGES = ['en', 'zh'] as const;
export type Language = (typeof LANGUAGES)[number];

/** One instance for the page and the commands. Keys are flat: dots in them are not paths. */
export const words: i18n = createInstance();
void words.init({
  lng: 'en',
  fallbackLng: 'en',
  keySeparator: false,
  nsSeparator: false,
  initAsync: false,
  resources: { en: { translation: en }, zh: { translation: zh } },
  // React escapes what it renders, and the commands print plain text.
  interpolation: { escapeValue: false },
});

/** A text in the present language, with its {{values}} filled in. */
export const t = (key: WordKey, values: Record<string, string> = {}): string => words.t(key, values);
