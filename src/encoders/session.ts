import type { InferenceSession, Tensor } from 'onnxruntime-web/webgpu';
import { UserError } from '../base/errors.ts';
import type { DType, TensorData } from './dtypes.ts';
import { toNumbers, toTyped } from './dtypes.ts';
import type { Port } from './graph.ts';
import { quoted } from './graph.ts';
import { GROUP_BYTES, PROBE_BATCH } from './limits.ts';
import type { OrtModule, OrtOptions } from './ort.ts';
import { withOrt } from './ort.ts';
import type { Preflight } from './preflight.ts';
import type { Batch } from './spec.ts';
import { batchOf, batchWarning, flatten, groupSize } from './spec.ts';

/** Where an encoder runs. The GPU's device is the one that our kernels use, so that embeddings need no copy. */
export type Provider = { readonly name: 'wasm' } | { readonly name: 'webgpu'; readonly device: GPUDevice };

export interface EncoderFile {
  readonly bytes: Uint8Array;
  /** Files of weights by the location that the model names (`matchExternal`). */
  readonly external?: ReadonlyMap<string, Uint8Array>;
  /** What `preflight` said of `bytes`: the runtime gets no file that it has not passed. */
  readonly preflight: Preflight;
}

/** Values for one input: row-major, Π dims of them. They are converted to the type that the input has. */
export interface Feed {
  readonly dims: readonly number[];
  readonly values: ArrayLike<number>;
}

/** A result in main memory; float16 as its bits. */
export interface Result {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly data: TensorData;
}

/** Embeddings of a batch, flattened beyond the batch axis: rows × width, row-major. */
export interface Embedding {
  readonly rows: number;
  readonly width: number;
  readonly values: Float32Array;
}

/** The same in a buffer of the device that the session was made for. */
export interface DeviceEmbedding {
  readonly rows: number;
  readonly width: number;
  /** float32, rows × width; longer than that where ONNX Runtime rounds sizes up. Readable until `release`. */
  readonly buffer: GPUBuffer;
  readonly release: () => void;
}

/** GPU runs that take longer have hung: a lost device is noticed late or never. */
const GPU_RUN_TIMEOUT_MS = 30_000;

/** STORAGE | COPY_DST | COPY_SRC: numbers of the WebGPU standard, whose constant TypeScript does not declare. */
const BUFFER_USAGE = 0x80 | 0x08 | 0x04;

/**
 * An encoder in ONNX Runtime. Nothing of it is safe to share between threads: it lives in the disposable engine
 * worker (or a child process), and what it throws are sentences naming the file.
 */
export class EncoderSession {
  readonly file: string;
  readonly inputs: ReadonlyMap<string, Port>;
  readonly outputs: ReadonlyMap<string, Port>;
  readonly provider: Provider['name'];
  readonly batch: Batch;
  /** Those of the preflight, and that a fixed batch axis makes it slow. */
  readonly warnings: readonly string[];
  readonly #session: InferenceSession;
  readonly #rowBytes: number;
  readonly #options: OrtOptions;
  readonly #device: GPUDevice | null;
  #disposed = false;

  private constructor(session: InferenceSession, { preflight }: EncoderFile, provider: Provider, options: OrtOptions) {
    this.file = preflight.file;
    this.inputs = preflight.inputs;
    this.outputs = preflight.outputs;
    this.provider = provider.name;
    this.batch = batchOf(preflight.inputs, preflight.file);
    const slow = batchWarning(this.batch, preflight.file);
    this.warnings = slow ? [...preflight.warnings, slow] : preflight.warnings;
    this.#session = session;
    this.#options = runOptions(provider, options, preflight.file);
    this.#rowBytes = preflight.runBytes / PROBE_BATCH;
    this.#device = provider.name === 'webgpu' ? provider.device : null;
  }

  /**
   * @throws UserError `encoder-no-gpu` when the graph needs an operator that the GPU provider lacks (the wasm one may
   * have it), `encoder-load` when ONNX Runtime refuses the file, `encoder-too-large` when memory ends, and those of
   * `withOrt`
   */
  static async create(file: EncoderFile, provider: Provider = { name: 'wasm' }, options: OrtOptions = {}): Promise<EncoderSession> {
    const { preflight, bytes, external = new Map<string, Uint8Array>() } = file;
    try {
      const session = await withOrt(
        `loading ${preflight.file}`,
        (ort) =>
          ort.InferenceSession.create(bytes, {
            ...providerOptions(provider),
            externalData: [...external].map(([path, data]) => ({ path, data })),
          }),
        // A large model takes its time on any provider.
        watchOf(options, preflight.file),
      );
      return new EncoderSession(session, file, provider, options);
    } catch (error) {
      throw runtimeSentence(error, preflight.file, 'load');
    }
  }

