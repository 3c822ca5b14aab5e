import type * as Ort from 'onnxruntime-web/webgpu';
import { UserError } from '../base/errors.ts';
import { Mutex } from '../base/mutex.ts';

/** ONNX Runtime Web. Which build it is depends on where it was loaded; both have these types. */
export type OrtModule = typeof Ort;

/**
 * Told when ONNX Runtime starts to work on something; calls what it got back when that has ended, in every case.
 *
 * On the wasm provider a run blocks its thread, and no timer of that thread can end it. A host therefore reports both
 * moments to another thread, which ends the worker (or process) when the second does not follow.
 *
 * @param what as a sentence has it: "running encoder.onnx"
 * @param file whose work it is; '' for nobody's
 */
export type Watch = (what: string, file: string) => () => void;

export interface OrtOptions {
  readonly watch?: Watch;
  /** Whose work it is, for the watch and for who reads the error. */
  readonly file?: string;
  /**
   * How long one call may take. Only for calls that leave the thread free, as runs on a GPU do: after a long run on the
   * wasm provider the timer would fire although the run has just ended.
   */
  readonly timeoutMs?: number;
}

/** A model of one Relu. With its session the runtime fetches and compiles its 27 MB of wasm, before anything is timed. */
const TINY = Uint8Array.of(8, 8, 58, 53, 10, 14, 10, 1, 120, 18, 1, 121, 34, 4, 82, 101, 108, 117, 58, 0, 18, 1, 103, 90, 15, 10, 1, 120, 18, 10, 10, 8, 8, 1, 18, 4, 10, 2, 8, 1, 98, 15, 10, 1, 121, 18, 10, 10, 8, 8, 1, 18, 4, 10, 2, 8, 1, 66, 2, 16, 17);

/** How often a download tells the watch that it is alive. */
const SIGN_EVERY_MS = 10_000;

const mutex = new Mutex();
let loading: Promise<OrtModule> | null = null;
let hung: UserError | null = null;

/**
 * Do something with ONNX Runtime. Every `create` and `run` goes through here, one at a time, because overlapping runs
 * hang on the GPU. Loads the runtime (a download of 7 MB in the browser) when first called.
 *
 * @param what for the sentence when it hangs: "running encoder.onnx"
 * @throws UserError `encoder-hung` (its detail names the `file`) when the call does not return in time, and from then on at every call: the runtime
 * does not recover, its worker has to be replaced
 */
export function withOrt<T>(what: string, task: (ort: OrtModule) => Promise<T>, { watch, file = '', timeoutMs }: OrtOptions = {}): Promise<T> {
  return mutex.run(async () => {
    if (hung) throw hung;
    const ort = await loaded(watch, file);
    const done = watch?.(what, file);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const deadline = new Promise<never>((_, reject) => {
      if (timeoutMs === undefined) return;
      timer = setTimeout(() => {
        hung = new UserError('encoder-hung', `ONNX Runtime did not return from ${what} for ${timeoutMs / 1000} seconds; the engine has to be restarted, and the encoder may be too heavy for this machine.`, { file });
        reject(hung);
      }, timeoutMs);
    });
    try {
      return await Promise.race([task(ort), deadline]);
    } finally {
      clearTimeout(timer);
      done?.();
    }
  });
}

/** The runtime. A download may take long without having hung, so it is not timed but heard of. */
async function loaded(watch: Watch | undefined, file: string): Promise<OrtModule> {
  const signs = setInterval(() => watch?.('loading ONNX Runtime', file)(), SIGN_EVERY_MS);
  try {
    return await (loading ??= load());
  } catch (error) {
    // A download may succeed the next time.
    loading = null;
    throw new UserError('encoder-runtime', `ONNX Runtime could not be loaded (${error instanceof Error ? error.message.split('\n')[0] : String(error)}); check the connection and try again.`);
  } finally {
    clearInterval(signs);
  }
}

async function load(): Promise<OrtModule> {
  const ort = isNode() ? await loadInNode() : await import('onnxruntime-web/webgpu');
  ort.env.logLevel = 'error';
  // More threads need SharedArrayBuffer, which needs headers that a static page does not have.
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(TINY, { executionProviders: ['wasm'] });
  await session.release();
  return ort;
}

/**
 * In Node only the bare name loads, and it finds its wasm beside itself. In the browser the bare name is the older,
 * far slower build, so the bundler must not see it: hence the variable.
 */
async function loadInNode(): Promise<OrtModule> {
  const name = 'onnxruntime-web';
  return (await import(/* @vite-ignore */ name)) as OrtModule;
}

function isNode(): boolean {
  return 'process' in globalThis && typeof globalThis.process.versions?.node === 'string';
}
