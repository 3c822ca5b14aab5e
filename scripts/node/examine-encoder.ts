import { fork } from 'node:child_process';
import { basename, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ErrorReport } from '../../src/base/errors.ts';
import { UserError, errorFromReport } from '../../src/base/errors.ts';
import type { Axis } from '../../src/encoders/graph.ts';

/** A number of a result; NaN and the infinities, which JSON lacks, by name. */
export type Value = number | 'NaN' | 'Infinity' | '-Infinity';

interface PortReport {
  readonly dtype: string;
  /** Symbolic axes by name; null where the file gives neither size nor name, or not even the number of axes. */
  readonly shape: readonly Axis[] | null;
}

/** What `inspect encoder` prints. */
export interface EncoderReport {
  readonly inputs: Readonly<Record<string, PortReport>>;
  readonly outputs: Readonly<Record<string, PortReport>>;
  readonly ops: Readonly<Record<string, number>>;
  /** Elements of the floating-point weights. */
  readonly parameters: number;
  readonly warnings: readonly string[];
  readonly run?: Readonly<Record<string, { readonly shape: readonly number[]; readonly values: readonly Value[] }>>;
}

export interface Examination {
  readonly path: string;
  readonly run: boolean;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
}

/** What the child says: each step that it has done, and then an answer. */
export type ExamineMessage = { readonly type: 'progress' } | { readonly type: 'done'; readonly report: EncoderReport } | { readonly type: 'failed'; readonly error: ErrorReport };

/** Heap of the child; ONNX Runtime's memory lies outside it and ends at 4 GB. */
const heapMegabytes = 2048;

/** Longest step: loading, or running, a large encoder on one slow core. */
const defaultWatchdogMs = 120_000;

/**
 * Examine an ONNX file in a child process, so that one that crashes or hangs the parser or the runtime costs one
 * sentence and not the command.
 *
 * @param script the child, for tests of the watchdog
 */
export function examineInChild(examination: Examination, watchdogMs = defaultWatchdogMs, script = 'examine-encoder.child.ts'): Promise<EncoderReport> {
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), [], {
    // `--import tsx` is looked up from the working directory.
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    execArgv: ['--import', 'tsx', `--max-old-space-size=${heapMegabytes}`],
    serialization: 'advanced',
    // A dying V8 prints pages; the sentence that follows says what matters.
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const file = basename(examination.path);
  let watchdog: ReturnType<typeof setTimeout> | undefined;
  return new Promise<EncoderReport>((done, reject) => {
    const fail = (code: string, message: string): void => reject(new UserError(code, message));
    const watch = (): void => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => fail('encoder-hung', `${file} did not get further for ${watchdogMs / 1000} seconds and was ended; it is too heavy for this machine, or damaged.`), watchdogMs);
    };
    const died = (): void => fail('encoder-died', `${file} ended the process that examined it; it is damaged, or needs more memory than there is here.`);
    child.on('message', (message: ExamineMessage) => {
      if (message.type === 'done') done(message.report);
      else if (message.type === 'failed') reject(errorFromReport(message.error));
      else watch();
    });
    child.on('error', died);
    child.on('exit', died);
    watch();
    child.send({ ...examination, path: resolve(examination.path) } satisfies Examination);
  }).finally(() => {
    clearTimeout(watchdog);
    child.kill('SIGKILL');
  });
}
