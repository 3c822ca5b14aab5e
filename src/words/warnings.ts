import type { Cure, Warning } from '../core/ot/warnings.ts';
import { formatCount, formatFromLog, formatNumber, formatPercent } from './numbers.ts';

/** Catalogue key and values of a warning's sentence. */
export function warningWords(warning: Warning): { key: `warn.${Warning['code']}`; values: Record<string, string> } {
  const values: Record<string, string> = { value: formatNumber(warning.value) };
  for (const [name, fact] of Object.entries(warning.facts)) values[name] = typeof fact === 'string' ? fact : name === 'iterations' || name === 'm' ? formatCount(fact) : formatNumber(fact);
  if (warning.code === 'mass-collapse' && typeof warning.facts.log10 === 'number') values.value = formatFromLog(warning.value, warning.facts.log10 * Math.LN10);
  if (warning.code === 'term-dominates') values.value = formatPercent(warning.value);
  if (warning.code === 'pot-breaks' || warning.code === 'cameras-unweighted' || warning.code === 'constant-dimensions') values.value = formatCount(warning.value);
  if (warning.code === 'window-diagonal' || warning.code === 'episode-diagonal') {
    values.value = formatCount(warning.value);
    // Where the frame rate is unknown there are no seconds to tell.
    values.seconds = typeof warning.facts.seconds === 'number' ? ` (${formatNumber(warning.facts.seconds)} s)` : '';
  }
  return { key: `warn.${warning.code}`, values };
}

/** Catalogue key and values of the button that acts on it. */
export function cureWords(cure: Cure): { key: `cure.${Cure['kind']}`; values: Record<string, string> } {
  switch (cure.kind) {
    case 'prior':
      return { key: 'cure.prior', values: { prior: cure.prior.kind === 'soft' ? `soft ${formatNumber(cure.prior.epsilon)}` : 'product' } };
    case 'mass':
      return { key: 'cure.mass', values: { mass: formatNumber(cure.mass) } };
    case 'reg':
      return { key: 'cure.reg', values: { reg: formatNumber(cure.reg) } };
    case 'mode':
      return { key: 'cure.mode', values: {} };
    case 'term-weight':
      return { key: 'cure.term-weight', values: { term: cure.term, factor: formatNumber(1 / cure.factor) } };
    case 'camera-weights':
      return { key: 'cure.camera-weights', values: { count: String(cure.count) } };
    case 'lambda':
      return { key: 'cure.lambda', values: { factor: formatCount(Math.round(1 / cure.factor)) } };
    case 'window':
      return { key: 'cure.window', values: { frames: String(cure.window) } };
  }
}
