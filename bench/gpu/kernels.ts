import type { Mode } from '../../src/core/ot/solve.ts';
import { openDevice, type OpenedDevice } from '../../src/gpu/device.ts';
import { GpuSolver } from '../../src/gpu/solver.ts';
import { batch, single, sweepOf } from '../problems.ts';
import { distanceContenders } from './distances.ts';
import { halfStepContenders } from './half-steps.ts';
import { iterateContenders } from './iterate.ts';
import { openPeer, PEERS, type Peer, type PeerName } from './peers/peer.ts';
import { solveContenders } from './solve.ts';
import { stepContenders } from './steps.ts';

/** What is timed. Plain data, so that a page can be asked for it. */
export type Task =
  | { readonly kind: 'sweep' }
  | { readonly kind: 'batch'; readonly count: number; readonly size: number; readonly modes: readonly Mode[] }
  | { readonly kind: 'single'; readonly size: number; readonly modes: readonly Mode[] }
  | { readonly kind: 'iterate'; readonly size: number; readonly iterations: number }
  | { readonly kind: 'distances'; readonly size: number; readonly width: number }
  | { readonly kind: 'half-steps'; readonly size: number }
  | { readonly kind: 'step'; readonly network: 'mlp' | 'cnn' };

/** What is known of a contender's answer beside its time. */
export interface Facts {
  /** Largest distance from the float64 answer, relative to its largest entry; null for the float64 answer itself. */
  readonly difference: number | null;
  readonly iterations?: number;
  readonly converged?: string;
  /** Problems that float32 could not hold and float64 solved. */
  readonly handedOver?: number;
  /** Milliseconds of a training step's parts, each waited for. */
  readonly parts?: Readonly<Record<string, number>>;
}

/** One way to do a task. `run` starts from arrays on the CPU and ends with the result there. */
export interface Contender {
  readonly name: string;
  /** Milliseconds; a contender that does a part of the task says what its whole would take. */
  run(): Promise<number>;
  /** Of the last run. */
  facts(): Facts;
}

export interface Prepared {
  readonly name: string;
  /** `firstMs` is the first run's; the peers compile in it. */
  readonly contenders: readonly { readonly name: string; readonly firstMs: number; readonly facts: Facts }[];
  /** Contenders that failed on this task, and how. */
  readonly failed: Readonly<Record<string, string>>;
}

/** Where kernels are timed: this process, or a page that it opened. */
export interface KernelHost {
  readonly adapter: string;
  readonly software: boolean;
  /** Browser or runtime with its version. */
  readonly runtime: string;
  /** Peers that are not there, and why. */
  readonly absent: Readonly<Partial<Record<PeerName, string>>>;
  /** Set a task up and run every contender once, untimed. */
  prepare(task: Task): Promise<Prepared>;
  /** Milliseconds of one run of a contender of the task that was prepared last. */
  time(contender: string): Promise<number>;
  close(): Promise<void>;
}

/** Run something and say how long it took. */
export async function timed<T>(work: () => T | Promise<T>): Promise<{ result: T; milliseconds: number }> {
  const start = performance.now();
  const result = await work();
  return { result, milliseconds: performance.now() - start };
}

/** Kernels, peers and the float64 solver in the process or page that this runs in, all on one adapter. */
export class Kernels {
  readonly #opened: OpenedDevice;
  readonly #solver: GpuSolver;
  readonly #peers: ReadonlyMap<PeerName, Peer>;
  readonly #sweepCost: Float64Array;
  readonly absent: Readonly<Partial<Record<PeerName, string>>>;
  #contenders: ReadonlyMap<string, Contender> = new Map();

  private constructor(opened: OpenedDevice, peers: ReadonlyMap<PeerName, Peer>, absent: Readonly<Partial<Record<PeerName, string>>>, sweepCost: Float64Array) {
    this.#opened = opened;
    this.#solver = new GpuSolver(opened.device);
    this.#peers = peers;
    this.#sweepCost = sweepCost;
    this.absent = absent;
  }

  /**
   * @param sweepCost the sweep's 64 × 64 cost matrix
   * @param wanted peers to start
   * @throws UserError `no-adapter`
   */
  static async open(gpu: GPU | undefined, sweepCost: Float64Array, wanted: readonly PeerName[] = PEERS): Promise<Kernels> {
    const opened = await openDevice(gpu);
    const peers = new Map<PeerName, Peer>();
    const absent: Partial<Record<PeerName, string>> = {};
    for (const name of wanted)
      try {
        peers.set(name, await openPeer(name));
      } catch (thrown) {
        absent[name] = reasonOf(thrown);
      }
    return new Kernels(opened, peers, absent, sweepCost);
  }

  get adapter(): string {
    return this.#opened.adapterName;
  }

  get software(): boolean {
    return this.#opened.isFallback;
  }

  /** Compile every kernel of ours, so that no first run pays for it. The peers compile for each shape, in their first run. */
  async compile(): Promise<void> {
    for (const size of [4, 80]) for (const mode of ['parity', 'fast'] as const) await this.#solver.solveBatch(single(size).problems, { mode });
    for (const contender of distanceContenders(this.#solver, new Map(), 4, 4).contenders) await contender.run();
  }

  async prepare(task: Task): Promise<Prepared> {
    const { name, contenders } = this.#open(task);
    const ready = new Map<string, Contender>();
    const first = new Map<string, number>();
    const failed: Record<string, string> = {};
    for (const contender of contenders)
      try {
        first.set(contender.name, await contender.run());
        ready.set(contender.name, contender);
      } catch (thrown) {
        failed[contender.name] = reasonOf(thrown);
      }
    this.#contenders = ready;
    return { name, contenders: [...ready.values()].map((contender) => ({ name: contender.name, firstMs: first.get(contender.name) ?? 0, facts: contender.facts() })), failed };
  }

  async time(contender: string): Promise<number> {
    const found = this.#contenders.get(contender);
    if (!found) throw new Error(`invariant: ${contender} was not prepared`);
    return found.run();
  }

  close(): void {
    this.#opened.device.destroy();
  }

  #open(task: Task): { name: string; contenders: readonly Contender[] } {
    switch (task.kind) {
      case 'sweep':
        return solveContenders(this.#solver, sweepOf(this.#sweepCost), ['parity', 'fast']);
      case 'batch':
        return solveContenders(this.#solver, batch(task.count, task.size), task.modes);
      case 'single':
        return solveContenders(this.#solver, single(task.size), task.modes);
      case 'iterate':
        return iterateContenders(this.#solver, this.#peers, task.size, task.iterations);
      case 'distances':
        return distanceContenders(this.#solver, this.#peers, task.size, task.width);
      case 'half-steps':
        return halfStepContenders(this.#solver, task.size, this.software);
      case 'step':
        return stepContenders(this.#solver, this.#peers, task.network);
    }
  }
}

/** A failure in one line. */
function reasonOf(thrown: unknown): string {
  return (thrown instanceof Error ? thrown.message : String(thrown)).split('\n')[0] ?? '';
}
