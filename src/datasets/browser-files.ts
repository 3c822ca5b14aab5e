import { UserError } from '../base/errors.ts';
import { MAX_FILES } from './limits.ts';
import type { InputFile } from './types.ts';
import { count, quote } from './words.ts';

/** A file a person picked or dropped, with its path inside the folder. It crosses to a worker by structured clone. */
export interface PickedFile {
  readonly path: string;
  readonly file: File;
}

/** Files of an `<input type="file">`; with `webkitdirectory` they carry their path. */
export function pickedFiles(files: Iterable<File>): PickedFile[] {
  const picked: PickedFile[] = [];
  for (const file of files) add(picked, file, file.webkitRelativePath || file.name);
  return picked;
}

/**
 * All files of a drop, folders included. Call it inside the drop event: the browser empties the transfer as soon as
 * the event is over, so every item is asked for before the first await.
 */
export async function droppedFiles(transfer: { readonly items: Iterable<DropItem> }): Promise<PickedFile[]> {
  const walks = [...transfer.items].filter((item) => item.kind === 'file').map(startWalk);
  const picked: PickedFile[] = [];
  for (const walk of walks) await readable(() => walk(picked), 'the dropped files');
  return picked;
}

/** The files as readers take them. */
export function inputFiles(picked: readonly PickedFile[]): InputFile[] {
  return picked.map(({ path, file }) => ({
    path,
    size: file.size,
    slice: (start, end) => readable(() => file.slice(start, end).arrayBuffer(), quote(path)),
  }));
}

/** What is used of a DataTransferItem. The File System Access API is Chromium's alone, entries are everyone's. */
export interface DropItem {
  readonly kind: string;
  getAsFile(): File | null;
  webkitGetAsEntry?(): DropEntry | null;
  getAsFileSystemHandle?(): Promise<FileSystemHandle | null>;
}

/** What is used of a FileSystemEntry: a file has `file`, a folder `createReader`. Browsers hide its classes. */
export interface DropEntry {
  readonly name: string;
  file?(resolve: (file: File) => void, reject: (error: unknown) => void): void;
  createReader?(): { readEntries(resolve: (batch: DropEntry[]) => void, reject: (error: unknown) => void): void };
}

type Walk = (picked: PickedFile[]) => Promise<void>;

function startWalk(item: DropItem): Walk {
  const entry = item.webkitGetAsEntry?.();
  const file = item.getAsFile();
  const handle = item.getAsFileSystemHandle?.().catch(() => null);
  return async (picked) => {
    const granted = await handle;
    if (granted) await walkHandle(granted, granted.name, picked);
    else if (entry) await walkEntry(entry, entry.name, picked);
    else if (file) add(picked, file, file.name);
  };
}

async function walkHandle(handle: FileSystemHandle, path: string, picked: PickedFile[]): Promise<void> {
  if (handle instanceof FileSystemFileHandle) add(picked, await handle.getFile(), path);
  else if (handle instanceof FileSystemDirectoryHandle) {
    for await (const child of handle.values()) await walkHandle(child, `${path}/${child.name}`, picked);
  }
}

async function walkEntry(entry: DropEntry, path: string, picked: PickedFile[]): Promise<void> {
  if (entry.file) add(picked, await new Promise<File>((resolve, reject) => entry.file?.(resolve, reject)), path);
  const reader = entry.createReader?.();
  if (!reader) return;
  for (;;) {
    // Browsers hand out at most 100 entries a call, and an empty list at the end.
    const batch = await new Promise<DropEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (batch.length === 0) return;
    for (const child of batch) await walkEntry(child, `${path}/${child.name}`, picked);
  }
}

function add(picked: PickedFile[], file: File, path: string): void {
  if (picked.length >= MAX_FILES) {
    throw new UserError('too-many-files', `There are more than ${count(MAX_FILES)} files; open a part of the dataset.`);
  }
  picked.push({ path, file });
}

/** A picked file is a promise of the disk: when it has changed or gone since, the browser rejects every read. */
async function readable<T>(read: () => Promise<T>, what: string): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof DOMException && (error.name === 'NotReadableError' || error.name === 'NotFoundError')) {
      throw new UserError('file-changed', `The browser can no longer read ${what}: it changed or was moved after it was chosen; choose it again.`);
    }
    throw error;
  }
}
