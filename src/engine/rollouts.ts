import { assert } from '../base/assert.ts';
import { UserError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { quote } from '../base/words.ts';
import type { BatchColumn } from '../core/cost/features.ts';
import { fitRidge, probeError } from '../core/training/ridge.ts';
import { recordDemo } from '../world/demos.ts';
import { REAL, SIM, type Domain } from '../world/domains.ts';
import { renderFrame } from '../world/render.ts';
import { attempts, attemptSeeds, type Attempt, type Policy, type Sight } from '../world/rollout.ts';
import { observe } from '../world/shards.ts';
import type { Region } from '../world/task.ts';
import { breathe } from './breathe.ts';
import { demoImages } from './demo-images.ts';
import { DEMO_IMAGE, type Side } from './protocol.ts';
import type { Trainer } from './trainer.ts';

/** Attempts of the demo's arm. */
export interface RolloutRequest {
  /** `real` is the target's. */
  readonly domain: Domain['kind'];
  /** `lower` is where the target's demonstrations are, `upper` where only the source's are. */
  readonly region: Region;
  readonly count: number;
  /** Of goals, starts and camera noise: another policy with the same seed meets the same attempts. */
  readonly seed: number;
}

export interface RolloutResult {
  readonly attempts: readonly Attempt[];
  /** Share of the attempts, in [0, 1]. */
  readonly success: number;
}

const DOMAINS: Readonly<Record<Domain['kind'], Domain>> = { sim: SIM, real: REAL };
const sideOf = (domain: Domain['kind']): Side => (domain === 'sim' ? 'source' : 'target');

/** The columns of the demo that the arm of a rollout gives too, by their keys. */
const ACTION = { key: 'action', width: 3 } as const;

/**
 * Let the trainer's present weights drive the arm, as `attempts` does: gives the attempts after each control step, for
 * whoever draws them or may end early. The trainer may go on learning in between, and then drives with what it learned.
 * @throws UserError `rollout-action` where what the policy learns is not the arm's action, `rollout-nan`; as `Trainer.act`
 */
export function rollOuts(trainer: Trainer, { domain, region, count, seed }: RolloutRequest): AsyncGenerator<readonly Attempt[], readonly Attempt[]> {
  const { key, width } = trainer.action;
  if (key !== ACTION.key || width !== ACTION.width) throw new UserError('rollout-action', `The policy learns ${quote(key)} (${width} values), and the demo’s arm is driven by ${quote(ACTION.key)} (vx, vy, gripper); choose that as the action under Train.`, { key });
  return attempts(trainedPolicy(trainer, sideOf(domain), seed), { domain: DOMAINS[domain], region, seeds: attemptSeeds(seed, count) });
}

/** The same to its end, in one go. @throws UserError as `rollOuts` */
export async function rollOut(trainer: Trainer, request: RolloutRequest): Promise<RolloutResult> {
  assert(request.count >= 1, 'a rollout has attempts');
  const run = rollOuts(trainer, request);
  for (;;) {
    const { done, value } = await run.next();
    if (done) return { attempts: value, success: value.filter(({ success }) => success).length / value.length };
  }
}

function trainedPolicy(trainer: Trainer, side: Side, seed: number): Policy {
  const random = new Random(seed);
  return async (sights) => {
    const actions = await trainer.act(side, columnsOf(side, sights), sights.length, random);
    const bad = actions.find((value) => !Number.isFinite(value));
    if (bad !== undefined) throw new UserError('rollout-nan', `The policy answers ${bad} to what the arm’s camera shows, which is no action; go back to an earlier step, or check the encoder’s weights.`);
    return sights.map((_, k) => ({ vx: actions[3 * k]!, vy: actions[3 * k + 1]!, grip: actions[3 * k + 2]! }));
  };
}

/** What is seen, under the keys that the demo's data have it under. */
function columnsOf(side: Side, sights: readonly Pick<Sight, 'frame' | 'state'>[]): ReadonlyMap<string, BatchColumn> {
  const camera = demoImages(side, sights.map((_, k) => k), (_, k) => sights[k]!.frame);
  assert(camera, 'every sight has a frame');
  const column = (width: number, values: number[]): BatchColumn => ({ shape: [width], values: Float64Array.from(values, Math.fround) });
  return new Map([
    [DEMO_IMAGE.key, camera],
    ['observation.state', column(5, sights.flatMap(({ state }) => observe(state)))],
    ['observation.environment_state', column(3, sights.flatMap(({ state: { obj, held } }) => [obj.x, obj.y, held ? 1 : 0]))],
  ]);
}

/** How well a linear map that was fitted on source frames finds the goal in target frames, in table units. */
export interface GoalProbe {
  /** Where the target has demonstrations. */
  readonly inDistribution: number;
  /** Where only the source has. */
  readonly outOfDistribution: number;
}

const PROBE = { source: 16, target: 10, phase: 0.45, penalty: 0.05 } as const;

/** Frames that are drawn and embedded before other messages are let in. */
const PROBE_ROWS = 64;

/**
 * Goal probe: ridge regression from the embeddings of 16 fresh source demonstrations to their goals, then its mean error
 * on 10 fresh target demonstrations of each region. Only frames of the approach count, where the disc is still at its goal.
 */
export async function goalProbe(trainer: Trainer, seed: number): Promise<GoalProbe> {
  const random = new Random(seed);
  const measured = async (domain: Domain['kind'], region: Region, count: number): Promise<{ z: Float32Array; goals: number[] }> => {
    const frames = Array.from({ length: count }, () => recordDemo(random, region, domain === 'real')).flatMap(({ goal, frames: all, phase }) => all.filter((_, k) => phase[k]! < PROBE.phase).map(({ state }) => ({ state, goal })));
    const parts: ArrayLike<number>[] = [];
    for (let start = 0; start < frames.length; start += PROBE_ROWS) {
      await breathe();
      const seen = frames.slice(start, start + PROBE_ROWS).map(({ state }) => ({ state, frame: renderFrame(DOMAINS[domain], state, DEMO_IMAGE.shape[2], DEMO_IMAGE.shape[1], random.uint32()) }));
      parts.push((await trainer.embedSeen(sideOf(domain), columnsOf(sideOf(domain), seen), seen.length)).values);
    }
    return { z: Float32Array.from(parts.flatMap((part) => Array.from(part))), goals: frames.flatMap(({ goal }) => [goal.x, goal.y]) };
  };
  const source = await measured('sim', 'table', PROBE.source);
  const probe = fitRidge(source.z, source.goals, source.goals.length / 2, PROBE.penalty);
  const [lower, upper] = [await measured('real', 'lower', PROBE.target), await measured('real', 'upper', PROBE.target)];
  return { inDistribution: probeError(probe, lower.z, lower.goals), outOfDistribution: probeError(probe, upper.z, upper.goals) };
}
