import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, type Locator, type Page } from '@playwright/test';
import { DEFAULT_SESSION, writeSession } from '../../src/config/session.ts';
import { SESSION_KEY } from '../../src/store/autosave.ts';
import { LABELS } from '../support/labels.ts';

/** Real datasets, absent on a user's machine. On CI they must be there. */
export const SHARED = process.env.OT_SHARED ?? join(import.meta.dirname, '../../../shared');
export const hasShared = existsSync(join(SHARED, 'data'));

/** Skip by name where the real data are absent; fail on CI, where they must not be. */
export function needsShared(): void {
  if (process.env.CI) expect(hasShared, `../shared/data must be there on CI`).toBe(true);
  test.skip(!hasShared, 'needs ../shared/data, which is not on this machine');
}

/** The repository's own demo shards, used as if they were a person's files. */
export const OWN_SIM = join(import.meta.dirname, '../../public/demo/sim_pick');
export const OWN_REAL = join(import.meta.dirname, '../../public/demo/real_pick');

/** Open the page and wait for a plan. Collects everything the page complains about; `calm` asserts there was nothing. */
export async function openPage(page: Page, address = ''): Promise<{ calm: () => void }> {
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(address);
  return { calm: () => expect(complaints).toEqual([]) };
}

/** The demo on its labels alone: no page has to fetch and compile ONNX Runtime for it. */
const LABELLED = writeSession({ ...DEFAULT_SESSION, features: LABELS });

/**
 * Open the page on the demo's labels, solved on the CPU unless asked otherwise: what a test does that is about neither encoders nor the GPU.
 * It comes as the session of a last visit, so a reload finds what the page has saved since.
 *
 * @param rest of the address, from the next `&` or `#`
 */
export async function openLabels(page: Page, rest = '', backend: 'auto' | 'cpu' = 'cpu'): Promise<{ calm: () => void }> {
  await page.addInitScript(([key, session]) => {
    // about:blank has no storage to read.
    if (location.protocol === 'http:' && localStorage.getItem(key) === null) localStorage.setItem(key, session);
  }, [SESSION_KEY, LABELLED] as const);
  return openPage(page, `?backend=${backend}${rest}`);
}

/** The mass of the demo's plan as the page shows it: float64's, and the reading that other ways to it are held against. */
export const DEMO_MASS = '0.107';

/** Nothing reaches beyond the page's own width. */
export async function expectNoWideBox(page: Page): Promise<void> {
  expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(0);
}

/** With an encoder the first plan waits for ONNX Runtime, 27 MB of code to compile. */
export async function planReady(page: Page): Promise<void> {
  await expect(metric(page, 'ot_pi_sum')).not.toHaveText('–', { timeout: 60_000 });
}

/** The value of a reading by its code name. */
export const metric = (page: Page, code: string): Locator => page.locator(`[data-metric="${code}"] .value`);

export async function metricNumber(page: Page, code: string): Promise<number> {
  const text = (await metric(page, code).textContent()) ?? '';
  return Number(text.replace('−', '-').replace('∞', 'Infinity'));
}

/** Hand a folder to a side as a person would through the folder button. */
export async function pickFolder(page: Page, side: 'source' | 'target', folder: string): Promise<void> {
  await page.locator(`[data-pick="${side}-folder"]`).first().setInputFiles(folder);
}

export async function pickFiles(page: Page, side: 'source' | 'target', files: Parameters<Locator['setInputFiles']>[0]): Promise<void> {
  await page.locator(`[data-pick="${side}-file"]`).first().setInputFiles(files);
}

/** A digest of the plan's pixels: equal pictures, equal numbers. */
export async function planPixels(page: Page): Promise<string> {
  return page.locator('[data-heatmap="plan"] canvas').evaluate((canvas: HTMLCanvasElement) => {
    // A copy is read: the browser complains of canvases that are drawn by the GPU and read again and again.
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true })!;
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    let hash = 0;
    const colours = new Set<number>();
    for (let k = 0; k < data.length; k += 4) {
      const colour = (data[k]! << 16) | (data[k + 1]! << 8) | data[k + 2]!;
      colours.add(colour);
      hash = (Math.imul(hash, 31) + colour) | 0;
    }
    return `${colours.size} colours, ${hash}`;
  });
}
