/**
 * LeRobot's path templates are Python format strings: `data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet`.
 * They are often wrong, so they are never used to find files, only compared with where the files are.
 */

/** Longer templates, or with more fields, are no template of LeRobot's and would make slow patterns. */
const maxLength = 300;
const maxFields = 6;

/**
 * Whether `path` could have been made from `template`: the same field has the same number everywhere, and an episode
 * lies in the chunk that its index and the chunk size give.
 */
export function followsTemplate(template: string, path: string, chunkSize: number | null): boolean {
  const parts = template.split(/\{(\w+)(?::[^{}]*)?\}/);
  if (template.length > maxLength || parts.length > 2 * maxFields + 1) return false;
  const keys: string[] = [];
  const pattern = parts.map((part, k) => {
    if (k % 2 === 0) return part.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`);
    keys.push(part);
    return part === 'video_key' ? '([^/]+)' : String.raw`(\d+)`;
  });
  const match = new RegExp(`^${pattern.join('')}$`).exec(path);
  if (!match) return false;
  const numbers = new Map<string, number>();
  for (const [k, key] of keys.entries()) {
    if (key === 'video_key') continue;
    const value = Number(match[k + 1]);
    if ((numbers.get(key) ?? value) !== value) return false;
    numbers.set(key, value);
  }
  const chunk = numbers.get('episode_chunk');
  const episode = numbers.get('episode_index');
  return chunk === undefined || episode === undefined || !chunkSize || Math.floor(episode / chunkSize) === chunk;
}