  /**
   * Run once, all outputs or the named ones. The shapes are the caller's: a fixed batch axis is taken care of by
   * `embed` alone.
   *
   * @throws UserError when a feed is missing or does not fit, or ONNX Runtime fails (`encoder-run`)
   */
  async run(feeds: ReadonlyMap<string, Feed>, outputs: readonly string[] = [...this.outputs.keys()]): Promise<Map<string, Result>> {
    return this.#run(feeds, outputs, async (tensors) => {
      const results = new Map<string, Result>();
      for (const name of outputs) {
        const tensor = tensors[name];
        if (!tensor) throw new UserError('encoder-run', `${this.file} did not compute ${quoted(name)}; export the encoder again.`);
        results.set(name, { dtype: tensor.type as DType, dims: tensor.dims, data: (await tensor.getData(true)) as TensorData });
      }
      return results;
    });
  }

  /**
   * Embeddings of `rows` frames, in as many runs as a fixed batch axis or memory asks for.
   *
   * @param feeds dims begin with `rows`
   * @throws UserError also `encoder-non-finite` when a value is NaN or infinite
   */
  async embed(output: string, feeds: ReadonlyMap<string, Feed>, rows: number): Promise<Embedding> {
    const size = this.#groupSize(rows);
    let width = 0;
    let values = new Float32Array(0);
    for (let start = 0; start < rows; start += size) {
      const result = (await this.run(rowsOf(feeds, start, size, rows), [output])).get(output)!;
      const part = toNumbers(result.dtype, result.data);
      if (start === 0) {
        ({ width } = flatten(result.dims, size, output, this.file));
        values = new Float32Array(rows * width);
      }
      // The last group is filled up with copies of the last row.
      values.set(part.subarray(0, Math.min(size, rows - start) * width), start * width);
    }
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) throw new UserError('encoder-non-finite', `${this.file} gives values that are not finite numbers in ${quoted(output)}, first at row ${Math.floor(bad / width)}; check the range of its inputs and its weights.`);
    return { rows, width, values };
  }

  /**
   * Embeddings that stay on the GPU. They are not looked at: what reads them checks for NaN.
   *
   * @throws UserError as `embed`, and when the output is not float32
   */
  async embedOnDevice(output: string, feeds: ReadonlyMap<string, Feed>, rows: number): Promise<DeviceEmbedding> {
    const device = this.#device;
    if (!device) throw new Error('invariant: the session has a GPU device');
    const size = this.#groupSize(rows);
    const part = async (start: number): Promise<DeviceEmbedding> =>
      this.#run(rowsOf(feeds, start, size, rows), [output], async (tensors) => {
        const tensor = tensors[output]!;
        if (tensor.type !== 'float32') throw new UserError('encoder-output', `${this.file} gives ${quoted(output)} as ${tensor.type}, and only float32 stays on the GPU; export the encoder in float32.`);
        const { width } = flatten(tensor.dims, size, output, this.file);
        return { rows: size, width, buffer: tensor.gpuBuffer, release: () => tensor.dispose() };
      }, [output]);
    if (size === rows) return part(0);
    let whole: GPUBuffer | null = null;
    let width = 0;
    for (let start = 0; start < rows; start += size) {
      const group = await part(start);
      ({ width } = group);
      whole ??= device.createBuffer({ size: 4 * Math.max(1, rows * width), usage: BUFFER_USAGE });
      const commands = device.createCommandEncoder();
      commands.copyBufferToBuffer(group.buffer, 0, whole, 4 * start * width, 4 * Math.min(size, rows - start) * width);
      device.queue.submit([commands.finish()]);
      group.release();
    }
    const buffer = whole!;
    return { rows, width, buffer, release: () => buffer.destroy() };
  }

  /** Give the runtime's memory back. Runs that were asked for earlier come first. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await withOrt(`closing ${this.file}`, () => this.#session.release(), this.#options).catch((error: unknown) => {
      throw runtimeSentence(error, this.file, 'run');
    });
  }

  /** Rows of one run: what the batch axis says, and where it is open as many as fit in `GROUP_BYTES`, shared out evenly. */
  #groupSize(rows: number): number {
    const size = groupSize(this.batch, rows);
    const most = Math.max(1, Math.floor(GROUP_BYTES / Math.max(1, this.#rowBytes)));
    return this.batch.kind === 'fixed' || size <= most ? size : Math.ceil(rows / Math.ceil(rows / most));
  }

  /** @param kept outputs that `use` hands on; all others are freed once it is done with them */
  async #run<T>(feeds: ReadonlyMap<string, Feed>, outputs: readonly string[], use: (tensors: InferenceSession.ReturnType) => Promise<T>, kept: readonly string[] = []): Promise<T> {
    if (this.#disposed) throw new Error('invariant: the encoder session is still open');
    for (const name of outputs) {
      if (!this.outputs.has(name)) throw new UserError('encoder-output', `${this.file} has no output ${quoted(name)}; it gives ${[...this.outputs.keys()].map(quoted).join(', ')}.`);
    }
    this.#check(feeds);
    try {
      return await withOrt(
        `running ${this.file}`,
        async (ort) => {
          const inputs = [...this.inputs].map(([name, { dtype }]) => [name, tensorOf(ort, dtype, feeds.get(name)!)] as const);
          let tensors: InferenceSession.ReturnType = {};
          let handedOn = false;
          try {
            tensors = await this.#session.run(Object.fromEntries(inputs), outputs);
            const result = await use(tensors);
            handedOn = true;
            return result;
          } finally {
            for (const [name, tensor] of Object.entries(tensors)) if (!handedOn || !kept.includes(name)) tensor.dispose();
            for (const [, tensor] of inputs) tensor.dispose();
          }
        },
        this.#options,
      );
    } catch (error) {
      throw runtimeSentence(error, this.file, 'run');
    }
  }

  /** ONNX Runtime's own words for a feed that does not fit are long and name numbers only. */
  #check(feeds: ReadonlyMap<string, Feed>): void {
    for (const [name, { shape }] of this.inputs) {
      const feed = feeds.get(name);
      if (!feed) throw new UserError('encoder-input', `${this.file} has the input ${quoted(name)}, for which there are no values; map a key to it.`);
      const { dims, values } = feed;
      const fits = !shape || (shape.length === dims.length && shape.every((axis, k) => typeof axis !== 'number' || axis === dims[k]));
      if (!fits) throw new UserError('encoder-shape', `${this.file} wants the shape (${shape.map((axis) => axis ?? '?').join(', ')}) at its input ${quoted(name)} and gets (${dims.join(', ')}).`);
      if (values.length !== dims.reduce((product, size) => product * size, 1)) throw new Error(`invariant: ${values.length} values for (${dims.join(', ')})`);
    }
  }
}

