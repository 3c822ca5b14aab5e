import { it } from 'vitest';
import { demoShard } from '../support/demo.ts';
import { Engine } from '../support/engine.ts';
it('probe', async () => {
  const e = await Engine.holding(await demoShard('sim_pick'), await demoShard('real_pick'));
  await e.solve({});
  for (let k = 0; k < 8; k++) { const { report } = await e.solve({ solve: { reg: 0.01 * 1.02 ** k } }); console.log('TICK', report.tickMs.toFixed(1), report.solveMs.toFixed(1), report.iterations); }
  for (let k = 0; k < 4; k++) { const { report } = await e.solve({ solve: { reg: 0.02 * 1.02 ** k } }); console.log('TICK', report.tickMs.toFixed(1), report.solveMs.toFixed(1), report.iterations); }
}, 60000);
