import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, type Page as BrowserPage } from '@playwright/test';
import type { PreviewServer } from 'vite';
import { builtinEncoders } from '../../src/encoders/builtin.ts';
import { int, longs, node, onnxModel, outside, port } from '../support/onnx.ts';
import type { Answer } from './encoder/encode.worker.ts';
import type { Page, PageOrder } from './encoder/main.ts';

/* Encoders through the reader worker and in a built module worker under the page's content security policy, on the wasm provider and on WebGPU. */

const ROOT = join(import.meta.dirname, '../..');
test.describe.configure({ mode: 'serial' });

let server: PreviewServer;
let folder = '';
test.beforeAll(async () => {
  const { build, preview } = await import('vite');
  folder = mkdtempSync(join(tmpdir(), 'ot-encoder-page-'));
  const common = { configFile: join(ROOT, 'vite.config.ts'), root: join(import.meta.dirname, 'encoder'), publicDir: join(ROOT, 'public'), logLevel: 'warn' } as const;
  await build({ ...common, build: { outDir: folder, emptyOutDir: true } });
  server = await preview({ ...common, build: { outDir: folder }, preview: { host: '127.0.0.1', port: 0 } });
});
test.afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const onPage = {
  read: (browser: BrowserPage, dropped?: Parameters<Page['read']>[0]) => browser.evaluate((given) => (globalThis as unknown as { page: Page }).page.read(given), dropped),
  encode: (browser: BrowserPage, order: PageOrder) => browser.evaluate((given) => (globalThis as unknown as { page: Page }).page.encode(given), order),
  runSlow: (browser: BrowserPage, file: string, limitMs: number) => browser.evaluate(([name, limit]) => (globalThis as unknown as { page: Page }).page.runSlow(name, limit), [file, limitMs] as const),
};

async function run(browser: BrowserPage, order: PageOrder): Promise<Exclude<Answer, { error: unknown }>> {
  const answer = await onPage.encode(browser, order);
  if ('error' in answer) throw new Error(answer.error.message);
  return answer;
}

const frames = Array.from({ length: 4 * 3 * 32 * 32 }, (_, k) => 0.5 + 0.5 * Math.sin(0.37 * k) * Math.cos(0.011 * k));
const demo = (where: PageOrder['where'], file: string, output: string): PageOrder => ({ where, file, output, rows: 4, feeds: [['image', { shape: [3, 32, 32], values: frames }]], times: 3 });
const dropped = (path: string, bytes: Uint8Array): { path: string; bytes: number[] } => ({ path, bytes: [...bytes] });

test('the built-in encoders give the same on the wasm provider and on the GPU, run after run', async ({ page }) => {
  test.setTimeout(180_000);
  const complaints: string[] = [];
  const fetched: string[] = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => fetched.push(request.url()));
  await page.goto(server.resolvedUrls!.local[0]!);
  const read = await onPage.read(page);
  expect(read).toMatchObject([...builtinEncoders()].map(([file, { length }]) => ({ file, bytes: length, external: [], warnings: [], steps: ['model', 'graph'] })));
  // Reading runs nothing: nothing of the runtime comes before an encoder is used.
  expect(fetched.filter((url) => /wasm|ort\b/.test(url))).toEqual([]);
  for (const [file, output, width] of [['keypoints.onnx', 'keypoints', 48], ['demo-encoder.onnx', 'embedding', 16]] as const) {
    const wasm = await run(page, demo('wasm', file, output));
    const gpu = await run(page, demo('webgpu', file, output));
    expect([wasm.width, gpu.width]).toEqual([width, width]);
    expect([wasm.stayed, gpu.stayed]).toEqual([false, true]);
    expect(gpu.values.length).toBe(4 * width);
    expect(Math.max(...wasm.values.map((value, k) => Math.abs(value - gpu.values[k]!)))).toBeLessThan(2e-4);
    // ONNX Runtime destroys a device of its own with its last session; this one is ours.
    expect(gpu.deviceLost).toBe(false);
  }
  await onPage.read(page, [
    // A fixed batch axis: rows one by one, gathered in one buffer.
    dropped('fixed.onnx', onnxModel({ inputs: [port('x', [1, 2])], outputs: [port('y', [1, 2])], nodes: [node('Add', ['x', 'x'], ['y'])] })),
    dropped('lacking.onnx', onnxModel({ nodes: [node('Mod', ['x', 'x'], ['y'], [int('fmod', 1)])] })),
  ]);
  const rows = await run(page, { where: 'webgpu', file: 'fixed.onnx', output: 'y', rows: 3, feeds: [['x', { shape: [2], values: [1, 2, 3, 4, 5, 6] }]], times: 2 });
  expect(rows).toMatchObject({ values: [2, 4, 6, 8, 10, 12], stayed: true, warnings: [expect.stringContaining('row by row')] });
  // What the GPU provider lacks runs on the other one, and says so.
  const lacking = await run(page, { where: 'webgpu', file: 'lacking.onnx', output: 'y', rows: 1, feeds: [['x', { shape: [4], values: [1, 2, 3, 4] }]], times: 2 });
  expect(lacking).toMatchObject({ values: [0, 0, 0, 0], stayed: false, warnings: ['lacking.onnx uses operators that the GPU provider of ONNX Runtime does not have, so it runs on the CPU.'] });
  // Another device in the place of the first, as when the solver is chosen anew.
  const before = await run(page, demo('webgpu', 'keypoints.onnx', 'keypoints'));
  const renewed = await run(page, demo('new device', 'keypoints.onnx', 'keypoints'));
  expect(renewed).toMatchObject({ stayed: true, deviceLost: false, values: before.values });
  expect(complaints).toEqual([]);
  // One runtime, from the page's own place.
  expect(fetched.filter((url) => url.endsWith('.wasm')).map((url) => new URL(url).pathname)).toEqual([expect.stringMatching(/^\/assets\/ort-wasm-simd-threaded\.asyncify-[\w-]+\.wasm$/)]);
  // A device that is gone says so; the engine has to be started anew.
  expect(await onPage.encode(page, demo('lost device', 'demo-encoder.onnx', 'embedding'))).toMatchObject({ error: { code: 'encoder-lost', message: 'The GPU was lost while demo-encoder.onnx was at work on it; the engine has to be restarted.', detail: { file: 'demo-encoder.onnx' } } });
});

