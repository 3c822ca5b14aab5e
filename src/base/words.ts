/** Small helpers for sentences about data. Names inside files are untrusted: they are quoted and cut. */

/** A name from a file, quoted, cut to 80 characters, control characters replaced. */
export function quote(name: string): string {
  const clean = name.replaceAll(/\p{C}/gu, '·');
  return `“${clean.length > 80 ? `${clean.slice(0, 79)}…` : clean}”`;
}

/** Up to `shown` entries, then how many more there are: `a, b, c and 4 more`. */
export function list(entries: readonly string[], shown = 3): string {
  const head = entries.slice(0, shown).join(', ');
  const rest = entries.length - shown;
  return rest > 0 ? `${head} and ${rest} more` : head;
}

/** Whole number with thousands separators, the same on every machine. */
export function count(n: number): string {
  return n.toLocaleString('en-US');
}

/** `1 frame`, `2 frames`. */
export function plural(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? '' : 's'}`;
}

/** A size a person can compare: `160 KB`, `1.2 GB` (powers of 1,024). */
export function bytes(n: number): string {
  if (n < 1024) return plural(n, 'byte');
  const units = ['KB', 'MB', 'GB', 'TB'];
  let value = n / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value >= 100 ? Math.round(value) : Math.round(value * 10) / 10} ${units[unit]}`;
}