/** How runs are watched: by a deadline on the GPU; the wasm provider blocks its thread (see OrtOptions). */
export function runOptions(provider: Provider, options: OrtOptions, file: string): OrtOptions {
  return provider.name === 'webgpu' ? { timeoutMs: GPU_RUN_TIMEOUT_MS, ...options, file } : watchOf(options, file);
}

export function watchOf({ watch }: OrtOptions, file: string): OrtOptions {
  return watch ? { watch, file } : { file };
}

/**
 * What ONNX Runtime has to be told. The device goes in through the provider's option (set on `ort.env` it is silently
 * ignored). Without the two `extra` options an int64 Transpose runs on the CPU, with a copy each way.
 */
export function providerOptions(provider: Provider): InferenceSession.SessionOptions {
  // Severity 4: the failures come back as errors, and the console belongs to the page.
  if (provider.name === 'wasm') return { executionProviders: ['wasm'], logSeverityLevel: 4 };
  const webgpu: InferenceSession.WebGpuExecutionProviderOption = { name: 'webgpu', device: provider.device, preferredLayout: 'NCHW' };
  return {
    executionProviders: [webgpu],
    preferredOutputLocation: 'gpu-buffer',
    logSeverityLevel: 4,
    extra: { session: { disable_cpu_ep_fallback: '1' }, optimization: { disable_specified_optimizers: 'TransposeOptimizer' } },
  };
}

function tensorOf(ort: OrtModule, dtype: DType, { dims, values }: Feed): Tensor {
  // The runtime may detach or reuse what it is given; the types agree by construction of toTyped.
  return new ort.Tensor(dtype as 'float32', toTyped(dtype, values) as Float32Array, dims);
}

/** Rows [start, start + size) of every feed; beyond the last row, that row again. */
function rowsOf(feeds: ReadonlyMap<string, Feed>, start: number, size: number, rows: number): ReadonlyMap<string, Feed> {
  if (start === 0 && size === rows) return feeds;
  return new Map(
    [...feeds].map(([name, { dims, values }]) => {
      const width = values.length / rows;
      const part = new Float64Array(size * width);
      for (let k = 0; k < part.length; k++) part[k] = values[Math.min(start + Math.floor(k / width), rows - 1) * width + (k % width)]!;
      return [name, { dims: [size, ...dims.slice(1)], values: part }];
    }),
  );
}

/** What ONNX Runtime throws, as one sentence with the file's name. */
export function runtimeSentence(error: unknown, file: string, during: 'load' | 'run'): Error {
  if (error instanceof UserError) return error;
  const text = error instanceof Error ? error.message : String(error);
  if (/invariant/.test(text)) return error as Error;
  const why = (/ERROR_MESSAGE: ([^\n]+)/.exec(text)?.[1] ?? text.split('\n')[0] ?? '').replaceAll(/\p{Cc}/gu, '�').replace(/^.*?\bStatus Message: /, '').replace(/\/\S+:\d+ .*?\) /, '').slice(0, 200).replace(/[.\s]+$/, '');
  // A wasm trap leaves a bare address, or the engine's word for memory that cannot grow.
  if (/bad_alloc|out of memory|memory access|allocat|integer overflow|^\d+$/i.test(why)) return new UserError('encoder-too-large', `${file} needs more memory than ONNX Runtime has here; export the encoder for smaller inputs.`);
  if (/fallback to CPU|cpu_ep_fallback/i.test(text)) return new UserError('encoder-no-gpu', `${file} uses operators that the GPU provider of ONNX Runtime does not have; it can run on the CPU.`);
  if (during === 'load') return new UserError('encoder-load', `${file} is refused by ONNX Runtime (${why}); export the encoder again, with opset 17.`);
  return new UserError('encoder-run', `${file} failed while running (${why}); check the shapes of its inputs.`);
}
