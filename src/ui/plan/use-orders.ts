import { useMemo } from 'react';
import { matrices, useRun } from '../../store/run.ts';
import { useView } from '../../store/view.ts';
import { displayOrders, type DisplayOrder } from './order.ts';

export interface Orders {
  readonly rows: DisplayOrder;
  readonly columns: DisplayOrder;
}

/** Display orders of both sides for the present costs; null before there are any. */
export function useOrders(): Orders | null {
  const order = useView((view) => view.order);
  const costVersion = useRun((run) => run.report?.costVersion);
  const paired = useRun((run) => run.report?.paired ?? false);
  return useMemo(() => {
    const { costs } = matrices;
    return costs && costVersion !== undefined ? displayOrders(costs.source, costs.target, paired, order) : null;
  }, [order, costVersion, paired]);
}
