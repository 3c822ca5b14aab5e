import { open, readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { UserError } from '../base/errors.ts';
import { MAX_FILES } from './limits.ts';
import type { InputFile } from './types.ts';
import { count, quote } from './words.ts';

/**
 * The files of a folder, or one file, as readers take them. Paths start with the folder's own name, as a browser's
 * do. Symbolic links inside the folder are not followed: they may lead out of it, or round in circles.
 */
export async function nodeFiles(path: string): Promise<InputFile[]> {
  const absolute = resolve(path);
  const status = await stat(absolute).catch(() => null);
  if (!status) throw new UserError('not-found', `${quote(path)} does not exist; give the path of a dataset folder or file.`);
  const name = basename(absolute);
  if (!status.isDirectory() && !status.isFile()) {
    throw new UserError(
      'not-found',
      `${quote(path)} is neither a folder nor a file; give the path of a dataset folder or file.`,
    );
  }
  if (status.isFile()) return [inputFile(absolute, name, status.size, status.mtimeMs)];
  const files: InputFile[] = [];
  await walk(absolute, name, files);
  return files;
}

async function walk(folder: string, path: string, files: InputFile[]): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => {
    throw new UserError('unreadable', `The folder ${quote(path)} cannot be read; check its permissions.`);
  });
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const place = join(folder, entry.name);
    if (entry.isDirectory()) await walk(place, `${path}/${entry.name}`, files);
    if (!entry.isFile()) continue;
    if (files.length >= MAX_FILES) {
      throw new UserError(
        'too-many-files',
        `${quote(path)} holds more than ${count(MAX_FILES)} files; give a part of the dataset.`,
      );
    }
    const status = await stat(place);
    files.push(inputFile(place, `${path}/${entry.name}`, status.size, status.mtimeMs));
  }
}

function inputFile(place: string, path: string, size: number, modified: number): InputFile {
  return { path, size, slice: (start, end) => readRange(place, { path, size, modified }, start, end) };
}

async function readRange(place: string, was: { path: string; size: number; modified: number }, start: number, end: number): Promise<ArrayBuffer> {
  const changed = (): UserError => new UserError('file-changed', `${quote(was.path)} changed or vanished while it was read; try again.`);
  const handle = await open(place, 'r').catch(() => {
    throw changed();
  });
  try {
    const status = await handle.stat();
    if (status.size !== was.size || status.mtimeMs !== was.modified) throw changed();
    const data = new Uint8Array(Math.max(0, Math.min(end, was.size) - start));
    for (let filled = 0; filled < data.length; ) {
      const { bytesRead } = await handle.read(data, filled, data.length - filled, start + filled);
      if (bytesRead === 0) throw changed();
      filled += bytesRead;
    }
    return data.buffer;
  } finally {
    await handle.close();
  }
}
