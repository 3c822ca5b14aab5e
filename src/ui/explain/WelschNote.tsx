import type { ReactElement } from 'react';
import { DEAD_PULL, welschLoss, welschPull } from '../../core/ot/identities.ts';
import { matrices, useRun } from '../../store/run.ts';
import { useSession } from '../../store/session.ts';
import { formatNumber } from '../../words/numbers.ts';
import { LinePlot } from '../charts/LinePlot.tsx';
import { useWords } from '../parts/words.ts';
import { isMasked } from '../plan/masked.ts';
import { Figures, NoteTitle } from './Explanation.tsx';

/** Points of the curve. */
const POINTS = 120;

/** S(1 − e^(−M/S)) with the batch's own pairs on it, and where its derivative is dead. */
export function WelschNote(): ReactElement | null {
  const t = useWords();
  const report = useRun((run) => run.report);
  useRun((run) => run.planVersion);
  const prior = useSession((state) => state.session.solve.prior);
  const { costs } = matrices;
  if (!report || !costs) return null;
  const { total } = report.objective;
  const masked = isMasked(report);
  const { n, m, sigma } = report;
  const pairs = Array.from({ length: Math.min(n, m) }, (_, i) => costs.total[i * m + i]! / sigma);
  const pulls = pairs.map((cost) => welschPull(cost, total)).toSorted((p, q) => p - q);
  const dead = pulls.filter((pull) => pull < DEAD_PULL).length;
  const edge = -total * Math.log(DEAD_PULL);
  const high = total === Infinity ? Math.max(1e-12, ...pairs) : Math.max(1.3 * edge, ...pairs);
  const curve = (of: (cost: number) => number): { x: number; y: number }[] => {
    // The corner lies near 0 where costs are far beyond S.
    const bend = total === Infinity ? [] : Array.from({ length: POINTS }, (_, k) => (edge * k) / POINTS);
    return [...bend, ...Array.from({ length: POINTS + 1 }, (_, k) => (high * k) / POINTS)].toSorted((p, q) => p - q).map((x) => ({ x, y: of(x) }));
  };
  const top = total === Infinity ? high : 1.15 * total;
  return (
    <>
      <NoteTitle>{t('welsch.title')}</NoteTitle>
      <p>{total === Infinity ? t('welsch.text-hard') : t('welsch.text', { total: formatNumber(total) })}</p>
      {masked ? null : <p className="muted">{t('welsch.other', { prior: t(`prior.${prior}`) })}</p>}
      <LinePlot
        describe={t('welsch.describe')}
        x={{ low: 0, high, ticks: [0, high].map((value) => ({ value, label: formatNumber(value, 2) })), title: t('welsch.axis') }}
        y={{ low: 0, high: top, ticks: (total === Infinity ? [0] : [0, total]).map((value) => ({ value, label: formatNumber(value, 2) })), title: '' }}
        lines={[
          { name: t('welsch.loss'), style: 'ink', points: curve((cost) => welschLoss(cost, total)) },
          { name: t('welsch.plain'), style: 'dash', points: curve((cost) => cost) },
        ]}
        {...(total === Infinity ? {} : { zone: { x: [edge, high] as const, label: t('welsch.dead', { dead: String(dead), count: String(pairs.length) }) } })}
        rug={pairs}
      />
      <p className="muted">{t('welsch.ticks')}</p>
      <Figures
        rows={[
          [t('welsch.mean'), formatNumber(pairs.reduce((sum, cost) => sum + welschLoss(cost, total), 0) / pairs.length, 5)],
          ...(masked && n === m && total < Infinity ? ([[t('welsch.objective'), formatNumber(total * (1 - report.ot_pi_sum), 5)]] as const) : []),
          [t('welsch.pull'), formatNumber(pulls[pulls.length >> 1])],
          [t('welsch.dead-pairs'), `${dead} / ${pairs.length}`],
        ]}
      />
    </>
  );
}