test('a drop is read with its weights, or refused in the reader', async ({ page }) => {
  await page.goto(server.resolvedUrls!.local[0]!);
  const split = onnxModel({ nodes: [node('MatMul', ['x', 'w'], ['y'])], weights: [outside('w', { location: 'net.onnx.data' })] });
  const weights = new Uint8Array(new Float32Array(16).fill(2).buffer);
  expect(await onPage.read(page, [dropped('drop/net.onnx.data', weights), dropped('drop/net.onnx', split)])).toMatchObject([{ file: 'net.onnx', parameters: 16, external: ['net.onnx.data'], steps: ['model', 'graph', 'weights'] }]);
  expect((await run(page, { where: 'wasm', file: 'net.onnx', output: 'y', rows: 1, feeds: [['x', { shape: [4], values: [1, 1, 1, 1] }]], times: 1 })).values).toEqual([8, 8, 8, 8]);
  for (const [files, code] of [
    [[dropped('net.onnx', split)], 'encoder-external-missing'],
    [[dropped('net.onnx', split.subarray(0, 40))], 'encoder-damaged'],
    [[dropped('net.onnx', onnxModel({ nodes: [node('ConstantOfShape', ['s'], ['y'])], weights: [longs('s', [300_000_000])] }))], 'encoder-too-large'],
  ] as const) {
    expect(await onPage.read(page, files)).toMatchObject([{ error: { code, message: expect.stringMatching(/^net\.onnx [^\n]+\.$/) } }]);
  }
});

test('an encoder that blocks its engine is ended by the page', async ({ page }) => {
  await page.goto(server.resolvedUrls!.local[0]!);
  // Sixty products of 2000 × 2000 matrices: minutes on one core.
  const products = Array.from({ length: 60 }, (_, k) => node('MatMul', [k === 0 ? 'square' : `p${k}`, 'square'], [`p${k + 1}`]));
  const slow = onnxModel({ nodes: [node('ConstantOfShape', ['size'], ['zeros']), node('ReduceMax', ['x'], ['top'], [int('keepdims', 0)]), node('Add', ['zeros', 'top'], ['square']), ...products, node('ReduceMax', ['p60'], ['sum'], [int('keepdims', 0)]), node('Add', ['x', 'sum'], ['y'])], weights: [longs('size', [2000, 2000])] });
  expect(await onPage.read(page, [dropped('slow.onnx', slow)])).toMatchObject([{ file: 'slow.onnx' }]);
  expect(await onPage.runSlow(page, 'slow.onnx', 8000)).toEqual({ deaths: ['encoder-hung'], error: { code: 'encoder-hung', message: 'The engine did not return from running slow.onnx for 8 seconds and was started again; the encoder may be too heavy for this machine.', detail: { file: 'slow.onnx' } } });
});
