/** Workgroups a row of a dispatch: WebGPU guarantees 65535. */
const ROW = 32_768;

/** A dispatch of many workgroups in two dimensions; `stride` is the number of threads a row, which the shader needs. */
export interface Folded {
  readonly x: number;
  readonly y: number;
  readonly stride: number;
}

/** Workgroups for `count` threads. */
export function foldedOver(count: number, threads: number): Folded {
  const groups = Math.ceil(count / threads);
  return { x: Math.min(groups, ROW), y: Math.ceil(groups / ROW), stride: ROW * threads };
}
