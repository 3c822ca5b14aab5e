import { reportError, UserError } from '../base/errors.ts';
import { importConfig } from '../config/import.ts';
import type { ExportedConfig, Finding, ImportedConfig, NullTau } from '../config/imported.ts';
import { MAX_CONFIG_TEXT } from '../config/json.ts';
import { exportLerobot } from '../config/lerobot.ts';
import { exportRobomimic } from '../config/robomimic.ts';
import type { EngineClient, PickedFile } from '../engine/client.ts';
import { useRun } from './run.ts';
import { useSession } from './session.ts';

/** A file to be saved. */
export interface WrittenFile {
  readonly name: string;
  readonly content: Blob;
}

const WRITERS: Readonly<Record<'lerobot' | 'robomimic', (session: ReturnType<typeof useSession.getState>['session']) => ExportedConfig>> = { lerobot: exportLerobot, robomimic: exportRobomimic };
const SCRIPT = 'pot_script';
const TAU_CODES: ReadonlySet<string> = new Set(['tau-one-null', 'tau-both-null']);

/** Whether a drop is meant as a training config: JSON files by themselves. A dataset's folder has JSON files inside. */
export function isConfigDrop(files: readonly PickedFile[]): boolean {
  return files.length > 0 && files.every(({ path }) => /^[^/]+\.json$/i.test(path));
}

/**
 * Training configs in and out. One that is read becomes the session, on the data, the mode and the encoders that are
 * there; what was questionable in it stands in the run store until it is dismissed.
 */
export class ConfigShelf {
  readonly #client: Pick<EngineClient, 'potScript'>;
  /** The imported file, kept so that its null τ can be read the other way. */
  #read: { readonly file: string; readonly text: string } | null = null;
  #turn = 0;

  constructor(client: Pick<EngineClient, 'potScript'>) {
    this.#client = client;
  }

  /** Read a config that a person chose or dropped; the newest wins. One that cannot be read changes nothing but `configError`. */
  async openFiles(getFiles: () => Promise<readonly PickedFile[]>): Promise<void> {
    const turn = ++this.#turn;
    try {
      const picked = onlyOne(await getFiles());
      const text = await textOf(picked);
      if (turn === this.#turn) this.#open(picked.path, text);
    } catch (thrown) {
      if (turn === this.#turn) useRun.setState({ configError: reportError(thrown) });
    }
  }

  #open(file: string, text: string): void {
    const { session, replace } = useSession.getState();
    const read = importConfig(text, file, session);
    this.#show(read, file, text, this.#turn);
    useRun.setState({ configError: null, exported: null });
    replace(read.session);
  }

  /** Say again what is questionable in a session that came from a config: after a reload, or by a link. */
  recall(): void {
    const { session } = useSession.getState();
    const { document } = session.training;
    if (!document) return;
    const file = `${document.format}_config.json`;
    try {
      const { text } = WRITERS[document.format](session);
      this.#show(importConfig(text, file, session), file, text, null);
    } catch (thrown) {
      // A link may hold anything in the file's place; what can be read of it is the session.
      if (!(thrown instanceof UserError)) throw thrown;
    }
  }

  #show(read: ImportedConfig, file: string, text: string, reading: number | null): void {
    const { kind, unknown } = read;
    const findings = distinct(read.findings);
    this.#read = { file, text };
    useRun.setState({ config: { file, reading, kind, findings, unknown, nullTau: findings.some(({ code }) => TAU_CODES.has(code)) ? 'fork' : null } });
  }

  /** Read the null τ of the present config anew; what else was changed since it was opened stays. */
  readNullTauAs(nullTau: NullTau): void {
    const { config } = useRun.getState();
    if (!config || !this.#read) return;
    const { session, replace } = useSession.getState();
    const { session: read, findings } = importConfig(this.#read.text, this.#read.file, session, nullTau);
    useRun.setState({ config: { ...config, findings: distinct(findings), nullTau } });
    const { tau1, tau2 } = read.solve;
    replace({ ...session, solve: { ...session.solve, tau1, tau2 }, training: { ...session.training, document: read.training.document } });
  }

  /** Put away what was said of the config. The session stays as it is. */
  dismiss(): void {
    this.#turn++;
    this.#read = null;
    useRun.setState({ config: null, configError: null });
  }

  /** The session as a training config, and in the run store what such a file cannot say of it. */
  write(kind: 'lerobot' | 'robomimic'): WrittenFile {
    const { text, findings } = WRITERS[kind](useSession.getState().session);
    const name = this.#read && useRun.getState().config?.kind === kind ? this.#read.file : `${kind}_config.json`;
    useRun.setState({ exported: { file: name, difference: null, notes: distinct(findings).map(({ message }) => message) }, configError: null });
    return { name, content: new Blob([text], { type: 'application/json' }) };
  }

  /** A script with its arrays that reproduces the present plan with POT, in one .zip; null where there is no plan, and `configError` says why. */
  async writePotScript(): Promise<WrittenFile | null> {
    try {
      const { files, difference, notes } = await this.#client.potScript(useSession.getState().session);
      const { zipSync } = await import('fflate');
      // Costs and plans hardly compress, so they are stored as they are.
      const zip = zipSync(Object.fromEntries(Array.from(files, ([name, bytes]) => [`${SCRIPT}/${name}`, bytes])), { level: 0 });
      const name = `${SCRIPT}.zip`;
      useRun.setState({ exported: { file: name, difference, notes }, configError: null });
      return { name, content: new Blob([zip], { type: 'application/zip' }) };
    } catch (thrown) {
      useRun.setState({ configError: reportError(thrown) });
      return null;
    }
  }
}

/** Terms that are alike are questionable in the same words. */
function distinct(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((finding) => [finding.message, finding])).values()];
}

function onlyOne(files: readonly PickedFile[]): PickedFile {
  const [first, ...others] = files;
  if (!first) throw new UserError('bad-config', 'Nothing was dropped that can be read. Drop one train config, a .json file.');
  if (others.length > 0) throw new UserError('several-configs', `There are ${files.length} files here (${files.slice(0, 3).map(({ path }) => path).join(', ')}${files.length > 3 ? ', …' : ''}), and a session is made from one config. Drop one .json file.`);
  return first;
}

/** @throws UserError `config-too-large`, `bad-config`, `file-changed` */
async function textOf({ path, file }: PickedFile): Promise<string> {
  // A character has at most three bytes; what is too long in any case is not even read.
  if (file.size > 3 * MAX_CONFIG_TEXT) throw new UserError('config-too-large', `${path} has ${Math.round(file.size / 1024)} kB; a training config has a few, and at most ${MAX_CONFIG_TEXT / 1024} kB are read.`);
  const bytes = await file.arrayBuffer().catch(() => {
    throw new UserError('file-changed', `${path} was changed or moved after it was chosen. Choose it again.`);
  });
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UserError('bad-config', `${path} is no text in UTF-8, so it is not JSON. Save it again from the code that wrote it.`);
  }
}
