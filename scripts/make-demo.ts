/**
 * npm run demo            write the built-in demo's datasets to public/demo
 * npm run demo -- --check  write nothing; fail when what is there is not what the code makes
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEMO_SEED, demoFiles } from './demo-files.ts';

const folder = fileURLToPath(new URL('../public/demo', import.meta.url));
const files = demoFiles(DEMO_SEED);

if (process.argv.includes('--check')) {
  const present = listFiles(folder);
  const wanted = new Set(files.map(({ path }) => path));
  const problems = [
    ...files.filter(({ path }) => !present.includes(path)).map(({ path }) => `missing: ${path}`),
    ...files
      .filter(({ path, bytes }) => present.includes(path) && !readFileSync(join(folder, path)).equals(bytes))
      .map(({ path }) => `differs: ${path}`),
    ...present.filter((path) => !wanted.has(path)).map((path) => `unexpected: ${path}`),
  ];
  for (const problem of problems) console.error(`public/demo: ${problem}`);
  if (problems.length > 0) {
    console.error('Run `npm run demo` and commit the result.');
    process.exitCode = 1;
  }
} else {
  rmSync(folder, { recursive: true, force: true });
  for (const { path, bytes } of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
  const total = files.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  console.log(`public/demo: ${files.length} files, ${(total / 1024).toFixed(0)} KiB`);
}

/** Paths of all files below a folder, with forward slashes; none when it does not exist. */
function listFiles(root: string): string[] {
  try {
    return readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'));
  } catch {
    return [];
  }
}
