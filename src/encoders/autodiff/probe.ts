import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { ValueInfoProto } from 'onnx-buf';
import { ModelProtoSchema, ValueInfoProtoSchema } from 'onnx-buf';
import { assert } from '../../base/assert.ts';
import { UserError } from '../../base/errors.ts';
import type { DType, TensorData } from '../dtypes.ts';
import { isFloat, toNumbers, toTyped } from '../dtypes.ts';
import type { Port } from '../graph.ts';
import { quoted } from '../graph.ts';
import type { OrtOptions } from '../ort.ts';
import { withOrt } from '../ort.ts';
import type { EncoderFile } from '../session.ts';
import { providerOptions, runtimeSentence, watchOf } from '../session.ts';
import { batchOf, groupSize } from '../spec.ts';
import { sizeOf } from './tape.ts';
import type { Tensor } from './tape.ts';

/** What a run of the file itself shows: shapes and types of all tensors, and the elements of those that were asked for. */
export interface Probe {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly data: (name: string) => TensorData;
}

/** Largest difference, over the largest element, between rows that an opened batch axis gave and those of the file. */
const OPENED_TOLERANCE = 1e-3;

/**
 * Run a file once on the wasm provider with every tensor in it as an output, so that no shape has to be derived and
 * arithmetic on shapes is done by the runtime.
 *
 * A first axis that the file fixes is opened for the run. Whether the file computes the same then, row by row, is tested
 * on its outputs: shapes written into the graph would mix rows.
 *
 * @param shapes of the inputs, their first axis the rows of a batch
 * @param keep tensors whose elements are wanted: constants
 * @param outputs the file's outputs that are compared where the batch axis was opened
 * @throws UserError `encoder-shape` when a shape does not fit, `encoder-batch` when the fixed axis cannot be opened, and
 * what ONNX Runtime makes of the file otherwise
 */
export async function probe(encoder: EncoderFile, shapes: ReadonlyMap<string, readonly number[]>, keep: (name: string) => boolean, outputs: readonly string[], options: OrtOptions): Promise<Probe> {
  const { file, inputs } = encoder.preflight;
  checkShapes(inputs, shapes, file);
  const batch = batchOf(inputs, file);
  const rows = [...shapes.values()][0]![0]!;
  const size = groupSize(batch, rows);
  const opened = size !== rows;
  const feeds = new Map([...inputs].map(([name, { dtype }]) => [name, { dtype, dims: shapes.get(name)!, values: wave(dtype, sizeOf(shapes.get(name)!)) }]));
  try {
    const found = await run(everyTensor(encoder.bytes, opened), encoder, feeds, (name) => keep(name) || (opened && outputs.includes(name)), options);
    if (opened) await compareRows(encoder, feeds, found, outputs, size, rows, options);
    return found;
  } catch (error) {
    const said = runtimeSentence(error, file, 'run');
    // Shapes that contradict each other in the opened graph only are no fault of the file.
    const contradicts = opened && said instanceof UserError && ['encoder-load', 'encoder-run'].includes(said.code);
    throw contradicts ? fixedBatch(file, size, rows) : said;
  }
}

function checkShapes(inputs: ReadonlyMap<string, Port>, shapes: ReadonlyMap<string, readonly number[]>, file: string): void {
  let rows: number | undefined;
  for (const [name, { shape }] of inputs) {
    const given = shapes.get(name);
    if (!given) throw new UserError('encoder-input', `${file} has the input ${quoted(name)}, whose shape is not given; map a key to it.`);
    const fits = !shape || (shape.length === given.length && shape.every((axis, k) => k === 0 || typeof axis !== 'number' || axis === given[k]));
    if (!fits) throw new UserError('encoder-shape', `${file} wants the shape (${shape.map((axis) => axis ?? '?').join(', ')}) at its input ${quoted(name)} and gets (${given.join(', ')}).`);
    rows ??= given[0];
    if (!given[0]) throw new UserError('encoder-batch', `${file} gets no rows at its input ${quoted(name)}; give it at least one frame.`);
    if (given[0] !== rows) throw new UserError('encoder-batch', `${file} gets ${rows} rows at one input and ${given[0]} at ${quoted(name)}; give every input the same number of frames.`);
  }
}

