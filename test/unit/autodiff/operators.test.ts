import { describe, expect, it } from 'vitest';
import { check } from './check.ts';
import { assorted, nets } from './nets.ts';

/* Every operator of a file: the same values as the file itself, and gradients as finite differences in float64 give them. */

describe('gradients of operators', () => {
  it.each(Object.entries({ ...nets, assorted }))('%s', async (_, net) => {
    const { output, gradient, parameters } = await check(net);
    expect(parameters).toEqual([...Object.keys(net.weights ?? {}).filter((name) => parameters.includes(name)), 'x']);
    // A weight that only a comparison reads has no gradient.
    expect(parameters.length).toBeGreaterThanOrEqual(1 + Object.keys(net.weights ?? {}).length - (net.nodes.some(({ opType }) => opType === 'Greater') ? 1 : 0));
    expect(output).toBeLessThan(2e-6);
    // Normalisation over four pixels magnifies the rounding of what lies before it.
    expect(gradient).toBeLessThan(net === assorted ? 1e-4 : 1e-5);
  });
});
