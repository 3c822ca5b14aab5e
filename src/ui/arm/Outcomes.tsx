import type { ReactElement } from 'react';
import { ATTEMPT_STEPS } from '../../engine/client.ts';
import type { DriveRegion } from '../../engine/protocol.ts';
import { drive } from '../../store/rollout-shelf.ts';
import { useRun, type DriveResult } from '../../store/run.ts';
import { useView } from '../../store/view.ts';
import { formatNumber } from '../../words/numbers.ts';
import { useWords } from '../parts/words.ts';
import { statesAt } from './draw-table.ts';

const REGIONS = ['lower', 'upper'] as const satisfies readonly DriveRegion[];

const counts = (outcome: DriveResult[DriveRegion]): string => (outcome ? `${outcome.successes}/${outcome.count}` : '–');
/** Fixed places, so that columns line up. */
const places = (value: number | undefined): string => (value === undefined ? '–' : value.toFixed(3));
const probeOf = (result: DriveResult | undefined, region: DriveRegion): string => places(region === 'lower' ? result?.probe.inDistribution : result?.probe.outOfDistribution);

/** What the policy that drove last came to, region by region, and the present plan's phase error. While it drives, what is in the bin so far. */
export function Outcomes(): ReactElement {
  const t = useWords();
  const { driving, results } = useRun((run) => run.rollouts);
  const phase = useRun((run) => run.report?.match.errors.find(({ kind }) => kind === 'phase')?.plan);
  const result = driving ? undefined : results?.steps.find(({ step }) => step === results.latest);
  const soFar = (region: DriveRegion): string => {
    const states = drive.groups.filter((group) => group.region === region).flatMap((group) => statesAt(group, ATTEMPT_STEPS));
    return states.length > 0 ? `${states.filter(({ done }) => done).length}/${states.length}` : '–';
  };
  return (
    <>
      <table className="table outcomes">
        <thead>
          <tr>
            <th>{result ? t('arm.step', { step: String(result.step) }) : t('arm.result')}</th>
            <th>{t('arm.success')}</th>
            <th title={t('arm.interval-gloss')}>{t('arm.interval')}</th>
            <th title={t('arm.probe-gloss')}>{t('arm.probe')}</th>
          </tr>
        </thead>
        <tbody>
          {REGIONS.map((region) => {
            const outcome = result?.[region] ?? null;
            return (
              <tr key={region} data-region={region}>
                <td title={t(`arm.${region}-gloss`)}>
                  <b>{t(`arm.${region}-short`)}</b> {t(`arm.${region}`)}
                </td>
                <td className="count">{driving ? soFar(region) : counts(outcome)}</td>
                <td>{outcome ? `${Math.round(100 * outcome.low)}–${Math.round(100 * outcome.high)}` : '–'}</td>
                <td>{probeOf(result, region)}</td>
              </tr>
            );
          })}
          <tr className="sum">
            <td colSpan={3} title={t('arm.phase-gloss')}>
              {t('arm.phase')}
            </td>
            <td>{formatNumber(phase)}</td>
          </tr>
        </tbody>
      </table>
      <p className="muted small">{t('arm.noise')}</p>
    </>
  );
}

/** Every step of the run that has driven, beside each other. */
export function DrivenSteps(): ReactElement | null {
  const t = useWords();
  const results = useRun((run) => run.rollouts.results);
  const arm = useView((view) => view.arm);
  const kept = useRun((run) => run.training.kept);
  if (!results || results.steps.length === 0) return null;
  return (
    <>
      <h3>
        <span title={t('arm.so-far-gloss')}>{t('arm.so-far')}</span>
      </h3>
      <table className="table driven">
        <thead>
          <tr>
            <th />
            <th colSpan={2}>{t('arm.success')}</th>
            <th colSpan={2} title={t('arm.probe-gloss')}>
              {t('arm.probe')}
            </th>
          </tr>
          <tr>
            <th>{t('arm.step-column')}</th>
            {[0, 1].flatMap((part) => REGIONS.map((region) => (
              <th key={`${part} ${region}`} title={t(`arm.${region}`)}>
                {t(`arm.${region}-short`)}
              </th>
            )))}
          </tr>
        </thead>
        <tbody>
          {results.steps.map((result) => (
            <tr key={result.step} data-step={result.step} className={result.step === results.latest ? 'here' : ''}>
              <td>
                {kept.includes(result.step) ? (
                  <button type="button" className="link" title={t('arm.choose')} aria-pressed={arm.step === result.step} onClick={() => useView.setState({ arm: { ...arm, step: result.step } })}>
                    {result.step}
                  </button>
                ) : (
                  result.step
                )}
              </td>
              {REGIONS.map((region) => (
                <td key={region}>{counts(result[region])}</td>
              ))}
              {REGIONS.map((region) => (
                <td key={region}>{probeOf(result, region)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
