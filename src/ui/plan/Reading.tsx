import type { ReactElement } from 'react';
import { matrices, useRun } from '../../store/run.ts';
import { useView } from '../../store/view.ts';
import { formatNumber, formatPercent } from '../../words/numbers.ts';
import { useWords } from '../parts/words.ts';
import { useMapCursor } from './use-map.ts';
import { useOrders } from './use-orders.ts';

/** The cell under the cursor in one line, where the inspector is out of sight. */
export function Reading(): ReactElement {
  const t = useWords();
  const { i, j } = useView((view) => view.cursor);
  const { shown } = useMapCursor(useOrders());
  useRun((run) => run.planVersion);
  const { plan, costs } = matrices;
  if (!plan || !costs) return <div className="reading" />;
  const m = plan.columnMass.length;
  const value = plan.plan[i * m + j];
  return (
    <div className="reading" aria-live="polite">
      <b>{t('inspect.cell', { i: String(shown.row), j: String(shown.column) })}</b> · π {formatNumber(value)} · M {formatNumber(costs.total[i * m + j])} · {t('inspect.of-row', { share: formatPercent((value ?? 0) / plan.rowMass[i]!) })}
    </div>
  );
}
