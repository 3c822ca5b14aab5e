import type { ReactElement } from 'react';
import { HEALTHY_MASS } from '../../core/ot/warnings.ts';

interface ResponseCurveProps {
  readonly curve: Float64Array | null;
  readonly position: number;
  readonly span: number;
  readonly label: string | null;
}

/** π_sum, 0…1, over a slider's range, with the healthy band and a stem at the present value: see before you drag. */
export function ResponseCurve({ curve, position, span, label }: ResponseCurveProps): ReactElement {
  const height = 22;
  const y = (mass: number): number => height - 2 - Math.min(1, Math.max(0, mass)) * (height - 5);
  // In units of a thousandth of the track, stretched to its width.
  const x = (place: number): number => 20 + place * 960;
  const points = curve ? Array.from(curve, (mass, k) => ({ x: x((k / (curve.length - 1)) * span), mass })).filter(({ mass }) => !Number.isNaN(mass)) : [];
  const line = points.map((point, k) => `${k === 0 ? 'M' : 'L'}${point.x.toFixed(1)} ${y(point.mass).toFixed(2)}`).join('');
  const at = curve ? interpolate(curve, position / span) : Number.NaN;
  return (
    <svg className="curve" viewBox={`0 0 1000 ${height}`} preserveAspectRatio="none" aria-hidden="true">
      <rect x={20} y={0} width={960} height={height} fill="var(--sunk)" />
      <rect x={20} y={y(HEALTHY_MASS.high)} width={960} height={y(HEALTHY_MASS.low) - y(HEALTHY_MASS.high)} fill="var(--line)" />
      {line ? <path d={line} fill="none" stroke="var(--mut)" strokeWidth={1} vectorEffect="non-scaling-stroke" /> : null}
      {Number.isNaN(at) ? null : <path d={`M${x(position)} ${height}V${y(at)}`} stroke="var(--acc)" strokeWidth={2} vectorEffect="non-scaling-stroke" />}
      {label ? <title>{label}</title> : null}
    </svg>
  );
}

function interpolate(curve: Float64Array, place: number): number {
  const at = Math.min(1, Math.max(0, place)) * (curve.length - 1);
  const low = Math.min(curve.length - 2, Math.floor(at));
  return curve[low]! + (curve[low + 1]! - curve[low]!) * (at - low);
}
