/**
 * npm run encoders             write the built-in encoders to public/encoders
 * npm run encoders -- --check  write nothing; fail when what is there is not what the code makes
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtinEncoders } from '../src/encoders/builtin.ts';

const folder = fileURLToPath(new URL('../public/encoders', import.meta.url));
const files = builtinEncoders();

if (process.argv.includes('--check')) {
  const present = new Set(listFiles());
  const problems = [
    ...[...files.keys()].filter((name) => !present.has(name)).map((name) => `missing: ${name}`),
    ...[...files].filter(([name, bytes]) => present.has(name) && !readFileSync(join(folder, name)).equals(bytes)).map(([name]) => `differs: ${name}`),
    ...[...present].filter((name) => !files.has(name)).map((name) => `unexpected: ${name}`),
  ];
  for (const problem of problems) console.error(`public/encoders: ${problem}`);
  if (problems.length > 0) {
    console.error('Run `npm run encoders` and commit the result.');
    process.exitCode = 1;
  }
} else {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
  const total = [...files.values()].reduce((sum, bytes) => sum + bytes.byteLength, 0);
  console.log(`public/encoders: ${files.size} files, ${(total / 1024).toFixed(0)} KiB`);
}

function listFiles(): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
