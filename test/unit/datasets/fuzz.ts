import { fork } from 'node:child_process';
import { Random } from '../../../src/base/random.ts';
import { demo, npyRows, robomimic, rows, zip } from './make-arrays.ts';
import { frameColumns, parquet } from './make.ts';

/** What is damaged: the file's extension. */
export type FuzzKind = 'parquet' | 'hdf5' | 'npz';

/** What became of a mutant: 'loaded', the code of its refusal, or 'hung' or 'crashed'. */
export interface Outcome {
  readonly seed: number;
  readonly code: string;
  readonly message: string;
}

/** Sound files to damage: a small one that is packed, and one that is not. */
export async function bases(kind: FuzzKind): Promise<readonly [ArrayBuffer, ArrayBuffer]> {
  if (kind === 'parquet') {
    return [parquet(frameColumns([[0, 30], [1, 20]])), parquet(frameColumns([[0, 300], [1, 20]]), { codec: 'UNCOMPRESSED', rowGroupSize: 100 })];
  }
  if (kind === 'hdf5') return [await robomimic({ demo_1: demo(1, 30), demo_2: demo(2, 20) }), await robomimic({ demo_0: { actions: rows(counting(40)) } })];
  const arrays = { 'states.npy': npyRows(counting(60)), 'actions.npy': npyRows(counting(60)) };
  return [zip(arrays, true), zip(arrays)];
}

const counting = (length: number): number[][] => Array.from({ length }, (_, k) => [k, k / 2]);

/**
 * The mutant of a seed: flipped bits, flipped bits of the part that describes the rest (the end, but the beginning in
 * HDF5), a cut, or bytes of one file pasted into another.
 */
export function mutant(seed: number, kind: FuzzKind, from: readonly [ArrayBuffer, ArrayBuffer]): ArrayBuffer {
  const random = new Random(seed);
  const bytes = new Uint8Array(from[random.below(2) === 0 ? 0 : 1].slice(0));
  const flip = (start: number, end = bytes.length): void => {
    const at = start + random.below(end - start);
    bytes[at] = bytes[at]! ^ (1 << random.below(8));
  };
  switch (random.below(4)) {
    case 0:
      for (let k = random.below(4); k >= 0; k--) flip(4);
      break;
    case 1:
      for (let k = random.below(4); k >= 0; k--) {
        if (kind === 'hdf5') flip(0, Math.min(2048, bytes.length));
        else flip(Math.max(0, bytes.length - (kind === 'npz' ? 200 : 1800)));
      }
      break;
    case 2:
      return bytes.slice(0, random.below(bytes.length)).buffer;
    default: {
      const other = new Uint8Array(from[random.below(2) === 0 ? 0 : 1]);
      const length = 1 + random.below(64);
      const start = random.below(other.length - length);
      bytes.set(other.subarray(start, start + length), random.below(bytes.length - length));
    }
  }
  return bytes.buffer;
}

/**
 * Read mutants 0 … count−1 in one child process, which is given the count and `more`. A mutant that hangs for `watchdogMs` or takes the child down ends the
 * run with that as its outcome.
 */
export function runFuzz(script: string, count: number, watchdogMs: number, ...more: readonly string[]): Promise<Map<number, Outcome>> {
  return new Promise((resolve, reject) => {
    const outcomes = new Map<number, Outcome>();
    const child = fork(script, [String(count), ...more], { execArgv: ['--import', 'tsx', '--max-old-space-size=1024'], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
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
