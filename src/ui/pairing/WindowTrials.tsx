import { useState, type ReactElement } from 'react';
import { TRIED_WINDOWS, type TriedWindow, type WindowTrial } from '../../engine/protocol.ts';
import { useRun } from '../../store/run.ts';
import { TRIALS } from '../../store/pairing-viewer.ts';
import { useSession } from '../../store/session.ts';
import { formatNumber } from '../../words/numbers.ts';
import { ErrorText } from '../parts/controls.tsx';
import { useWords } from '../parts/words.ts';
import { WindowPlot, type WindowPoint } from './WindowPlot.tsx';

/** How well the present batch is matched, and what a window does to it: without training, live. */
export function WindowTrials(): ReactElement | null {
  const t = useWords();
  const report = useRun((run) => run.report);
  const { done, error } = useRun((run) => run.windowTrials);
  const { window, noWindow } = useSession((state) => state.session.training);
  const setTraining = useSession((state) => state.setTraining);
  const [chosen, setChosen] = useState('phase');
  if (!report) return null;
  const { errors, diagonalMass } = report.match;
  const gauge = errors.some(({ name }) => name === chosen) ? chosen : 'phase';
  const points = TRIED_WINDOWS.map((tried, k) => pointOf(tried, done.map((trials) => trials[k]!), gauge));
  const here: TriedWindow | null = noWindow ? 'episode' : (TRIED_WINDOWS.find((tried) => tried === window) ?? null);
  const use = (tried: TriedWindow): void => setTraining(tried === 'episode' ? { noWindow: true } : { window: tried, noWindow: false });
  const label = (tried: TriedWindow): string => (tried === 'episode' ? t('window.episode') : String(tried));
  return (
    <>
      <h3>{t('window.batch')}</h3>
      <table className="table matches">
        <thead>
          <tr>
            <th>{t('window.error')}</th>
            <th title={t('window.pairs-gloss')}>{t('window.pairs')}</th>
            <th title={t('window.plan-gloss')}>{t('window.plan')}</th>
            <th title={t('window.diagonal-gloss')}>{t('window.diagonal')}</th>
          </tr>
        </thead>
        <tbody>
          {errors.map(({ name, kind, pairs, plan, diagonal }) => (
            <tr key={`${kind} ${name}`}>
              <td>
                <button type="button" className="link" aria-pressed={name === gauge} title={t('window.choose')} onClick={() => setChosen(name)}>
                  {kind === 'label' ? name : t(`window.${kind}`)}
                </button>
              </td>
              <td>{formatNumber(pairs ?? Number.NaN)}</td>
              <td>{formatNumber(plan)}</td>
              <td>{formatNumber(diagonal ?? Number.NaN)}</td>
            </tr>
          ))}
          <tr className="sum">
            <td>{t('window.mass')}</td>
            <td>{formatNumber(Number.NaN)}</td>
            <td>{formatNumber(report.ot_pi_sum)}</td>
            <td>{formatNumber(diagonalMass ?? Number.NaN)}</td>
          </tr>
        </tbody>
      </table>
      <h3>
        <span title={t('window.title-gloss')}>{t('window.title')}</span>
        <span className="spring" />
        <span className="muted number">{done.length < TRIALS && !error && report.paired ? t('window.progress', { done: String(done.length), total: String(TRIALS) }) : ''}</span>
      </h3>
      {error ? (
        <p className="message" role="alert">
          <ErrorText error={error} />
        </p>
      ) : (
        <>
          <WindowPlot points={points} label={label} here={here} name={gauge === 'phase' || gauge === 'goal' ? t(`window.${gauge}`) : gauge} onUse={use} />
          <table className="table windows">
            <thead>
              <tr>
                <th />
                <th colSpan={3}>{t('window.errors')}</th>
                <th colSpan={2}>{t('window.masses')}</th>
              </tr>
              <tr>
                <th>{t('window.frames')}</th>
                <th>{t('window.pairs')}</th>
                <th>{t('window.plan')}</th>
                <th title={t('window.diagonal')}>{t('window.diagonal-short')}</th>
                <th>{t('window.plan')}</th>
                <th title={t('window.diagonal')}>{t('window.diagonal-short')}</th>
              </tr>
            </thead>
            <tbody>
              {points.map((point) => (
                <tr key={point.window} className={point.window === here ? 'here' : ''}>
                  <td>
                    <button type="button" className="link" title={t('window.use')} aria-pressed={point.window === here} onClick={() => use(point.window)}>
                      {label(point.window)}
                    </button>
                  </td>
                  <td>{places(point.pairs?.mean)}</td>
                  <td>{places(point.plan?.mean)}</td>
                  <td>{places(point.diagonal?.mean)}</td>
                  <td>{places(point.mass?.mean)}</td>
                  <td>{places(point.diagonalMass?.mean)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
    </>
  );
}

/** Fixed places, so that columns line up. */
const places = (value: number | undefined): string => (value === undefined || Number.isNaN(value) ? '–' : value.toFixed(3));

function pointOf(window: TriedWindow, trials: readonly WindowTrial[], gauge: string): WindowPoint {
  const errors = trials.map((trial) => trial.errors.find(({ name }) => name === gauge));
  return {
    window,
    pairs: estimate(errors.map((error) => error?.pairs ?? Number.NaN)),
    plan: estimate(errors.map((error) => error?.plan ?? Number.NaN)),
    diagonal: estimate(errors.map((error) => error?.diagonal ?? Number.NaN)),
    mass: estimate(trials.map(({ mass }) => mass)),
    diagonalMass: estimate(trials.map(({ diagonalMass }) => diagonalMass ?? Number.NaN)),
  };
}

/** Mean of the finite values and its standard error, s/√k; null where there are none. */
function estimate(values: readonly number[]): { readonly mean: number; readonly error: number } | null {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return null;
  const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length;
  const spread = finite.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, finite.length - 1);
  return { mean, error: Math.sqrt(spread / finite.length) };
}
