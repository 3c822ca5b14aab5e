import type { ReactElement } from 'react';
import { compare, type Comparison } from '../../core/experiment/summary.ts';
import { useExperiment } from '../../store/experiment.ts';
import { useWords } from '../parts/words.ts';
import { useMethodName } from './method-name.ts';

const MEASURES = ['ood', 'id'] as const;

/** Method − reference, seed by seed: where the interval is clear of the zero line, the difference is more than chance. */
export function Differences({ methods, reference }: { methods: readonly string[]; reference: string }): ReactElement {
  const t = useWords();
  const name = useMethodName();
  const runs = useExperiment((state) => state.runs);
  const others = methods.filter((method) => method !== reference);
  const groups = MEASURES.map((measure) => ({ measure, rows: others.map((method) => compare(runs, method, reference, measure)) }));
  const ends = groups.flatMap(({ rows }) => rows.flatMap(({ mean, low, high }) => [mean, low, high])).filter(Number.isFinite);
  // In tenths, so that the axis stays where it is while runs come in.
  const reach = Math.max(0.2, ...ends.map((value) => Math.ceil(10 * Math.abs(value)) / 10));
  return (
    <section aria-label={t('experiment.against')}>
      <h3>
        <span title={t('experiment.against-gloss')}>{t('experiment.against')}</span>
        <select className="select" aria-label={t('experiment.reference')} value={reference} onChange={(event) => useExperiment.setState({ reference: event.target.value })}>
          {methods.map((method) => (
            <option key={method} value={method}>
              {name(method)}
            </option>
          ))}
        </select>
      </h3>
      {others.length === 0 ? (
        <p className="muted">{t('experiment.no-others')}</p>
      ) : (
        groups.map(({ measure, rows }) => (
          <div key={measure} className="differences" data-measure={measure}>
            <h4 title={t(`experiment.${measure}-gloss`)}>{t(`experiment.${measure}`)}</h4>
            {rows.map((row) => (
              <Row key={row.left} row={row} reach={reach} name={name(row.left)} />
            ))}
            <div className="axis" aria-hidden="true">
              <span>{signed(-reach, 1)}</span>
              <span>0</span>
              <span>{signed(reach, 1)}</span>
            </div>
          </div>
        ))
      )}
    </section>
  );
}

function Row({ row, reach, name }: { row: Comparison; reach: number; name: string }): ReactElement {
  const t = useWords();
  const { pairs, mean, low, high, above } = row;
  const text =
    pairs === 0 ? t('experiment.no-pairs')
    : pairs === 1 ? t('experiment.single', { mean: signed(mean) })
    : t('experiment.difference', { mean: signed(mean), low: signed(low), high: signed(high), above: String(above), pairs: String(pairs) });
  const x = (value: number): string => `${(50 + (50 * Math.max(-reach, Math.min(reach, value))) / reach).toFixed(2)}%`;
  return (
    <div className="difference" data-left={row.left}>
      <span className="name">{name}</span>
      <svg aria-hidden="true">
        <line className="zero" x1="50%" x2="50%" y1="0" y2="100%" />
        {pairs > 1 ? <line className="interval" x1={x(low)} x2={x(high)} y1="50%" y2="50%" /> : null}
        {pairs > 1 ? [low, high].map((end) => <line key={end} className="cap" x1={x(end)} x2={x(end)} y1="25%" y2="75%" />) : null}
        {pairs > 0 ? <circle className={pairs > 1 ? 'mean' : 'mean single'} cx={x(mean)} cy="50%" r="4" /> : null}
      </svg>
      <span className="number">{text}</span>
    </div>
  );
}

/** With its sign, a true minus; what is written as 0 has none. */
function signed(value: number, digits = 2): string {
  const size = Math.abs(value).toFixed(digits);
  return Number(size) === 0 ? size : `${value < 0 ? '−' : '+'}${size}`;
}
