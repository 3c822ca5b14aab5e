import type { ReactElement } from 'react';
import { matrices, useRun } from '../../store/run.ts';
import { formatCount, formatFromLog, formatNumber } from '../../words/numbers.ts';
import { useWords } from '../parts/words.ts';
import { useOrders } from '../plan/use-orders.ts';
import { PlanPicture } from '../train/Film.tsx';
import { Computed, NoteTitle } from './Explanation.tsx';

/** The true plan, the one that POT returns where it breaks, and the uniform one, each with its mass and its loss. */
export function PotNote(): ReactElement | null {
  const t = useWords();
  const report = useRun((run) => run.report);
  const pot = useRun((run) => run.potPlan);
  const stale = useRun((run) => run.explainStale);
  useRun((run) => run.planVersion);
  const orders = useOrders();
  const { plan, costs } = matrices;
  if (!report || !plan || !costs || !orders) return null;
  const { n, m } = report;
  const fits = pot?.plan.length === n * m;
  const lossOf = (values: Float64Array): number => values.reduce((sum, value, k) => sum + value * costs.total[k]!, 0);
  const uniform = new Float64Array(n * m).fill(1 / (n * m));
  const columns = [
    { name: t('pot.true'), title: '', values: plan.plan, mass: formatFromLog(report.ot_pi_sum, report.logMass), used: false },
    ...(pot && fits ? [{ name: t('pot.returned'), title: '', values: pot.plan, mass: formatNumber(pot.mass), used: pot.finite }] : []),
    ...(pot && fits ? [{ name: t('pot.uniform'), title: t('pot.uniform-gloss'), values: uniform, mass: formatNumber(1), used: !pot.finite }] : []),
  ];
  return (
    <>
      <NoteTitle>{t('pot.title')}</NoteTitle>
      {pot === null && !stale ? <p>{t('pot.works', { work: formatCount(1e6) })}</p> : null}
      <Computed ready={pot !== null && fits}>
        {pot ? (
          <>
            <p>{t('pot.text', { at: formatCount(pot.brokeAt ?? 0) })}</p>
            <div className="plan-row">
              {columns.map(({ name, title, values, mass, used }) => (
                <figure key={name} title={title} data-pot={name}>
                  <PlanPicture frame={{ n, m, plan: values }} orders={orders} />
                  <figcaption>
                    {name}
                    <span className="muted">{t('pot.mass')}</span>
                    <b>{mass}</b>
                    <span className="muted">{t('pot.loss')}</span>
                    <b>{formatNumber(lossOf(values))}</b>
                    <small>{used ? t('pot.used') : ''}</small>
                  </figcaption>
                </figure>
              ))}
            </div>
            <p>{t(pot.finite ? 'pot.finite' : 'pot.not-finite')}</p>
          </>
        ) : null}
      </Computed>
    </>
  );
}
