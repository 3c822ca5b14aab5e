/**
 * Keys that stand twice in one object of a JSON text, each once, in order of their repetition: `JSON.parse` keeps the
 * last of them and says nothing.
 *
 * @param text must have passed `JSON.parse`: this only follows strings and brackets
 */
export function repeatedKeys(text: string): string[] {
  const repeated = new Set<string>();
  /** The keys seen in each object that is open; null for an array. */
  const open: (Set<string> | null)[] = [];
  let start = -1;
  for (let k = 0; k < text.length; k++) {
    switch (text.charCodeAt(k)) {
      case 0x22: {
        start = k;
        for (k++; text.charCodeAt(k) !== 0x22; k++) if (text.charCodeAt(k) === 0x5c) k++;
        break;
      }
      case 0x3a: {
        // A colon outside a string follows a key.
        const quoted = text.slice(start, text.lastIndexOf('"', k) + 1);
        const key = quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);
        const seen = open.at(-1);
        if (seen?.has(key)) repeated.add(key);
        seen?.add(key);
        break;
      }
      case 0x7b:
        open.push(new Set());
        break;
      case 0x5b:
        open.push(null);
        break;
      case 0x7d:
      case 0x5d:
        open.pop();
        break;
      default:
    }
  }
  return [...repeated];
}
