import { DEFAULT_SESSION, type Session } from '../../src/config/session.ts';
import type { Checkpoint, TrainingMetrics } from '../../src/engine/protocol.ts';
import { Checkpoints, SLOTS, type SavedRun, type Slot, type SlotStore } from '../../src/store/checkpoints.ts';
import { tableOf } from '../../src/store/run-table.ts';
import type { FilmFrame } from '../../src/store/training-shelf.ts';

export const FINGERPRINTS = { source: '5'.repeat(64), target: 'a'.repeat(64), encoder: 'e'.repeat(64) } as const;

/** A step's figures, none like another's. */
export const metricsAt = (step: number): TrainingMetrics => ({
  step,
  bc: 1 / step,
  transport: 0.1 + step,
  weighted: 0.2 * step,
  total: 1 / step + 0.2 * step,
  value: -step / 3,
  mass: 0.11,
  diagonalMass: step % 2 === 0 ? null : 0.05,
  perplexity: 2.5,
  converged: step % 3 !== 0,
  handedOver: step % 3 === 1 ? 'uncertified' : null,
  terms: [
    { name: 'embedding', mean: 1e-7 * step },
    { name: 'hand, "left"', mean: 3 },
  ],
  encoderNorm: 1,
  headNorm: 2,
  sourceVariance: 0.5,
  targetVariance: 0.25,
  sourceRank: null,
  targetRank: 7.5,
  learningRate: 3e-3,
  lambda: 0.1,
  ms: 8.25,
});

/** A policy of two tensors at a step. */
export const stateAt = (step: number, averaged = false): Checkpoint => {
  const tensors = [Float32Array.of(step, -0, 1e-40, NaN), Float32Array.of(0.5 * step)];
  return {
    step,
    weights: tensors.map((values, k) => ({ network: k === 0 ? 'encoder' : 'head', name: `w${k}`, values: values.slice() })),
    optimiser: { moments: tensors.map((values) => ({ m: values.map((value) => value + 1), v: values.map((value) => value * value) })), averages: averaged ? tensors.map((values) => values.map((value) => value / 2)) : null },
    draws: { random: [1, -2, 3, step], epoch: [[4, 5], [6]] },
  };
};

/** Plans of 2 × 3 frames, one a step. */
export const filmTo = (step: number): FilmFrame[] => Array.from({ length: step }, (_, k) => ({ step: k + 1, n: 2, m: 3, plan: Float32Array.from({ length: 6 }, (__, cell) => (k + cell) / 7) }));

export const runAt = (step: number, session: Session = DEFAULT_SESSION, averaged = false): SavedRun => ({
  at: 1_700_000_000_000 + step,
  session,
  data: { source: FINGERPRINTS.source, target: FINGERPRINTS.target, encoders: [{ file: 'demo-encoder.onnx', fingerprint: FINGERPRINTS.encoder }] },
  state: stateAt(step, averaged),
  metrics: tableOf(Array.from({ length: step }, (_, k) => metricsAt(k + 1))),
  film: filmTo(step),
});

/** Slots in memory that can be damaged, or refuse. What is put is cloned, as IndexedDB does. */
export class MemorySlots implements SlotStore {
  readonly slots = new Map<Slot, { head: Record<string, unknown>; body: ArrayBuffer[] }>();
  /** What the next `put` throws. */
  failure: Error | null = null;
  owned = true;

  own = (): Promise<boolean> => Promise.resolve(this.owned);
  head = (slot: Slot): Promise<unknown> => Promise.resolve(structuredClone(this.slots.get(slot)?.head));
  body = (slot: Slot): Promise<unknown> => Promise.resolve(structuredClone(this.slots.get(slot)?.body));
  clear = (): Promise<void> => Promise.resolve(this.slots.clear());

  put(slot: Slot, head: object, body: readonly ArrayBuffer[]): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    this.slots.set(slot, structuredClone({ head: { ...head }, body: [...body] }));
    return Promise.resolve();
  }

  /** Where a step is written. */
  slotOf(step: number): Slot {
    return SLOTS.find((slot) => (JSON.parse((this.slots.get(slot)?.head.text as string | undefined) ?? '{}') as { step?: number }).step === step)!;
  }
}

/** The step that a page that is opened now would find. */
export async function stepIn(slots: SlotStore): Promise<number | string> {
  const reading = await new Checkpoints(slots).newest();
  return reading.kind === 'run' ? reading.run.state.step : reading.kind;
}
