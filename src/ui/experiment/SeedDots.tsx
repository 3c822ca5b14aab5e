import { useState, type ReactElement } from 'react';
import { pairedDifference } from '../../core/experiment/paired.ts';
import { measureOf } from '../../core/experiment/summary.ts';
import type { RunResult } from '../../engine/client.ts';
import { useExperiment } from '../../store/experiment.ts';
import { Segmented } from '../parts/controls.tsx';
import { useWords } from '../parts/words.ts';
import { useMethodName } from './method-name.ts';

const SHOWN = ['ood', 'id', 'probeOod', 'probeId'] as const;
type Shown = (typeof SHOWN)[number];

/** A dot a seed, so that their spread is seen and not only its size. */
export function SeedDots({ methods }: { methods: readonly string[] }): ReactElement {
  const t = useWords();
  const name = useMethodName();
  const runs = useExperiment((state) => state.runs);
  const [measure, setMeasure] = useState<Shown>('ood');
  const share = measure === 'ood' || measure === 'id';
  const top = share ? 1 : Math.max(0.1, ...runs.map((run) => Math.ceil(10 * run[measure]) / 10));
  return (
    <section aria-label={t('experiment.dots')}>
      <h3>
        <span title={t('experiment.dots-gloss')}>{t('experiment.dots')}</span>
        <Segmented<Shown> label={t('experiment.measure')} value={measure} options={SHOWN.map((value) => ({ value, label: t(`experiment.${value}`), title: t(`experiment.${value}-gloss`) }))} onChange={setMeasure} />
      </h3>
      <div className="seed-dots">
        {methods.map((method) => (
          <Row key={method} name={name(method)} runs={runs.filter((run) => run.method === method)} measure={measure} top={top} />
        ))}
        <div className="axis" aria-hidden="true">
          <span>0</span>
          <span>{Number((top / 2).toPrecision(2))}</span>
          <span>{top}</span>
        </div>
      </div>
    </section>
  );
}

function Row({ name, runs, measure, top }: { name: string; runs: readonly RunResult[]; measure: Shown; top: number }): ReactElement {
  const t = useWords();
  const values = runs.map((run) => measureOf(run, measure));
  const { mean, low, high } = pairedDifference(values);
  const x = (value: number): string => `${((100 * Math.max(0, Math.min(top, value))) / top).toFixed(2)}%`;
  // Seeds that came to the same stand above each other.
  const height = (at: number): number => 11 + [0, -5, 5, -8, 8][values.slice(0, at).filter((value) => Math.abs(value - values[at]!) < 0.012 * top).length % 5]!;
  return (
    <div className="seed-row">
      <span className="name">{name}</span>
      <svg role="img" aria-label={t('experiment.dots-describe', { method: name, measure: t(`experiment.${measure}`), values: values.map((value) => value.toFixed(2)).join(', '), mean: mean.toFixed(2) })}>
        <line className="zero" x1="0" x2="100%" y1="50%" y2="50%" />
        {runs.length > 1 ? <line className="interval" x1={x(low)} x2={x(high)} y1="50%" y2="50%" /> : null}
        {runs.length > 1 ? <line className="tick" x1={x(mean)} x2={x(mean)} y1="10%" y2="90%" /> : null}
        {runs.map((run, at) => (
          <circle key={run.seed} cx={x(values[at]!)} cy={height(at)} r="3">
            <title>{`${run.seed}: ${values[at]!.toFixed(2)}`}</title>
          </circle>
        ))}
      </svg>
      <span className="number">{runs.length > 1 ? mean.toFixed(2) : t('experiment.one')}</span>
    </div>
  );
}
