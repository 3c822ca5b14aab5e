/** The words of the readers are those of every room that speaks of files. */
export { bytes, count, list, plural, quote } from '../base/words.ts';
