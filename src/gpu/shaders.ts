/**
 * The text of `shaders/*.wgsl`.
 *
 * Vite replaces the glob below with the files' texts, so a built page fetches nothing. Run without Vite, under Node (the
 * inspect command, kernels timed on a headless machine), there is no `import.meta.env`, and the files are read from
 * where they lie. Node's `fs` is reached through `process`, because an import of it would not bundle. A generated
 * module would do as well, but then a shader's text would be in the repository twice.
 */
const bundled: Readonly<Record<string, string>> | null = import.meta.env ? import.meta.glob<string>('../../shaders/*.wgsl', { query: '?raw', import: 'default', eager: true }) : null;

export type ShaderName =
  | 'cdist'
  | 'weighted_sum'
  | 'small_common'
  | 'anderson'
  | 'parity_small'
  | 'fast_small'
  | 'large_common'
  | 'half_terms'
  | 'half_update'
  | 'half_partial'
  | 'half_quads'
  | 'half_combine'
  | 'half_subgroup'
  | 'fast_large'
  | 'check'
  | 'plan'
  | 'line_extremes'
  | 'centre'
  | 'moments'
  | 'squares'
  | 'gradient_norm'
  | 'adamw'
  | 'ema'
  | 'bc_loss'
  | 'embedding_grad'
  | 'step_cost'
  | 'step_problem'
  | 'step_factors'
  | 'step_check';

/** WGSL source of one shader file. */
export function shaderText(name: ShaderName): string {
  const path = `../../shaders/${name}.wgsl`;
  const text = bundled ? bundled[path] : process.getBuiltinModule('node:fs').readFileSync(new URL(/* @vite-ignore */ path, import.meta.url), 'utf8');
  if (text === undefined) throw new Error(`invariant: no shader ${name}`);
  return text;
}
