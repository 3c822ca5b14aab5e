import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DEMO_ENCODER } from '../../src/config/presets.ts';
import { loadEncoder, type LoadedEncoder } from '../../src/encoders/load.ts';

/** The demo's encoder, as the page fetches it. */
export async function demoEncoderFile(): Promise<LoadedEncoder> {
  const bytes = Uint8Array.from(await readFile(join(resolve(import.meta.dirname, '../..'), 'public/encoders', DEMO_ENCODER)));
  return loadEncoder([{ path: DEMO_ENCODER, size: bytes.length, slice: (start, end) => Promise.resolve(bytes.slice(start, end).buffer) }]);
}
