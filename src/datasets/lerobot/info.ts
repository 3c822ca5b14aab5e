import { UserError } from '../../base/errors.ts';
import { isRecord } from '../json.ts';
import { MAX_META_BYTES } from '../limits.ts';
import type { InputFile } from '../types.ts';
import { bytes, quote } from '../words.ts';

/** What info.json says about one feature. Every part may be missing or wrong. */
export interface FeatureClaim {
  readonly dtype: string | null;
  readonly shape: readonly number[] | null;
  readonly names: readonly string[] | null;
}

/** The claims of info.json that anything here looks at. */
export interface Info {
  readonly path: string;
  readonly version: string | null;
  readonly fps: number | null;
  readonly episodes: number | null;
  readonly frames: number | null;
  readonly chunkSize: number | null;
  readonly dataPath: string | null;
  readonly videoPath: string | null;
  readonly features: ReadonlyMap<string, FeatureClaim>;
}

/** Read info.json as far as it can be understood; null (and a warning) when it cannot be at all. */
export async function readInfo(file: InputFile, warnings: string[]): Promise<Info | null> {
  const text = await readText(file, warnings);
  if (text === null) return null;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    warnings.push(`${quote(file.path)} is not valid JSON and was ignored.`);
    return null;
  }
  if (!isRecord(json)) {
    warnings.push(`${quote(file.path)} is not a JSON object and was ignored.`);
    return null;
  }
  const fps = number(json['fps']);
  if (fps === null || fps <= 0) {
    warnings.push(
      `${quote(file.path)} gives no usable frame rate (fps is ${shown(json['fps'])}); time is counted in frames.`,
    );
  }
  const features = new Map<string, FeatureClaim>();
  if (isRecord(json['features'])) for (const [key, claim] of Object.entries(json['features'])) features.set(key, featureClaim(claim));
  else warnings.push(`${quote(file.path)} lists no features; names and shapes come from the tables.`);
  return {
    path: file.path,
    version: string(json['codebase_version']),
    fps: fps !== null && fps > 0 ? fps : null,
    episodes: number(json['total_episodes']),
    frames: number(json['total_frames']),
    chunkSize: number(json['chunks_size']),
    dataPath: string(json['data_path']),
    videoPath: string(json['video_path']),
    features,
  };
}

/** A meta file's text; null (and a warning) when it is empty or too large. A byte order mark is dropped. */
export async function readText(file: InputFile, warnings: string[]): Promise<string | null> {
  if (file.size === 0) {
    warnings.push(`${quote(file.path)} is empty (0 bytes) and was ignored.`);
    return null;
  }
  if (file.size > MAX_META_BYTES) {
    warnings.push(`${quote(file.path)} is ${bytes(file.size)} long, above the limit of ${bytes(MAX_META_BYTES)}, and was ignored.`);
    return null;
  }
  const data = await file.slice(0, file.size);
  if (data.byteLength !== file.size) throw new UserError('file-changed', `${quote(file.path)} changed while it was read; choose it again.`);
  return new TextDecoder().decode(data);
}

function featureClaim(claim: unknown): FeatureClaim {
  if (!isRecord(claim)) return { dtype: null, shape: null, names: null };
  return { dtype: string(claim['dtype']), shape: shape(claim['shape']), names: names(claim['names']) };
}

function shape(value: unknown): number[] | null {
  return Array.isArray(value) && value.every(isSize) ? value : null;
}

function isSize(n: unknown): n is number {
  return typeof n === 'number' && Number.isSafeInteger(n) && n >= 0;
}

/**
 * Names come as a list, a list inside a list, a dict of lists (`{motors: […]}`), or a dict from name to position
 * (`{delta_x: 0}`).
 */
function names(value: unknown, depth = 0): string[] | null {
  if (Array.isArray(value)) {
    const flat: unknown[] = value.flat(3);
    return flat.length > 0 && flat.every((name) => typeof name === 'string') ? flat : null;
  }
  if (!isRecord(value) || depth > 2) return null;
  const entries = Object.entries(value);
  const positions = entries.flatMap(([name, at]) => (typeof at === 'number' ? [{ name, at }] : []));
  if (positions.length > 0 && positions.length === entries.length) return positions.toSorted((a, b) => a.at - b.at).map(({ name }) => name);
  const parts = entries.map(([, part]) => names(part, depth + 1));
  return parts.length > 0 && parts.every((part) => part !== null) ? parts.flat() : null;
}

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function string(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : quote(JSON.stringify(value));
}
