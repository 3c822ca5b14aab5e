import { DEFAULT_BATCH, type BatchSettings } from '../../src/config/session.ts';
import { DEFAULT_TRAINING } from '../../src/config/training.ts';
import type { Partners } from '../../src/engine/batch.ts';
import { PairingRoom } from '../../src/engine/pairing.ts';

/** Partners by ground truth, as a batch of these settings draws them; none where a side has no ground truth. */
export function byTruth({ size, seed }: Pick<BatchSettings, 'size' | 'seed'> = DEFAULT_BATCH): Partners {
  return (source, target) => new PairingRoom().draw(source, target, { pairing: { kind: 'truth' }, training: DEFAULT_TRAINING, size, seed });
}
