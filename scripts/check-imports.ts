import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { spawnSync } from 'node:child_process';
import { parseSync } from 'oxc-parser';

/**
 * Which room of src/ may import which (docs/architecture.md). `types` rooms may be imported for types only; a path with
 * a file name allows that file alone.
 */
const RULES: Readonly<Record<string, { readonly values: readonly string[]; readonly types?: readonly string[] }>> = {
  base: { values: [] },
  core: { values: ['base'] },
  words: { values: ['base'], types: ['core'] },
  config: { values: ['base', 'core'] },
  world: { values: ['base'] },
  datasets: { values: ['base'] },
  gpu: { values: ['base', 'core'] },
  encoders: { values: ['base', 'core'] },
  training: { values: ['base', 'core', 'config', 'gpu', 'encoders'] },
  engine: { values: ['base', 'core', 'config', 'datasets', 'world', 'gpu', 'encoders', 'training'] },
  store: { values: ['base', 'config', 'words', 'engine/client.ts', 'engine/protocol.ts', 'core/pairing/window-size.ts', 'core/ot/warnings.ts', 'core/ot/suggest.ts', 'core/cost/features.ts', 'core/experiment'], types: ['core'] },
  ui: { values: ['base', 'config', 'words', 'store', 'engine/client.ts', 'engine/protocol.ts', 'core/pairing/window-size.ts', 'core/ot/warnings.ts', 'core/ot/identities.ts', 'core/cost/features.ts', 'core/experiment'], types: ['core'] },
  'main.tsx': { values: ['base', 'config', 'words', 'store', 'ui', 'engine'] },
};

/** Packages that only some places may import. */
const PACKAGES: Readonly<Record<string, RegExp>> = {
  'plotly.js': /^src\/ui\/charts\//,
  react: /^src\/(ui\/|main\.tsx$)/,
  zustand: /^src\/store\//,
  valibot: /^src\/config\//,
  hyparquet: /^src\/datasets\//,
  h5wasm: /^src\/datasets\//,
  fflate: /^src\/(datasets|store)\//,
  'onnxruntime-web': /^src\/encoders\//,
  'onnx-buf': /^src\/encoders\//,
  '@bufbuild/protobuf': /^src\/encoders\//,
};

const files = spawnSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', 'src/*.ts', 'src/*.tsx'], { encoding: 'utf8' }).stdout.split('\n').filter(Boolean);
const problems: string[] = [];
for (const file of files) {
  const source = readFileSync(file, 'utf8');
  const { module } = parseSync(file, source);
  const statics = module.staticImports.map(({ moduleRequest, entries }) => ({ name: moduleRequest.value, typeOnly: entries.length > 0 && entries.every(({ isType }) => isType) }));
  const reexports = module.staticExports.flatMap(({ entries }) => entries.flatMap(({ moduleRequest, isType }) => (moduleRequest ? [{ name: moduleRequest.value, typeOnly: isType }] : [])));
  // Loading late does not turn an edge around. A name that is computed is not seen here.
  const dynamics = module.dynamicImports.flatMap(({ moduleRequest: { start, end } }) => {
    const quoted = /^(['"])(.+)\1$/.exec(source.slice(start, end));
    return quoted ? [{ name: quoted[2]!, typeOnly: false }] : [];
  });
  for (const { name, typeOnly } of [...statics, ...reexports, ...dynamics]) check(file, name, typeOnly);
}

function roomOf(path: string): string {
  return path.split('/')[1] ?? '';
}

function check(file: string, name: string, typeOnly: boolean): void {
  if (!name.startsWith('.')) {
    const owner = Object.entries(PACKAGES).find(([prefix]) => name === prefix || name.startsWith(`${prefix}/`));
    if (owner && !owner[1].test(file)) problems.push(`${file} imports ${name}, which only ${owner[1].source} may`);
    return;
  }
  const target = normalize(join(dirname(file), name));
  const room = roomOf(file);
  if (roomOf(target) === room) return;
  const rule = RULES[room];
  const allowed = [...(rule?.values ?? []), ...(typeOnly ? (rule?.types ?? []) : [])];
  if (!allowed.some((place) => target === `src/${place}` || target.startsWith(`src/${place}/`))) problems.push(`${file} imports ${target}: ${room} may import ${allowed.join(', ') || 'nothing'}`);
}

for (const problem of problems) console.error(problem);
console.log(`imports: ${files.length} files, ${problems.length} wrong`);
process.exit(problems.length > 0 ? 1 : 0);
