import type { PolicySettings } from '../../src/config/policy.ts';
import { DEMO_ENCODER, DEMO_POLICY } from '../../src/config/presets.ts';
import { DEFAULT_SESSION } from '../../src/config/session.ts';
import type { Dataset } from '../../src/datasets/types.ts';
import type { LoadedEncoder } from '../../src/encoders/load.ts';
import type { DemoImages } from '../../src/engine/demo-images.ts';
import { EncoderRoom } from '../../src/engine/encoders.ts';
import { PairingRoom } from '../../src/engine/pairing.ts';
import { DEMO_IMAGE, type Side, type TrainingSession } from '../../src/engine/protocol.ts';
import type { TrainerPlace } from '../../src/engine/trainer.ts';
import { REAL, SIM } from '../../src/world/domains.ts';
import { renderFrame } from '../../src/world/render.ts';
import { frameState } from '../../src/world/shards.ts';
import { demoShard } from './demo.ts';
import { builtinEncoder, settingsOf, type Change } from './engine.ts';

/** Where a trainer works: two datasets and encoders, nothing drawn unless told. */
export function placeOf(source: Dataset, target: Dataset, encoders: readonly LoadedEncoder[], images: DemoImages | null = null): TrainerPlace {
  const room = new EncoderRoom();
  for (const encoder of encoders) room.put(encoder);
  return { source, target, images, room, pairing: new PairingRoom(), options: {} };
}

/** The demo as the page has it, its frames drawn from their states. */
export async function demoPlace(): Promise<TrainerPlace> {
  const sides: Readonly<Record<Side, Dataset>> = { source: await demoShard('sim_pick'), target: await demoShard('real_pick') };
  const [, height, width] = DEMO_IMAGE.shape;
  const images: DemoImages = (side, row) => {
    const { features } = sides[side];
    return renderFrame(side === 'source' ? SIM : REAL, frameState(row, features.get('observation.state')!.values!, features.get('observation.environment_state')!.values!), width, height, row);
  };
  return placeOf(sides.source, sides.target, [await builtinEncoder(DEMO_ENCODER)], images);
}

export interface TrainChange extends Change {
  readonly policy?: Partial<PolicySettings>;
}

/** The demo's settings, by ground truth, which needs no pairing first, with some changed. */
export function trainSettings({ policy, ...change }: TrainChange = {}): TrainingSession {
  return { ...settingsOf({ features: DEFAULT_SESSION.features, ...change }), policy: { ...DEMO_POLICY, ...policy } };
}
