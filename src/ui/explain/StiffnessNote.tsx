import { useRef, type ReactElement } from 'react';
import { NEAREST_ZONES, nearestZone } from '../../core/ot/identities.ts';
import { useRun } from '../../store/run.ts';
import { formatFromLog, formatNumber } from '../../words/numbers.ts';
import { useRem, useSize } from '../parts/hooks.ts';
import { useWords } from '../parts/words.ts';
import { isMasked } from '../plan/masked.ts';
import { Figures, NoteTitle } from './Explanation.tsx';

/** q as the bound that it is, beside q̃ on its gauge. */
export function StiffnessNote(): ReactElement | null {
  const t = useWords();
  const report = useRun((run) => run.report);
  if (!report) return null;
  const { q, qNearest } = report.regime;
  const bound = report.logMassBound;
  const { total } = report.objective;
  const masked = isMasked(report);
  return (
    <>
      <NoteTitle>{t('stiffness.title')}</NoteTitle>
      <p>{t('stiffness.text')}</p>
      {masked ? <p>{t('stiffness.text-diagonal')}</p> : null}
      <Gauge q={q} nearest={qNearest} />
      <p>
        {bound === null
          ? t(total === Infinity ? 'stiffness.no-bound' : 'stiffness.no-bound-prior')
          : t('stiffness.bound', { bound: formatFromLog(Math.exp(bound), bound), mass: formatFromLog(report.ot_pi_sum, report.logMass), factor: formatFromLog(Math.exp(report.logMass - bound), report.logMass - bound) })}
      </p>
      <Figures
        rows={[
          ['q̃', formatNumber(qNearest)],
          ['q', formatNumber(q)],
          [t(masked ? 'stiffness.mean-diagonal' : 'stiffness.mean'), total === Infinity ? formatNumber(masked ? null : report.statistics.mean / report.sigma) : formatNumber(q * total)],
          ['S = reg + τ₁ + τ₂', formatNumber(total)],
        ]}
      />
    </>
  );
}

const [LOW, HIGH] = [0.01, 100];

/** A log axis with three zones, each with its word and its ground; q̃ is the filled mark, q the hollow one. */
function Gauge({ q, nearest }: { q: number; nearest: number }): ReactElement {
  const t = useWords();
  const box = useRef<HTMLDivElement>(null);
  const { width } = useSize(box);
  const rem = useRem() / 16;
  const side = 14 * rem;
  const x = (value: number): number => side + Math.min(1, Math.max(0, Math.log(value / LOW) / Math.log(HIGH / LOW))) * (width - 2 * side);
  const edges = [LOW, NEAREST_ZONES.watch, NEAREST_ZONES.dead, HIGH];
  const zones = (['fine', 'watch', 'dead'] as const).map((name, k) => ({ name, from: x(edges[k]!), to: x(edges[k + 1]!) }));
  const zone = nearestZone({ qNearest: nearest });
  const marks = [
    { name: 'q̃', value: nearest, y: 30 * rem, filled: true },
    { name: 'q', value: q, y: 30 * rem, filled: false },
  ];
  return (
    <div className="gauge" ref={box} role="img" aria-label={t('stiffness.describe', { nearest: formatNumber(nearest), zone: t(`stiffness.${zone}`), q: formatNumber(q) })} data-zone={zone}>
      {width > 0 ? (
        <svg width={width} height={72 * rem} aria-hidden="true">
          {zones.map(({ name, from, to }) => (
            <g key={name} className={`zone ${name}${name === zone ? ' present' : ''}`}>
              <rect x={from} y={24 * rem} width={to - from} height={12 * rem} />
              <text x={(from + to) / 2} y={50 * rem} textAnchor="middle">
                {t(`stiffness.${name}`)}
              </text>
            </g>
          ))}
          {edges.map((edge, k) => (
            <text key={edge} x={x(edge)} y={66 * rem} textAnchor={k === 0 ? 'start' : k === 3 ? 'end' : 'middle'}>
              {edge}
            </text>
          ))}
          {marks.map(({ name, value, y, filled }) => (
            <g key={name} className={filled ? 'mark filled' : 'mark'}>
              <circle cx={x(value)} cy={y} r={5 * rem} />
              <text x={x(value)} y={16 * rem} textAnchor="middle">
                {name}
              </text>
            </g>
          ))}
        </svg>
      ) : null}
    </div>
  );
}
