import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The GPU's tests take longest: begun last, they would keep one worker busy while the others have nothing left. */
class GpuFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => (moduleId.endsWith('/gpu/solver.test.ts') ? 0 : moduleId.includes('/test/gpu/') ? 1 : 2);
    return (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other));
  }
}

/** Goes into the built page as a meta tag. The dev server needs inline scripts for hot reload and does without. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  'media-src blob:',
  "connect-src 'self' https://huggingface.co https://*.hf.co",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "object-src 'none'",
].join('; ');

export default defineConfig({
  base: './',
  // plotly.js's sources say `global`, which browsers do not have.
  define: { global: 'globalThis' },
  plugins: [
    react(),
    {
      name: 'content-security-policy',
      apply: 'build',
      transformIndexHtml: () => [
        { tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content: contentSecurityPolicy }, injectTo: 'head-prepend' as const },
      ],
    },
  ],
  worker: { format: 'es' },
  // The notices of everything that is in the bundle are built with it.
  build: { target: 'es2022', chunkSizeWarningLimit: 2000, license: { fileName: 'third-party.md' } },
  server: { host: '127.0.0.1' },
  preview: { host: '127.0.0.1' },
  test: { include: ['test/unit/**/*.test.ts', 'test/golden/**/*.test.ts', 'test/gpu/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000, maxWorkers: '100%', sequence: { sequencer: GpuFirst } },
});
