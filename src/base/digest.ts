import { UserError } from './errors.ts';

/** SHA-256 of some bytes. */
export async function digest(data: ArrayBuffer): Promise<ArrayBuffer> {
  // Browsers have it only on pages from https or localhost.
  if (!globalThis.crypto?.subtle) {
    throw new UserError('insecure-page', 'The browser offers no SHA-256 on this page; open the playground over https or on localhost.');
  }
  return crypto.subtle.digest('SHA-256', data);
}

/** SHA-256 over the digests of several files, in hex: no two files need to be in memory at once. */
export async function fingerprint(digests: readonly ArrayBuffer[]): Promise<string> {
  const joined = await new Blob([...digests]).arrayBuffer();
  return Array.from(new Uint8Array(await digest(joined)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
