import { loadPlotly, type PlotlyHTMLElement } from '../charts/plotly.ts';

/** Save the plan with its axes as a PNG: plotly's frame with the canvas' pixels laid into it. */
export async function savePlanImage(): Promise<void> {
  const plotly = await loadPlotly();
  const root = document.querySelector('[data-heatmap="plan"]');
  const canvas = root?.querySelector('canvas');
  const plot = root?.querySelector<HTMLElement>('.heatmap-frame') as unknown as (PlotlyHTMLElement & { layout: Record<string, unknown>; data: unknown[] }) | null;
  if (!canvas || !plot?.layout) return;
  const background = getComputedStyle(document.body).backgroundColor;
  const pixels = { source: canvas.toDataURL(), xref: 'paper', yref: 'paper', x: 0, y: 1, sizex: 1, sizey: 1, sizing: 'stretch', layer: 'below' };
  const figure = { data: plot.data, layout: { ...plot.layout, images: [pixels], paper_bgcolor: background } };
  await plotly.downloadImage(figure as unknown as PlotlyHTMLElement, { format: 'png', filename: 'plan', width: plot.clientWidth, height: plot.clientHeight, scale: 2 } as Parameters<typeof plotly.downloadImage>[1]);
}
