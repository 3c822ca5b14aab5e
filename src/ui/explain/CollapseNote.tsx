import type { ReactElement } from 'react';
import { COLLAPSE, isCollapse, type Cure } from '../../core/ot/warnings.ts';
import { useRun } from '../../store/run.ts';
import { run } from '../../store/training-shelf.ts';
import { varianceShare } from '../../store/collapse.ts';
import { formatNumber } from '../../words/numbers.ts';
import { cureWords } from '../../words/warnings.ts';
import { LinePlot } from '../charts/LinePlot.tsx';
import { useLive } from '../parts/live.ts';
import { useWords } from '../parts/words.ts';
import { Figures, NoteTitle } from './Explanation.tsx';

/** Points of the path at most. */
const POINTS = 120;
const LOWEST = 1e-4;
const LESS: Cure = { kind: 'lambda', factor: 0.1 };

/** High mass with low variance: the run's path over both, what the batch above says, and ways out. */
export function CollapseNote(): ReactElement | null {
  const t = useWords();
  const live = useLive();
  useRun((state) => state.trainingVersion);
  const { kept, step } = useRun((state) => state.training);
  const report = useRun((state) => state.report);
  if (!report) return null;
  const shares = run.metrics.map((at) => ({ step: at.step, mass: at.mass, share: varianceShare(run.metrics, at) }));
  const last = shares.at(-1);
  const found = last !== undefined && isCollapse(last.mass, last.share);
  const every = Math.max(1, Math.ceil(shares.length / POINTS));
  const path = shares.filter((_, k) => k % every === 0 || k === shares.length - 1);
  const highest = Math.max(2, ...path.map(({ share }) => share));
  // The last kept step of which the embeddings still had half of their variance.
  const sound = new Set(shares.filter(({ share }) => share >= 0.5).map((at) => at.step));
  const back = kept.findLast((at) => at < step && (at === 0 || sound.has(at)));
  return (
    <>
      <NoteTitle>{t('collapse.title')}</NoteTitle>
      <p>{t('collapse.text')}</p>
      <p data-collapse={last ? String(found) : ''}>{last ? t(found ? 'collapse.found' : 'collapse.clear', { mass: formatNumber(last.mass), share: formatNumber(last.share) }) : t('collapse.no-run')}</p>
      <LinePlot
        describe={t('collapse.describe')}
        x={{ low: 0, high: 1, ticks: [0, COLLAPSE.mass, 1].map((value) => ({ value, label: String(value) })), title: t('collapse.axis') }}
        y={{ low: LOWEST, high: highest, log: true, ticks: [{ value: 1e-4, label: '10⁻⁴' }, { value: 1e-2, label: '0.01' }, { value: 1, label: '1' }], title: t('collapse.path') }}
        lines={[{ name: '', style: 'ink', points: path.map(({ mass, share }) => ({ x: mass, y: Math.max(LOWEST, share) })) }]}
        zone={{ x: [COLLAPSE.mass, 1], y: [LOWEST, COLLAPSE.variance], label: t('collapse.region') }}
        {...(last ? { here: { x: last.mass, y: Math.max(LOWEST, last.share) } } : {})}
      />
      {found ? (
        <div className="actions">
          <button type="button" className="button outlined" onClick={() => void live.cure(LESS)}>
            {t(cureWords(LESS).key, cureWords(LESS).values)}
          </button>
          {back === undefined ? null : (
            <button type="button" className="button outlined" onClick={() => void live.training.rewind(back)}>
              {t('collapse.back', { step: String(back) })}
            </button>
          )}
        </div>
      ) : null}
      {report.embeddings.length > 0 ? (
        <>
          <h3>{t('collapse.batch')}</h3>
          <Figures
            rows={[
              ['π_sum', formatNumber(report.ot_pi_sum)],
              ...report.embeddings.flatMap(({ term, source, target }) => [[`${term}: ${t('side.sim')}`, formatNumber(source)] as const, [`${term}: ${t('side.real')}`, formatNumber(target)] as const]),
            ]}
          />
        </>
      ) : null}
    </>
  );
}
