import { UserError } from '../base/errors.ts';

/*
 * Which files of a drop are encoders. Light: the page imports it, and nothing that parses comes along.
 */

/** A model and the files beside it that may hold its weights. */
export interface EncoderGroup<T> {
  readonly model: T;
  /** Everything of the drop in the model's folder or below that is no model; which of it the model names, reading tells. */
  readonly weights: readonly T[];
}

/** Whether a drop is meant as an encoder rather than as data: a dataset's folder may have a model lying about. */
export function isEncoderDrop(files: readonly { readonly path: string }[]): boolean {
  return files.some(isModel) && !files.some(({ path }) => /\.(parquet|hdf5|h5|npz|npy)$/i.test(path));
}

/**
 * The encoders of a drop, to be read one by one, in the drop's order.
 *
 * @param files by path inside what was dropped, with forward slashes
 * @throws UserError `no-encoder-file` when there is none, `encoder-same-name` when two could not be told apart
 */
export function groupEncoders<T extends { readonly path: string }>(files: readonly T[]): EncoderGroup<T>[] {
  const models = files.filter(isModel);
  if (models.length === 0) throw new UserError('no-encoder-file', 'There is no encoder among these files; drop an .onnx file, together with its files of weights where it has any.');
  const names = models.map(({ path }) => fileName(path));
  const twice = names.find((name, k) => names.indexOf(name) !== k);
  if (twice !== undefined) throw new UserError('encoder-same-name', `Two of the encoders are called ${twice}, and a term knows its encoder by this name; rename one of them.`);
  return models.map((model) => ({ model, weights: files.filter((file) => !isModel(file) && file.path.startsWith(folderOf(model.path))) }));
}

/** The last part of a path. */
export function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** A path's folder with the slash that ends it; '' where there is none. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

function isModel({ path }: { readonly path: string }): boolean {
  return /\.onnx$/i.test(path);
}
