import type { ErrorReport } from '../../../src/base/errors.ts';
import { reportError } from '../../../src/base/errors.ts';
import type { EncoderProgress, LoadedEncoder, PickedFile, Preflight } from '../../../src/engine/client.ts';
import { BUILTIN_ENCODERS } from '../../../src/config/session.ts';
import { EngineClient, builtinEncoderFiles, groupEncoders, isEncoderDrop, readEncoderInWorker } from '../../../src/engine/client.ts';
import type { Answer, Order } from './encode.worker.ts';

/** A page that reads encoders through the reader worker and hands orders to an engine's: `encoder.spec.ts` drives it. */
const worker = new Worker(new URL('./encode.worker.ts', import.meta.url), { type: 'module' });
const encoders = new Map<string, LoadedEncoder>();

export type Read = Pick<LoadedEncoder, 'file' | 'fingerprint' | 'warnings'> & Pick<Preflight, 'parameters'> & { readonly bytes: number; readonly external: readonly string[]; readonly steps: readonly EncoderProgress['step'][] };

/** What is asked of the page, by the name of the encoder's file. */
export type PageOrder = Omit<Order, 'encoder'> & { readonly file: string };

const page = {
  /** The encoders of a drop, or those of the demo where none is given. */
  async read(dropped?: readonly { readonly path: string; readonly bytes: readonly number[] }[]): Promise<(Read | { readonly error: ErrorReport })[]> {
    try {
      const files: PickedFile[] = dropped?.map(({ path, bytes }) => ({ path, file: new File([Uint8Array.from(bytes)], path) })) ?? (await builtinEncoderFiles(document.baseURI));
      if (!isEncoderDrop(files) || (!dropped && files.length !== BUILTIN_ENCODERS.length)) throw new Error('no encoders were dropped');
      return await Promise.all(groupEncoders(files).map(({ model, weights }) => readOne([model, ...weights])));
    } catch (error) {
      return [{ error: reportError(error) }];
    }
  },

  encode({ file, ...order }: PageOrder): Promise<Answer> {
    return new Promise((resolve, reject) => {
      worker.addEventListener('message', (event: MessageEvent<Answer>) => resolve(event.data), { once: true });
      worker.addEventListener('error', (event) => reject(new Error(event.message)), { once: true });
      worker.postMessage({ ...order, encoder: encoders.get(file)! } satisfies Order, []);
    });
  },

  /** Runs an encoder in an engine whose client waits `limitMs` for it; what the request and its owner were told. */
  async runSlow(file: string, limitMs: number): Promise<{ error: ErrorReport; deaths: string[] }> {
    const deaths: string[] = [];
    const client = new EngineClient(
      () => {
        const engine = new Worker(new URL('./slow.worker.ts', import.meta.url), { type: 'module' });
        engine.postMessage({ type: 'encoder', encoder: encoders.get(file) }, []);
        return engine;
      },
      ({ code }) => deaths.push(code),
      limitMs,
    );
    const error = await client.clear('source').then(() => new Error('it came back'), (thrown: unknown) => thrown);
    return { error: reportError(error), deaths };
  },
};

async function readOne(files: readonly PickedFile[]): Promise<Read> {
  const steps: EncoderProgress['step'][] = [];
  const encoder = await readEncoderInWorker(files, { onProgress: ({ step }) => steps.push(step) });
  encoders.set(encoder.file, encoder);
  const { file, fingerprint, warnings, preflight, bytes, external } = encoder;
  return { file, fingerprint, warnings, parameters: preflight.parameters, bytes: bytes.length, external: [...external.keys()], steps: [...new Set(steps)] };
}

export type Page = typeof page;
Object.assign(globalThis, { page });
