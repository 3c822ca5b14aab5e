import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { DEFAULT_SESSION, type Session, type SessionReading } from './config/session.ts';
import { applyOverrides, sessionFromHash } from './config/share.ts';
import type { BackendChoice } from './engine/protocol.ts';
import { savedSession } from './store/autosave.ts';
import { Live } from './store/live.ts';
import { useRun } from './store/run.ts';
import { useSession } from './store/session.ts';
import { followAddress, followTheme, rememberView, useView } from './store/view.ts';
import { App } from './ui/App.tsx';
import { LiveContext } from './ui/parts/live.ts';
import { t, words } from './words/index.ts';
import './ui/styles/tokens.css';
import './ui/styles/controls.css';
import './ui/styles/layout.css';
import './ui/styles/setup.css';
import './ui/styles/pairing.css';
import './ui/styles/train.css';
import './ui/styles/explain.css';
import './ui/styles/experiment.css';
import './ui/styles/narrow.css';
import './ui/styles/arm.css';

/** A link comes first, then the last visit, then the demo. */
async function openingSession(query: URLSearchParams): Promise<Session> {
  const shared = await sessionFromHash(location.hash);
  if (shared && shared.kind !== 'session') remarkOn(shared);
  const session = shared?.kind === 'session' ? shared.session : (savedSession() ?? DEFAULT_SESSION);
  return applyOverrides(session, query);
}

function backendChoice(text: string | null): BackendChoice {
  return text === 'webgpu' || text === 'cpu' ? text : 'auto';
}

function remarkOn(reading: Exclude<SessionReading, { kind: 'session' }>): void {
  useRun.setState({ remark: t(reading.kind === 'newer' ? 'link.newer' : 'link.unreadable') });
}

async function start(): Promise<void> {
  const query = new URLSearchParams(location.search);
  const language = query.get('lang');
  if (language === 'en' || language === 'zh') useView.setState({ language });
  await words.changeLanguage(useView.getState().language);
  rememberView();
  followTheme();
  followAddress();
  useSession.getState().replace(await openingSession(query));
  const live = new Live(() => new Worker(new URL('engine/engine.worker.ts', import.meta.url), { type: 'module', name: 'engine' }), backendChoice(query.get('backend')));
  // A link pasted into an open page is a navigation within it.
  window.addEventListener('hashchange', () => {
    void sessionFromHash(location.hash).then(async (reading) => {
      if (reading?.kind === 'session') await live.restore(reading.session);
      else if (reading) remarkOn(reading);
    });
  });
  const root = document.getElementById('root');
  if (!root) throw new Error('invariant: index.html has no #root');
  createRoot(root).render(
    <StrictMode>
      <LiveContext value={live}>
        <App />
      </LiveContext>
    </StrictMode>,
  );
  await live.start();
}

void start();
