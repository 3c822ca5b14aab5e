import { UserError } from '../base/errors.ts';

/**
 * Indices of a list of half-open ranges, in the order written: "0:3, 7" is 0, 1, 2, 7. An empty text is all of [0, count).
 * @param what names the list in messages, such as "source episodes"
 * @throws UserError `bad-range`
 */
export function parseRanges(text: string, count: number, what: string): number[] {
  if (text.trim() === '') return Array.from({ length: count }, (_, k) => k);
  // Also as a Chinese keyboard writes them, and with room around the colon.
  const plain = text.replaceAll('：', ':').replaceAll('，', ',').replaceAll('；', ';').replaceAll(/\s*:\s*/g, ':');
  return plain.split(/[,;\s]+/).filter((part) => part !== '').flatMap((part) => {
    const match = /^(\d+)(?::(\d+))?$/.exec(part);
    if (!match) throw new UserError('bad-range', `"${part}" in the ${what} is not a range. Write half-open ranges such as "0:6, 9".`);
    const from = Number(match[1]);
    const to = match[2] === undefined ? from + 1 : Number(match[2]);
    if (from >= to) throw new UserError('bad-range', `The range ${part} in the ${what} is empty: ranges are half-open, so the end must be larger than the start.`);
    if (to > count) throw new UserError('bad-range', `The range ${part} in the ${what} goes past the end: there are ${count}, numbered from 0.`);
    return Array.from({ length: to - from }, (_, k) => from + k);
  });
}
