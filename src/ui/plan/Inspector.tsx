import { useDeferredValue, useState, type ReactElement } from 'react';
import type { BatchSideInfo, CostMatrices, Side, SolveMatrices } from '../../engine/protocol.ts';
import { matrices, useRun } from '../../store/run.ts';
import { useView } from '../../store/view.ts';
import { formatNumber, formatPercent } from '../../words/numbers.ts';
import { useWords } from '../parts/words.ts';
import { Frame } from './Frame.tsx';
import { useOrders, type Orders } from './use-orders.ts';

const BEST = 4;
/** Longer state tables would push the costs out of sight; the rest is a click away. */
const FEW_VALUES = 6;

/** The two samples under the cursor, side by side, numbered as the plan's axes number them: frames, values, costs, and where the row's mass goes. */
export function Inspector(): ReactElement | null {
  const t = useWords();
  const cursor = useDeferredValue(useView((view) => view.cursor));
  useRun((run) => run.planVersion);
  const report = useRun((run) => run.report);
  const datasets = useRun((run) => run.datasets);
  const orders = useOrders();
  const { plan, costs } = matrices;
  if (!plan || !costs || !report || !orders) return null;
  const i = Math.min(cursor.i, report.n - 1);
  const j = Math.min(cursor.j, report.m - 1);
  const value = plan.plan[i * report.m + j]!;
  const drawn = datasets.source?.demo !== null && datasets.target?.demo !== null && datasets.source !== null && datasets.target !== null;
  return (
    <>
      <div className="aside-title">
        <b>{t('inspect.cell', { i: String(orders.rows.display[i]), j: String(orders.columns.display[j]) })}</b>
        <span className="spring" />
        <span className="number">
          π <b>{formatNumber(value)}</b> <span className="muted">{t('inspect.of-row', { share: formatPercent(value / plan.rowMass[i]!) })}</span>
        </span>
      </div>
      <div className="frames">
        <Sample side="source" info={costs.source} index={i} drawn={drawn} />
        <Sample side="target" info={costs.target} index={j} drawn={drawn} />
      </div>
      <ValueTable source={costs.source} target={costs.target} i={i} j={j} />
      <CostTable costs={costs} i={i} j={j} m={report.m} terms={report.terms} />
      <BestTargets plan={plan} costs={costs} i={i} m={report.m} drawn={drawn} orders={orders} />
    </>
  );
}

function Sample({ side, info, index, drawn }: { side: Side; info: BatchSideInfo; index: number; drawn: boolean }): ReactElement {
  const t = useWords();
  const row = info.rows[index]!;
  const seconds = info.seconds[index]!;
  const place = Number.isNaN(seconds) ? t('inspect.frame', { frame: String(info.frame[index]) }) : `${seconds.toFixed(2)} s`;
  const caption = t('inspect.place', { episode: String(info.episode[index]), place });
  return (
    <div>
      {drawn ? <Frame side={side} row={row} width={132} label={`${t(side === 'source' ? 'side.source' : 'side.target')}: ${caption}`} /> : null}
      <div className="caption">
        <i className={`swatch ${side}`} />
        <span>{caption}</span>
      </div>
    </div>
  );
}

