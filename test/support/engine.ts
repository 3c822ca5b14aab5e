import { DEMO_ENCODER } from '../../src/config/presets.ts';
import type { PairingRef } from '../../src/config/pairing.ts';
import { DEFAULT_TRAINING, type TrainingSettings } from '../../src/config/training.ts';
import { DEFAULT_SESSION, type BatchSettings, type BuiltinEncoder, type SolveSettings } from '../../src/config/session.ts';
import type { FeatureSpec } from '../../src/core/cost/features.ts';
import type { Dataset } from '../../src/datasets/types.ts';
import { builtinEncoders } from '../../src/encoders/builtin.ts';
import { loadEncoder, type LoadedEncoder } from '../../src/encoders/load.ts';
import type { Watch } from '../../src/encoders/ort.ts';
import { EngineHost } from '../../src/engine/host.ts';
import type { DriveStates, EngineReply, EngineRequest, ProblemSettings, Side, TrainingMetrics } from '../../src/engine/protocol.ts';
import { LABELS } from './labels.ts';

type Body<T extends EngineRequest['type']> = Omit<Extract<EngineRequest, { type: T }>, 'id' | 'type'>;
type Reply<T extends EngineReply['type']> = Extract<EngineReply, { type: T }>;

/** The engine as a worker would run it: every message is cloned, every transfer takes its buffer away. */
export class Engine {
  readonly #host: EngineHost;
  readonly #replies = new Map<number, EngineReply>();
  #id = 0;
  /** The steps of training that it has told, in order. */
  readonly told: TrainingMetrics[] = [];
  /** Where the arms of drives were, in order. */
  readonly driven: DriveStates[] = [];

  /** @param watch told what encoders are at work on */
  constructor(watch?: Watch) {
    this.#host = new EngineHost((reply, transfer) => {
      if (reply.type === 'training') this.told.push(...reply.metrics);
      if (reply.type === 'rollout') this.driven.push(...structuredClone(reply.states));
      if (reply.type === 'pairing' || reply.type === 'training' || reply.type === 'rollout') return;
      if (this.#replies.has(reply.id)) throw new Error(`two replies to ${reply.id}`);
      this.#replies.set(reply.id, structuredClone(reply, { transfer }));
    }, watch);
  }

  /** An engine that holds both sides. */
  static async holding(source: Dataset, target: Dataset, demo = true, watch?: Watch): Promise<Engine> {
    const engine = new Engine(watch);
    await engine.load('source', source, demo ? 'sim' : null);
    await engine.load('target', target, demo ? 'real' : null);
    if (demo) await engine.add(await builtinEncoder(DEMO_ENCODER));
    return engine;
  }

  async request<T extends EngineRequest['type']>(type: T, body: Body<T>): Promise<EngineReply> {
    const id = ++this.#id;
    await this.#host.handle(structuredClone({ type, id, ...body } as unknown as EngineRequest));
    const reply = this.#replies.get(id);
    if (!reply) throw new Error(`no reply to ${type}`);
    return reply;
  }

  async load(side: Side, dataset: Dataset, demo: 'sim' | 'real' | null = null): Promise<void> {
    expectType('done', await this.request('load', { side, dataset, demo }));
  }

  async add(encoder: LoadedEncoder): Promise<Reply<'encoder-added'>['proposal']> {
    return expectType('encoder-added', await this.request('add-encoder', { encoder })).proposal;
  }

  async solve(change: Change = {}, known = 0): Promise<Omit<Reply<'solved'>, 'type' | 'id'>> {
    return expectType('solved', await this.request('solve', { settings: settingsOf(change), known }));
  }

  /** The error that these settings meet. */
  async failure(change: Change): Promise<Reply<'failed'>['error']> {
    return expectType('failed', await this.request('solve', { settings: settingsOf(change), known: 0 })).error;
  }
}

/** One of the page's own encoders, read as the page reads it. */
export async function builtinEncoder(file: BuiltinEncoder): Promise<LoadedEncoder> {
  return encoderOf(file, builtinEncoders().get(file)!);
}

/** An ONNX file, read and examined. */
export async function encoderOf(file: string, bytes: Uint8Array): Promise<LoadedEncoder> {
  return loadEncoder([{ path: file, size: bytes.length, slice: (start, end) => Promise.resolve(Uint8Array.from(bytes.subarray(start, end)).buffer) }]);
}

export interface Change {
  readonly solve?: Partial<SolveSettings>;
  readonly batch?: Partial<BatchSettings>;
  readonly features?: readonly FeatureSpec[];
  readonly pairing?: PairingRef;
  readonly training?: Partial<TrainingSettings>;
}

/** The demo's settings, on its labels alone and by ground truth, which needs no pairing first, with some changed. */
export function settingsOf({ solve, batch, features, pairing, training }: Change): ProblemSettings {
  return { pairing: pairing ?? { kind: 'truth' }, training: { ...DEFAULT_TRAINING, ...training }, features: features ?? LABELS, batch: { ...DEFAULT_SESSION.batch, ...batch }, solve: { ...DEFAULT_SESSION.solve, ...solve } };
}

export function expectType<T extends EngineReply['type']>(type: T, reply: EngineReply): Reply<T> {
  if (reply.type !== type) throw new Error(`${type} expected, got ${JSON.stringify(reply).slice(0, 400)}`);
  return reply as Reply<T>;
}

/** Largest difference of two arrays, relative to the largest entry of the second. */
export function worstDifference(values: Float64Array, truth: Float64Array): number {
  let top = 0;
  let worst = 0;
  for (const [k, value] of truth.entries()) {
    top = Math.max(top, Math.abs(value));
    worst = Math.max(worst, Math.abs(values[k]! - value));
  }
  return worst / top;
}
