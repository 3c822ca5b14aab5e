import { nodeGpu } from '/work/main/scripts/node/gpu.ts';
import { openDevice } from '/work/main/src/gpu/device.ts';
import { GpuSolver } from '/work/main/src/gpu/solver.ts';
import { single } from '/work/main/bench/problems.ts';
const { device } = await openDevice(await nodeGpu());
const solver = new GpuSolver(device);
for (const n of [16, 64, 256, 1024]) {
  const p = single(n).problems[0]!;
  const t: number[] = [];
  for (let k = 0; k < 6; k++) { const s = performance.now(); await solver.solve(p, { mode: 'parity', settings: { maxIterations: 20, threshold: 0 } }); t.push(performance.now() - s); }
  const f: number[] = []; let it = 0;
  for (let k = 0; k < 4; k++) { const s = performance.now(); it = (await solver.solve(p, { mode: 'fast' })).iterations; f.push(performance.now() - s); }
  console.log(n, 'parity20', Math.min(...t.slice(1)).toFixed(1), 'fast', Math.min(...f.slice(1)).toFixed(1), it);
}
process.exit(0);