/** Values of every shown column that both sides have, with their difference. */
function ValueTable({ source, target, i, j }: { source: BatchSideInfo; target: BatchSideInfo; i: number; j: number }): ReactElement {
  const t = useWords();
  const [all, setAll] = useState(false);
  const rows = source.columns.flatMap((left) => {
    const right = target.columns.find(({ key }) => key === left.key);
    if (!right) return [];
    const leftWidth = left.names.length;
    const rightWidth = right.names.length;
    return Array.from({ length: Math.max(leftWidth, rightWidth) }, (_, d) => ({
      key: `${left.key}[${d}]`,
      name: leftWidth === 1 ? shortKey(left.key) : (left.names[d] ?? right.names[d] ?? String(d)).replace(/^(\d+)$/, `${shortKey(left.key)}[$1]`),
      left: d < leftWidth ? left.values[i * leftWidth + d]! : Number.NaN,
      right: d < rightWidth ? right.values[j * rightWidth + d]! : Number.NaN,
    }));
  });
  return (
    <table className="table">
      <thead>
        <tr>
          <th>{t('inspect.value')}</th>
          <th className="source">{t('side.sim')}</th>
          <th className="target">{t('side.real')}</th>
          <th>Δ</th>
        </tr>
      </thead>
      <tbody>
        {rows.slice(0, all ? rows.length : FEW_VALUES).map(({ key, name, left, right }) => (
          <tr key={key}>
            <td title={key}>{name}</td>
            <td>{twoPlaces(left)}</td>
            <td>{twoPlaces(right)}</td>
            <td>{twoPlaces(right - left, true)}</td>
          </tr>
        ))}
        {rows.length > FEW_VALUES ? (
          <tr>
            <td colSpan={4}>
              <button type="button" className="link" aria-expanded={all} onClick={() => setAll(!all)}>
                {all ? t('inspect.fewer-values') : t('inspect.more-values', { count: String(rows.length - FEW_VALUES) })}
              </button>
            </td>
          </tr>
        ) : null}
      </tbody>
    </table>
  );
}

const shortKey = (key: string): string => key.split('.').at(-1) ?? key;

/** Fixed places, so that columns line up; far from 1 the shared format takes over. */
function twoPlaces(value: number, signed = false): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '–' : formatNumber(value);
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1000 || size < 5e-3)) return formatNumber(value, 2);
  const text = value.toFixed(2).replace('-', '−');
  return signed && value > 0 ? `+${text}` : text;
}

function CostTable({ costs, i, j, m, terms }: { costs: CostMatrices; i: number; j: number; m: number; terms: readonly { name: string; weight: number }[] }): ReactElement {
  const t = useWords();
  const total = costs.total[i * m + j]!;
  return (
    <table className="table">
      <thead>
        <tr>
          <th>{t('inspect.term')}</th>
          <th aria-label={t('inspect.share')} />
          <th>{t('inspect.cost')}</th>
        </tr>
      </thead>
      <tbody>
        {terms.map(({ name, weight }, k) => {
          const cost = weight * (costs.terms[k]?.[i * m + j] ?? Number.NaN);
          return (
            <tr key={name}>
              <td title={name}>{name}</td>
              <td>
                <i className="amount" style={{ width: `${total > 0 ? (100 * cost) / total : 0}%` }} />
              </td>
              <td>{formatNumber(cost)}</td>
            </tr>
          );
        })}
        <tr className="sum">
          <td>M</td>
          <td />
          <td>{formatNumber(total)}</td>
        </tr>
      </tbody>
    </table>
  );
}

/** The targets that take most of this row. */
function BestTargets({ plan, costs, i, m, drawn, orders }: { plan: SolveMatrices; costs: CostMatrices; i: number; m: number; drawn: boolean; orders: Orders }): ReactElement | null {
  const t = useWords();
  const shownRow = String(orders.rows.display[i]);
  const row = plan.plan.subarray(i * m, (i + 1) * m);
  const mass = plan.rowMass[i]!;
  if (!(mass > 0)) return <p className="muted">{t('inspect.no-mass', { i: shownRow })}</p>;
  const best = Array.from(row.keys())
    .sort((p, q) => row[q]! - row[p]!)
    .slice(0, BEST)
    .filter((column) => row[column]! > 0);
  return (
    <>
      <h3>{t('inspect.goes', { i: shownRow })}</h3>
      <div className="best">
        {best.map((column) => (
          <button key={column} type="button" onClick={() => useView.setState({ cursor: { i, j: column } })}>
            {drawn ? <Frame side="target" row={costs.target.rows[column]!} width={64} label={t('inspect.target', { j: String(orders.columns.display[column]) })} /> : null}
            <b>{Math.round((100 * row[column]!) / mass)}%</b> j {orders.columns.display[column]}
          </button>
        ))}
      </div>
    </>
  );
}
