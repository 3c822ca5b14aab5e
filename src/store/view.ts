import { create } from 'zustand';
import type { DriveRegion } from '../engine/protocol.ts';
import type { Language } from '../words/index.ts';

export type Theme = 'auto' | 'light' | 'dark';
export type Scale = 'log' | 'linear';
export type Order = 'time' | 'episode';
export type Tab = 'solve' | 'inspect' | 'terms' | 'train' | 'setup';
/** What stands beside the plan. */
export type Aside = 'cell' | 'pairing' | 'window' | 'arm';
/** What a reading, a warning or a chart is explained by, with a picture, in the place of what stands beside the plan. */
export type Explained = 'objective' | 'stiffness' | 'slope' | 'welsch' | 'pot' | 'balance' | 'collapse';
/** What stands in the middle of the page. */
export type Stage = 'plan' | 'experiment';
export type MapQuantity = 'mass' | 'diagRatio' | 'perplexity' | 'loss';

/** What only this screen knows. Language and theme are remembered; the rest is not. */
interface ViewState {
  readonly theme: Theme;
  /** The theme in force; the document carries it too, where the colour tokens are. */
  readonly appliedTheme: 'light' | 'dark';
  readonly language: Language;
  readonly stage: Stage;
  readonly scale: Scale;
  readonly order: Order;
  readonly tab: Tab;
  readonly setupOpen: boolean;
  readonly mapQuantity: MapQuantity;
  readonly aside: Aside;
  readonly explained: Explained | null;
  /** Episodes that are compared, by place; null follows the cursor. */
  readonly compared: { readonly source: number | null; readonly target: number | null };
  /** Who is to drive the arm (a kept step, or null for the weights as they stand), the seed of its attempts, and the attempt and control step (null: the newest) that are looked at. */
  readonly arm: { readonly step: number | null; readonly seed: number; readonly region: DriveRegion; readonly attempt: number; readonly time: number | null };
  /** The cell that all maps, marginals and frames point at, in batch indices. */
  readonly cursor: { readonly i: number; readonly j: number };
  /** Shown part of every heatmap in display indices, [from, to); null shows all. */
  readonly zoom: { readonly rows: readonly [number, number]; readonly columns: readonly [number, number] } | null;
}

/** The order in which one button turns through the themes. */
export const NEXT_THEME: Readonly<Record<Theme, Theme>> = { auto: 'light', light: 'dark', dark: 'auto' };

const KEY = 'ot-playground.view';

export const useView = create<ViewState>()(() => ({
  ...remembered(),
  appliedTheme: 'light',
  stage: 'plan',
  scale: 'log',
  order: 'time',
  tab: 'solve',
  setupOpen: false,
  mapQuantity: 'mass',
  aside: 'cell',
  explained: null,
  compared: { source: null, target: null },
  arm: { step: null, seed: 0, region: 'upper', attempt: 0, time: null },
  cursor: { i: 0, j: 0 },
  zoom: null,
}));

function remembered(): Pick<ViewState, 'theme' | 'language'> {
  const fallback = { theme: 'auto', language: navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en' } as const;
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Record<string, unknown>;
    const theme = stored.theme === 'light' || stored.theme === 'dark' || stored.theme === 'auto' ? stored.theme : fallback.theme;
    const language = stored.language === 'en' || stored.language === 'zh' ? stored.language : fallback.language;
    return { theme, language };
  } catch {
    return fallback;
  }
}

/** Apply the chosen theme now and whenever it, or the system's, changes. Before React paints: pixels read the tokens. */
export function followTheme(): void {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const apply = (): void => {
    const { theme, appliedTheme } = useView.getState();
    const next = theme === 'auto' ? (dark.matches ? 'dark' : 'light') : theme;
    document.documentElement.dataset.theme = next;
    if (next !== appliedTheme) useView.setState({ appliedTheme: next });
  };
  dark.addEventListener('change', apply);
  useView.subscribe(({ theme }, previous) => {
    if (theme !== previous.theme) apply();
  });
  apply();
}

/** Explain one thing, where it is in sight: on a phone beneath the plan, and in the place of an open setup. */
export function explain(explained: Explained): void {
  useView.setState({ explained, setupOpen: false, stage: 'plan', tab: 'inspect' });
}

/** Show what the address names (`?view=experiment`), and keep the address saying what is shown: a reload comes back to it. */
export function followAddress(): void {
  if (new URLSearchParams(location.search).get('view') === 'experiment') useView.setState({ stage: 'experiment' });
  useView.subscribe(({ stage }, previous) => {
    if (stage === previous.stage) return;
    const address = new URL(location.href);
    if (stage === 'plan') address.searchParams.delete('view');
    else address.searchParams.set('view', stage);
    history.replaceState(null, '', address);
  });
}

/** Keep language and theme for the next visit. Private windows may refuse; then they last as long as the page. */
export function rememberView(): () => void {
  return useView.subscribe(({ theme, language }, previous) => {
    if (theme === previous.theme && language === previous.language) return;
    try {
      localStorage.setItem(KEY, JSON.stringify({ theme, language }));
    } catch {
      // Nothing depends on it.
    }
  });
}
