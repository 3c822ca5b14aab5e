import { assert } from '../base/assert.ts';
import { UserError } from '../base/errors.ts';
import type { BatchColumn } from '../core/cost/features.ts';
import { firstMisfit, takes } from '../encoders/dtypes.ts';
import { quoted } from '../encoders/graph.ts';
import type { LoadedEncoder } from '../encoders/load.ts';
import type { OrtOptions, Watch } from '../encoders/ort.ts';
import type { DeviceEmbedding, Embedding, Feed } from '../encoders/session.ts';
import { EncoderSession } from '../encoders/session.ts';
import { checkSpec, inputDims } from '../encoders/spec.ts';
import type { EngineSignal, Side } from './protocol.ts';

/** Embed one side of a batch: which encoder, and what goes into its inputs. */
export interface EmbedRequest {
  /** Of the term that asks, for the sentences. */
  readonly term: string;
  readonly file: string;
  readonly output: string;
  readonly side: Side;
  /** One for every input of the encoder; `column` holds `count` samples of the key. */
  readonly inputs: readonly { readonly input: string; readonly key: string; readonly column: BatchColumn }[];
  readonly count: number;
}

/** A session and how many use it: one that is in use is closed afterwards. */
class OpenSession {
  readonly session: Promise<EncoderSession>;
  #uses = 0;
  #closing = false;

  constructor(session: Promise<EncoderSession>) {
    this.session = session;
  }

  /** Call what it gives when the use has ended; a second call does nothing. */
  use(): () => void {
    let ended = false;
    this.#uses++;
    return () => {
      if (ended) return;
      ended = true;
      this.#uses--;
      this.#closeIdle();
    };
  }

  close(): void {
    this.#closing = true;
    this.#closeIdle();
  }

  #closeIdle(): void {
    // One that was never made has nothing to close, and a runtime that hangs over it says so to the next who asks.
    if (this.#closing && this.#uses === 0) void this.session.then((session) => session.dispose()).catch(() => undefined);
  }
}

/** A device, and whether it is gone. */
interface HeldDevice {
  readonly device: GPUDevice;
  lost: boolean;
}

/** What one embedding is made with; `end` is called when nothing of the session is needed any more. */
interface Use {
  readonly session: EncoderSession;
  readonly feeds: ReadonlyMap<string, Feed>;
  readonly device: HeldDevice | null;
  readonly end: () => void;
}

/** What stands in for an encoder while its weights are trained: the file stays as it was. */
export interface TrainedEncoder {
  readonly file: string;
  /** The output that is trained. */
  readonly output: string;
  /** Another one whenever the weights are others. */
  readonly version: string;
  readonly embed: (feeds: ReadonlyMap<string, Feed>, count: number) => Promise<Embedding>;
}

interface Held {
  readonly encoder: LoadedEncoder;
  open: OpenSession | null;
  /** Whether the GPU provider lacks what the encoder needs. */
  cpuOnly: boolean;
}

/**
 * The encoders that are loaded, by file name, and their sessions in ONNX Runtime. A session is made when its encoder is
 * first used: the runtime is a download of 7 MB. It runs on the device that it is given, else on the wasm provider.
 */
export class EncoderRoom {
  readonly #options: OrtOptions;
  readonly #held = new Map<string, Held>();
  #device: HeldDevice | null = null;
  #trained: (() => TrainedEncoder | null) | null = null;

  /** @param watch told what the runtime is at work on (`signalWatch` in the engine) */
  constructor(watch?: Watch) {
    this.#options = watch ? { watch } : {};
  }

  /** Take an encoder in; it replaces one of the same name. */
  put(encoder: LoadedEncoder): void {
    this.remove(encoder.file);
    this.#held.set(encoder.file, { encoder, open: null, cpuOnly: false });
  }

  /** Forget an encoder, if it is there. Embeddings that were asked for before are still made. */
  remove(file: string): void {
    this.#held.get(file)?.open?.close();
    this.#held.delete(file);
  }

