import { assert } from '../../../src/base/assert.ts';
import { DEMO_ENCODER, DEMO_POLICY } from '../../../src/config/presets.ts';
import { DEFAULT_SESSION } from '../../../src/config/session.ts';
import { reportError, type ErrorReport } from '../../../src/base/errors.ts';
import { Backend } from '../../../src/engine/backend.ts';
import { demoWorld } from '../../../src/engine/demo-world.ts';
import { EncoderRoom } from '../../../src/engine/encoders.ts';
import { PairingRoom } from '../../../src/engine/pairing.ts';
import { DEMO_IMAGE, type TrainingMetrics, type TrainingSession, type TrainingStatus } from '../../../src/engine/protocol.ts';
import { stateArrays } from '../../../src/engine/trainer-state.ts';
import type { TrainerPlace } from '../../../src/engine/trainer.ts';
import { TrainingRoom } from '../../../src/engine/training.ts';
import { REAL, SIM } from '../../../src/world/domains.ts';
import { renderFrame } from '../../../src/world/render.ts';
import { frameState } from '../../../src/world/shards.ts';
import { builtinEncoder, settingsOf } from '../../support/engine.ts';

/* Runs of the demo in the engine's room, on the host and on a device. */

interface Said extends Pick<TrainingStatus, 'runsOn' | 'kept'> {
  readonly metrics: readonly TrainingMetrics[];
}

export interface DemoRunAnswer {
  readonly host: Said;
  readonly device: Said;
  /** Arrays of the checkpoints after the last step, largest |device − host| over the largest |host|; and the saved encoder's. */
  readonly apart: readonly (readonly [name: string, value: number])[];
  readonly error: ErrorReport | null;
}

export interface LostRunAnswer {
  readonly stopped: TrainingStatus;
  /** After two more steps. */
  readonly after: TrainingStatus;
}

const backend = new Backend();
/** The run on the device, for `lostRun`. */
let held: { readonly room: TrainingRoom; readonly place: TrainerPlace } | null = null;

/** Small batches, by ground truth, which needs no pairing first. */
const sessionOf = (steps: number): TrainingSession => ({ ...settingsOf({ features: DEFAULT_SESSION.features, batch: { size: 64 }, training: { batchSize: 64 } }), policy: { ...DEMO_POLICY, steps } });

async function placeOf(): Promise<TrainerPlace> {
  const world = demoWorld(5);
  const [room, pairing] = [new EncoderRoom(), new PairingRoom()];
  room.put(await builtinEncoder(DEMO_ENCODER));
  const [, height, width] = DEMO_IMAGE.shape;
  const images: TrainerPlace['images'] = (side, row) => {
    const { features } = world[side];
    return renderFrame(side === 'source' ? SIM : REAL, frameState(row, features.get('observation.state')!.values!, features.get('observation.environment_state')!.values!), width, height, row);
  };
  return { ...world, images, room, pairing, options: {} };
}

/** Four steps on the host; on the device three, back to the second, and two. */
export async function demoRun(distances: (expected: ReadonlyMap<string, Float32Array>, actual: ReadonlyMap<string, Float32Array>) => [string, number][]): Promise<DemoRunAnswer> {
  await backend.choose('webgpu');
  const place = await placeOf();
  const session = sessionOf(4);
  const said = async (given: TrainerPlace, playing: (room: TrainingRoom, play: (steps: number) => Promise<TrainingStatus>) => Promise<TrainingStatus>): Promise<{ room: TrainingRoom; said: Said; status: TrainingStatus }> => {
    const [room, metrics] = [new TrainingRoom(), [] as TrainingMetrics[]];
    const status = await playing(room, (steps) => room.play(given, session, 1, steps, (told) => metrics.push(...told)));
    return { room, status, said: { metrics, runsOn: status.runsOn, kept: status.kept } };
  };
  const host = await said(place, (_, play) => play(4));
  const device = await said({ ...place, backend }, async (room, play) => {
    await play(3);
    await room.rewind(2);
    return play(2);
  });
  const arrays = async (room: TrainingRoom): Promise<ReadonlyMap<string, Float32Array>> => {
    const state = await room.checkpoint();
    const { bytes } = await room.exported('weights');
    return new Map([...stateArrays(state!).map((values, k) => [`array ${k}`, values] as const), ['bytes of the file', Float32Array.of(bytes.length)] as const]);
  };
  const apart = distances(await arrays(host.room), await arrays(device.room));
  host.room.reset();
  held = { room: device.room, place: { ...place, backend } };
  return { host: host.said, device: device.said, apart, error: host.status.error ?? device.status.error };
}

/** The run of `demoRun` goes on, and its device goes while it plays. */
export async function lostRun(): Promise<LostRunAnswer | { readonly error: ErrorReport }> {
  try {
    assert(held, 'a run on a device');
    const { room, place } = held;
    // Another choice gives the device up.
    const stopped = await room.play(place, sessionOf(400), 1, null, () => void backend.choose('cpu'));
    return { stopped, after: await room.play(place, sessionOf(400), 1, 2, () => undefined) };
  } catch (error) {
    return { error: reportError(error) };
  }
}
