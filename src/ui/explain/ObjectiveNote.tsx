import type { ReactElement } from 'react';
import type { ObjectiveForm } from '../../core/ot/identities.ts';
import { useRun } from '../../store/run.ts';
import { formatFromLog, formatNumber } from '../../words/numbers.ts';
import { useWords } from '../parts/words.ts';
import { Figures, NoteTitle } from './Explanation.tsx';

const FORMULAS: Readonly<Record<ObjectiveForm, string>> = {
  mass: '(reg + τ₁ + τ₂)(1 − π_sum)',
  finite: 'reg·m_c + τ₁ + τ₂ − S·π_sum',
  'hard-source': '⟨a,f⟩ + reg(m_c − 1)',
  'hard-target': '⟨b,g⟩ + reg(m_c − 1)',
  'hard-both': '⟨a,f⟩ + ⟨b,g⟩ + reg(m_c − 1)',
};

/** Both sides of P* = (reg + τ₁ + τ₂)(1 − π_sum), or of the form that takes its place, and where it fails. */
export function ObjectiveNote(): ReactElement | null {
  const t = useWords();
  const report = useRun((run) => run.report);
  if (!report) return null;
  const { form, value, difference, total } = report.objective;
  const optimal = report.mode === 'fast' && report.converged;
  return (
    <>
      <NoteTitle>{t('objective.title')}</NoteTitle>
      <p>{t(form === 'mass' ? 'objective.text' : form === 'finite' ? 'objective.text-finite' : 'objective.text-hard')}</p>
      {optimal ? null : <p>{t('objective.text-parity')}</p>}
      {report.sigma === 1 ? null : <p>{t('objective.text-scaled', { sigma: formatNumber(report.sigma) })}</p>}
      {form === 'mass' ? (
        <div className="share-bar" role="img" aria-label={t('objective.bar', { total: formatNumber(total), value: formatNumber(report.primal) })}>
          <span>0</span>
          <i>
            <u style={{ width: `${100 * Math.min(1, Math.max(0, report.primal / total))}%` }} />
          </i>
          <span>{formatNumber(total)}</span>
        </div>
      ) : null}
      <Figures
        rows={[
          [t('objective.left'), formatNumber(report.primal, 6)],
          [t('objective.right'), formatNumber(value, 6)],
          [t('objective.formula'), FORMULAS[form]],
          [t('objective.difference'), formatNumber(difference, 2)],
          ['π_sum', formatFromLog(report.ot_pi_sum, report.logMass)],
          ...(report.hard ? [] : ([[t('objective.gap'), formatNumber(report.gap, 2)]] as const)),
        ]}
      />
    </>
  );
}
