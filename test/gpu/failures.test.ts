import { expect, test } from 'vitest';
import { UserError } from '../../src/base/errors.ts';
import { Buffers, readBack } from '../../src/gpu/buffers.ts';
import { openDevice } from '../../src/gpu/device.ts';
import { guarded } from '../../src/gpu/errors.ts';
import { checkMemory } from '../../src/gpu/large.ts';
import { bindGroup, Pipelines } from '../../src/gpu/pipelines.ts';
import { GpuSolver } from '../../src/gpu/solver.ts';
import { solve } from '../../src/core/ot/solve.ts';
import { evaluateOutcome } from '../../src/gpu/handover.ts';
import { nodeGpu } from '../../scripts/node/gpu.ts';
import { makeProblem, relativeDistance } from '../support/ot.ts';
import { describeOnGpu } from './device.ts';

/* What WebGPU keeps silent about must come out as a sentence, never as zeros. */

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (thrown) {
    if (thrown instanceof UserError) return thrown.code;
    throw thrown;
  }
  return 'no error';
}

test('no adapter', async () => {
  expect(await codeOf(openDevice(undefined))).toBe('no-adapter');
});

describeOnGpu('failures of the GPU', ({ device, adapterName, isFallback }) => {
  const solver = new GpuSolver(device);

  test('the adapter says what it is', () => {
    expect(adapterName).not.toBe('');
    if (/swiftshader/i.test(adapterName)) expect(isFallback).toBe(true);
  });

  test('a buffer beyond the limits', async () => {
    const buffers = new Buffers(device);
    expect(await codeOf(guarded(device, 'too large a buffer', () => buffers.storage(device.limits.maxBufferSize * 4)))).toMatch(/^gpu-(memory|invalid)$/);
    buffers.destroy();
  });

  test('a bind group that does not fit', async () => {
    const pipeline = await new Pipelines(device).get(['cdist']);
    const buffers = new Buffers(device);
    expect(await codeOf(guarded(device, 'a wrong bind group', () => bindGroup(device, pipeline, [buffers.storage(16)])))).toBe('gpu-invalid');
    buffers.destroy();
  });

  test('overlapping computations are blamed on the right one', async () => {
    // Beyond one workgroup: those kernels a software adapter compiles in a fraction of the time.
    const problem = makeProblem(70, 8);
    const buffers = new Buffers(device);
    const [first, wrong, second] = await Promise.all([
      codeOf(solver.solve(problem, { mode: 'fast' })),
      codeOf(guarded(device, 'too large a buffer', () => buffers.storage(device.limits.maxBufferSize * 4))),
      codeOf(solver.solve(problem, { mode: 'parity' })),
    ]);
    buffers.destroy();
    expect([first, second]).toEqual(['no error', 'no error']);
    expect(wrong).toMatch(/^gpu-(memory|invalid)$/);
  });

  test('problems that are none, or too large', async () => {
    expect(await codeOf(solver.solve(makeProblem(4097, 1), { mode: 'fast' }))).toBe('bad-problem');
    expect(await codeOf(solver.solve({ ...makeProblem(4, 4), reg: 0 }, { mode: 'fast' }))).toBe('bad-problem');
    expect(await codeOf(solver.solve(makeProblem(70, 4, { tau1: Infinity, tau2: Infinity, a: new Float64Array(70).fill(1) }), { mode: 'fast' }))).toBe('infeasible');
  });

  test('an adapter with the smallest limits solves without the workgroup kernels, and names what does not fit', async () => {
    const adapter = await (await nodeGpu()).requestAdapter();
    const minimal = await adapter!.requestDevice();
    expect(minimal.limits.maxComputeWorkgroupStorageSize).toBe(16384);
    const least = new GpuSolver(minimal);
    const problem = makeProblem(30, 20);
    for (const mode of ['parity', 'fast'] as const) {
      const outcome = await least.solve(problem, { mode });
      expect(relativeDistance(evaluateOutcome(problem, outcome, { mode }).plan, solve(problem, { mode }).plan)).toBeLessThanOrEqual(2e-5);
    }
    expect(() => checkMemory(minimal, { n: 8192, m: 8192 })).toThrow(/8192 × 8192 plan takes 256 MiB/);
    minimal.destroy();
  });

  test('a lost device: the promise, running work and later work all say so', async () => {
    const other = await openDevice(await nodeGpu());
    const others = new GpuSolver(other.device);
    const running = codeOf(others.solve(makeProblem(64, 64, { reg: 0.003 }), { mode: 'parity' }));
    other.device.destroy();
    expect(await running).toBe('gpu-lost');
    expect((await other.lost).code).toBe('gpu-lost');
    expect(await codeOf(others.solve(makeProblem(8, 8), { mode: 'fast' }))).toBe('gpu-lost');
    const buffers = new Buffers(other.device);
    expect(await codeOf(guarded(other.device, 'work', () => buffers.storage(16)).then((buffer) => readBack(other.device, [{ buffer, bytes: 16 }])))).toBe('gpu-lost');
  });
});
