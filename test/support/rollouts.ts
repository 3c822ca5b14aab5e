import { DEMO_ENCODER } from '../../src/config/presets.ts';
import { DEFAULT_SESSION } from '../../src/config/session.ts';
import { demoFrames, demoWorld } from '../../src/engine/demo-world.ts';
import { EncoderRoom } from '../../src/engine/encoders.ts';
import { PairingRoom } from '../../src/engine/pairing.ts';
import type { TrainingSession } from '../../src/engine/protocol.ts';
import { Trainer } from '../../src/engine/trainer.ts';
import type { LoadedEncoder } from '../../src/encoders/load.ts';
import { builtinEncoder } from './engine.ts';

/** What the page trains on the demo when nothing is changed. */
export const DEMO_SESSION: TrainingSession = DEFAULT_SESSION;

/** A trainer on the demo's world of a seed, paired by DTW where the session asks for that. */
export async function demoTrainer(worldSeed: number, session: TrainingSession, encoder?: LoadedEncoder): Promise<Trainer> {
  const world = demoWorld(worldSeed);
  const [room, pairing] = [new EncoderRoom(), new PairingRoom()];
  room.put(encoder ?? (await builtinEncoder(DEMO_ENCODER)));
  if (session.pairing.kind === 'dtw') await pairing.pair(session.pairing, world.source, world.target, () => undefined);
  return Trainer.create({ ...world, images: demoFrames(world), room, pairing, options: {} }, session);
}
