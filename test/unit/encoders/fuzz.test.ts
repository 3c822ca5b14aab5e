import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runFuzz } from '../datasets/fuzz.ts';

const mutants = 200;

describe('a damaged ONNX file', () => {
  it(`either runs or is refused with a sentence: ${mutants} seeded mutants in one child under a watchdog`, async () => {
    const outcomes = await runFuzz(fileURLToPath(new URL('fuzz.child.ts', import.meta.url)), mutants, 20_000);
    expect(outcomes.size).toBe(mutants);
    for (const [seed, { code, message }] of outcomes) {
      expect(code, `mutant ${seed}: ${message}`).not.toMatch(/^(internal|hung|crashed)$/);
      if (code !== 'loaded') expect(message, `mutant ${seed}`).toMatch(/^[^\n]+\.$/);
    }
    // The mutations are neither all harmless nor all caught by the first check.
    const codes = new Map<string, number>();
    for (const { code } of outcomes.values()) codes.set(code, (codes.get(code) ?? 0) + 1);
    expect(codes.get('loaded')).toBeGreaterThan(mutants / 20);
    expect(codes.size).toBeGreaterThan(4);
  });
});
