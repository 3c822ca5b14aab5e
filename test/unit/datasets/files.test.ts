import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DropEntry } from '../../../src/datasets/browser-files.ts';
import { droppedFiles, inputFiles, pickedFiles } from '../../../src/datasets/browser-files.ts';
import { nodeFiles } from '../../../src/datasets/node-files.ts';
import { openDataset } from '../../../src/datasets/open.ts';
import { frameColumns, parquet } from './make.ts';

const bytes = parquet(frameColumns([[0, 3]]));

describe('files from the browser', () => {
  it('are read by ranges, under their path in the folder', async () => {
    const file = new File([bytes], 'file-000.parquet');
    Object.defineProperty(file, 'webkitRelativePath', { value: 'set/data/file-000.parquet' });
    const [input] = inputFiles(pickedFiles([file]));
    expect(input).toMatchObject({ path: 'set/data/file-000.parquet', size: bytes.byteLength });
    expect(await input?.slice(0, 4)).toEqual(bytes.slice(0, 4));
    expect(await openDataset(inputFiles(pickedFiles([file])))).toMatchObject({ name: 'set', frames: 3 });
  });

  it.each(['NotReadableError', 'NotFoundError'])('that changed after picking are named (%s)', async (name) => {
    const file = new File([bytes], 'a.parquet');
    // What a browser does when the file on disk is no longer the one that was picked.
    Object.defineProperty(file, 'slice', { value: () => ({ arrayBuffer: () => Promise.reject(new DOMException('gone', name)) }) });
    await expect(openDataset(inputFiles(pickedFiles([file])))).rejects.toMatchObject({
      name: 'UserError',
      code: 'file-changed',
      message: 'The browser can no longer read “a.parquet”: it changed or was moved after it was chosen; choose it again.',
    });
  });
});

/** A dropped file or folder, as browsers show it: folders hand out their entries in batches. */
function fileEntry(name: string): DropEntry {
  return { name, file: (resolve) => resolve(new File([bytes], name)) };
}
function folderEntry(name: string, children: readonly DropEntry[], batch: number): DropEntry {
  return {
    name,
    createReader: () => {
      const left = [...children];
      return { readEntries: (resolve) => resolve(left.splice(0, batch)) };
    },
  };
}

describe('a drop', () => {
  const set = folderEntry('set', [folderEntry('data', [fileEntry('file-000.parquet'), fileEntry('file-001.parquet'), fileEntry('file-002.parquet')], 2), fileEntry('note.txt')], 2);

  it('is walked to the last entry', async () => {
    const picked = await droppedFiles({ items: [{ kind: 'string', getAsFile: () => null }, { kind: 'file', getAsFile: () => null, webkitGetAsEntry: () => set }] });
    expect(picked.map(({ path }) => path)).toEqual(['set/data/file-000.parquet', 'set/data/file-001.parquet', 'set/data/file-002.parquet', 'set/note.txt']);
  });

  it('of files alone is taken without entries', async () => {
    const picked = await droppedFiles({ items: [{ kind: 'file', getAsFile: () => new File([bytes], 'a.parquet'), webkitGetAsEntry: () => null, getAsFileSystemHandle: () => Promise.reject(new Error('denied')) }] });
    expect(picked.map(({ path }) => path)).toEqual(['a.parquet']);
  });

  it('whose folder vanished says so', async () => {
    const gone: DropEntry = { name: 'gone', createReader: () => ({ readEntries: (_, reject) => reject(new DOMException('gone', 'NotFoundError')) }) };
    await expect(droppedFiles({ items: [{ kind: 'file', getAsFile: () => null, webkitGetAsEntry: () => gone }] })).rejects.toMatchObject({ code: 'file-changed' });
  });

  it('of a picked DataTransfer fits the type', () => {
    // Checked by the compiler: a real transfer is accepted.
    const take: (transfer: DataTransfer) => ReturnType<typeof droppedFiles> = droppedFiles;
    expect(take).toBe(droppedFiles);
  });
});

describe('files of a folder', () => {
  const place = { folder: '' };
  beforeEach(async () => {
    place.folder = await mkdtemp(join(tmpdir(), 'ot-files-'));
    await mkdir(join(place.folder, 'set/data'), { recursive: true });
    await writeFile(join(place.folder, 'set/data/file-000.parquet'), new Uint8Array(bytes));
  });
  afterEach(async () => {
    await rm(place.folder, { recursive: true });
  });

  it('start with the folder’s name; links are not followed', async () => {
    const set = join(place.folder, 'set');
    await symlink(set, join(set, 'round'));
    await writeFile(join(place.folder, 'outside.parquet'), new Uint8Array(bytes));
    await symlink(join(place.folder, 'outside.parquet'), join(set, 'out.parquet'));
    const files = await nodeFiles(set);
    expect(files.map(({ path }) => path)).toEqual(['set/data/file-000.parquet']);
    expect(await files[0]?.slice(0, 4)).toEqual(bytes.slice(0, 4));
    expect(await openDataset(files)).toMatchObject({ name: 'set', frames: 3 });
  });

  it('are refused when they changed or vanished after listing', async () => {
    const path = join(place.folder, 'set/data/file-000.parquet');
    const refusal = { code: 'file-changed', message: '“file-000.parquet” changed or vanished while it was read; try again.' };
    const files = await nodeFiles(path);
    await writeFile(path, new Uint8Array(bytes.byteLength + 1));
    await expect(openDataset(files)).rejects.toMatchObject(refusal);
    await rm(path);
    await expect(openDataset(files)).rejects.toMatchObject(refusal);
    await expect(nodeFiles(path)).rejects.toMatchObject({ code: 'not-found' });
  });
});
