import type { TrainingMetrics } from '../engine/protocol.ts';

type Figure = Exclude<keyof TrainingMetrics, 'terms'>;

/** Every figure of a step; a record, so that the compiler misses none. */
const FIGURES: Readonly<Record<Figure, true>> = { step: true, bc: true, transport: true, weighted: true, total: true, value: true, mass: true, diagonalMass: true, perplexity: true, encoderNorm: true, headNorm: true, sourceVariance: true, targetVariance: true, sourceRank: true, targetRank: true, learningRate: true, lambda: true, ms: true };
const NAMES = Object.keys(FIGURES) as readonly Figure[];
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
    for (const name of NAMES) values[at++] = step[name] ?? NaN;
    for (const k of terms.keys()) values[at++] = step.terms[k]?.mean ?? NaN;
  }
  return { columns, values };
}

/** The steps of a table, `tableOf`'s inverse. */
export function metricsOf({ columns, values }: MetricTable): TrainingMetrics[] {
  const width = columns.length;
  return Array.from({ length: width === 0 ? 0 : values.length / width }, (_, row) => {
    const cell = (k: number): number | null => (Number.isNaN(values[row * width + k]!) ? null : values[row * width + k]!);
    const figures = Object.fromEntries(NAMES.map((name) => [name, cell(columns.indexOf(name))])) as Record<Figure, number>;
    const terms = columns.flatMap((column, k) => (column.startsWith(TERM) ? [{ name: column.slice(TERM.length), mean: cell(k) ?? NaN }] : []));
    return { ...figures, terms };
  });
}

/** A row a step: the figures by their names here, `ot_cost/<term>`, then the fork's names of two. An empty cell is a figure that there is not. */
export function csvOf(metrics: readonly TrainingMetrics[]): string {
  const { columns, values } = tableOf(metrics);
  const header = [...columns, ...Object.keys(FORK_NAMES)].map(quoted).join(',');
  const rows = metrics.map((step, row) => {
    const cells = Array.from(values.subarray(row * columns.length, (row + 1) * columns.length), (value) => (Number.isNaN(value) ? '' : String(value)));
    return [...cells, ...Object.values(FORK_NAMES).map((name) => String(step[name]))].join(',');
  });
  return [header, ...rows, ''].join('\n');
}

const quoted = (name: string): string => (/[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name);
