import type { Row } from './measure.ts';
import type { TickRow } from './tick.ts';

/** Something that was promised, and what was measured; null where there is nothing to compare with. */
export interface Aim {
  readonly aim: string;
  readonly measured: number | null;
  readonly met: boolean | null;
}

/** Largest distance of a contender's plan from float64's, of max π. */
const AGREE = 1e-3;
const TICK_MS = 16;

/** The aims of the GPU solver on what was measured. */
export function judgeAims(rows: readonly Row[], ticks: readonly TickRow[]): Aim[] {
  const atLeast = (aim: string, measured: number | undefined, least: number): Aim => ({ aim, measured: measured ?? null, met: measured === undefined ? null : measured >= least });
  const atMost = (aim: string, measured: number | undefined, most: number): Aim => ({ aim, measured: measured ?? null, met: measured === undefined ? null : measured <= most });
  const sweep = rows.find(({ kind }) => kind === 'sweep');
  const iterated = (size: number): number | undefined => rows.find(({ kind, task }) => kind === 'iterate' && task.endsWith(`${size}×${size}`))?.timesOurs['jax-js'];
  const differences = rows.filter(({ kind }) => kind !== 'distances' && kind !== 'step').flatMap(({ times }) => Object.values(times).flatMap(({ difference }) => (difference === null ? [] : [difference])));
  return [
    atLeast('POT’s time on the sweep over fast’s (plans and certificates included), ≥ 1', sweep?.timesOurs.POT, 1),
    atLeast('jax-js’s time over ours, 20 iterations at n = 64, ≥ 5', iterated(64), 5),
    atLeast('jax-js’s time over ours, 20 iterations at n = 256, ≥ 3', iterated(256), 3),
    atMost('a slider step in the engine on what auto picks, median ms, ≤ 16', ticks.find(({ asked }) => asked === 'auto')?.engineMedian, TICK_MS),
    atMost('the same to the new plan in the page’s store, median ms, ≤ 16', ticks.find(({ asked }) => asked === 'auto')?.storeMedian, TICK_MS),
    atMost('largest distance of any plan from float64’s, of max π, ≤ 1e-3', differences.length > 0 ? Math.max(...differences) : undefined, AGREE),
  ];
}
