import type * as PlotlyTypes from 'plotly.js';

export type Plotly = typeof PlotlyTypes;
export type { Data, Layout, PlotlyHTMLElement } from 'plotly.js';

let loading: Promise<Plotly> | null = null;

/** Plotly with the traces that are drawn here, loaded once and after the first paint: pixels do not wait for it. */
export function loadPlotly(): Promise<Plotly> {
  loading ??= (async () => {
    const [{ default: core }, { default: heatmap }, { default: contour }] = await Promise.all([import('plotly.js/lib/core'), import('plotly.js/lib/heatmap'), import('plotly.js/lib/contour')]);
    core.register([heatmap, contour]);
    return core;
  })();
  return loading;
}