  get(file: string): LoadedEncoder | undefined {
    return this.#held.get(file)?.encoder;
  }

  /** Ask this for what is in training, from now on. */
  setTrained(trained: () => TrainedEncoder | null): void {
    this.#trained = trained;
  }

  /** What embeddings of an encoder depend on beside what goes in; null where it is not loaded. */
  version(file: string): string | null {
    const loaded = this.get(file);
    const trained = this.#trainedOf(file);
    return loaded ? `${loaded.fingerprint}${trained ? ` ${trained.version}` : ''}` : null;
  }

  #trainedOf(file: string): TrainedEncoder | null {
    const trained = this.#trained?.() ?? null;
    return trained?.file === file ? trained : null;
  }

  list(): LoadedEncoder[] {
    return Array.from(this.#held.values(), ({ encoder }) => encoder);
  }

  /**
   * Where encoders run from now on: a device, which must outlive its embeddings, or null for the wasm provider.
   * @throws UserError `encoder-lost` when sessions were open on a device that is gone: ONNX Runtime does not recover
   */
  setDevice(device: GPUDevice | null): void {
    if (device === (this.#device?.device ?? null)) return;
    if (this.#device?.lost && [...this.#held.values()].some(({ open, cpuOnly }) => open && !cpuOnly)) throw new UserError('encoder-lost', 'The GPU was lost; the engine is started again with what was loaded.');
    const current = device && { device, lost: false };
    this.#device = current;
    void device?.lost.then(() => {
      if (current) current.lost = true;
    });
    for (const held of this.#held.values()) {
      held.open?.close();
      held.open = null;
      held.cpuOnly = false;
    }
  }

  /** Where an encoder runs, as far as is known before it has run. */
  providerOf(file: string): 'wasm' | 'webgpu' {
    return this.#device && !this.#held.get(file)?.cpuOnly ? 'webgpu' : 'wasm';
  }

  /** What a person should know of an encoder; one sentence each. The provider's is known once the encoder has run. */
  warnings(file: string): readonly string[] {
    const held = this.#held.get(file);
    if (!held) return [];
    return held.cpuOnly ? [...held.encoder.warnings, `${file} uses operators that the GPU provider of ONNX Runtime does not have, so it runs on the CPU.`] : held.encoder.warnings;
  }

  /**
   * z = encoder(x) of every sample, flattened beyond the batch axis, in main memory.
   *
   * @throws UserError whose detail names `term`, `side` and `file`: `no-encoder`, `encoder-output`, `encoder-input`,
   * `encoder-shape`, `encoder-values`, `encoder-non-finite`; `encoder-hung` and `encoder-lost`, after which the engine
   * has to be replaced; and those of `EncoderSession`
   */
  async embed(request: EmbedRequest): Promise<Embedding> {
    const trained = this.#trainedOf(request.file);
    const loaded = this.get(request.file);
    if (trained && loaded && trained.output === request.output) return trained.embed(feedsOf(loaded, request), request.count);
    return this.#use(request, async ({ session, feeds, end }) => {
      try {
        return await session.embed(request.output, feeds, request.count);
      } finally {
        end();
      }
    });
  }

  /**
   * The same in a buffer of the device, where the encoder runs there and gives float32; else in main memory. Tell them
   * apart by `'buffer' in …`. Values on the device are not looked at: what reads them checks for NaN.
   *
   * @throws UserError as `embed`
   */
  async embedOnDevice(request: EmbedRequest): Promise<DeviceEmbedding | Embedding> {
    const { output, count } = request;
    // What is in training lies in main memory.
    if (this.#trainedOf(request.file)?.output === output) return this.embed(request);
    return this.#use(request, async ({ session, feeds, end, device }) => {
      let kept = false;
      try {
        if (session.provider !== 'webgpu' || session.outputs.get(output)?.dtype !== 'float32') return await session.embed(output, feeds, count);
        const { release, ...embedding } = await session.embedOnDevice(output, feeds, count);
        // A lost device takes its commands in silence, and what lies on one that was exchanged is of no use.
        if (device?.lost || device !== this.#device) {
          release();
          throw lostDevice(request);
        }
        kept = true;
        return {
          ...embedding,
          release: () => {
            release();
            end();
          },
        };
      } finally {
        if (!kept) end();
      }
    });
  }

  async #use<T>(request: EmbedRequest, task: (use: Use) => Promise<T>): Promise<T> {
    const { term, file, side } = request;
    const device = this.#device;
    try {
      const held = this.#held.get(file);
      if (!held) throw new UserError('no-encoder', `The term "${term}" asks for ${file === '' ? 'an encoder' : file}, which is not loaded. Drop the file, or set weight_embed to 0 and compare raw values by weight_label.`);
      const feeds = feedsOf(held.encoder, request);
      return await task({ ...(await this.#session(held)), feeds, device });
    } catch (error) {
      // The engine gave the device up during the run: what failed with it is done again where encoders run now.
      if (device !== this.#device) return this.#use(request, task);
      if (!(error instanceof UserError)) throw error;
      if (device?.lost && error.code !== 'no-encoder') throw lostDevice(request);
      // A runtime that hung says whose run it was, which need not be this one's.
      throw new UserError(error.code, error.message, { term, side, file, ...error.detail });
    }
  }

  /** The session of an encoder, in use until `end`; a new one on the first use, on the wasm provider where the GPU's cannot. */
  async #session(held: Held): Promise<{ session: EncoderSession; end: () => void }> {
    for (;;) {
      const open = (held.open ??= this.#start(held));
      const end = open.use();
      try {
        return { session: await open.session, end };
      } catch (error) {
        end();
        const code = error instanceof UserError ? error.code : '';
        const current = held.open === open;
        // A refusal stays one, and is not worth loading the file again; a download may succeed the next time.
        if (current && ['encoder-no-gpu', 'encoder-runtime'].includes(code)) held.open = null;
        if (code !== 'encoder-no-gpu' || (current && held.cpuOnly)) throw error;
        if (current) held.cpuOnly = true;
      }
    }
  }

  #start({ encoder, cpuOnly }: Held): OpenSession {
    const device = cpuOnly ? null : this.#device;
    return new OpenSession(EncoderSession.create(encoder, device ? { name: 'webgpu', device: device.device } : { name: 'wasm' }, this.#options));
  }
}

function lostDevice({ term, side, file }: EmbedRequest): UserError {
  return new UserError('encoder-lost', `The GPU was lost while ${file} was at work on it; the engine has to be restarted.`, { term, side, file });
}

/** Tells the page what the runtime is at work on, from the engine's worker. */
export function signalWatch(post: (signal: EngineSignal) => void): Watch {
  return (what, file) => {
    post({ type: 'working', work: { what, file } });
    return () => post({ type: 'working', work: null });
  };
}

/** Values for every input, as the file takes them. @throws UserError where mapping, shapes or values do not fit what the encoder takes */
export function feedsOf({ file, preflight }: LoadedEncoder, { output, side, inputs, count }: Pick<EmbedRequest, 'output' | 'side' | 'inputs' | 'count'>): Map<string, Feed> {
  checkSpec({ file, output, inputs }, preflight, new Map(inputs.map(({ key, column }) => [key, column])));
  return new Map(
    inputs.map(({ input, key, column: { shape, values } }) => {
      const port = preflight.inputs.get(input)!;
      const dims = inputDims(input, port, key, { shape }, count, file);
      assert(values.length === dims.reduce((product, size) => product * size, 1), `${count} samples of "${key}"`);
      const bad = firstMisfit(port.dtype, values);
      if (bad >= 0)
        throw new UserError(
          'encoder-values',
          `${side === 'source' ? 'Source' : 'Target'} ${quoted(key)} holds ${values[bad]} at sample ${Math.floor((bad * count) / values.length)} of this batch, and ${file} takes ${takes(port.dtype)} at its input ${quoted(input)} (${port.dtype}); map another key to it, or leave those frames out.`,
        );
      return [input, { dims, values }];
    }),
  );
}
