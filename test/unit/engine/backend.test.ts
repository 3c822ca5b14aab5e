import { afterEach, describe, expect, it, vi } from 'vitest';
import { solve } from '../../../src/core/ot/solve.ts';
import { Backend } from '../../../src/engine/backend.ts';
import { makeProblem } from '../../support/ot.ts';

/* A machine without an adapter, as a browser shows it: no `navigator.gpu` at all, or one that finds nothing. */

const NO_ADAPTER = 'This browser offers no WebGPU adapter. The CPU solver does the same work.';

/** `navigator.gpu` of a browser whose machine has no adapter, counting how often it is asked for one. */
function noAdapter(): { readonly asked: () => number } {
  let asked = 0;
  const requestAdapter = (): Promise<null> => {
    asked++;
    return Promise.resolve(null);
  };
  vi.stubGlobal('navigator', { gpu: { requestAdapter } });
  return { asked: () => asked };
}

const problem = makeProblem(6, 5);
const options = { mode: 'fast' } as const;
const truth = solve(problem, options);

afterEach(() => vi.unstubAllGlobals());

describe('without an adapter', () => {
  it.each([
    ['navigator.gpu that finds none', () => void noAdapter()],
    ['no navigator.gpu', () => void vi.stubGlobal('navigator', {})],
  ])('%s: who asked for WebGPU is told why, and the CPU solves', async (_, arrange) => {
    arrange();
    const backend = new Backend();
    expect(await backend.choose('webgpu')).toEqual({ kind: 'cpu', adapter: null, reason: NO_ADAPTER });
    expect(await backend.solve(problem, options)).toEqual({ solution: truth, handedOver: null });
    expect(await backend.solver()).toBeNull();
    expect(await backend.solveSweep([problem])).toBeNull();
  });

  it('`auto` takes the CPU without a word, and the CPU solves', async () => {
    noAdapter();
    const backend = new Backend();
    expect(await backend.choose('auto')).toEqual({ kind: 'cpu', adapter: null, reason: null });
    expect(await backend.solve(problem, options)).toEqual({ solution: truth, handedOver: null });
  });

  it.each(['auto', 'webgpu'] as const)('`%s` asks once when it is chosen, and never again at a solve', async (choice) => {
    const { asked } = noAdapter();
    const backend = new Backend();
    await backend.choose(choice);
    expect(asked()).toBe(1);
    for (let tick = 0; tick < 3; tick++) {
      await backend.solve(problem, options);
      await backend.solver();
      await backend.solveSweep([problem]);
    }
    expect(asked()).toBe(1);
    // Choosing anew is somebody's wish, and asks.
    await backend.choose(choice);
    expect(asked()).toBe(2);
  });

  it('`cpu` asks for none', async () => {
    const { asked } = noAdapter();
    const backend = new Backend();
    expect(await backend.choose('cpu')).toEqual({ kind: 'cpu', adapter: null, reason: null });
    await backend.solve(problem, options);
    expect(asked()).toBe(0);
  });

  it('Verify needs one, and says so by its code', async () => {
    noAdapter();
    const backend = new Backend();
    await backend.choose('auto');
    await expect(backend.verify(problem, options)).rejects.toMatchObject({ code: 'no-adapter', message: NO_ADAPTER });
  });
});
