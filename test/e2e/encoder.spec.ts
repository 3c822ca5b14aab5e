import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { PreviewServer } from 'vite';
import { builtinEncoders } from '../../src/encoders/builtin.ts';
import { int, node, onnxModel, port } from '../support/onnx.ts';
import type { Answer, Order } from './encoder/encode.worker.ts';
import type { Encode } from './encoder/main.ts';

/* Encoders in a built module worker under the page's content security policy, on the wasm provider and on WebGPU. */

const ROOT = join(import.meta.dirname, '../..');
test.describe.configure({ mode: 'serial' });

let server: PreviewServer;
let folder = '';
test.beforeAll(async () => {
  const { build, preview } = await import('vite');
  folder = mkdtempSync(join(tmpdir(), 'ot-encoder-page-'));
  const common = { configFile: join(ROOT, 'vite.config.ts'), root: join(import.meta.dirname, 'encoder'), publicDir: false, logLevel: 'warn' } as const;
  await build({ ...common, build: { outDir: folder, emptyOutDir: true } });
  server = await preview({ ...common, build: { outDir: folder }, preview: { host: '127.0.0.1', port: 0 } });
});
test.afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const frames = Array.from({ length: 4 * 3 * 32 * 32 }, (_, k) => 0.5 + 0.5 * Math.sin(0.37 * k) * Math.cos(0.011 * k));
const demo = (provider: Order['provider'], file: string, output: string): Order => ({ provider, file, bytes: [...builtinEncoders().get(file)!], output, rows: 4, feeds: [['image', { dims: [4, 3, 32, 32], values: frames }]], times: 3 });

test('the built-in encoders give the same on the wasm provider and on the GPU, run after run', async ({ page }) => {
  test.setTimeout(180_000);
  const complaints: string[] = [];
  const fetched: string[] = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => fetched.push(request.url()));
  await page.goto(server.resolvedUrls!.local[0]!);
  const run = async (order: Order): Promise<Exclude<Answer, { error: unknown }>> => {
    const answer = await page.evaluate((given) => (globalThis as unknown as { encode: Encode }).encode(given), order);
    if ('error' in answer) throw new Error(answer.error.message);
    return answer;
  };
  // Nothing of the runtime comes before an encoder does.
  expect(fetched.filter((url) => /wasm|ort/.test(url))).toEqual([]);
  for (const [file, output, width] of [['keypoints.onnx', 'keypoints', 48], ['demo-encoder.onnx', 'embedding', 16]] as const) {
    const wasm = await run(demo('wasm', file, output));
    const gpu = await run(demo('webgpu', file, output));
    expect([wasm.width, gpu.width]).toEqual([width, width]);
    expect(gpu.values.length).toBe(4 * width);
    expect(Math.max(...wasm.values.map((value, k) => Math.abs(value - gpu.values[k]!)))).toBeLessThan(2e-4);
    // ONNX Runtime destroys a device of its own with its last session; this one is ours.
    expect(gpu.deviceLost).toBe(false);
  }
  // A fixed batch axis: rows one by one, gathered in one buffer.
  const fixed = onnxModel({ inputs: [port('x', [1, 2])], outputs: [port('y', [1, 2])], nodes: [node('Add', ['x', 'x'], ['y'])] });
  const rows = await run({ provider: 'webgpu', file: 'fixed.onnx', bytes: [...fixed], output: 'y', rows: 3, feeds: [['x', { dims: [3, 2], values: [1, 2, 3, 4, 5, 6] }]], times: 2 });
  expect(rows.values).toEqual([2, 4, 6, 8, 10, 12]);
  expect(rows.warnings[0]).toContain('row by row');
  // What the GPU provider lacks is refused with its own code, so that a host can go to the other provider.
  const lacking: Order = { provider: 'webgpu', file: 'lacking.onnx', bytes: [...onnxModel({ nodes: [node('Mod', ['x', 'x'], ['y'], [int('fmod', 1)])] })], output: 'y', rows: 1, feeds: [['x', { dims: [1, 4], values: [1, 2, 3, 4] }]], times: 1 };
  const refused = await page.evaluate((given) => (globalThis as unknown as { encode: Encode }).encode(given), lacking);
  expect(refused).toMatchObject({ error: { code: 'encoder-no-gpu' } });
  expect((await run({ ...lacking, provider: 'wasm' })).values).toEqual([0, 0, 0, 0]);
  expect(complaints).toEqual([]);
  // One runtime, from the page's own place.
  expect(fetched.filter((url) => url.endsWith('.wasm')).map((url) => new URL(url).pathname)).toEqual([expect.stringMatching(/^\/assets\/ort-wasm-simd-threaded\.asyncify-[\w-]+\.wasm$/)]);
});
