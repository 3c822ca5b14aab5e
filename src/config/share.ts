import { UserError } from '../base/errors.ts';
import { methodOf, parseMethod, withMethod } from './methods.ts';
import { SESSION_LIMITS, SESSION_VERSION, readSession, writeSession, type Session, type SessionReading } from './session.ts';

/** A hash longer than this is not looked at, and nothing inflates to more than that. */
const MAX_HASH = 64 * 1024;
const MAX_JSON = 256 * 1024;

/**
 * `#s=4.<base64url(deflate-raw(JSON))>`: the version comes first, so that a newer link is known before it is read.
 * @throws UserError `link-too-long` rather than making a link that no page would read
 */
export async function sessionToHash(session: Session): Promise<string> {
  const bytes = new TextEncoder().encode(writeSession(session));
  const packed = new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate-raw'))).arrayBuffer());
  let binary = '';
  for (const byte of packed) binary += String.fromCharCode(byte);
  const hash = `#s=${SESSION_VERSION}.${btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')}`;
  if (hash.length > MAX_HASH || bytes.length > MAX_JSON) throw new UserError('link-too-long', 'The names and the imported config of this session are too long for a link. Use fewer terms, encoders with shorter names of inputs, or a config without what is no setting.');
  return hash;
}

/** What a location hash holds: nothing of ours (null), or a reading of a session. Never throws, whatever it is given. */
export async function sessionFromHash(hash: string): Promise<SessionReading | null> {
  if (!hash.startsWith('#s=')) return null;
  // What follows the version of a newer link is for that version to say, its alphabet and its length included.
  const version = Number(/^#s=(\d{1,6})\./.exec(hash.slice(0, 16))?.[1] ?? 0);
  if (version > SESSION_VERSION) return { kind: 'newer', version };
  const match = /^#s=\d+\.([A-Za-z0-9_-]+)$/.exec(hash.length > MAX_HASH ? '' : hash);
  if (!match || version < 1) return { kind: 'unreadable' };
  try {
    const binary = atob(match[1]!.replaceAll('-', '+').replaceAll('_', '/'));
    const text = await inflate(Uint8Array.from(binary, (character) => character.charCodeAt(0)));
    return text === null ? { kind: 'unreadable' } : readSession(JSON.parse(text));
  } catch {
    return { kind: 'unreadable' };
  }
}

/** Inflate with a cap that holds while it streams: a few kilobytes can inflate to gigabytes. Null when over it. */
async function inflate(packed: Uint8Array<ArrayBuffer>): Promise<string | null> {
  const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate-raw')).getReader();
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    size += value.byteLength;
    if (size > MAX_JSON) {
      await reader.cancel();
      return null;
    }
    text += decoder.decode(value, { stream: true });
  }
}

/**
 * Readable overrides of a link: `?method=&reg=&tau1=&tau2=&prior=`. Values are clamped; what cannot be read is ignored. The
 * method comes first, so that the others count within it.
 */
export function applyOverrides(linked: Session, query: URLSearchParams): Session {
  const session = withMethodNamed(linked, query.get('method'));
  const solve = { ...session.solve };
  const number = (name: string, limits: { readonly low: number; readonly high: number }, infinite: boolean): number | null => {
    const text = query.get(name);
    if (text === null || text.trim() === '') return null;
    if (infinite && /^(inf|infinity|∞)$/i.test(text.trim())) return Infinity;
    const value = Number(text);
    return Number.isFinite(value) ? Math.min(limits.high, Math.max(limits.low, value)) : null;
  };
  solve.reg = number('reg', SESSION_LIMITS.reg, false) ?? solve.reg;
  solve.tau1 = number('tau1', SESSION_LIMITS.tau, true) ?? solve.tau1;
  solve.tau2 = number('tau2', SESSION_LIMITS.tau, true) ?? solve.tau2;
  const [kind, width] = (query.get('prior') ?? '').split(':');
  if (kind === 'product' || kind === 'ones' || kind === 'diagonal' || kind === 'soft' || kind === 'band') {
    solve.prior = kind;
    const value = width === undefined || width.trim() === '' ? Number.NaN : Number(width);
    const clamp = (limits: { readonly low: number; readonly high: number }): number => Math.min(limits.high, Math.max(limits.low, value));
    if (Number.isFinite(value)) {
      if (kind === 'soft') solve.softEpsilon = clamp(SESSION_LIMITS.softEpsilon);
      if (kind === 'band') solve.bandWidth = clamp(SESSION_LIMITS.bandWidth);
    }
  }
  return { ...session, solve };
}

function withMethodNamed(session: Session, text: string | null): Session {
  try {
    return text === null || text.trim() === '' ? session : withMethod(session, parseMethod(text, methodOf(session)));
  } catch {
    return session;
  }
}
