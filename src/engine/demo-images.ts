import { embedKeys, keyOf, type BatchColumn, type FeatureSpec } from '../core/cost/features.ts';
import type { BatchSides } from './cost.ts';
import { DEMO_IMAGE, type Side } from './protocol.ts';

/** Draws a demo frame of a side at the camera's size, RGBA. */
export type DemoImages = (side: Side, row: number) => Uint8ClampedArray | null;

/** Give a batch the demo camera's column: only when a term asks, since drawing 2 × 1024 frames takes a while. */
export function addDemoImages(batch: BatchSides & Readonly<Record<'sourceInfo' | 'targetInfo', { readonly rows: Int32Array }>>, features: readonly FeatureSpec[], images: DemoImages | null): void {
  if (!images || batch.source.columns.has(DEMO_IMAGE.key) || !features.some(namesDemoImage)) return;
  for (const [side, data, { rows }] of [
    ['source', batch.source, batch.sourceInfo],
    ['target', batch.target, batch.targetInfo],
  ] as const) {
    const column = demoImages(side, rows, images);
    if (column) data.columns.set(DEMO_IMAGE.key, column);
  }
}

/** The camera's frames at some rows, channels first, values in [0, 1]; null for a side that has no drawing. */
export function demoImages(side: Side, rows: ArrayLike<number>, images: DemoImages): BatchColumn | null {
  const [channels, height, width] = DEMO_IMAGE.shape;
  const pixels = height * width;
  const values = new Float64Array(rows.length * channels * pixels);
  for (let k = 0; k < rows.length; k++) {
    const frame = images(side, rows[k]!);
    if (!frame) return null;
    for (let c = 0; c < channels; c++) for (let p = 0; p < pixels; p++) values[(k * channels + c) * pixels + p] = frame[4 * p + c]! / 255;
  }
  return { values, shape: DEMO_IMAGE.shape };
}

const namesDemoImage = (spec: FeatureSpec): boolean => (['source', 'target'] as const).some((side) => keyOf(spec, side) === DEMO_IMAGE.key || embedKeys(spec, side).some(([, key]) => key === DEMO_IMAGE.key));
