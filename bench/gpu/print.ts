import { ms, off, print, printTable, ratio } from '../table.ts';
import type { Aim } from './aims.ts';
import type { Row, Timing } from './measure.ts';
import type { Bandwidth } from './run.ts';
import type { TickRow } from './tick.ts';

const SOLVERS = ['POT', 'wgsl parity', 'wgsl fast', 'wgsl fast + float64', 'float64 parity', 'float64 fast'] as const;
const LIBRARIES = ['wgsl', 'jax-js', 'tfjs', 'float64'] as const;

/** Tables of solves, and of what the peers do as well. */
export function printRows(rows: readonly Row[]): void {
  const solves = rows.filter(({ times }) => 'wgsl fast' in times);
  if (solves.length > 0) printSolves(solves);
  const shared = rows.filter(({ kind }) => kind === 'iterate' || kind === 'distances');
  if (shared.length > 0) printShared(shared);
  for (const { task, failed } of rows) for (const [name, reason] of Object.entries(failed)) print(`${name} failed on ${task}: ${reason}`);
}

function printSolves(solves: readonly Row[]): void {
  print('\nSolves from cold, ms (in brackets how many runs; the first run is not among them unless it took too long to repeat):');
  printTable([
    ['problems', ...SOLVERS, 'POT/ours', 'off parity', 'off fast', 'off + float64'],
    ...solves.map(({ task, times, timesOurs }) => [
      task,
      ...SOLVERS.map((name) => cell(times[name])),
      ratio(timesOurs.POT),
      off(times['wgsl parity']?.difference),
      `${off(times['wgsl fast']?.difference)} (${times['wgsl fast']?.handedOver ?? 0})`,
      off(times['wgsl fast + float64']?.difference),
    ]),
  ]);
  print('(POT/ours: POT’s time over that of wgsl fast + float64; off: largest distance from the float64 solver’s plan, of max π; after off fast: problems left to float64)');
}

function printShared(rows: readonly Row[]): void {
  print('\nThe same by all libraries, ms:');
  printTable([
    ['task', ...LIBRARIES, 'jax-js/ours', 'tfjs/ours', 'off ours', 'off jax-js', 'off tfjs'],
    ...rows.map(({ task, times, timesOurs }) => [
      task,
      ...LIBRARIES.map((name) => cell(times[name])),
      ratio(timesOurs['jax-js']),
      ratio(timesOurs.tfjs),
      off(times.wgsl?.difference),
      off(times['jax-js']?.difference),
      off(times.tfjs?.difference),
    ]),
  ]);
  print('(distances: ours and float64 by direct differences, the peers in the Gram form)');
}

const cell = (timing: Timing | undefined): string => (timing ? `${ms(timing.ms)} (${timing.runs})` : '–');

const STEP_PARTS = ['forward', 'transport', 'head', 'backward', 'optimiser'] as const;

/** Training steps as a whole, and ours part by part. */
export function printSteps(rows: readonly Row[]): void {
  const steps = rows.filter(({ kind }) => kind === 'step');
  if (steps.length === 0) return;
  print('\nTraining steps, ms:');
  printTable([['step', 'device', 'CPU', 'jax-js', 'jax-js/device', 'off device', 'off jax-js'], ...steps.map(({ task, times, timesOurs }) => [task, cell(times.wgsl), cell(times.float64), cell(times['jax-js']), ratio(timesOurs['jax-js']), off(times.wgsl?.difference), off(times['jax-js']?.difference)])]);
  print('(CPU: wasm provider and the float64 solver; jax-js: 20 plain sweeps; off: of the first step’s BC loss from the CPU’s)');
  print('\nThe same by parts, each waited for, ms:');
  printTable([['step', 'on', ...STEP_PARTS], ...steps.flatMap(({ task, times }) => ([['device', times.wgsl], ['CPU', times.float64]] as const).map(([on, timing]) => [task, on, ...STEP_PARTS.map((part) => ms(timing?.parts?.[part]))]))]);
}

export function printBandwidth({ size, milliseconds, achieved, device }: Bandwidth): void {
  const share = device === null ? '' : `, ${((100 * achieved) / device).toFixed(0)} % of ${device} GB/s`;
  print(`\nHalf-step at ${size}×${size}: ${milliseconds.toFixed(3)} ms, ${achieved.toFixed(1)} GB/s of M${share}`);
}

export function printTicks(ticks: readonly TickRow[]): void {
  if (ticks.length === 0) return;
  print('One step of the page’s slider, demo at 64×64, medians in ms:');
  printTable([
    ['?backend=', 'runs on', 'solve', 'engine', 'store', 'drawn', 'drawn p95', 'iterations', 'converged', 'handed over'],
    ...ticks.map((tick) => [
      tick.asked,
      tick.backend,
      ...[tick.solveMedian, tick.engineMedian, tick.storeMedian, tick.drawnMedian, tick.drawnP95].map((value) => ms(value)),
      String(tick.iterationsMedian),
      `${tick.converged}/${tick.steps}`,
      String(tick.handedOver),
    ]),
  ]);
  print('(engine: everything that the worker answers; store: both ways to the page included; drawn: React and canvas too)');
}

export function printAims(aims: readonly Aim[]): void {
  print('\nAims:');
  for (const { aim, measured, met } of aims) print(`  ${met === null ? 'not measured' : met ? 'met         ' : 'MISSED      '}  ${aim}${measured === null ? '' : `: ${measured < 0.01 ? measured.toExponential(1) : measured.toFixed(2)}`}`);
}
