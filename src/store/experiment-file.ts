import { VERSION } from '../base/version.ts';
import { writeSession } from '../config/session.ts';
import { compare, MEASURES, summarise } from '../core/experiment/summary.ts';
import type { RunResult } from '../engine/client.ts';
import { inOrder, type ExperimentState } from './experiment.ts';

/** Methods that there are runs of, in their order. */
export const methodsOf = (runs: readonly Pick<RunResult, 'method'>[]): string[] => inOrder([...new Set(runs.map(({ method }) => method))]);

/** The experiment as JSON: what it shares, its runs with their curves, means with standard errors, and each method against the reference. */
export function experimentJson({ experiment, runs, failed, reference }: Pick<ExperimentState, 'experiment' | 'runs' | 'failed' | 'reference'>): string {
  const methods = methodsOf(runs);
  const content = {
    format: 'ot-playground-experiment',
    version: 1,
    software: { name: 'ot-playground', version: VERSION },
    saved: new Date().toISOString(),
    attempts: experiment?.attempts ?? null,
    encoders: experiment?.encoders ?? [],
    session: experiment ? (JSON.parse(writeSession(experiment.session)) as unknown) : null,
    reference,
    methods: summarise(runs, methods),
    comparisons: methods.filter((method) => method !== reference && methods.includes(reference)).flatMap((method) => MEASURES.map((measure) => compare(runs, method, reference, measure))),
    failed: failed.map(({ method, seed, error }) => ({ method, seed, error: error.message })),
    runs,
  };
  return `${JSON.stringify(content, null, 1)}\n`;
}

const COLUMNS = ['method', 'seed', 'attempts', 'id', 'ood', 'probeId', 'probeOod', 'mass', 'phaseError', 'sourceVariance', 'targetVariance', 'targetRank', 'bc', 'seconds'] as const satisfies readonly (keyof RunResult)[];

/** A row a run, successes as counts; an empty cell is a figure that there is not. */
export function experimentCsv(runs: readonly RunResult[]): string {
  const cell = (value: string | number | null): string => (value === null || Number.isNaN(value) ? '' : String(value));
  return [COLUMNS.join(','), ...runs.map((run) => COLUMNS.map((column) => cell(run[column])).join(',')), ''].join('\n');
}
