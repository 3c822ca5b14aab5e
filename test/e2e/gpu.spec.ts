import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { runGolden } from '../../scripts/inspect/golden.ts';
import { readGolden } from '../../scripts/inspect/golden-files.ts';
import { pageBackend } from '../../scripts/inspect/gpu-chromium.ts';

// The same kernels and table as in test/gpu, in a real browser. There is no skip: the Chromium of this suite has a
// software adapter.
test('the golden cases on WebGPU in Chromium', async ({ page }) => {
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  const table = await readGolden(join(import.meta.dirname, '../golden'));
  const backend = await pageBackend(page);
  try {
    const { parity, fast } = await runGolden(table, backend);
    expect(parity.nonFinite).toBe(0);
    expect(parity.itersWithin1).toBeGreaterThanOrEqual(0.95 * parity.compared);
    expect(parity.maxPlanErr).toBeLessThanOrEqual(1e-4);
    expect(fast.geomeanIters).toBeLessThanOrEqual(20);
    expect(fast.within1e3).toBeGreaterThanOrEqual(0.95 * fast.compared);
    expect(fast.within1e3AfterHandover).toBe(fast.compared);
  } finally {
    await backend.close();
  }
  expect(complaints).toEqual([]);
});
