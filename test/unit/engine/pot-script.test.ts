import { parse } from 'npyjs';
import { expect, it } from 'vitest';
import type { PotSnippet } from '../../../src/config/pot-snippet.ts';
import { demoShard } from '../../support/demo.ts';
import { Engine, expectType, settingsOf, worstDifference, type Change } from '../../support/engine.ts';

const engine = Engine.holding(await demoShard('sim_pick'), await demoShard('real_pick'));
const scriptOf = async (change: Change = {}): Promise<PotSnippet> => expectType('pot-script', await (await engine).request('pot-script', { settings: settingsOf(change) })).script;
const array = ({ files }: PotSnippet, name: string): { data: Float64Array; shape: number[] } => parse(files.get(name)!.buffer) as unknown as { data: Float64Array; shape: number[] };

it.each(['fast', 'parity'] as const)('the files hold the problem and the plan that the page shows (%s)', async (mode) => {
  const change = { solve: { mode } };
  const script = await scriptOf(change);
  const { report, matrices } = await (await engine).solve(change);
  expect([...script.files.keys()]).toEqual(['reproduce.py', 'M.npy', 'a.npy', 'b.npy', 'c.npy', 'plan.npy']);
  expect(array(script, 'plan.npy').shape).toEqual([report.n, report.m]);
  expect(worstDifference(matrices.plan, array(script, 'plan.npy').data)).toBeLessThan(1e-6);
  expect(worstDifference(Float64Array.from(matrices.costs!.total), array(script, 'M.npy').data)).toBeLessThan(1e-6);
  expect(script.difference).toBeGreaterThan(0);
  expect(script.difference).toBeLessThan(1);
  expect(script.notes.join(' ')).toMatch(mode === 'parity' ? /POT's own scheme/ : /The plan is the optimum/);
  expect(new TextDecoder().decode(script.files.get('reproduce.py'))).toContain('plan.npy');
});

it('a cost that was divided before the solve is the divided one, and that is said', async () => {
  const { report } = await (await engine).solve({ solve: { normalisation: 'max' } });
  const script = await scriptOf({ solve: { normalisation: 'max' } });
  expect(Math.max(...array(script, 'M.npy').data)).toBeCloseTo(1, 12);
  expect(script.notes.at(-1)).toBe(`M.npy is M divided by ${Number(report.sigma.toPrecision(6))}, as it is solved.`);
});

it('settings that cannot be solved are refused as a solve refuses them, and the engine goes on', async () => {
  const change = { features: [{ ...settingsOf({}).features[1]!, src_key: 'observation.nothing' }] };
  const failed = expectType('failed', await (await engine).request('pot-script', { settings: settingsOf(change) }));
  expect(failed.error.code).toBe((await (await engine).failure(change)).code);
  expect((await (await engine).solve()).report.converged).toBe(true);
});
