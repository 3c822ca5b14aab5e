import { digest, fingerprint } from '../base/digest.ts';
import { UserError } from '../base/errors.ts';
import { quote } from '../base/words.ts';
import { looksLikePairInfo, MAX_PAIR_INFO_BYTES, parsePairInfo, tooLarge, type PairInfo } from '../core/pairing/pair-info.ts';
import type { PickedFile } from '../datasets/browser-files.ts';
import type { InputFile } from '../datasets/types.ts';

/** A pair_info file as the page and the engine pass it on. */
export interface LoadedPairInfo {
  readonly name: string;
  /** SHA-256 (hex) of its bytes. */
  readonly fingerprint: string;
  readonly pairs: PairInfo;
  readonly warnings: readonly string[];
}

/** Characters in which a pair_info shows what it is: its first entry begins within one target's name. */
const HEAD_BYTES = 2 ** 16;

/** Whether a drop is one pair_info file, by its content: training configs are JSON too. */
export async function isPairInfoDrop(files: readonly PickedFile[]): Promise<boolean> {
  const [only, ...others] = files;
  if (!only || others.length > 0 || !/\.json$/i.test(only.path)) return false;
  // A file that cannot be read is for its reader to name.
  return looksLikePairInfo(await only.file.slice(0, HEAD_BYTES).text().catch(() => ''));
}

/**
 * Read one pair_info file.
 * @throws UserError `no-pair-info`, and as `parsePairInfo`
 */
export async function loadPairInfo(files: readonly InputFile[]): Promise<LoadedPairInfo> {
  const [file, ...others] = files;
  if (!file || others.length > 0) throw new UserError('no-pair-info', `${files.length} files were given where one pair_info file belongs; choose one .json file.`);
  const name = file.path.split('/').at(-1)!;
  if (file.size > MAX_PAIR_INFO_BYTES) throw tooLarge(name, file.size);
  const bytes = await file.slice(0, file.size);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UserError('bad-pair-info', `${quote(name)} is not text in UTF-8; a pair_info file is JSON.`);
  }
  return { name, fingerprint: await fingerprint([await digest(bytes)]), ...parsePairInfo(text, name) };
}
