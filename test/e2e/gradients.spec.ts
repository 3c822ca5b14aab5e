import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { deviation, encoderOf } from '../unit/autodiff/check.ts';
import { assorted } from '../unit/autodiff/nets.ts';
import type { GradientAnswer, GradientOrder, GradientPage } from './gradients/main.ts';
import { SHARED } from './page.ts';

/* Gradients on the GPU in a built page. ONNX Runtime is forbidden to put a single operator on the CPU there. */

const ROOT = join(import.meta.dirname, '../..');
const TRUTHS = join(SHARED, 'gradients');

test('gradients on WebGPU are those of torch, and no operator runs on the CPU', async ({ page }) => {
  test.setTimeout(240_000);
  const { build, preview } = await import('vite');
  const folder = mkdtempSync(join(tmpdir(), 'ot-gradients-page-'));
  const common = { configFile: join(ROOT, 'vite.config.ts'), root: join(import.meta.dirname, 'gradients'), publicDir: false, logLevel: 'warn' } as const;
  await build({ ...common, build: { outDir: folder, emptyOutDir: true } });
  const server = await preview({ ...common, build: { outDir: folder }, preview: { host: '127.0.0.1', port: 0 } });
  try {
    const complaints: string[] = [];
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(server.resolvedUrls!.local[0]!);
    const run = async (order: GradientOrder): Promise<GradientAnswer> => {
      const answer = await page.evaluate((given) => (globalThis as unknown as { page: GradientPage }).page.gradients(given), order);
      if ('error' in answer) throw new Error(answer.error.message);
      return answer;
    };
    // The same graphs on the other provider; in test/unit it is compared with differences in float64.
    const size = (dims: readonly number[]): number => dims.reduce((product, axis) => product * axis, 1);
    const order = { file: 'net.onnx', bytes: [...encoderOf(assorted).bytes], shape: assorted.x, x: Array.from({ length: size(assorted.x) }, (_, k) => Math.sin(1.7 * k)), dy: Array.from({ length: 2 * 7 }, (_, k) => Math.cos(k)) };
    const [wasm, gpu] = [await run({ ...order, where: 'wasm' }), await run({ ...order, where: 'webgpu' })];
    expect(deviation(wasm.output, gpu.output)).toBeLessThan(1e-5);
    expect(gpu.gradients.map(([name]) => name)).toEqual([...Object.keys(assorted.weights!), 'x']);
    for (const [k, [name, values]] of gpu.gradients.entries()) expect(deviation(wasm.gradients[k]![1], values), name).toBeLessThan(1e-4);
    if (process.env.CI) expect(existsSync(TRUTHS), '../shared/gradients must be there on CI').toBe(true);
    for (const { name, order: asked, z, gradients } of truths()) {
      const found = await run(asked);
      expect(deviation(z, found.output), name).toBeLessThan(1e-5);
      const computed = new Map(found.gradients);
      const top = Math.max(...gradients.flatMap(([, values]) => values.map(Math.abs)));
      for (const [parameter, values] of gradients) for (const [k, value] of values.entries()) if (Math.abs(value - computed.get(parameter)![k]!) > 1e-5 * top) throw new Error(`${name}: ${parameter}[${k}] is ${computed.get(parameter)![k]}, not ${value}`);
    }
    expect(complaints).toEqual([]);
  } finally {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

interface Truth {
  readonly name: string;
  readonly order: GradientOrder;
  readonly z: readonly number[];
  readonly gradients: readonly (readonly [parameter: string, values: readonly number[]])[];
}

function truths(): Truth[] {
  if (!existsSync(TRUTHS)) return [];
  const meta = JSON.parse(readFileSync(join(TRUTHS, 'meta.json'), 'utf8')) as Record<string, { shape: number[]; params: Record<string, [number, number[]]> }>;
  return Object.entries(meta).map(([name, { shape, params }]) => {
    const floats = (kind: string): number[] => [...new Float32Array(new Uint8Array(readFileSync(join(TRUTHS, `${name}.${kind}.bin`))).buffer)];
    const all = floats('grad');
    return {
      name,
      order: { file: `${name}.onnx`, bytes: [...readFileSync(join(TRUTHS, `${name}.onnx`))], where: 'webgpu', shape, x: floats('x'), dy: floats('g') },
      z: floats('z'),
      gradients: Object.entries(params).map(([parameter, [offset, dims]]) => [parameter, all.slice(offset, offset + dims.reduce((product, axis) => product * axis, 1))]),
    };
  });
}
