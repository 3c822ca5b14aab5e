import type { ReactElement } from 'react';
import type { PresetName } from '../../config/presets.ts';
import { SESSION_LIMITS, type SolveSettings } from '../../config/session.ts';
import type { Normalisation } from '../../core/cost/terms.ts';
import { useRun } from '../../store/run.ts';
import { presetOf, useSession } from '../../store/session.ts';
import { useView } from '../../store/view.ts';
import { NumberBox, Segmented } from '../parts/controls.tsx';
import { REG_SCALE, TAU_SCALE } from '../parts/scales.ts';
import { useLive } from '../parts/live.ts';
import { useWords } from '../parts/words.ts';
import { Metrics } from './Metrics.tsx';
import { RegimePanel } from './RegimePanel.tsx';
import { SliderRow } from './SliderRow.tsx';

const PRESET_NAMES: readonly PresetName[] = ['toy', 'official', 'fork', 'balanced', 'diagonal'];

/** Everything that is solved for, and what came out. */
export function SolveRail(): ReactElement {
  const t = useWords();
  return (
    <aside className="rail right" aria-label={t('solve.title')}>
      <section>
        <PresetLine />
        <Sliders />
        <PriorControls />
        <ModeControls />
      </section>
      <section>
        <Metrics />
      </section>
      <section>
        <RegimePanel />
      </section>
    </aside>
  );
}

function PresetLine(): ReactElement {
  const t = useWords();
  const live = useLive();
  const session = useSession((state) => state.session);
  const applyPreset = useSession((state) => state.applyPreset);
  const current = presetOf(session);
  const choose = (name: PresetName): void => {
    applyPreset(name);
    // Nothing else on the page would say at a glance that its loss is dead.
    if (name === 'fork') useView.setState({ explained: 'balance' });
  };
  return (
    <h3>
      {t('solve.title')}
      <span className="spring" />
      <button type="button" className="link" style={{ fontWeight: 400 }} title={t('solve.suggest-gloss')} onClick={() => void live.suggest()}>
        {t('solve.suggest')}
      </button>
      <select className="select" aria-label={t('solve.preset')} value={current ?? ''} onChange={(event) => choose(event.target.value as PresetName)}>
        {current === null ? <option value="">{t('solve.preset')}</option> : null}
        {PRESET_NAMES.map((name) => (
          <option key={name} value={name}>
            {t(`preset.${name}`)}
          </option>
        ))}
      </select>
    </h3>
  );
}

function Sliders(): ReactElement {
  const t = useWords();
  const { reg, tau1, tau2 } = useSession((state) => state.session.solve);
  const setSolve = useSession((state) => state.setSolve);
  const responses = useRun((run) => run.responses);
  const refuseReg = (value: number): string | null => (value >= SESSION_LIMITS.reg.low && value <= SESSION_LIMITS.reg.high ? null : t('refuse.reg'));
  const refuseTau = (value: number): string | null => (value === Infinity || (value >= SESSION_LIMITS.tau.low && value <= SESSION_LIMITS.tau.high) ? null : t('refuse.tau'));
  const label = t('solve.curve');
  return (
    <>
      <SliderRow name="reg" gloss={t('solve.reg')} value={reg} scale={REG_SCALE} onChange={(value) => setSolve({ reg: value })} refuse={refuseReg} curve={responses?.reg ?? null} curveLabel={label} />
      <SliderRow name="τ₁" gloss={t('solve.tau1')} value={tau1} scale={TAU_SCALE} onChange={(value) => setSolve({ tau1: value })} refuse={refuseTau} curve={responses?.tau1 ?? null} curveLabel={label} />
      <SliderRow name="τ₂" gloss={t('solve.tau2')} value={tau2} scale={TAU_SCALE} onChange={(value) => setSolve({ tau2: value })} refuse={refuseTau} curve={responses?.tau2 ?? null} curveLabel={label} />
    </>
  );
}

function PriorControls(): ReactElement {
  const t = useWords();
  const { prior, softEpsilon, bandWidth } = useSession((state) => state.session.solve);
  const setSolve = useSession((state) => state.setSolve);
  const paired = useRun((run) => run.report?.paired ?? true);
  const inside = (limits: { low: number; high: number }, message: string) => (value: number) => (value >= limits.low && value <= limits.high ? null : message);
  const gloss = prior === 'diagonal' && !paired ? t('prior.diagonal-unpaired') : t(`prior.${prior}-gloss`);
  return (
    <>
      <div className="slider-row">
        <b>{t('prior.title')}</b>
        <span className="gloss" title={gloss}>
          {gloss}
        </span>
        {prior === 'soft' ? (
          <NumberBox label="ε" value={softEpsilon} onChange={(value) => setSolve({ softEpsilon: value })} refuse={inside(SESSION_LIMITS.softEpsilon, t('refuse.soft'))} />
        ) : prior === 'band' ? (
          <NumberBox label="s" value={bandWidth} onChange={(value) => setSolve({ bandWidth: value })} refuse={inside(SESSION_LIMITS.bandWidth, t('refuse.band'))} />
        ) : (
          <span style={{ height: '1.375rem' }} />
        )}
      </div>
      <Segmented<SolveSettings['prior']>
        wide
        label={t('prior.title')}
        value={prior}
        options={(['product', 'ones', 'soft', 'band', 'diagonal'] as const).map((value) => ({ value, label: t(`prior.${value}`), title: t(`prior.${value}-gloss`) }))}
        onChange={(value) => setSolve({ prior: value })}
      />
    </>
  );
}

function ModeControls(): ReactElement {
  const t = useWords();
  const { mode, normalisation } = useSession((state) => state.session.solve);
  const setSolve = useSession((state) => state.setSolve);
  return (
    <div className="actions" style={{ margin: '0.5rem 0 0', justifyContent: 'space-between' }}>
      <Segmented
        label={t('mode.title')}
        value={mode}
        options={[
          { value: 'fast', label: t('mode.fast'), title: t('mode.fast-gloss') },
          { value: 'parity', label: t('mode.parity'), title: t('mode.parity-gloss') },
        ]}
        onChange={(value) => setSolve({ mode: value })}
      />
      <label title={t('normalise.gloss')}>
        <span className="muted">M ÷ </span>
        <select className="select" aria-label={t('normalise.title')} value={normalisation} onChange={(event) => setSolve({ normalisation: event.target.value as Normalisation })}>
          {(['none', 'max', 'median', 'std'] as const).map((value) => (
            <option key={value} value={value}>
              {value === 'none' ? t('normalise.none') : value}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

