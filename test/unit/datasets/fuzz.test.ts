import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runFuzz } from './fuzz.ts';

const mutants = 150;

describe.each([
  { kind: 'parquet', reasons: 9, harmless: 1 / 10 },
  { kind: 'hdf5', reasons: 6, harmless: 1 / 10 },
  // Checksums catch nearly everything.
  { kind: 'npz', reasons: 6, harmless: 1 / 50 },
] as const)('a damaged $kind file', ({ kind, reasons, harmless }) => {
  it(`either loads or is refused with a sentence: ${mutants} seeded mutants in one child under a watchdog`, async () => {
    const outcomes = await runFuzz(fileURLToPath(new URL('fuzz.child.ts', import.meta.url)), mutants, 20_000, kind);
    for (const [seed, { code, message }] of outcomes) {
      expect(code, `mutant ${seed}: ${message}`).not.toMatch(/^(internal|hung|crashed)$/);
      if (code !== 'loaded') expect(message, `mutant ${seed}`).toMatch(/^[^\n]+\.$/);
    }
    expect(outcomes.size).toBe(mutants);
    // The mutations are neither all harmless nor all caught by the first check.
    const loaded = [...outcomes.values()].filter(({ code }) => code === 'loaded').length;
    expect(loaded).toBeGreaterThan(mutants * harmless);
    expect(loaded).toBeLessThan(0.9 * mutants);
    expect(new Set([...outcomes.values()].map(({ message }) => message.replaceAll(/“[^”]*”|[\d,.]+/g, '#'))).size).toBeGreaterThanOrEqual(reasons);
  });
});
