import { UserError } from '../base/errors.ts';

/**
 * JSON as Python writes and reads it, with numbers kept as they are spelt: what the playground does not know of a
 * config goes back into the file digit by digit (1e-05, 10.0, a seed beyond 2⁵³). Objects are Maps, so a key called
 * __proto__ is a key like any other.
 */
export type Json = null | boolean | string | JsonNumber | Json[] | JsonObject;
export type JsonObject = Map<string, Json>;

/** A number and its spelling. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  get value(): number {
    return Number(this.text);
  }
}

/** Longest text that is looked at; train configs have a few kilobytes. */
export const MAX_CONFIG_TEXT = 256 * 1024;
const MAX_DEPTH = 64;

/** What a text holds, and the paths of keys that it names twice (the last one counts, as in Python). */
export interface ParsedJson {
  readonly value: Json;
  readonly repeated: readonly string[];
}

/**
 * @param name the file, for messages
 * @param mayBeInfinite keys at which Python's `Infinity` has a meaning; it and NaN are refused everywhere else
 * @throws UserError `bad-config`, `config-too-large`
 */
export function parseJson(text: string, name: string, mayBeInfinite: ReadonlySet<string> = new Set()): ParsedJson {
  if (text.length > MAX_CONFIG_TEXT) throw new UserError('config-too-large', `${name} holds ${Math.round(text.length / 1024)} kB of text; a training config has a few, and at most ${MAX_CONFIG_TEXT / 1024} kB are read.`);
  const parser = new Parser(text, name, mayBeInfinite);
  return { value: parser.document(), repeated: parser.repeated };
}

/** A key of an object, or a place in a list, after a path: "ot.features[0]". */
export const joinPath = (path: string, step: string | number): string => (typeof step === 'number' ? `${path}[${step}]` : path === '' ? step : `${path}.${step}`);

class Parser {
  readonly repeated: string[] = [];
  readonly #text: string;
  readonly #name: string;
  readonly #mayBeInfinite: ReadonlySet<string>;
  #at = 0;

  constructor(text: string, name: string, mayBeInfinite: ReadonlySet<string>) {
    // Some editors put a byte order mark first.
    this.#text = text.startsWith('\uFEFF') ? text.slice(1) : text;
    this.#name = name;
    this.#mayBeInfinite = mayBeInfinite;
  }

  document(): Json {
    const value = this.#value('', '', 0);
    this.#space();
    if (this.#at < this.#text.length) this.#fail('something follows the end of the object');
    return value;
  }

  #fail(what: string): never {
    const lines = this.#text.slice(0, this.#at).split('\n');
    throw new UserError('bad-config', `${this.#name} is not JSON: ${what} at line ${lines.length}, column ${lines.at(-1)!.length + 1}. Save it again from the code that wrote it.`);
  }

  #space(): void {
    while (/[ \t\n\r]/.test(this.#text[this.#at] ?? '')) this.#at++;
  }

  #take(character: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (!match) return null;
    this.#at += match[0].length;
    return match[0];
  }

  #value(path: string, key: string, depth: number): Json {
    if (depth > MAX_DEPTH) this.#fail(`values are nested more than ${MAX_DEPTH} deep`);
    if (this.#take('{')) return this.#object(path, depth);
    if (this.#take('[')) return this.#list(path, key, depth);
    if (this.#text[this.#at] === '"') return this.#string();
    const word = this.#match(/-?[A-Za-z]+/y);
    if (word === 'null') return null;
    if (word === 'true' || word === 'false') return word === 'true';
    if (word === 'Infinity' && this.#mayBeInfinite.has(key)) return new JsonNumber(word);
    if (word === 'NaN' || word === 'Infinity' || word === '-Infinity') throw new UserError('bad-config', `"${path}" in ${this.#name} is ${word}, which no training can use. Write a finite number.`);
    if (word !== null) {
      this.#at -= word.length;
      this.#fail(`"${word.slice(0, 20)}" is no value`);
    }
    const number = this.#match(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y);
    if (number === null) this.#fail(this.#at < this.#text.length ? 'a value is missing' : 'the file ends too early');
    return new JsonNumber(number);
  }

  #object(path: string, depth: number): JsonObject {
    const object: JsonObject = new Map();
    if (this.#take('}')) return object;
    do {
      this.#space();
      if (this.#text[this.#at] !== '"') this.#fail('a key in double quotes is missing');
      const key = this.#string();
      const inner = joinPath(path, key);
      if (!this.#take(':')) this.#fail('a colon is missing');
      if (object.has(key)) this.repeated.push(inner);
      object.set(key, this.#value(inner, key, depth + 1));
    } while (this.#take(','));
    if (!this.#take('}')) this.#fail('a comma or } is missing');
    return object;
  }

  #list(path: string, key: string, depth: number): Json[] {
    const list: Json[] = [];
    if (this.#take(']')) return list;
    do list.push(this.#value(joinPath(path, list.length), key, depth + 1));
    while (this.#take(','));
    if (!this.#take(']')) this.#fail('a comma or ] is missing');
    return list;
  }

  #string(): string {
    let end = this.#at + 1;
    while (end < this.#text.length && this.#text[end] !== '"') end += this.#text[end] === '\\' ? 2 : 1;
    const quoted = this.#text.slice(this.#at, end + 1);
    try {
      const text = JSON.parse(quoted) as string;
      this.#at = end + 1;
      return text;
    } catch {
      this.#fail(end < this.#text.length ? 'a text holds a character that must be escaped' : 'a text does not end');
    }
  }
}

/** As Python's json.dump(…, indent=2, ensure_ascii=False) writes it, or compact; keys in the order of the object. */
export function printJson(value: Json, compact = false): string {
  return printAt(value, compact ? null : '\n');
}

function printAt(value: Json, newline: string | null): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (value instanceof JsonNumber) return value.text;
  const inner = newline === null ? null : `${newline}  `;
  const colon = newline === null ? ':' : ': ';
  const entries = value instanceof Map ? [...value].map(([key, entry]) => `${JSON.stringify(key)}${colon}${printAt(entry, inner)}`) : value.map((entry) => printAt(entry, inner));
  const [open, close] = value instanceof Map ? '{}' : '[]';
  return entries.length === 0 ? `${open}${close}` : `${open}${inner ?? ''}${entries.join(inner === null ? ',' : `,${inner}`)}${newline ?? ''}${close}`;
}

/** A float as Python writes it where the two agree: 1.0, 0.3333, Infinity. */
export const floatNumber = (value: number): JsonNumber => new JsonNumber(Number.isInteger(value) && !/e/.test(String(value)) ? `${value}.0` : String(value));

export const wholeNumber = (value: number): JsonNumber => new JsonNumber(String(value));
