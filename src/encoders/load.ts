import { assert } from '../base/assert.ts';
import { digest, fingerprint } from '../base/digest.ts';
import { UserError } from '../base/errors.ts';
import { fileName, folderOf, groupEncoders } from './files.ts';
import type { Preflight } from './preflight.ts';
import { checkFileSize, embeddingOutputs, matchExternal, preflight, shownPath } from './preflight.ts';
import { batchOf, batchWarning, groupSize } from './spec.ts';
import { trainableOutputs, type Trainable } from './trainable.ts';

/** A file as the reader sees it, wherever it lives. `path` has forward slashes. */
export interface EncoderInput {
  readonly path: string;
  readonly size: number;
  /** Bytes [start, end); rejects with a UserError when the file changed or vanished since it was picked. */
  slice(start: number, end: number): Promise<ArrayBuffer>;
}

/** How far a read has come: `done` of `total` bytes, and 0 or 1 of 1 for the examination. */
export interface EncoderProgress {
  readonly step: 'model' | 'graph' | 'weights';
  readonly done: number;
  readonly total: number;
}

/**
 * An encoder that was read and examined, as the engine takes it: an `EncoderFile` with what a person is told of it.
 * Plain data, so it crosses a worker boundary; its buffers may be transferred.
 */
export interface LoadedEncoder {
  /** Its bare name, by which terms know it. */
  readonly file: string;
  /** SHA-256 (hex) over the digests of the model and of its files of weights. */
  readonly fingerprint: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Files of weights by the location that the model names. */
  readonly external: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  readonly preflight: Preflight;
  /** What of it can be trained, by the floating-point output that is. */
  readonly trainable: ReadonlyMap<string, Trainable>;
  /** Those of the preflight, what a fixed batch axis costs, and weights that look like another model's; one sentence each. */
  readonly warnings: readonly string[];
}

/** Bytes read at a time: a slow disk delivers them well within the reader's watchdog. */
const PIECE = 16 * 2 ** 20;

/**
 * Read and examine one encoder.
 *
 * The bytes are untrusted and the parser is not ours: run this in a disposable worker or process (`engine/reader`).
 *
 * @param files one `.onnx` file and the files beside it (`groupEncoders`); weights are taken from among these alone
 * @throws UserError in one sentence: no model, what `preflight` refuses, weights that are missing or too short, an
 * encoder without a floating-point output or a batch axis
 */
export async function loadEncoder(files: readonly EncoderInput[], onProgress: (progress: EncoderProgress) => void = () => undefined): Promise<LoadedEncoder> {
  const [group, ...more] = groupEncoders(files);
  assert(group && more.length === 0, 'one encoder is read at a time');
  const { model } = group;
  const file = fileName(model.path);
  try {
    checkFileSize(model.size, file, 'the file');
    const bytes = await readWhole(model, (done) => onProgress({ step: 'model', done, total: model.size }));
    onProgress({ step: 'graph', done: 0, total: 1 });
    const examined = preflight(bytes, file);
    embeddingOutputs(examined);
    const batch = batchOf(examined.inputs, file);
    groupSize(batch, 1);
    const trainable = trainableOutputs(bytes, file);
    onProgress({ step: 'graph', done: 1, total: 1 });
    const folder = folderOf(model.path);
    const matched = matchExternal(examined, new Map(group.weights.map((weights) => [weights.path.slice(folder.length), weights])));
    const external = await readExternal(matched, onProgress);
    const slow = batchWarning(batch, file);
    return {
      file,
      fingerprint: await fingerprintOf([bytes, ...external.values()]),
      bytes,
      external,
      preflight: examined,
      trainable,
      warnings: [...examined.warnings, ...(slow ? [slow] : []), ...longWarnings(examined, matched)],
    };
  } catch (error) {
    // An encoder within the limits can still be too large for the machine.
    if (error instanceof RangeError && /array (buffer )?(allocation|length)/i.test(error.message)) throw new UserError('encoder-too-large', `There is not enough memory to read ${file}; export a smaller encoder, or one in float16.`);
    throw error;
  }
}

async function readExternal(matched: ReadonlyMap<string, EncoderInput>, onProgress: (progress: EncoderProgress) => void): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const total = [...matched.values()].reduce((sum, { size }) => sum + size, 0);
  const external = new Map<string, Uint8Array<ArrayBuffer>>();
  let before = 0;
  for (const [location, weights] of matched) {
    external.set(location, await readWhole(weights, (done) => onProgress({ step: 'weights', done: before + done, total })));
    before += weights.size;
  }
  return external;
}

async function readWhole(file: EncoderInput, onBytes: (done: number) => void): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(file.size);
  for (let start = 0; start < file.size; start += PIECE) {
    const end = Math.min(start + PIECE, file.size);
    bytes.set(new Uint8Array(await file.slice(start, end)), start);
    onBytes(end);
  }
  return bytes;
}

async function fingerprintOf(files: readonly Uint8Array<ArrayBuffer>[]): Promise<string> {
  const digests: ArrayBuffer[] = [];
  for (const { buffer } of files) digests.push(await digest(buffer));
  return fingerprint(digests);
}

/** Exporters write nothing behind the last weight, so a longer file is probably another model's. */
function longWarnings({ file, external }: Preflight, matched: ReadonlyMap<string, EncoderInput>): string[] {
  return external.flatMap(({ location, bytes }) => {
    const size = matched.get(location)?.size ?? 0;
    return size > bytes ? [`${shownPath(location)} has ${size.toLocaleString('en')} bytes and ${file} reads ${bytes.toLocaleString('en')} of them: if it belongs to another model, the embeddings mean nothing.`] : [];
  });
}
