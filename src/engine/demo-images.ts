import { embedKeys, keyOf, type FeatureSpec } from '../core/cost/features.ts';
import type { DrawnBatch } from './batch.ts';
import { DEMO_IMAGE, type Side } from './protocol.ts';

/** Draws a demo frame of a side at the camera's size, RGBA. */
export type DemoImages = (side: Side, row: number) => Uint8ClampedArray | null;

/** Give a batch the demo camera's column: only when a term asks, since drawing 2 × 1024 frames takes a while. */
export function addDemoImages(batch: DrawnBatch, features: readonly FeatureSpec[], images: DemoImages | null): void {
  if (!images || batch.source.columns.has(DEMO_IMAGE.key) || !features.some(namesDemoImage)) return;
  const [channels, height, width] = DEMO_IMAGE.shape;
  const pixels = height * width;
  for (const [side, data, info] of [
    ['source', batch.source, batch.sourceInfo],
    ['target', batch.target, batch.targetInfo],
  ] as const) {
    const values = new Float64Array(data.count * channels * pixels);
    for (let k = 0; k < data.count; k++) {
      const frame = images(side, info.rows[k]!);
      if (!frame) return;
      for (let c = 0; c < channels; c++) for (let p = 0; p < pixels; p++) values[(k * channels + c) * pixels + p] = frame[4 * p + c]! / 255;
    }
    data.columns.set(DEMO_IMAGE.key, { values, shape: DEMO_IMAGE.shape });
  }
}

const namesDemoImage = (spec: FeatureSpec): boolean => (['source', 'target'] as const).some((side) => keyOf(spec, side) === DEMO_IMAGE.key || embedKeys(spec, side).some(([, key]) => key === DEMO_IMAGE.key));
