import { useEffect, type ReactElement } from 'react';
import { droppedFiles } from '../engine/client.ts';
import { useRun } from '../store/run.ts';
import { NEXT_THEME, useView, type Tab } from '../store/view.ts';
import { words } from '../words/index.ts';
import { useLive } from './parts/live.ts';
import { useWords } from './parts/words.ts';
import { Aside } from './plan/Aside.tsx';
import { Stage } from './plan/PlanPanel.tsx';
import { ProblemNote } from './plan/ProblemNote.tsx';
import { TermsRow } from './plan/TermsRow.tsx';
import { EmptyState } from './setup/EmptyState.tsx';
import { Experiment } from './experiment/Experiment.tsx';
import { SetupRail } from './setup/SetupRail.tsx';
import { SolveRail } from './solve/SolveRail.tsx';
import { TopBar } from './TopBar.tsx';
import { TrainStrip } from './train/TrainStrip.tsx';

/** The page. */
export function App(): ReactElement {
  useLanguage();
  useFallbackDrop();
  useKeys();
  useTrainingKeys();
  const tab = useView((view) => view.tab);
  const stage = useView((view) => view.stage);
  const setupOpen = useView((view) => view.setupOpen);
  const empty = useRun((run) => (['source', 'target'] as const).some((side) => run.datasets[side] === null && run.loads[side].kind !== 'loading'));
  const error = useRun((run) => run.error);
  return (
    <div className={setupOpen ? 'app setup-open' : 'app'} data-tab={tab} data-stage={stage}>
      <TopBar />
      <SetupRail />
      <main className="middle">
        {stage === 'experiment' ? (
          <Experiment />
        ) : empty ? (
          <EmptyState />
        ) : (
          <>
            <Stage />
            {error ? <ProblemNote error={error} /> : <Aside />}
            <TermsRow />
          </>
        )}
      </main>
      <SolveRail />
      <TrainStrip />
      <Tabs />
    </div>
  );
}

/** What is beneath the plan on a phone. */
function Tabs(): ReactElement {
  const t = useWords();
  const tab = useView((view) => (view.stage === 'plan' ? view.tab : null));
  return (
    <nav className="tabs" role="tablist" aria-label={t('tabs.title')}>
      {(['solve', 'inspect', 'terms', 'train', 'setup'] as const satisfies readonly Tab[]).map((name) => (
        <button key={name} type="button" role="tab" aria-selected={tab === name} onClick={() => useView.setState({ tab: name, stage: 'plan' })}>
          {t(`tabs.${name}`)}
        </button>
      ))}
    </nav>
  );
}

function useLanguage(): void {
  const language = useView((view) => view.language);
  useEffect(() => {
    document.documentElement.lang = language === 'zh' ? 'zh-Hans' : 'en';
    void words.changeLanguage(language);
  }, [language]);
}

/** T turns the theme, Escape folds Setup away. Keys are left alone while a text box has them. */
function useKeys(): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || (event.target instanceof HTMLElement && event.target.matches('input[type="text"], select'))) return;
      if (event.key === 'Escape') useView.setState({ setupOpen: false, explained: null });
      if (event.key === 't' || event.key === 'T') useView.setState(({ theme }) => ({ theme: NEXT_THEME[theme] }));
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
}

/** Space plays and pauses, "." takes one step, "," goes back to the kept step before; boxes keep their own keys. */
function useTrainingKeys(): void {
  const live = useLive();
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      // The space bar presses what has the focus.
      const keepers = event.key === ' ' ? 'input, select, button, summary, a' : 'input:not([type="range"]), select';
      if (event.ctrlKey || event.metaKey || event.altKey || (event.target instanceof HTMLElement && event.target.matches(keepers))) return;
      const { training, report } = useRun.getState();
      if (!report) return;
      const before = training.kept.findLast((step) => step < training.step);
      const act = { ' ': () => (training.playing ? live.training.pause() : live.training.play()), '.': () => (training.playing ? undefined : live.training.play(1)), ',': () => (before === undefined ? undefined : live.training.rewind(before)) }[event.key];
      if (!act) return;
      event.preventDefault();
      void act();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [live]);
}

/** A drop beside the two places must not make the browser leave the page; it fills the side that has no data. */
function useFallbackDrop(): void {
  const live = useLive();
  useEffect(() => {
    const over = (event: DragEvent): void => event.preventDefault();
    const drop = (event: DragEvent): void => {
      event.preventDefault();
      const transfer = event.dataTransfer;
      if (!transfer || transfer.files.length === 0) return;
      const { datasets } = useRun.getState();
      void live.openFiles(datasets.source === null ? 'source' : 'target', () => droppedFiles(transfer));
    };
    window.addEventListener('dragover', over);
    window.addEventListener('drop', drop);
    return () => {
      window.removeEventListener('dragover', over);
      window.removeEventListener('drop', drop);
    };
  }, [live]);
}
