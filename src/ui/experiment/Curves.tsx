import { useMemo, type ReactElement } from 'react';
import type { RunResult } from '../../engine/client.ts';
import { useExperiment } from '../../store/experiment.ts';
import { formatNumber } from '../../words/numbers.ts';
import { useWords } from '../parts/words.ts';
import { useMethodName } from './method-name.ts';

const QUANTITIES = ['bc', 'mass', 'variance', 'probe'] as const;
type Quantity = (typeof QUANTITIES)[number];
type Line = readonly { readonly step: number; readonly value: number }[];

/** How the runs went: a row a method, a column a figure, all of a column on one scale, so that no colours have to be told apart. */
export function Curves({ methods, reference }: { methods: readonly string[]; reference: string }): ReactElement {
  const t = useWords();
  const name = useMethodName();
  const runs = useExperiment((state) => state.runs);
  const columns = useMemo(() => QUANTITIES.map((quantity) => columnOf(quantity, runs, methods)), [runs, methods]);
  const steps = Math.max(1, ...runs.map(({ curve }) => curve.at(-1)?.step ?? 1));
  return (
    <section aria-label={t('experiment.curves')}>
      <h3>
        {t('experiment.curves')} <span className="muted">{t('experiment.curves-gloss', { reference: name(reference) })}</span>
      </h3>
      <div className="curves">
        <span />
        {columns.map(({ quantity, low, high }) => (
          <span key={quantity} className="curve-head">
            <b>{t(`experiment.curve-${quantity}`)}</b>
            <span className="muted number">{high > low ? `${formatNumber(low, 2)} – ${formatNumber(high, 2)}` : ''}</span>
          </span>
        ))}
        {methods.map((method) => (
          <Row key={method} name={name(method)} cells={columns.map((column) => ({ column, own: column.lines.get(method)!, ghost: method === reference ? null : column.lines.get(reference)!.mean }))} steps={steps} />
        ))}
        <span />
        {columns.map(({ quantity }) => (
          <span key={quantity} className="axis" aria-hidden="true">
            <span>0</span>
            <span>{steps}</span>
          </span>
        ))}
      </div>
    </section>
  );
}

interface Column {
  readonly quantity: Quantity;
  readonly low: number;
  readonly high: number;
  /** By method. */
  readonly lines: ReadonlyMap<string, Lines>;
}

interface Lines {
  readonly seeds: readonly { readonly seed: number; readonly line: Line }[];
  readonly mean: Line;
}

interface Cell {
  readonly column: Column;
  readonly own: Lines;
  readonly ghost: Line | null;
}

function Row({ name, cells, steps }: { name: string; cells: readonly Cell[]; steps: number }): ReactElement {
  const t = useWords();
  return (
    <>
      <span className="name">{name}</span>
      {cells.map(({ column: { quantity, low, high }, own, ghost }) => {
        const what = t(`experiment.curve-${quantity}`);
        if (own.mean.length === 0)
          return (
            <span key={quantity} className="curve none">
              {t('experiment.no-plan')}
            </span>
          );
        const path = (line: Line): string => line.map(({ step, value }, k) => `${k === 0 ? 'M' : 'L'}${((100 * step) / steps).toFixed(2)} ${(98 - 96 * place(value, quantity, low, high)).toFixed(2)}`).join('');
        return (
          // Steps and values are stretched to the cell; lines keep their width.
          <svg key={quantity} className="curve" viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label={t('experiment.curve-describe', { method: name, what, from: formatNumber(own.mean[0]!.value), to: formatNumber(own.mean.at(-1)!.value) })}>
            {own.seeds.map(({ seed, line }) => (
              <path key={seed} className="seed" d={path(line)} />
            ))}
            {ghost ? <path className="ghost" d={path(ghost)} /> : null}
            <path className="mean" d={path(own.mean)} />
          </svg>
        );
      })}
    </>
  );
}

/** The loss in decades, the others from 0. */
const place = (value: number, quantity: Quantity, low: number, high: number): number => (high <= low ? 0.5 : quantity === 'bc' ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));

function columnOf(quantity: Quantity, runs: readonly RunResult[], methods: readonly string[]): Column {
  const lines = new Map(
    methods.map((method) => {
      const own = runs.filter((run) => run.method === method);
      const seeds = own.map(({ seed, curve }) => ({ seed, line: curve.flatMap((point) => (drawable(point[quantity], quantity) ? [{ step: point.step, value: point[quantity]! }] : [])) }));
      return [method, { seeds, mean: meanLine(seeds.map(({ line }) => line)) }] as const;
    }),
  );
  const values = [...lines.values()].flatMap(({ seeds }) => seeds.flatMap(({ line }) => line.map(({ value }) => value)));
  return { quantity, low: quantity === 'bc' ? Math.min(...values) : 0, high: values.length === 0 ? 0 : Math.max(...values), lines };
}

const drawable = (value: number | null, quantity: Quantity): boolean => value !== null && Number.isFinite(value) && (quantity !== 'bc' || value > 0);

/** The mean at each step that all lines have. */
function meanLine(lines: readonly Line[]): Line {
  const sums = new Map<number, { count: number; sum: number }>();
  for (const line of lines)
    for (const { step, value } of line) {
      const { count, sum } = sums.get(step) ?? { count: 0, sum: 0 };
      sums.set(step, { count: count + 1, sum: sum + value });
    }
  return [...sums].flatMap(([step, { count, sum }]) => (count === lines.length ? [{ step, value: sum / count }] : []));
}
