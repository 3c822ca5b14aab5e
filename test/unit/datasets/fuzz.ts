import { fork } from 'node:child_process';
import { Random } from '../../../src/base/random.ts';
import { frameColumns, parquet } from './make.ts';

/** What became of a mutant: 'loaded', the code of its refusal, or 'hung' or 'crashed'. */
export interface Outcome {
  readonly seed: number;
  readonly code: string;
  readonly message: string;
}

/** The mutant of a seed: flipped bits, flipped bits of the footer, a cut, or bytes of one file pasted into another. */
export function mutant(seed: number): ArrayBuffer {
  const random = new Random(seed);
  const bases = [
    parquet(frameColumns([[0, 30], [1, 20]])),
    parquet(frameColumns([[0, 300], [1, 20]]), { codec: 'UNCOMPRESSED', rowGroupSize: 100 }),
  ] as const;
  const bytes = new Uint8Array(bases[random.below(2) === 0 ? 0 : 1].slice(0));
  const flip = (start: number): void => {
    const at = start + random.below(bytes.length - start);
    bytes[at] = bytes[at]! ^ (1 << random.below(8));
  };
  switch (random.below(4)) {
    case 0:
      for (let k = random.below(4); k >= 0; k--) flip(4);
      break;
    case 1:
      for (let k = random.below(4); k >= 0; k--) flip(Math.max(0, bytes.length - 1800));
      break;
    case 2:
      return bytes.slice(0, random.below(bytes.length)).buffer;
    default: {
      const other = new Uint8Array(bases[random.below(2) === 0 ? 0 : 1]);
      const length = 1 + random.below(64);
      const from = random.below(other.length - length);
      bytes.set(other.subarray(from, from + length), random.below(bytes.length - length));
    }
  }
  return bytes.buffer;
}

/**
 * Read mutants 0 … count−1 in one child process. A mutant that hangs for `watchdogMs` or takes the child down ends the
 * run with that as its outcome.
 */
export function runFuzz(script: string, count: number, watchdogMs: number): Promise<Map<number, Outcome>> {
  return new Promise((resolve, reject) => {
    const outcomes = new Map<number, Outcome>();
    const child = fork(script, [String(count)], { execArgv: ['--import', 'tsx', '--max-old-space-size=1024'], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    let watchdog: ReturnType<typeof setTimeout> | undefined;
    const end = (code: string): void => {
      clearTimeout(watchdog);
      if (outcomes.size < count && !outcomes.has(outcomes.size)) outcomes.set(outcomes.size, { seed: outcomes.size, code, message: code });
      child.removeAllListeners();
      child.kill('SIGKILL');
      resolve(outcomes);
    };
    const watch = (): void => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => end('hung'), watchdogMs);
    };
    child.on('message', (outcome: Outcome) => {
      outcomes.set(outcome.seed, outcome);
      if (outcomes.size === count) end('finished');
      else watch();
    });
    child.on('exit', () => end('crashed'));
    child.on('error', reject);
    watch();
  });
}
