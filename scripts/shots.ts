import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Page } from '@playwright/test';
import { build, preview } from 'vite';
import { DEFAULT_SESSION, type Session } from '../src/config/session.ts';
import { sessionToHash } from '../src/config/share.ts';
import { node, onnxModel, outside, port } from '../test/support/onnx.ts';
import { ensureChromium, launchOptions } from './browser.ts';

/** Screenshots of every state, at three widths, in both themes and languages, into shots/ (ignored): to be looked at. */

const ROOT = join(import.meta.dirname, '..');
const OUT = join(ROOT, 'shots');
const SIZES = [
  { width: 1440, height: 900 },
  { width: 1024, height: 768 },
  { width: 390, height: 844 },
] as const;

const tab = async (page: Page, width: number, index: number): Promise<void> => {
  if (width <= 700) await page.getByRole('tab').nth(index).click();
};
const openSetup = async (page: Page, width: number): Promise<void> => {
  if (width <= 700) await page.getByRole('tab').nth(4).click();
  else if (width <= 1180) await page.locator('.setup-button').click();
};
/** On a phone the plan stays above it. */
const showPolicy = (page: Page): Promise<void> =>
  page.locator('[data-policy]').evaluate((panel) => {
    panel.style.scrollMarginTop = innerWidth <= 700 ? '32rem' : '0';
    panel.scrollIntoView({ block: 'start' });
  });
const priorButton = (page: Page, index: number): Promise<void> => page.locator('.rail.right .segmented.wide button').nth(index).click();

const pickEncoder = (page: Page, name: string, bytes: Uint8Array): Promise<void> => page.locator('[data-pick="encoder"]').setInputFiles({ name, mimeType: '', buffer: Buffer.from(bytes) });

