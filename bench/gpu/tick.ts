import { median } from '../table.ts';
import type { Pages } from './pages.ts';
import type { Step } from './tick-page.ts';

/** Steps that are measured, and those before them that are not. */
const STEPS = 100;
const WARM_UP = 10;

/** A slider of the built page, dragged: what a step takes in the engine, to the store, and to the drawn page. */
export interface TickRow {
  /** What ?backend= asked for, and what it came to. */
  readonly asked: string;
  readonly backend: string;
  readonly adapter: string | null;
  readonly steps: number;
  readonly solveMedian: number;
  readonly engineMedian: number;
  readonly storeMedian: number;
  readonly drawnMedian: number;
  readonly drawnP95: number;
  readonly iterationsMedian: number;
  readonly converged: number;
  readonly handedOver: number;
}

/** The demo at 64 × 64, reg moved back and forth in steps of 2 % around 0.01, a step every 16 ms at most. `cpu` where `auto` is not it. */
export async function tickRows(pages: Pages): Promise<TickRow[]> {
  const regs = Array.from({ length: WARM_UP + STEPS }, (_, k) => 0.01 * 1.02 ** (50 * Math.abs(((k % 100) - 50) / 50) - 25));
  const rows: TickRow[] = [];
  for (const asked of ['auto', 'webgpu', 'cpu']) {
    if (asked === 'cpu' && rows.some(({ backend }) => backend === 'cpu')) continue;
    // A context each: the page saves its session.
    const context = await pages.browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en' });
    const page = await context.newPage();
    await page.goto(`${pages.address}tick.html?backend=${asked}`);
    await page.waitForFunction(() => window.dragSlider !== undefined);
    const { backend, adapter, steps } = await page.evaluate(async (values) => window.dragSlider!(values), regs);
    await context.close();
    rows.push({ asked, backend, adapter, ...summary(steps.slice(WARM_UP)) });
  }
  return rows;
}

function summary(steps: readonly Step[]): Omit<TickRow, 'asked' | 'backend' | 'adapter'> {
  const of = (field: 'solve' | 'engine' | 'store' | 'drawn' | 'iterations'): number[] => steps.map((step) => step[field]).toSorted((p, q) => p - q);
  return {
    steps: steps.length,
    solveMedian: median(of('solve')),
    engineMedian: median(of('engine')),
    storeMedian: median(of('store')),
    drawnMedian: median(of('drawn')),
    drawnP95: of('drawn')[Math.floor(steps.length * 0.95)] ?? NaN,
    iterationsMedian: median(of('iterations')),
    converged: steps.filter(({ converged }) => converged).length,
    handedOver: steps.filter(({ handedOver }) => handedOver).length,
  };
}
