import { writeFile } from 'node:fs/promises';
import { UserError } from '../../src/base/errors.ts';
import { parseNumber } from '../../src/words/numbers.ts';

/** "--reg -1" is a value that is refused with a reason, not an option called -1: joined as "--reg=-1" for `parseArgs`. */
export function joinNegative(args: readonly string[]): string[] {
  const isNegative = (arg: string | undefined): boolean => arg !== undefined && /^-[\d.]/.test(arg);
  return args.flatMap((arg, k) => (isNegative(arg) ? [] : isNegative(args[k + 1]) ? [`${arg}=${args[k + 1]}`] : [arg]));
}

/** A whole number of an option; undefined where it is not given. */
export function wholeOption(name: string, value: string | undefined, least: number): number | undefined {
  if (value === undefined) return undefined;
  const number = /^-?\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= least)) throw new UserError('usage', `--${name} is "${value}"; it must be a whole number of at least ${least}.`);
  return number;
}

/** A finite number of an option; undefined where it is not given. */
export function realOption(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = parseNumber(value);
  if (!Number.isFinite(number)) throw new UserError('usage', `--${name} is "${value}"; it must be a finite number.`);
  return number;
}

/** Write what an inspection was asked for. */
export async function writeOut(path: string, content: string | Uint8Array | Iterable<string>): Promise<void> {
  await writeFile(path, content).catch(() => {
    throw new UserError('no-file', `${path} cannot be written. Name a file in an existing folder.`);
  });
}
