import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { UserError } from '../../src/base/errors.ts';
import { importConfig } from '../../src/config/import.ts';
import { MAX_CONFIG_TEXT } from '../../src/config/json.ts';
import { writeSession } from '../../src/config/session.ts';

/** `inspect config <file> [--null-tau fork|hard]`: what a training config means here, and what is questionable in it. */
export async function inspectConfig(args: readonly string[]): Promise<object> {
  const { values, positionals } = parseArgs({ args: [...args], options: { 'null-tau': { type: 'string', default: 'fork' } }, allowPositionals: true });
  const [path, ...rest] = positionals;
  if (path === undefined || rest.length > 0) throw new UserError('usage', 'inspect config takes one path: a LeRobot train config or a robomimic config.');
  const nullTau = values['null-tau'];
  if (nullTau !== 'fork' && nullTau !== 'hard') throw new UserError('usage', `--null-tau is "${nullTau}"; it must be fork or hard.`);
  const { kind, session, findings, unknown } = importConfig(await readText(path), basename(path), undefined, nullTau);
  return { kind, session: JSON.parse(writeSession(session)) as unknown, findings, unknown };
}

async function readText(path: string): Promise<string> {
  const unreadable = (): never => {
    throw new UserError('no-file', `${path} cannot be read. Name an existing .json file.`);
  };
  const { size } = await stat(path).catch(unreadable);
  // UTF-8 takes at most three bytes for what counts as one in a text.
  if (size > 3 * MAX_CONFIG_TEXT) throw new UserError('config-too-large', `${path} has ${Math.ceil(size / 2 ** 20)} MB; a training config has a few kilobytes, and at most ${MAX_CONFIG_TEXT / 1024} kB are read.`);
  const bytes = await readFile(path).catch(unreadable);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UserError('bad-config', `${path} is no text in UTF-8, so it is not JSON. Save it again from the code that wrote it.`);
  }
}
