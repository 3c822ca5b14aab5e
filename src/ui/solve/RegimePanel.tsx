import { useRef, type ReactElement } from 'react';
import { REGIME_AXES, type RegimeMap } from '../../engine/protocol.ts';
import { useRun } from '../../store/run.ts';
import { MAX_SWEEP_CELLS } from '../../store/live.ts';
import { useSession } from '../../store/session.ts';
import { useView, type MapQuantity } from '../../store/view.ts';
import { Segmented } from '../parts/controls.tsx';
import { useRem, useSize } from '../parts/hooks.ts';
import { useWords } from '../parts/words.ts';
import { RegimeChart } from './RegimeChart.tsx';
import { TAU_SCALE } from '../parts/scales.ts';

const { low, high } = REGIME_AXES;

/** Place of a value on an axis of the map, [0, 1], its edges for what is out of range. */
const placeOf = (value: number): number => Math.min(1, Math.max(0, Math.log(value / low) / Math.log(high / low)));
const valueAt = (place: number): number => Number((low * (high / low) ** Math.min(1, Math.max(0, place))).toPrecision(3));

/** Colour range of each quantity; perplexity and loss depend on the batch. */
function toneOf(map: RegimeMap, quantity: MapQuantity, m: number, meanCost: number): Float64Array {
  const scale = { mass: 1, diagRatio: 1, perplexity: m, loss: meanCost }[quantity];
  const values = map[quantity];
  // Mass spans decades: its colour is logarithmic from 10⁻⁴; so is perplexity, from 1.
  if (quantity === 'mass') return values.map((value) => (Math.log10(Math.max(value, 1e-4)) + 4) / 4);
  if (quantity === 'perplexity') return values.map((value) => Math.log(Math.max(1, value)) / Math.log(scale));
  return values.map((value) => value / scale);
}

/** True solves over reg × τ₁; click or drag to set both. */
export function RegimePanel(): ReactElement {
  const t = useWords();
  const box = useRef<HTMLDivElement>(null);
  const size = useSize(box);
  const rem = useRem() / 16;
  const quantity = useView((view) => view.mapQuantity);
  const map = useRun((run) => run.regimeMap);
  const report = useRun((run) => run.report);
  const { reg, tau1, tau2 } = useSession((state) => state.session.solve);
  const setSolve = useSession((state) => state.setSolve);
  const margins = { left: 34 * rem, right: 4 * rem, top: 4 * rem, bottom: 30 * rem };
  const inner = { width: size.width - margins.left - margins.right, height: size.height - margins.top - margins.bottom };

  const setFrom = (event: React.PointerEvent): void => {
    if (event.buttons !== 1 || inner.width <= 0) return;
    const bounds = event.currentTarget.getBoundingClientRect();
    const nextTau = valueAt(1 - (event.clientY - bounds.top - margins.top) / inner.height);
    const ratio = tau1 === Infinity || tau2 === Infinity ? 1 : tau2 / tau1;
    setSolve({ reg: valueAt((event.clientX - bounds.left - margins.left) / inner.width), tau1: nextTau, tau2: TAU_SCALE.value(TAU_SCALE.position(nextTau * ratio)) });
  };
  const onKeyDown = (event: React.KeyboardEvent): void => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!step) return;
    event.preventDefault();
    const ratio = tau1 === Infinity || tau2 === Infinity ? 1 : tau2 / tau1;
    const nextTau = step[1] ? valueAt(placeOf(tau1) + 0.02 * step[1]) : tau1;
    setSolve({ reg: step[0] ? valueAt(placeOf(reg) + 0.02 * step[0]) : reg, tau1: nextTau, tau2: step[1] ? nextTau * ratio : tau2 });
  };
  return (
    <>
      <h3>
        <span title={t('regime.gloss')}>{t('regime.title')}</span>
        <span className="spring" />
        <Segmented<MapQuantity>
          label={t('regime.quantity')}
          value={quantity}
          options={[
            { value: 'mass', label: 'π_sum', title: 'ot_pi_sum' },
            { value: 'diagRatio', label: 'diag', title: 'diag_ratio' },
            { value: 'perplexity', label: 'perp', title: 'perplexity' },
            { value: 'loss', label: 'loss', title: 'ot_loss' },
          ]}
          onChange={(value) => useView.setState({ mapQuantity: value })}
        />
      </h3>
      {/* The keyboard moves the point as the pointer does; the sliders above say the values. */}
      <div className="regime" ref={box} role="application" tabIndex={0} aria-label={t('regime.describe')} onPointerDown={setFrom} onPointerMove={setFrom} onKeyDown={onKeyDown}>
        {map && report && inner.width > 0 ? (
          <RegimeChart map={map} tone={toneOf(map, quantity, report.m, report.statistics.mean)} size={size} margins={margins} point={{ x: placeOf(reg), y: placeOf(tau1) }} bands={quantity === 'mass'} />
        ) : report && report.n * report.m > MAX_SWEEP_CELLS ? (
          <p className="muted">{t('regime.too-large')}</p>
        ) : null}
      </div>
    </>
  );
}
