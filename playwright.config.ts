import { defineConfig } from '@playwright/test';
import { ensureChromium, launchOptions } from './scripts/browser.ts';

const port = Number(process.env.OT_PORT ?? 4173);

/** Browser tests: the built page in a real Chromium with a software WebGPU adapter. */
export default defineConfig({
  testDir: 'test/e2e',
  timeout: 60_000,
  expect: { timeout: 15_000 },
  workers: 2,
  fullyParallel: true,
  retries: 0,
  forbidOnly: process.env.CI !== undefined,
  reporter: process.env.OT_REPORT ? [['list'], ['json', { outputFile: process.env.OT_REPORT }]] : 'list',
  use: {
    baseURL: `http://127.0.0.1:${port}/`,
    viewport: { width: 1440, height: 900 },
    locale: 'en',
    launchOptions: launchOptions(ensureChromium()),
    screenshot: 'only-on-failure',
  },
  webServer: {
    command: `npx vite build --logLevel warn && npx vite preview --host 127.0.0.1 --port ${port} --strictPort`,
    url: `http://127.0.0.1:${port}/`,
    timeout: 120_000,
    reuseExistingServer: false,
  },
});