/** What is done to the open demo before its picture is taken. */
const STATES: Readonly<Record<string, (page: Page, width: number) => Promise<void>>> = {
  demo: async () => {},
  setup: openSetup,
  inspect: async (page, width) => tab(page, width, 1),
  terms: async (page, width) => tab(page, width, 2),
  pairing: async (page, width) => {
    await tab(page, width, 1);
    await page.locator('[data-aside] > .segmented button').nth(1).click();
    await page.locator('[data-heatmap="strip"] .xtick').first().waitFor();
  },
  window: async (page, width) => {
    await tab(page, width, 1);
    await page.locator('[data-aside] > .segmented button').nth(2).click();
    await page.waitForTimeout(9000);
  },
  rollout: async (page, width) => {
    await tab(page, width, 3);
    const transport = page.locator('.transport');
    const arm = page.locator('.arm-view');
    const show = async (): Promise<void> => {
      await tab(page, width, 1);
      await page.locator('[data-aside] > .segmented button').nth(3).click();
    };
    const driveBoth = async (): Promise<void> => {
      await show();
      await arm.locator('.drive button').first().click();
      await page.locator('.arm-view[data-driving="true"]').waitFor({ state: 'attached' });
      await page.locator('.arm-view[data-driving="false"]').waitFor({ state: 'attached' });
    };
    await driveBoth();
    await tab(page, width, 3);
    await transport.locator('.primary').click();
    await page.waitForFunction(() => Number(document.querySelector<HTMLElement>('.transport')?.dataset.step) >= 100);
    await transport.locator('.primary').click();
    await driveBoth();
    if (width <= 700) await arm.evaluate((view) => view.scrollIntoView({ block: 'start' }));
  },
  'pairing-panel': async (page, width) => {
    await openSetup(page, width);
    await page.locator('[data-pairing]').scrollIntoViewIfNeeded();
  },
  policy: async (page, width) => {
    await openSetup(page, width);
    await page.locator('[data-tensors]').waitFor({ state: 'attached' });
    await page.locator('[data-policy] details').evaluateAll((all) => all.forEach((details) => details.setAttribute('open', '')));
    await page.locator('[data-tensors] li').first().waitFor({ state: 'attached' });
    await showPolicy(page);
  },
  'policy-refused': async (page, width) => {
    await openSetup(page, width);
    await pickEncoder(page, 'waves.onnx', onnxModel({ inputs: [port('observation.state', ['batch', 5])], outputs: [port('embedding', ['batch', 5])], nodes: [node('Sin', ['observation.state'], ['embedding'])] }));
    await page.locator('[data-policy] select').nth(1).selectOption('waves.onnx');
    await showPolicy(page);
  },
  warning: async (page) => priorButton(page, 4),
  fork: async (page) => {
    await page.locator('.rail.right select').first().selectOption('fork');
  },
  ...Object.fromEntries(
    (['Objective', 'Nearest', 'Cost'] as const).map((name) => [
      `explain-${name.toLowerCase()}`,
      async (page: Page) => {
        await page.locator(`[data-metric="${{ Objective: 'primal', Nearest: 'q̃', Cost: 'ot_loss' }[name]}"] .link`).click();
        await page.waitForTimeout(2500);
      },
    ]),
  ),
  'explain-welsch': async (page) => {
    await priorButton(page, 4);
    await page.locator('[data-warning="hard-diagonal"] .link').last().click();
  },
  'explain-pot': async (page) => {
    const reg = page.locator('.rail.right .box').first();
    await reg.fill('1e-4');
    await reg.press('Enter');
    await page.locator('[data-warning="pot-breaks"] .link').last().click();
    await page.locator('[data-pot]').nth(2).waitFor();
  },
  'explain-fork': async (page, width) => {
    await page.locator('.rail.right select').first().selectOption('fork');
    await tab(page, width, 1);
    await page.locator('[data-explained] .gauge').waitFor();
  },
  'explain-collapse': async (page, width) => {
    await tab(page, width, 3);
    await page.locator('.transport .button.primary').click();
    await page.waitForTimeout(6000);
    await page.locator('.series-chart .link').nth(1).click();
  },
  own: async (page, width) => {
    await openSetup(page, width);
    await page.locator('[data-pick="source-folder"]').setInputFiles(join(ROOT, 'public/demo/sim_pick'));
    await page.locator('[data-pick="target-file"]').setInputFiles(join(ROOT, 'public/demo/real_pick/data/chunk-000/file-000.parquet'));
    await page.waitForTimeout(1500);
  },
  refused: async (page, width) => {
    await openSetup(page, width);
    await page.locator('[data-pick="target-file"]').setInputFiles({ name: 'frames.parquet', mimeType: '', buffer: Buffer.from('PAR1 and no more than that') });
    await page.waitForTimeout(800);
  },
  error: async (page, width) => {
    await openSetup(page, width);
    const editor = page.locator('.term-editor').filter({ hasText: 'end effector' });
    await editor.locator('summary').click();
    await editor.locator('select').nth(0).selectOption('action');
    await editor.locator('select').nth(0).selectOption('observation.state');
    await editor.locator('select').nth(1).selectOption('action');
    if (width <= 700) await page.getByRole('tab').nth(1).click();
  },
  encoder: async (page, width) => {
    await openSetup(page, width);
    // One row at a time, on the state: its term is proposed, and its slowness said.
    await pickEncoder(page, 'policy.onnx', onnxModel({ inputs: [port('observation.state', [1, 5])], outputs: [port('embedding', [1, 5])], nodes: [node('Tanh', ['observation.state'], ['embedding'])] }));
    await page.locator('.term').nth(4).waitFor({ state: 'attached' });
    await page.locator('[data-encoder="policy.onnx"] summary').click();
    await page.locator('.term-editor summary').last().click();
    await page.locator('.term-editor').last().scrollIntoViewIfNeeded();
  },
  'encoder-refused': async (page, width) => {
    await openSetup(page, width);
    await pickEncoder(page, 'policy.onnx', onnxModel({ nodes: [node('MatMul', ['x', 'w'], ['y'])], weights: [outside('w', { location: 'policy.onnx.data' })] }));
    await page.locator('[data-encoders] [role="alert"]').waitFor();
    await page.locator('[data-encoders]').scrollIntoViewIfNeeded();
  },
  'encoder-missing': async (page, width) => {
    await openSetup(page, width);
    await page.locator('[data-encoder="demo-encoder.onnx"] button').first().click();
    await page.locator('.side-note').waitFor({ state: 'attached' });
    if (width <= 700) await page.getByRole('tab').nth(1).click();
  },
  busy: async (page, width) => {
    await openSetup(page, width);
    // The reader's script never arrives, so the picture is of a read that is under way.
    await page.route(/reader\.worker/, async (route) => {
      await page.waitForEvent('close', { timeout: 0 }).catch(() => {});
      await route.abort().catch(() => {});
    });
    await page.locator('[data-pick="target-folder"]').setInputFiles(join(ROOT, 'public/demo/real_pick'));
    await page.waitForTimeout(600);
  },
  // What it is before anything has run; then short runs, with one that is under way.
  'experiment-empty': async (page) => page.locator('.middle .segmented button').nth(1).click(),
  experiment: async (page) => {
    const session: Session = { ...DEFAULT_SESSION, policy: { ...DEFAULT_SESSION.policy, steps: 40 } };
    await page.goto(`${page.url()}&view=experiment${await sessionToHash(session)}`);
    await page.locator('[data-metric="ot_pi_sum"] .value', { hasNotText: '–' }).waitFor({ state: 'attached' });
    await page.locator('.methods input[type="checkbox"]').nth(0).check();
    await page.locator('.methods input.box').nth(1).fill('5');
    await page.locator('.methods input.box').first().fill('1:4');
    await page.keyboard.press('Enter');
    await page.locator('.variant button').click();
    await page.locator('.run-bar .primary').click();
    await page.locator('.run-bar[data-done="11"]').waitFor({ timeout: 240_000 });
  },
  empty: async (page, width) => {
    await openSetup(page, width);
    await page.locator('[data-side="source"] .buttons button').last().click();
    await page.locator('[data-side="target"] .buttons button').last().click();
    if (width <= 700) await page.getByRole('tab').nth(0).click();
  },
};

