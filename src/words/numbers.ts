/**
 * Numbers as the page writes them: three significant digits, a true minus, exponents below 10⁻³ and from 10⁵,
 * "∞" for an infinite τ and "–" for what is not there.
 */
export function formatNumber(value: number | null | undefined, digits = 3): string {
  if (value === Infinity) return '∞';
  if (value === -Infinity) return '−∞';
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 9.995e-4 || size >= 99950) return exponential(value);
  return (size >= 100 ? value.toFixed(0) : value.toPrecision(digits)).replace('-', '−');
}

function exponential(value: number): string {
  const [mantissa, exponent] = value.toExponential(1).split('e');
  return `${mantissa}e${Number(exponent)}`.replaceAll('-', '−');
}

/** A number that may lie below what a double holds, from its natural logarithm: "1e−512". */
export function formatFromLog(value: number, logValue: number): string {
  if (value >= 1e-300 || logValue === -Infinity) return formatNumber(value);
  return `1e${Math.round(logValue / Math.LN10)}`.replace('-', '−');
}

/** A share as a percentage with one decimal. */
export function formatPercent(share: number | null | undefined): string {
  return share === null || share === undefined || !Number.isFinite(share) ? '–' : `${(100 * share).toFixed(1).replace('-', '−')} %`;
}

/** A count with thin gaps between thousands. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+(?!\d))/g, '\u2009');
}

/** What a person typed for a number: "1e-3", "0,01", "inf", "∞", with either minus. NaN when it is none. */
export function parseNumber(text: string): number {
  const plain = text.trim().toLowerCase().replaceAll('−', '-').replace(',', '.');
  // "1,000" may mean a thousand or one: nobody should be guessed at.
  if (/^[-+]?[1-9]\d{0,2}(,\d{3})+$/.test(text.trim())) return Number.NaN;
  if (plain === '∞' || plain === 'inf' || plain === 'infinity') return Infinity;
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/.test(plain) ? Number(plain) : Number.NaN;
}
