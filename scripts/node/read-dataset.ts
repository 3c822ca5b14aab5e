import { fork } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Dataset, ReadProgress } from '../../src/datasets/types.ts';
import type { ReaderHandle, SuperviseOptions } from '../../src/engine/supervise.ts';
import { supervise } from '../../src/engine/supervise.ts';

/** Heap of a reader: decoded columns lie outside it, so this is for one row group as JavaScript arrays. */
const heapMegabytes = 2048;

/**
 * Read a dataset (a folder or a file) in a child process, so that a file that crashes or hangs the parser
 * costs one sentence and not the command. Node's worker threads would not do: they share the process that dies.
 */
export function readInChild(path: string, options: SuperviseOptions = {}): Promise<Dataset> {
  return supervise(childHandle(fileURLToPath(new URL('read-dataset.child.ts', import.meta.url)), resolve(path)), options);
}

/** Start `script` with one argument, as a reader that speaks `ReaderMessage` over Node's channel. */
export function childHandle<Result = Dataset, Progress = ReadProgress>(script: string, argument: string): ReaderHandle<Result, Progress> {
  const child = fork(script, [argument], {
    // `--import tsx` is looked up from the working directory.
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    execArgv: ['--import', 'tsx', `--max-old-space-size=${heapMegabytes}`],
    // Structured clone: maps and typed arrays arrive as they left.
    serialization: 'advanced',
    // A dying V8 prints pages; the sentence that follows says what matters.
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  return {
    listen(onMessage, onDeath) {
      child.on('message', onMessage);
      child.on('error', onDeath);
      child.on('exit', onDeath);
    },
    kill: () => child.kill('SIGKILL'),
  };
}