async function main(): Promise<void> {
  mkdirSync(OUT, { recursive: true });
  const only = process.argv.slice(2);
  await build({ root: ROOT, logLevel: 'warn' });
  const server = await preview({ root: ROOT, preview: { port: 0, host: '127.0.0.1' }, logLevel: 'error' });
  const address = server.resolvedUrls?.local[0];
  if (!address) throw new Error('The preview server has no address.');
  const browser = await chromium.launch(launchOptions(ensureChromium()));
  try {
    for (const [state, act] of Object.entries(STATES)) {
      if (only.length > 0 && !only.includes(state)) continue;
      for (const { width, height } of SIZES)
        for (const [theme, language] of [
          ['light', 'en'],
          ['dark', 'zh'],
          ...(state === 'demo' ? ([['dark', 'en'], ['light', 'zh']] as const) : []),
        ] as const) {
          const page = await browser.newPage({ viewport: { width, height }, colorScheme: theme, locale: 'en' });
          page.setDefaultTimeout(40_000);
          await page.goto(`${address}?lang=${language}`);
          await page.locator('[data-heatmap="plan"] .cbaxis').waitFor();
          await act(page, width).catch((error: unknown) => console.error(`${state} ${width} ${theme}: ${String(error)}`));
          await page.waitForTimeout(state === 'demo' ? 2500 : 700);
          await page.screenshot({ path: join(OUT, `${state}-${width}-${theme}-${language}.png`) });
          await page.close();
        }
      console.log(state);
    }
  } finally {
    await browser.close();
    await new Promise((resolve) => server.httpServer.close(resolve));
  }
  process.exit(0);
}

void main();
