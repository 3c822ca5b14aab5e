import { useRef, type ReactElement } from 'react';
import { useRun } from '../../store/run.ts';
import { useSession } from '../../store/session.ts';
import { formatFromLog, formatNumber } from '../../words/numbers.ts';
import { cureWords } from '../../words/warnings.ts';
import { useRem, useSize } from '../parts/hooks.ts';
import { useLive } from '../parts/live.ts';
import { useWords } from '../parts/words.ts';
import { Computed, Figures, NoteTitle } from './Explanation.tsx';

/** How dead, or how heavy, transport is beside behaviour cloning: the mass in decades, and both gradients. */
export function BalanceNote(): ReactElement | null {
  const t = useWords();
  const live = useLive();
  const report = useRun((run) => run.report);
  const balance = useRun((run) => run.gradientBalance);
  const playing = useRun((run) => run.training.playing);
  const { lambda } = useSession((state) => state.session.training);
  if (!report) return null;
  const warning = report.warnings.find(({ code }) => code === 'mass-collapse' || code === 'transport-dominates');
  const words = warning?.cure ? cureWords(warning.cure) : null;
  const dead = warning?.code === 'mass-collapse';
  const mass = formatFromLog(report.ot_pi_sum, report.logMass);
  return (
    <>
      <NoteTitle>{t(dead ? 'balance.dead' : 'balance.title')}</NoteTitle>
      <p>{t(dead ? 'balance.text-dead' : warning ? 'balance.text-heavy' : 'balance.text', { mass })}</p>
      {words && warning?.cure ? (
        <div className="actions">
          <button type="button" className="button outlined" onClick={() => void live.cure(warning.cure!)}>
            {t(words.key, words.values)}
          </button>
        </div>
      ) : null}
      <Figures
        rows={[
          ['π_sum', mass],
          [t('balance.loss'), formatFromLog((lambda * report.ot_loss) / report.sigma, report.logMass + Math.log((lambda * report.ot_loss) / (report.sigma * report.ot_pi_sum)))],
        ]}
      />
      {playing ? <p className="muted">{t('balance.playing')}</p> : null}
      <Computed ready={balance !== null}>
        {balance ? (
          <>
            <RatioGauge ratio={balance.transport / balance.bc} />
            <Figures
              rows={[
                [t('balance.transport'), formatNumber(balance.transport)],
                [t('balance.bc'), formatNumber(balance.bc)],
                [t('balance.ratio'), formatNumber(balance.transport / balance.bc)],
              ]}
            />
            <p className="muted">{t('balance.of', { step: String(balance.step), lambda: formatNumber(balance.lambda) })}</p>
            {balance.transport === 0 && balance.lambda > 0 ? <p>{t('balance.zero')}</p> : null}
          </>
        ) : null}
      </Computed>
    </>
  );
}

/** Decades of the ratio, and where transport is silent, heard, or dominates. */
const [LOW, SILENT, EVEN, HIGH] = [-8, -3, 0, 3];

function RatioGauge({ ratio }: { ratio: number }): ReactElement {
  const t = useWords();
  const box = useRef<HTMLDivElement>(null);
  const { width } = useSize(box);
  const rem = useRem() / 16;
  const side = 14 * rem;
  const power = Math.log10(ratio);
  const x = (value: number): number => side + Math.min(1, Math.max(0, (value - LOW) / (HIGH - LOW))) * (width - 2 * side);
  const zones = [
    { name: 'silent', from: LOW, to: SILENT, style: 'dead' },
    { name: 'heard', from: SILENT, to: EVEN, style: 'fine' },
    { name: 'dominates', from: EVEN, to: HIGH, style: 'watch' },
  ] as const;
  return (
    <div className="gauge" ref={box} role="img" aria-label={t('balance.describe', { power: formatNumber(power) })}>
      {width > 0 ? (
        <svg width={width} height={60 * rem} aria-hidden="true">
          {zones.map(({ name, from, to, style }) => (
            <g key={name} className={`zone ${style}${power >= from && power < to ? ' present' : ''}`}>
              <rect x={x(from)} y={12 * rem} width={x(to) - x(from)} height={12 * rem} />
              <text x={(x(from) + x(to)) / 2} y={38 * rem} textAnchor="middle">
                {t(`balance.${name}`)}
              </text>
            </g>
          ))}
          {[LOW, SILENT, EVEN, HIGH].map((edge, k) => (
            <text key={edge} x={x(edge)} y={54 * rem} textAnchor={k === 0 ? 'start' : k === 3 ? 'end' : 'middle'}>
              {edge === 0 ? '1' : `10${superscript(edge)}`}
            </text>
          ))}
          <g className="mark filled">
            <circle cx={x(power)} cy={18 * rem} r={5 * rem} />
          </g>
        </svg>
      ) : null}
    </div>
  );
}

const superscript = (power: number): string => `${power < 0 ? '⁻' : ''}${'⁰¹²³⁴⁵⁶⁷⁸⁹'[Math.abs(power)]!}`;
