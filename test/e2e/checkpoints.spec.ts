import { readFile } from 'node:fs/promises';
import { expect, test, type Locator, type Page } from '@playwright/test';
import { DEFAULT_SESSION, writeSession, type Session } from '../../src/config/session.ts';
import { SESSION_KEY } from '../../src/store/autosave.ts';
import { openPage, planReady } from './page.ts';

/* A run outlives the page, the engine and its session, and says so where it would not. */

const transport = (page: Page): Locator => page.locator('.transport');
const line = (page: Page): Locator => page.locator('[data-checkpoint]');
const stepOf = async (page: Page): Promise<number> => Number(await transport(page).getAttribute('data-step'));
const savedStep = async (page: Page): Promise<number> => Number(await line(page).getAttribute('data-saved-step'));
const play = (page: Page): Promise<void> => transport(page).getByRole('button', { name: 'Train (space)' }).click();
/** Pause, and the step at which it is then saved. */
async function pause(page: Page): Promise<number> {
  await transport(page).getByRole('button', { name: 'Pause' }).click();
  await expect(transport(page)).toHaveAttribute('data-playing', 'false');
  await expect.poll(async () => (await savedStep(page)) - (await stepOf(page))).toBe(0);
  return stepOf(page);
}
const beyond = (page: Page, step: number): Promise<void> => expect.poll(() => stepOf(page), { timeout: 60_000 }).toBeGreaterThan(step);

/** The demo with a long run, as the session of a last visit. */
async function openDemo(page: Page, change: Partial<Session['policy']> = {}): Promise<{ calm: () => void }> {
  const session = writeSession({ ...DEFAULT_SESSION, policy: { ...DEFAULT_SESSION.policy, steps: 100_000, ...change } });
  await page.addInitScript(([key, text]) => {
    // about:blank has no storage to read.
    if (location.protocol === 'http:' && localStorage.getItem(key) === null) localStorage.setItem(key, text);
  }, [SESSION_KEY, session] as const);
  const opened = await openPage(page, '?backend=cpu');
  await planReady(page);
  return opened;
}

async function saved(page: Page, button: string): Promise<{ name: string; text: string }> {
  const download = page.waitForEvent('download');
  await line(page).getByRole('button', { name: button }).click();
  const file = await download;
  return { name: file.suggestedFilename(), text: await readFile(await file.path(), 'utf8') };
}

test('a run outlives a reload, a dead engine and another session, and is saved as files', async ({ page }) => {
  test.setTimeout(240_000);
  const { calm } = await openDemo(page);
  let step = 0;

  await test.step('a reload: it stands at the step of the checkpoint, with its figures, and plays on', async () => {
    await play(page);
    await beyond(page, 30);
    step = await pause(page);
    const film = await page.locator('.film button').allTextContents();
    expect(film.length).toBeGreaterThan(0);
    await page.reload();
    await expect(transport(page)).toHaveAttribute('data-step', String(step), { timeout: 60_000 });
    await expect(transport(page)).toHaveAttribute('data-playing', 'false');
    await expect(page.locator('.film button')).toHaveText(film);
    await expect(line(page)).toContainText(`from step ${step}`);
    await expect(transport(page)).toContainText(`step ${step}: BC`);
    await play(page);
    await beyond(page, step);
    await expect.poll(() => savedStep(page)).toBeGreaterThan(step);
    calm();
  });

  await test.step('a dead engine: the next one goes on from the checkpoint, and plays', async () => {
    const least = await savedStep(page);
    const engine = page.workers().find((worker) => worker.url().includes('engine.worker'))!;
    await engine.evaluate(() => void setTimeout(() => { throw new Error('killed by the test'); }));
    await expect(line(page)).toContainText('engine restarted, goes on from step', { timeout: 60_000 });
    const revived = Number(/step (\d+)/.exec((await line(page).textContent()) ?? '')![1]);
    expect(revived).toBeGreaterThanOrEqual(least);
    await expect(transport(page)).toHaveAttribute('data-playing', 'true');
    await beyond(page, revived);
    step = await pause(page);
  });

  await test.step('files', async () => {
    const csv = await saved(page, 'Save run (.csv)');
    expect(csv.name).toBe(`run-step${step}.csv`);
    const rows = csv.text.trim().split('\n');
    expect(rows[0]).toMatch(/^step,bc,.*ot_cost\/embedding,.*,ot_loss,ot_pi_sum$/);
    // No step is missing, and none is there twice: neither reload nor restart left a gap.
    expect(rows.slice(1).map((row) => Number(row.split(',')[0]))).toEqual(Array.from({ length: step }, (_, k) => k + 1));
    const json = JSON.parse((await saved(page, 'Save run (.json)')).text) as Record<string, unknown>;
    expect(json).toMatchObject({ format: 'ot-playground-run', step, software: { name: 'ot-playground' }, data: { source: { name: 'sim_pick', fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) } }, encoders: [{ file: 'demo-encoder.onnx' }], session: { policy: { steps: 100_000 } } });
    expect(json.metrics).toHaveLength(step);
    expect((await saved(page, 'Save encoder (.onnx)')).name).toBe(`demo-encoder-step${step}.onnx`);
  });

  await test.step('another session: the run is offered, and its session comes back with it', async () => {
    await page.evaluate(([key]) => {
      const session = JSON.parse(localStorage.getItem(key!)!) as { policy: { seed: number } };
      session.policy.seed = 5;
      localStorage.setItem(key!, JSON.stringify(session));
    }, [SESSION_KEY]);
    await page.reload();
    await planReady(page);
    await expect(transport(page)).toHaveAttribute('data-step', '0');
    await line(page).getByRole('button', { name: new RegExp(`^Continue the run of .*, step ${step}$`) }).click();
    await expect(transport(page)).toHaveAttribute('data-step', String(step), { timeout: 60_000 });
    await transport(page).getByRole('button', { name: /^Forget the run/ }).click();
    await expect(transport(page)).toHaveAttribute('data-step', '0');
    await page.reload();
    await planReady(page);
    await expect(line(page)).toHaveText('');
  });
});

test('a full storage is said and training goes on; a second tab is told that the first one keeps its run', async ({ page, context }) => {
  test.setTimeout(240_000);
  await openDemo(page);
  const protocol = await context.newCDPSession(page);
  const { origin } = new URL(page.url());

  await test.step('full, and later not', async () => {
    await protocol.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 20_000 });
    await play(page);
    await expect(line(page).getByRole('alert')).toContainText('storage for this page is full', { timeout: 60_000 });
    await beyond(page, await stepOf(page));
    await protocol.send('Storage.overrideQuotaForOrigin', { origin });
    await expect(line(page).getByRole('alert')).toHaveCount(0, { timeout: 30_000 });
    expect(await savedStep(page)).toBeGreaterThan(0);
  });

  await test.step('a second tab', async () => {
    const step = await pause(page);
    const other = await context.newPage();
    await openPage(other, '?backend=cpu');
    await expect(transport(other)).toHaveAttribute('data-step', String(step), { timeout: 60_000 });
    await play(other);
    await expect(line(other).getByRole('alert')).toContainText('Another tab of this page');
    await beyond(other, step);
    await page.close();
    await expect(line(other).getByRole('alert')).toHaveCount(0, { timeout: 30_000 });
  });
});
