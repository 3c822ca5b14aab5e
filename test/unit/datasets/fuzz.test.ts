import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runFuzz } from './fuzz.ts';

const mutants = 150;

describe('a damaged parquet file', () => {
  it(`either loads or is refused with a sentence: ${mutants} seeded mutants in one child under a watchdog`, async () => {
    const outcomes = await runFuzz(fileURLToPath(new URL('fuzz.child.ts', import.meta.url)), mutants, 20_000);
    expect(outcomes.size).toBe(mutants);
    for (const [seed, { code, message }] of outcomes) {
      expect(code, `mutant ${seed}: ${message}`).not.toMatch(/^(internal|hung|crashed)$/);
      if (code !== 'loaded') expect(message, `mutant ${seed}`).toMatch(/^[^\n]+\.$/);
    }
    // The mutations are neither all harmless nor all caught by the first check.
    const loaded = [...outcomes.values()].filter(({ code }) => code === 'loaded').length;
    expect(loaded).toBeGreaterThan(mutants / 10);
    expect(new Set([...outcomes.values()].map(({ message }) => message.replaceAll(/“[^”]*”|[\d,]+/g, '#'))).size).toBeGreaterThan(8);
  });
});