/** The model with every tensor among its outputs; shapes that it declares beside its nodes are dropped. */
function everyTensor(bytes: Uint8Array, open: boolean): Uint8Array {
  const model = fromBinary(ModelProtoSchema, bytes);
  const { graph } = model;
  assert(graph, 'a graph');
  const weights = new Set(graph.initializer.map(({ name }) => name));
  // The runtime takes a Dropout out when it optimises, and its build for the GPU cannot run one.
  const read = new Set(graph.node.flatMap(({ input }) => input));
  for (const node of graph.node) {
    if (node.opType !== 'Dropout' || node.output.slice(1).some((name) => read.has(name))) continue;
    node.opType = 'Identity';
    [node.input, node.output, node.attribute] = [node.input.slice(0, 1), node.output.slice(0, 1), []];
  }
  const made = new Set(graph.node.flatMap(({ output }) => output));
  const given = new Set([...weights, ...graph.input.map(({ name }) => name)]);
  graph.output = [...graph.output.filter(({ name }) => given.has(name)), ...[...made].filter((name) => name !== '').map((name) => create(ValueInfoProtoSchema, { name }))];
  graph.valueInfo = [];
  if (open) for (const input of graph.input) if (!weights.has(input.name)) openBatch(input);
  return toBinary(ModelProtoSchema, model);
}

function openBatch({ type }: ValueInfoProto): void {
  const axis = type?.value.case === 'tensorType' ? type.value.value.shape?.dim[0] : undefined;
  if (axis) axis.value = { case: 'dimParam', value: 'rows' };
}

interface ProbeFeed extends Tensor {
  readonly values: Float64Array;
}

async function run(bytes: Uint8Array, { external, preflight: { file } }: EncoderFile, feeds: ReadonlyMap<string, ProbeFeed>, keep: (name: string) => boolean, options: OrtOptions): Promise<Probe> {
  return withOrt(
    `measuring ${file}`,
    async (ort) => {
      // Unoptimised, or tensors would vanish into fused operators.
      const session = await ort.InferenceSession.create(bytes, { ...providerOptions({ name: 'wasm' }), graphOptimizationLevel: 'disabled', externalData: [...(external ?? [])].map(([path, data]) => ({ path, data })) }).catch((error: unknown) => {
        throw runtimeSentence(error, file, 'load');
      });
      try {
        const inputs = [...feeds].map(([name, { dtype, dims, values }]) => [name, new ort.Tensor(dtype as 'float32', toTyped(dtype, values) as Float32Array, dims)] as const);
        const results = await session.run(Object.fromEntries(inputs));
        const tensors = new Map<string, Tensor>();
        const kept = new Map<string, TensorData>();
        for (const [name, tensor] of Object.entries(results)) {
          tensors.set(name, { dtype: tensor.type as DType, dims: tensor.dims });
          if (keep(name)) kept.set(name, (await tensor.getData(true)) as TensorData);
          else tensor.dispose();
        }
        return {
          tensors,
          data: (name) => {
            const found = kept.get(name);
            assert(found, `the elements of ${name}`);
            return found;
          },
        };
      } finally {
        await session.release();
      }
    },
    watchOf(options, file),
  );
}

/** The file as it is, on its first and its last rows, beside the opened run. @throws UserError `encoder-batch` */
async function compareRows(encoder: EncoderFile, feeds: ReadonlyMap<string, ProbeFeed>, opened: Probe, outputs: readonly string[], size: number, rows: number, options: OrtOptions): Promise<void> {
  const { file } = encoder.preflight;
  for (const start of new Set([0, Math.max(0, rows - size)])) {
    const part = new Map([...feeds].map(([name, { dtype, dims, values }]) => {
      const width = values.length / rows;
      const taken = new Float64Array(size * width);
      taken.set(values.subarray(start * width, Math.min(rows, start + size) * width));
      return [name, { dtype, dims: [size, ...dims.slice(1)], values: taken }] as const;
    }));
    const alone = await run(everyTensor(encoder.bytes, false), encoder, part, (name) => outputs.includes(name), options);
    for (const output of outputs) {
      const { dtype, dims } = opened.tensors.get(output)!;
      if (dims[0] !== rows) throw fixedBatch(file, size, rows);
      const all = toNumbers(dtype, opened.data(output));
      const few = toNumbers(dtype, alone.data(output));
      const width = all.length / rows;
      const compared = few.subarray(0, Math.min(size, rows - start) * width);
      const top = compared.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      if (few.length !== size * width || compared.some((value, k) => Math.abs(value - all[start * width + k]!) > OPENED_TOLERANCE * top)) throw fixedBatch(file, size, rows);
    }
  }
}

function fixedBatch(file: string, size: number, rows: number): UserError {
  return new UserError('encoder-batch', `${file} was exported for ${size === 1 ? 'one row' : `${size} rows`} at a time and cannot be trained on ${rows}, because that number is written into its graph; export it with a dynamic first axis.`);
}

/** Something smooth that differs from row to row; integers are zeros, which are indices of any table. */
function wave(dtype: DType, length: number): Float64Array {
  return isFloat(dtype) ? Float64Array.from({ length }, (_, k) => Math.sin(1 + k)) : new Float64Array(length);
}
