import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inputFiles, pickedFiles } from '../../../src/datasets/browser-files.ts';
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
    await symlink('/etc/hostname', join(set, 'out.parquet'));
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
