import { useMemo, type ReactElement } from 'react';
import { MEASURES, summarise, type Measure, type MethodSummary } from '../../core/experiment/summary.ts';
import { methodsOf } from '../../store/experiment-file.ts';
import { useExperiment } from '../../store/experiment.ts';
import { useSession } from '../../store/session.ts';
import { formatNumber } from '../../words/numbers.ts';
import { useLive } from '../parts/live.ts';
import { useWords } from '../parts/words.ts';
import { Curves } from './Curves.tsx';
import { Differences } from './Differences.tsx';
import { useMethodName } from './method-name.ts';
import { SeedDots } from './SeedDots.tsx';

/** What came out: means, differences, seeds, curves. */
export function Results(): ReactElement {
  const runs = useExperiment((state) => state.runs);
  const chosen = useExperiment((state) => state.reference);
  const methods = useMemo(() => methodsOf(runs), [runs]);
  // While the reference has no run, the first method that has one stands in for it.
  const reference = methods.includes(chosen) ? chosen : methods[0]!;
  return (
    <>
      <Means methods={methods} />
      <Differences methods={methods} reference={reference} />
      <SeedDots methods={methods} />
      <Curves methods={methods} reference={reference} />
    </>
  );
}

/** OOD comes first: it is what the methods differ in. */
const COLUMNS: readonly Measure[] = ['ood', ...MEASURES.filter((measure) => measure !== 'ood')];
const DIGITS: Readonly<Record<Measure, number>> = { id: 2, ood: 2, probeId: 2, probeOod: 2, mass: 3, phaseError: 3, targetVariance: 3 };

/** Mean ± standard error of every figure, a row a method. */
function Means({ methods }: { methods: readonly string[] }): ReactElement {
  const t = useWords();
  const name = useMethodName();
  const runs = useExperiment((state) => state.runs);
  const live = useLive();
  const rows = useMemo(() => summarise(runs, methods), [runs, methods]);
  return (
    <section aria-label={t('experiment.means')}>
      <h3>
        {t('experiment.means')} <span className="muted">{t('experiment.means-gloss')}</span>
      </h3>
      {/* It may be wider than its place, and is then reached by keys. */}
      <div className="wide-table" tabIndex={0} role="group" aria-label={t('experiment.means')}>
        <table className="means">
          <thead>
            <tr>
              <th>{t('experiment.method')}</th>
              <td />
              <th>{t('experiment.count')}</th>
              {COLUMNS.map((measure) => (
                <th key={measure} title={t(`experiment.${measure}-gloss`)}>
                  {t(`experiment.${measure}`)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.method} data-method={row.method}>
                <th scope="row">{name(row.method)}</th>
                <td>
                  <button type="button" className="link" aria-label={t('experiment.use-of', { method: name(row.method) })} title={t('experiment.use-gloss')} onClick={() => useSession.getState().replace(live.experiments.sessionOf(row.method))}>
                    {t('experiment.use')}
                  </button>
                </td>
                <td>{row.runs === 1 ? t('experiment.one') : row.runs}</td>
                {COLUMNS.map((measure) => (
                  <Figure key={measure} row={row} measure={measure} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Figure({ row, measure }: { row: MethodSummary; measure: Measure }): ReactElement {
  const { mean, error } = row.measures[measure];
  const digits = DIGITS[measure];
  return (
    <td>
      {Number.isNaN(mean) ? formatNumber(mean) : mean.toFixed(digits).replace('-', '−')}
      {Number.isNaN(error) ? null : <span className="muted"> ± {error.toFixed(digits)}</span>}
    </td>
  );
}
