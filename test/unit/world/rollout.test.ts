import { describe, expect, it } from 'vitest';
import { REAL, SIM, type Domain } from '../../../src/world/domains.ts';
import { attempts, ATTEMPT_STEPS, attemptSeeds, type Attempt, type Policy, type RolloutSettings } from '../../../src/world/rollout.ts';
import { expert, inRegion, type Region } from '../../../src/world/task.ts';

const EXPERT: Policy = (sights) => Promise.resolve(sights.map(({ state }) => expert(state)));
const STILL: Policy = (sights) => Promise.resolve(sights.map(() => ({ vx: 0, vy: 0, grip: 0 })));
/** Depends on the pixels, noise and all: whatever moves them moves the actions. */
const BY_PIXELS: Policy = (sights) => Promise.resolve(sights.map(({ frame }) => ({ vx: (frame[400]! - frame[2000]!) / 50, vy: (frame[900]! % 7) / 3 - 1, grip: frame[1600]! % 2 ? 1 : -1 })));

async function end(policy: Policy, settings: RolloutSettings): Promise<readonly Attempt[]> {
  const run = attempts(policy, settings);
  for (;;) {
    const { done, value } = await run.next();
    if (done) return value;
  }
}

const cells = ([SIM, REAL] as const).flatMap((domain) => (['lower', 'upper'] as const).map((region): [Domain['kind'], Region, Domain] => [domain.kind, region, domain]));

describe('attempts', () => {
  it.each(cells)('of the expert on the %s table, discs %s, end in the bin; a policy that keeps still never does', async (_, region, domain) => {
    const settings = { domain, region, seeds: attemptSeeds(5, 20) };
    const all = await end(EXPERT, settings);
    expect(all.every(({ goal }) => inRegion(goal, region))).toBe(true);
    expect(all.filter(({ success }) => success).length).toBeGreaterThanOrEqual(19);
    for (const { states, success } of all) {
      expect(states[0]).toMatchObject({ grip: 0, held: false, done: false });
      expect(states.at(-1)!.done).toBe(success);
      expect(states.slice(0, -1).some(({ done }) => done)).toBe(false);
    }
    const idle = await end(STILL, { ...settings, seeds: settings.seeds.slice(0, 10) });
    expect(idle.map(({ success, states }) => [success, states.length])).toEqual(Array.from({ length: 10 }, () => [false, ATTEMPT_STEPS + 1]));
  });

  it('are the same for the same seeds, others for others, and each the same alone as among others', async () => {
    const settings = { domain: REAL, region: 'upper', seeds: attemptSeeds(1, 5) } as const;
    const together = await end(BY_PIXELS, settings);
    expect(await end(BY_PIXELS, settings)).toEqual(together);
    for (const [k, seed] of settings.seeds.entries()) expect(await end(BY_PIXELS, { ...settings, seeds: [seed] })).toEqual([together[k]]);
    expect((await end(BY_PIXELS, { ...settings, seeds: attemptSeeds(2, 5) })).map(({ goal }) => goal)).not.toEqual(together.map(({ goal }) => goal));
    expect(attemptSeeds(1, 9).slice(0, 5)).toEqual(settings.seeds);
    // A test of policies that all stand still would pass too.
    expect(new Set(together.map(({ states }) => states.at(-1)!.ee.x)).size).toBe(5);
  });

  it('are told after every step, and ask only for those under way', async () => {
    const shown: number[] = [];
    const counting: Policy = (sights) => {
      shown.push(sights.length);
      return EXPERT(sights);
    };
    const run = attempts(counting, { domain: SIM, region: 'table', seeds: attemptSeeds(3, 8) });
    const lengths: number[] = [];
    let result = await run.next();
    for (; !result.done; result = await run.next()) lengths.push(Math.max(...result.value.map(({ states }) => states.length)));
    expect(lengths).toEqual(Array.from(lengths, (_, k) => k + 1));
    const steps = result.value.map(({ states }) => states.length - 1);
    expect(shown).toEqual(Array.from({ length: Math.max(...steps) }, (_, t) => steps.filter((length) => length > t).length));
    expect(Math.min(...shown)).toBeLessThan(8);
  });

  it('end early where nobody asks for more', async () => {
    const run = attempts(EXPERT, { domain: SIM, region: 'table', seeds: [1] });
    await run.next();
    await run.return([]);
    expect((await run.next()).done).toBe(true);
  });
});
