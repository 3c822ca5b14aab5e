import { readSession, writeSession, type Session } from '../config/session.ts';

/** Where the browser keeps the session of the last visit. */
export const SESSION_KEY = 'ot-playground.session';
const DELAY_MS = 300;

/** The session of the last visit, if it can be read. */
export function savedSession(): Session | null {
  try {
    const reading = readSession(JSON.parse(localStorage.getItem(SESSION_KEY) ?? 'null'));
    return reading.kind === 'session' ? reading.session : null;
  } catch {
    return null;
  }
}

let timer: ReturnType<typeof setTimeout> | undefined;

/** Save the session soon; a burst of changes is saved once. A full or forbidden storage is no error: it is a comfort. */
export function saveSoon(session: Session): void {
  clearTimeout(timer);
  timer = setTimeout(() => {
    try {
      localStorage.setItem(SESSION_KEY, writeSession(session));
    } catch {
      // Storage may be full or switched off.
    }
  }, DELAY_MS);
}
