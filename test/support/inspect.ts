import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { inspect, sentenceOf } from '../../scripts/inspect/run.ts';

/** What a command left behind. */
export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const ROOT = resolve(import.meta.dirname, '../..');
/** `node --import` is what the tsx command does, without a process in between. */
export const INSPECT: readonly string[] = [process.execPath, '--import', import.meta.resolve('tsx'), join(ROOT, 'scripts/inspect.ts')];

/** An inspection as a person runs it: in a process of its own, in the working directory. */
export function inspectInProcess(...args: readonly string[]): Promise<Outcome> {
  return new Promise((done) => {
    execFile(INSPECT[0]!, [...INSPECT.slice(1), ...args], (error, stdout, stderr) => {
      done({ status: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

/** The same without the process, which takes longer to start than most inspections to run. */
export async function inspectHere(...args: readonly string[]): Promise<Outcome> {
  try {
    return { status: 0, stdout: await inspect(args), stderr: '' };
  } catch (thrown) {
    return { status: 1, stdout: '', stderr: sentenceOf(thrown) };
  }
}
