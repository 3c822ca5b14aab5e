import { readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { UserError } from '../../src/base/errors.ts';
import { MAX_MODEL_BYTES } from '../../src/encoders/limits.ts';
import type { InputShapes, Preflight } from '../../src/encoders/preflight.ts';
import { matchExternal, preflight } from '../../src/encoders/preflight.ts';
import type { EncoderFile } from '../../src/encoders/session.ts';

/**
 * Read and examine an ONNX file and the weights beside it. For a child process: the bytes are untrusted.
 *
 * @throws UserError naming the file; weights are looked for in its own folder alone, links out of it not followed
 */
export async function readEncoder(path: string, shapes?: (encoder: Preflight) => InputShapes): Promise<Required<EncoderFile>> {
  const file = basename(path);
  const bytes = await readWhole(path, file);
  let examined = preflight(bytes, file);
  // The run that is meant may be larger than the one that preflight assumes.
  if (shapes) examined = preflight(bytes, file, shapes(examined));
  const beside = new Map<string, { size: number; path: string }>();
  for (const { location } of examined.external) {
    const at = join(dirname(path), location);
    const found = await stat(at).catch(() => null);
    if (found?.isFile() && (await isWithin(at, path))) beside.set(location, { size: found.size, path: at });
  }
  const external = new Map<string, Uint8Array>();
  for (const [location, { path: at }] of matchExternal(examined, beside)) external.set(location, await readWhole(at, location));
  return { bytes, external, preflight: examined };
}

async function readWhole(path: string, name: string): Promise<Uint8Array> {
  const found = await stat(path).catch(() => null);
  if (!found) throw new UserError('not-found', `There is no file ${name} at that path.`);
  if (!found.isFile()) throw new UserError('not-found', `${name} is not a file; name an .onnx file.`);
  if (found.size > MAX_MODEL_BYTES) throw new UserError('encoder-too-large', `${name} has more than the ${MAX_MODEL_BYTES / 2 ** 20} MB allowed here; export a smaller encoder, or one in float16.`);
  return readFile(path).catch(() => {
    throw new UserError('not-found', `${name} cannot be read; check its permissions.`);
  });
}

/** Whether a file lies in the model's folder once links are followed; a download cache links both into one place. */
async function isWithin(file: string, model: string): Promise<boolean> {
  const folders = [await realpath(dirname(model)), dirname(await realpath(model))];
  const target = await realpath(file);
  return folders.some((folder) => {
    const way = relative(folder, target);
    return way !== '..' && !way.startsWith(`..${sep}`);
  });
}
