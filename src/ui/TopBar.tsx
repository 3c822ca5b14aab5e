import { useState, type ReactElement } from 'react';
import { reportError } from '../base/errors.ts';
import { sessionToHash } from '../config/share.ts';
import { useRun } from '../store/run.ts';
import { useSession } from '../store/session.ts';
import { NEXT_THEME, useView } from '../store/view.ts';
import { Glyph } from './parts/controls.tsx';
import { formatNumber } from '../words/numbers.ts';
import { useLive } from './parts/live.ts';
import { useWords } from './parts/words.ts';

export function TopBar(): ReactElement {
  const t = useWords();
  const theme = useView((view) => view.theme);
  const language = useView((view) => view.language);
  const setupOpen = useView((view) => view.setupOpen);
  return (
    <header className="top">
      <h1>OT Playground</h1>
      <button type="button" className="button outlined setup-button" aria-expanded={setupOpen} onClick={() => useView.setState({ setupOpen: !setupOpen })}>
        {t('setup.title')}
      </button>
      <span className="spring" />
      <BackendBadge />
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

/** Which solver made the plan, and a check of both against each other. */
function BackendBadge(): ReactElement {
  const t = useWords();
  const live = useLive();
  const backend = useRun((run) => run.backend);
  const handedOver = useRun((run) => run.report?.handedOver ?? null);
  const tick = useRun((run) => run.report?.tickMs);
  const verification = useRun((run) => run.verification);
  const solved = useRun((run) => run.report !== null);
  const title = [backend.adapter, tick === undefined ? null : t('top.tick', { ms: tick.toFixed(1) })].filter(Boolean).join('\n');
  const outcome =
    verification === null
      ? t('top.verify')
      : verification === 'running'
        ? t('top.verifying')
        : t(verification.handedOver ? 'top.verified-handed' : 'top.verified', { difference: formatNumber(verification.difference, 2) });
  return (
    <>
      <span className="badge" title={title} data-backend={backend.kind}>
        {handedOver ? t('top.handed-over') : t(`backend.${backend.kind}`)}
      </span>
      {solved && 'gpu' in navigator ? (
        <button type="button" className="button verify" title={t('top.verify-gloss')} disabled={verification === 'running'} onClick={() => void live.verify()}>
          <span aria-live="polite">{outcome}</span>
        </button>
      ) : null}
    </>
  );
}

/** Copies a link to this session; where the clipboard is closed, the link goes to the address bar to be copied there. */
function ShareButton(): ReactElement {
  const t = useWords();
  const [state, setState] = useState<'idle' | 'copied' | 'shown'>('idle');
  const share = async (): Promise<void> => {
    let link = '';
    try {
      link = `${location.origin}${location.pathname}${await sessionToHash(useSession.getState().session)}`;
    } catch (thrown) {
      useRun.setState({ remark: reportError(thrown).message });
      return;
    }
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
