/** Middle value of a list, or mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((p, q) => p - q);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Milliseconds, a ratio and a distance as the tables show them; a dash for what was not measured. */
export const ms = (value: number | null | undefined): string => (value === null || value === undefined ? '–' : value.toFixed(value < 10 ? 2 : 0));
export const ratio = (value: number | null | undefined): string => (value === null || value === undefined ? '–' : `${value.toFixed(2)}×`);
export const off = (value: number | null | undefined): string => (value === null || value === undefined ? '–' : value.toExponential(0));

export const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** Print lines of cells, the first column to the left, the others to the right. */
export function printTable(table: readonly (readonly string[])[]): void {
  const widths = table[0]!.map((_, column) => Math.max(...table.map((line) => line[column]!.length)));
  for (const line of table) print(line.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('  '));
}
