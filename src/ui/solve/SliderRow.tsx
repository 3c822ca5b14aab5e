import { useId, type ReactElement } from 'react';
import { formatNumber } from '../../words/numbers.ts';
import { NumberBox } from '../parts/controls.tsx';
import type { LogScale } from '../parts/scales.ts';
import { ResponseCurve } from './ResponseCurve.tsx';

interface SliderRowProps {
  readonly name: string;
  readonly gloss: string;
  readonly value: number;
  readonly scale: LogScale;
  readonly onChange: (value: number) => void;
  readonly refuse: (value: number) => string | null;
  /** π_sum over the slider's finite range, or null before it is known. */
  readonly curve: Float64Array | null;
  readonly curveLabel: string | null;
}

const STEPS = 1000;

/** Name, gloss and number; what the whole range would give; the track. */
export function SliderRow({ name, gloss, value, scale, onChange, refuse, curve, curveLabel }: SliderRowProps): ReactElement {
  const id = useId();
  const position = scale.position(value);
  return (
    <div className="slider-row">
      <label htmlFor={id}>{name}</label>
      <span className="gloss" title={gloss}>
        {gloss}
      </span>
      <NumberBox label={name} value={value} onChange={onChange} refuse={refuse} step={(present, direction) => scale.value(Math.min(1, Math.max(0, scale.position(present) + direction * 0.01)))} />
      <ResponseCurve curve={curve} position={position} span={scale.span} label={curveLabel} />
      <input
        id={id}
        className="track"
        type="range"
        min={0}
        max={STEPS}
        value={Math.round(position * STEPS)}
        style={{ '--position': `calc(${position * 100}% + ${(0.5 - position) * 0.75}rem)` } as React.CSSProperties}
        aria-valuetext={formatNumber(value)}
        onChange={(event) => onChange(scale.value(Number(event.target.value) / STEPS))}
      />
    </div>
  );
}
