import type { TrainingMetrics } from '../engine/protocol.ts';

type Figure = Exclude<keyof TrainingMetrics, 'terms'>;

/** Every figure of a step; a record, so that the compiler misses none. */
const FIGURES: Readonly<Record<Figure, true>> = { step: true, bc: true, transport: true, weighted: true, total: true, value: true, mass: true, diagonalMass: true, perplexity: true, converged: true, handedOver: true, encoderNorm: true, headNorm: true, sourceVariance: true, targetVariance: true, sourceRank: true, targetRank: true, learningRate: true, lambda: true, ms: true };
const NAMES = Object.keys(FIGURES) as readonly Figure[];
/** What stands for a reason in the table, and 0 for none. */
const REASONS: Readonly<Record<NonNullable<TrainingMetrics['handedOver']>, number>> = { 'cost-range': 1, 'potential-range': 2, stalled: 3, uncertified: 4, 'non-finite': 5 };
/** Before a term's name, as a training run logs it. */
const TERM = 'ot_cost/';
/** What a training run of the fork calls two of the figures. */
const FORK_NAMES = { ot_loss: 'transport', ot_pi_sum: 'mass' } as const satisfies Record<string, Figure>;

/** What a run has said, a row a step. */
export interface MetricTable {
  /** Names of figures, then `ot_cost/<term>` of each term. */
  readonly columns: readonly string[];
  /** Rows end to end, steps × columns; NaN stands for null. */
  readonly values: Float64Array<ArrayBuffer>;
}

/** The steps of one run, which has the same terms throughout, as a table. */
export function tableOf(metrics: readonly TrainingMetrics[]): MetricTable {
  const terms = metrics[0]?.terms ?? [];
  const columns = [...NAMES, ...terms.map(({ name }) => TERM + name)];
  const values = new Float64Array(metrics.length * columns.length);
  let at = 0;
  for (const step of metrics) {
    for (const name of NAMES) values[at++] = numberOf(step, name);
    for (const k of terms.keys()) values[at++] = step.terms[k]?.mean ?? NaN;
  }
  return { columns, values };
}

function numberOf(step: TrainingMetrics, name: Figure): number {
  if (name === 'converged') return step.converged ? 1 : 0;
  if (name === 'handedOver') return step.handedOver === null ? 0 : REASONS[step.handedOver];
  return step[name] ?? NaN;
}

/** The steps of a table, `tableOf`'s inverse. One of an older page says nothing of how its steps were solved: as well as any. */
export function metricsOf({ columns, values }: MetricTable): TrainingMetrics[] {
  const width = columns.length;
  const places = new Map(columns.map((column, k) => [column, k]));
  return Array.from({ length: width === 0 ? 0 : values.length / width }, (_, row) => {
    const cell = (column: string): number | null => {
      const value = values[row * width + (places.get(column) ?? NaN)];
      return value === undefined || Number.isNaN(value) ? null : value;
    };
    const figures = Object.fromEntries(NAMES.map((name) => [name, cell(name)])) as Record<Exclude<Figure, 'converged' | 'handedOver'>, number>;
    const terms = columns.flatMap((column) => (column.startsWith(TERM) ? [{ name: column.slice(TERM.length), mean: cell(column) ?? NaN }] : []));
    return { ...figures, converged: cell('converged') !== 0, handedOver: reasonOf(cell('handedOver')), terms };
  });
}

const reasonOf = (code: number | null): TrainingMetrics['handedOver'] => (Object.keys(REASONS) as (keyof typeof REASONS)[]).find((reason) => REASONS[reason] === code) ?? null;

/** A row a step: the figures by their names here, `ot_cost/<term>`, then the fork's names of two. An empty cell is a figure that there is not; of `handedOver` it is a step that was not. */
export function csvOf(metrics: readonly TrainingMetrics[]): string {
  const { columns, values } = tableOf(metrics);
  const header = [...columns, ...Object.keys(FORK_NAMES)].map(quoted).join(',');
  const rows = metrics.map((step, row) => {
    const cells = Array.from(values.subarray(row * columns.length, (row + 1) * columns.length), (value, k) => (columns[k] === 'handedOver' ? (step.handedOver ?? '') : Number.isNaN(value) ? '' : String(value)));
    return [...cells, ...Object.values(FORK_NAMES).map((name) => String(step[name]))].join(',');
  });
  return [header, ...rows, ''].join('\n');
}

const quoted = (name: string): string => (/[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name);
