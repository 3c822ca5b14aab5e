import { useMemo } from 'react';
import { matrices, useRun } from '../../store/run.ts';
import { useView } from '../../store/view.ts';
import { displayOrder, type DisplayOrder } from './order.ts';

/** Display orders of both sides for the present costs; null before there are any. */
export function useOrders(): { rows: DisplayOrder; columns: DisplayOrder } | null {
  const order = useView((view) => view.order);
  const costVersion = useRun((run) => run.report?.costVersion);
  return useMemo(() => {
    const { costs } = matrices;
    return costs && costVersion !== undefined ? { rows: displayOrder(costs.source, order), columns: displayOrder(costs.target, order) } : null;
  }, [order, costVersion]);
}
