import { lockedVersions, machine, writeResult } from '../machine.ts';
import type { Pot } from '../pot.ts';
import type { ProblemSet } from '../problems.ts';
import { print } from '../table.ts';
import { judgeAims } from './aims.ts';
import { chromiumHost } from './chromium.ts';
import { halfStepBytes } from './half-steps.ts';
import { installPeers } from './install.ts';
import type { KernelHost, Task } from './kernels.ts';
import { measureTask, type Row } from './measure.ts';
import { nodeHost } from './node.ts';
import { openPages, type Pages } from './pages.ts';
import { printAims, printBandwidth, printRows, printSteps, printTicks } from './print.ts';
import { tickRows, type TickRow } from './tick.ts';

export interface GpuBenchOptions {
  readonly host: 'chromium' | 'node';
  /** The sweep's cost matrix. */
  readonly cost: Float64Array;
  /** Problems that POT holds. */
  readonly sets: readonly ProblemSet[];
  readonly pot: Pot | null;
  readonly peer: string;
  readonly repeats: number;
  readonly large: boolean;
  /** How the tasks that are wanted begin (`nameOf`); null for all, and the slider. */
  readonly task: string | null;
  /** Of the device's memory, GB/s. */
  readonly bandwidth: number | null;
}

const HALF_STEP_SIZE = 4096;

/** The kernels, peers and float64 on one adapter, and a slider of the built page. Prints tables, writes a result. */
export async function gpuBench(options: GpuBenchOptions): Promise<void> {
  const { cost, pot, sets, peer, repeats, bandwidth } = options;
  const peersAbsent = installPeers(print);
  if (peersAbsent) print(`${peersAbsent}. The peers' columns are empty.`);
  const pages = options.host === 'chromium' ? await openPages() : null;
  try {
    const host = pages ? await chromiumHost(pages, cost) : await nodeHost(cost);
    print(`\n${host.adapter}${host.software ? ' (software)' : ''}, ${host.runtime}`);
    for (const [name, reason] of Object.entries(host.absent)) print(`${name}: ${reason}. Its column is empty.`);
    const rows: Row[] = [];
    for (const task of tasks(host, options.large).filter((one) => options.task === null || nameOf(one).startsWith(options.task))) rows.push(await measureTask(host, task, pot, sets, repeats));
    await host.close();
    printRows(rows);
    printSteps(rows);
    const halfStep = bandwidthOf(rows, bandwidth);
    if (halfStep) printBandwidth(halfStep);
    if (options.task !== null) return;
    const ticks = pages ? await ticksOf(pages) : [];
    printTicks(ticks);
    const aims = judgeAims(rows, ticks);
    printAims(aims);
    const versions = { ...(await lockedVersions('../package-lock.json', ['', 'webgpu'])), ...(await lockedVersions('package-lock.json', ['@jax-js/jax', '@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-webgpu'])), pot: pot?.versions ?? null };
    const { adapter, software, runtime, absent } = host;
    const date = new Date().toISOString().slice(0, 10);
    const path = await writeResult(`gpu-${slug(adapter)}-${options.host}`, { date, machine, adapter, software, runtime, versions, peer, absent, repeats, rows, halfStep, ticks, aims });
    print(`\nWritten to ${path}`);
  } finally {
    await pages?.close();
  }
}

const nameOf = (task: Task): string => (task.kind === 'step' ? `step-${task.network}` : task.kind);

/** What is timed here. A software adapter is spared what would take it minutes. */
function tasks({ software }: KernelHost, large: boolean): Task[] {
  const all = large || !software;
  const both = ['parity', 'fast'] as const;
  const affordable = all ? both : (['fast'] as const);
  return [
    { kind: 'sweep' },
    { kind: 'batch', count: 1024, size: 64, modes: affordable },
    ...[16, 64, 256, 1024].map((size): Task => ({ kind: 'single', size, modes: size <= 256 ? both : affordable })),
    ...[16, 64, 256].map((size): Task => ({ kind: 'iterate', size, iterations: 20 })),
    ...[16, 64, 512].map((width): Task => ({ kind: 'distances', size: 1024, width })),
    ...(['mlp', 'cnn'] as const).map((network): Task => ({ kind: 'step', network })),
    ...(all ? [{ kind: 'half-steps', size: HALF_STEP_SIZE } as const] : []),
  ];
}

async function ticksOf(pages: Pages): Promise<TickRow[]> {
  print('\nDragging the slider of the built page …');
  return tickRows(pages);
}

/** What a half-step reads of M, over its time. */
export interface Bandwidth {
  readonly size: number;
  readonly milliseconds: number;
  readonly achieved: number;
  readonly device: number | null;
}

function bandwidthOf(rows: readonly Row[], device: number | null): Bandwidth | null {
  const milliseconds = rows.find(({ kind }) => kind === 'half-steps')?.times.wgsl?.ms;
  if (milliseconds === undefined) return null;
  return { size: HALF_STEP_SIZE, milliseconds, achieved: halfStepBytes(HALF_STEP_SIZE) / (1e6 * milliseconds), device };
}

const slug = (adapter: string): string =>
  adapter
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '') || 'unnamed';
