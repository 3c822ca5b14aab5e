import { UserError } from '../base/errors.ts';
import type { Limits } from './fields.ts';
import { floatNumber, joinPath, JsonNumber, printJson, wholeNumber, type Json, type JsonObject } from './json.ts';

/*
 * A template is a config file whose known fields are blanked: its unknown fields, their order and the places of the
 * known ones, without values that the session holds already. Reading a file and writing it again gives its bytes, and
 * editing the session does not change the template.
 */

export type Path = readonly string[];

/** One known field of a config: where it stands, and how it is read and written. */
export interface Field<T> {
  readonly path: Path;
  /** Whether null is one of its values. A null that stands for a default is none, and stays in a template as it is. */
  readonly nullable: boolean;
  /** @throws UserError `bad-config` for anything that the field cannot hold */
  read(value: Json | undefined, at: Place): T;
  write(value: T): Json;
}

/** Where a value was found, for messages. */
export interface Place {
  readonly file: string;
  readonly path: string;
}

const kindOf = (value: Json): string => {
  if (value === null) return 'null';
  if (value instanceof JsonNumber) return value.text.slice(0, 40);
  if (value instanceof Map) return 'an object';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'boolean') return String(value);
  return `the text ${JSON.stringify(value.slice(0, 40))}`;
};

/** @throws UserError `bad-config` */
export function refuse({ file, path }: Place, value: Json | undefined, wanted: string): never {
  throw new UserError('bad-config', value === undefined ? `"${path}" is missing in ${file}; it must be ${wanted}.` : `"${path}" in ${file} is ${kindOf(value)}; it must be ${wanted}.`);
}

const range = ({ low, high }: Limits): string => `from ${low} to ${high}`;

const isAbsent = (value: Json | undefined): value is null | undefined => value === undefined || value === null;

/** A number; without a default it must be there. */
export function numberField(path: Path, limits: Limits, absent?: number): Field<number> {
  return {
    path,
    nullable: false,
    read(value, at) {
      if (absent !== undefined && value === undefined) return absent;
      return numberAt(value, at, limits);
    },
    write: floatNumber,
  };
}

export function optionalNumberField(path: Path, limits: Limits): Field<number | null> {
  return { path, nullable: true, read: (value, at) => (isAbsent(value) ? null : numberAt(value, at, limits)), write: (value) => (value === null ? null : floatNumber(value)) };
}

/** A field whose code base reads null as if it were not there. */
export const nullAsAbsent = <T>(field: Field<T>): Field<T> => ({ ...field, read: (value, at) => field.read(value === null ? undefined : value, at) });

/** A whole number. `none` are numbers that say "no value", as null does. */
export function wholeField(path: Path, limits: Limits, absent: number, none: readonly number[] = []): Field<number> {
  return { path, nullable: false, read: (value, at) => (value === undefined ? absent : (wholeAt(value, at, limits, none) ?? absent)), write: wholeNumber };
}

export function optionalWholeField(path: Path, limits: Limits, none: readonly number[] = []): Field<number | null> {
  return { path, nullable: true, read: (value, at) => (isAbsent(value) ? null : wholeAt(value, at, limits, none)), write: (value) => (value === null ? null : wholeNumber(value)) };
}

export function flagField(path: Path, absent: boolean): Field<boolean> {
  return {
    path,
    nullable: false,
    read(value, at) {
      if (value === undefined) return absent;
      return typeof value === 'boolean' ? value : refuse(at, value, 'true or false');
    },
    write: (value) => value,
  };
}

/** A short text; without a default it must be there. */
export function textField(path: Path, longest: number, absent?: string): Field<string> {
  return {
    path,
    nullable: false,
    read(value, at) {
      if (absent !== undefined && value === undefined) return absent;
      return textAt(value, at, longest);
    },
    write: (value) => value,
  };
}

export function optionalTextField(path: Path, longest: number): Field<string | null> {
  return { path, nullable: true, read: (value, at) => (isAbsent(value) ? null : textAt(value, at, longest)), write: (value) => value };
}

export function textsField(path: Path, longest: number, most: number, absent: readonly string[]): Field<readonly string[]> {
  return {
    path,
    nullable: false,
    read(value, at) {
      if (value === undefined) return absent;
      if (!Array.isArray(value) || value.length > most) return refuse(at, value, `a list of at most ${most} keys`);
      return value.map((entry, k) => textAt(entry, { ...at, path: joinPath(at.path, k) }, longest));
    },
    write: (value) => [...value],
  };
}

