import { useState, type ReactElement } from 'react';
import { sessionToHash } from '../config/share.ts';
import { useRun } from '../store/run.ts';
import { useSession } from '../store/session.ts';
import { NEXT_THEME, useView } from '../store/view.ts';
import { Glyph } from './parts/controls.tsx';
import { useWords } from './parts/words.ts';

export function TopBar(): ReactElement {
  const t = useWords();
  const theme = useView((view) => view.theme);
  const language = useView((view) => view.language);
  const setupOpen = useView((view) => view.setupOpen);
  const tick = useRun((run) => run.report?.tickMs);
  return (
    <header className="top">
      <h1>OT Playground</h1>
      <button type="button" className="button outlined setup-button" aria-expanded={setupOpen} onClick={() => useView.setState({ setupOpen: !setupOpen })}>
        {t('setup.title')}
      </button>
      <span className="spring" />
      <span className="badge" title={tick === undefined ? undefined : t('top.tick', { ms: tick.toFixed(1) })}>
        CPU · float64
      </span>
      <button type="button" className="button" lang={language === 'en' ? 'zh-Hans' : 'en'} onClick={() => useView.setState({ language: language === 'en' ? 'zh' : 'en' })}>
        {language === 'en' ? '中文' : 'English'}
      </button>
      <button type="button" className="button" aria-label={t('top.theme', { theme: t(`theme.${theme}`) })} onClick={() => useView.setState({ theme: NEXT_THEME[theme] })}>
        <Glyph name="theme" />
        {t(`theme.${theme}`)}
      </button>
      <ShareButton />
    </header>
  );
}

/** Copies a link to this session; where the clipboard is closed, the link goes to the address bar to be copied there. */
function ShareButton(): ReactElement {
  const t = useWords();
  const [state, setState] = useState<'idle' | 'copied' | 'shown'>('idle');
  const share = async (): Promise<void> => {
    const link = `${location.origin}${location.pathname}${await sessionToHash(useSession.getState().session)}`;
    history.replaceState(null, '', link);
    try {
      await navigator.clipboard.writeText(link);
      setState('copied');
    } catch {
      setState('shown');
    }
    setTimeout(() => setState('idle'), 2500);
  };
  return (
    <button type="button" className="button outlined" style={{ minWidth: '6rem', justifyContent: 'center' }} onClick={() => void share()}>
      <span aria-live="polite">{t(`share.${state}`)}</span>
    </button>
  );
}
