import { parseArgs } from 'node:util';
import { cpuBench } from './cpu.ts';
import { gpuBench } from './gpu/run.ts';
import { machine } from './machine.ts';
import { startPot } from './pot.ts';
import { singles, sweepOf } from './problems.ts';
import { sweepCost } from './sweep-cost.ts';
import { print } from './table.ts';

/**
 * `npm run bench [-- options]`: the float64 solver against POT, then the WGSL kernels against POT and peers, and a slider
 * of the built page. Prints tables and writes bench/results/*.json.
 *
 *   --only cpu|gpu            one part
 *   --host chromium|node      where the kernels run: headless Chromium on its software adapter (default), or this process
 *                             on the machine's own adapter (no slider then)
 *   --task <kind>           of the GPU part one kind alone (sweep, batch, single, iterate, distances, step, step-mlp, step-cnn, half-steps); nothing is written then
 *   --large                   on a software adapter too: parity of the batch and of n = 1024, half-steps of n = 4096 (minutes)
 *   --bandwidth <GB/s>        the device's memory bandwidth, to put half-steps in proportion
 *   --repeats <n>             runs of each, in turn (default 7; what takes seconds is run less often)
 *   --name <file>             of the CPU part's result (default cpu-float64)
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      host: { type: 'string', default: 'chromium' },
      task: { type: 'string' },
      large: { type: 'boolean', default: false },
      bandwidth: { type: 'string' },
      repeats: { type: 'string', default: '7' },
      name: { type: 'string', default: 'cpu-float64' },
    },
  });
  const { only, host, large, name, task = null } = values;
  if (only !== undefined && only !== 'cpu' && only !== 'gpu') throw new Error(`--only is cpu or gpu, not ${only}.`);
  if (host !== 'chromium' && host !== 'node') throw new Error(`--host is chromium or node, not ${host}.`);
  const repeats = Number(values.repeats);
  const bandwidth = values.bandwidth === undefined ? null : Number(values.bandwidth);
  if (!(repeats >= 1) || (bandwidth !== null && !(bandwidth > 0))) throw new Error('--repeats and --bandwidth take a positive number.');

  const cost = await sweepCost();
  const sets = [sweepOf(cost), ...singles()];
  const pot = await startPot(sets);
  print(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, OMP_NUM_THREADS ${machine.OMP_NUM_THREADS}`);
  const peer = pot
    ? `POT ${pot.versions.version} (numpy ${pot.versions.numpy}, Python ${pot.versions.python}); before 0.9.5 its reference measure is 1, so it is given M − reg·log(abᵀ), formed outside its clock`
    : 'no python3 with POT here: its columns are empty';
  print(`${peer}\n`);
  try {
    if (only !== 'gpu') await cpuBench(sets, pot, peer, name, repeats);
    if (only !== 'cpu') await gpuBench({ host, cost, sets, pot, peer, repeats, large, task, bandwidth });
  } finally {
    await pot?.close();
  }
}

await main();
// Dawn's threads would keep the process.
process.exit();