/** A half-open range [from, to] of the last axis, or null. */
export function sliceField(path: Path, largest: number): Field<readonly [number, number] | null> {
  return {
    path,
    nullable: true,
    read(value, at) {
      if (isAbsent(value)) return null;
      const [from, to, ...rest] = Array.isArray(value) ? value.map((entry) => (entry instanceof JsonNumber ? entry.value : Number.NaN)) : [];
      const isIndex = (index: number | undefined): index is number => Number.isInteger(index) && index! >= 0 && index! <= largest;
      return isIndex(from) && isIndex(to) && rest.length === 0 ? [from, to] : refuse(at, value, 'null or a list of two whole numbers, such as [0, 8], half-open');
    },
    write: (value) => (value === null ? null : value.map(wholeNumber)),
  };
}

/** @throws UserError `bad-config` unless it is a number within the limits; Infinity is, where the parser let it through */
export function numberAt(value: Json | undefined, at: Place, limits: Limits): number {
  if (!(value instanceof JsonNumber)) return refuse(at, value, `a number ${range(limits)}, without quotes`);
  return value.text === 'Infinity' || (value.value >= limits.low && value.value <= limits.high) ? value.value : refuse(at, value, `a number ${range(limits)}`);
}

function wholeAt(value: Json, at: Place, limits: Limits, none: readonly number[]): number | null {
  if (!(value instanceof JsonNumber)) return refuse(at, value, `a whole number ${range(limits)}, without quotes`);
  if (none.includes(value.value)) return null;
  return Number.isInteger(value.value) && value.value >= limits.low && value.value <= limits.high ? value.value : refuse(at, value, `a whole number ${range(limits)}`);
}

function textAt(value: Json | undefined, at: Place, longest: number): string {
  return typeof value === 'string' && value.length <= longest ? value : refuse(at, typeof value === 'string' ? `${value.slice(0, 30)}…` : value, `a text of at most ${longest} letters`);
}

/** What stands at a path; undefined where a step is missing or leads into something that is no object. */
export function valueAt(root: JsonObject, path: Path): Json | undefined {
  let value: Json | undefined = root;
  for (const step of path) value = value instanceof Map ? value.get(step) : undefined;
  return value;
}

/** The object at a path. @throws UserError `bad-config` when something else stands there */
export function objectAt(root: JsonObject, path: Path, file: string, example: string): JsonObject {
  const value = valueAt(root, path);
  return value instanceof Map ? value : refuse({ file, path: path.join('.') }, value, `an object such as ${example}`);
}

export function readField<T>(root: JsonObject, field: Field<T>, file: string, prefix = ''): T {
  return field.read(valueAt(root, field.path), { file, path: joinPath(prefix, field.path.join('.')) });
}

/** Put a value at a path, with the objects that lead there. */
export function setAt(root: JsonObject, path: Path, value: Json): void {
  let object = root;
  for (const step of path.slice(0, -1)) {
    const next = object.get(step);
    const inner: JsonObject = next instanceof Map ? next : new Map();
    object.set(step, inner);
    object = inner;
  }
  object.set(path.at(-1)!, value);
}

/** What stands in a template for a value of the session's. */
export const BLANK = new JsonNumber('0');

/** Write a value where the template has a place for it. What is absent or null stays so while it means that value. */
export function putField<T>(template: JsonObject, field: Field<T>, value: T, meansWhenAbsent?: T): void {
  const present = valueAt(template, field.path);
  if (isAbsent(present) && !(present === null && field.nullable)) {
    const means = meansWhenAbsent === undefined ? defaultOf(field) : meansWhenAbsent;
    if (means !== undefined && printJson(field.write(means)) === printJson(field.write(value))) return;
  }
  setAt(template, field.path, field.write(value));
}

/** What a field means when it is not there; undefined when it must be. */
function defaultOf<T>(field: Field<T>): T | undefined {
  try {
    return field.read(undefined, { file: '', path: '' });
  } catch {
    return undefined;
  }
}

/** Take the value out of a file, leaving its place. */
export function blankField(file: JsonObject, { path, nullable }: Pick<Field<unknown>, 'path' | 'nullable'>): void {
  const present = valueAt(file, path);
  if (present !== undefined && (present !== null || nullable)) setAt(file, path, BLANK);
}

/** Paths of keys that are not in `known`. */
export function unknownKeys(object: Json | undefined, known: ReadonlySet<string>, prefix: string): string[] {
  return object instanceof Map ? [...object.keys()].filter((key) => !known.has(key)).map((key) => joinPath(prefix, key)) : [];
}
