import type { ReactElement } from 'react';
import { COST_SCALES } from '../../engine/protocol.ts';
import { MAX_SWEEP_CELLS } from '../../store/live.ts';
import { useRun } from '../../store/run.ts';
import { formatNumber } from '../../words/numbers.ts';
import { LinePlot } from '../charts/LinePlot.tsx';
import { useWords } from '../parts/words.ts';
import { Computed, Figures, NoteTitle } from './Explanation.tsx';

const scaleAt = (k: number): number => COST_SCALES.low * (COST_SCALES.high / COST_SCALES.low) ** (k / (COST_SCALES.points - 1));

/** The shown ⟨π(sM),sM⟩ and the optimum over s, and which sign the derivative of the first has against ⟨π,M⟩. */
export function SlopeNote(): ReactElement | null {
  const t = useWords();
  const report = useRun((run) => run.report);
  const response = useRun((run) => run.costResponse);
  if (!report) return null;
  const top = response ? Math.max(1e-12, ...[...response.value, ...response.shown].filter(Number.isFinite)) : 1;
  const points = (values: Float64Array): { x: number; y: number }[] => Array.from(values, (y, k) => ({ x: scaleAt(k), y }));
  const slopes = response ? { slope: formatNumber(response.slope), detached: formatNumber(response.detached) } : null;
  return (
    <>
      <NoteTitle>{t('slope.title')}</NoteTitle>
      <p>{t('slope.text')}</p>
      {report.n * report.m > MAX_SWEEP_CELLS ? <p className="muted">{t('slope.too-large')}</p> : null}
      <Computed ready={response !== null}>
        {response && slopes ? (
          <>
            <LinePlot
              describe={t('slope.describe')}
              x={{ low: COST_SCALES.low, high: COST_SCALES.high, log: true, ticks: [0.1, 1, 10].map((value) => ({ value, label: String(value) })), title: t('slope.axis') }}
              y={{ low: 0, high: top, ticks: [0, top].map((value) => ({ value, label: formatNumber(value, 2) })), title: '' }}
              lines={[
                { name: t('slope.shown'), style: 'ink', points: points(response.shown) },
                { name: t('slope.value'), style: 'dash', points: points(response.value) },
                { name: t('slope.detached'), style: 'dot', points: points(response.value).map(({ x }) => ({ x, y: x * response.detached })) },
              ]}
              here={{ x: 1 }}
            />
            <p data-sign={Number.isNaN(response.slope) ? 'unknown' : response.slope < 0 ? 'opposite' : 'same'}>
              {Number.isNaN(response.slope) ? t('slope.unknown') : t(response.slope < 0 ? 'slope.opposite' : 'slope.same', slopes)}
            </p>
            <p>{t('slope.flip', { q: formatNumber(report.regime.q) })}</p>
            <Figures
              rows={[
                [t('slope.derivative'), ''],
                [t('slope.shown'), slopes.slope],
                [t('slope.detached'), slopes.detached],
              ]}
            />
          </>
        ) : null}
      </Computed>
    </>
  );
}
