import { UserError, reportError } from '../../src/base/errors.ts';
import { toNumbers } from '../../src/encoders/dtypes.ts';
import type { Port } from '../../src/encoders/graph.ts';
import type { EncoderFile, Feed } from '../../src/encoders/session.ts';
import { EncoderSession } from '../../src/encoders/session.ts';
import { trialShapes } from '../../src/encoders/spec.ts';
import { readEncoder } from './encoder-files.ts';
import type { EncoderReport, Examination, ExamineMessage, Value } from './examine-encoder.ts';

/** Numbers of all results together that are printed. */
const MAX_VALUES = 5_000_000;

/** The child of `examineInChild`: examines one file and is killed once its answer has arrived. */
process.on('message', (examination: Examination) => {
  examine(examination).then(
    (report) => send({ type: 'done', report }),
    (error: unknown) => send({ type: 'failed', error: reportError(error) }),
  );
});

async function examine({ path, run, shapes }: Examination): Promise<EncoderReport> {
  let trial = new Map<string, number[]>();
  const encoder = await readEncoder(path, (examined) => {
    // Shapes are checked against the inputs even where nothing is run.
    if (run || shapes.size > 0) trial = trialShapes(examined, shapes);
    return trial;
  });
  send({ type: 'progress' });
  const { inputs, outputs, ops, parameters, warnings } = encoder.preflight;
  const report: EncoderReport = { inputs: ports(inputs), outputs: ports(outputs), ops: Object.fromEntries(ops), parameters, warnings };
  return run ? { ...report, run: await runOn(encoder, trial) } : report;
}

async function runOn(encoder: EncoderFile, shapes: ReadonlyMap<string, number[]>): Promise<NonNullable<EncoderReport['run']>> {
  const feeds = new Map([...shapes].map(([name, dims]): [string, Feed] => [name, { dims, values: sine(dims) }]));
  const session = await EncoderSession.create(encoder, { name: 'wasm' }, { watch: progress });
  const results = await session.run(feeds);
  const count = [...results.values()].reduce((sum, { data }) => sum + data.length, 0);
  if (count > MAX_VALUES) throw new UserError('encoder-too-large', `${session.file} gives ${count.toLocaleString('en')} numbers, more than the ${MAX_VALUES.toLocaleString('en')} that are printed; give smaller shapes with --shape.`);
  return Object.fromEntries([...results].map(([name, { dtype, dims, data }]) => [name, { shape: dims, values: Array.from(toNumbers(dtype, data), printable) }]));
}

function sine(dims: readonly number[]): Float32Array {
  return Float32Array.from({ length: dims.reduce((product, size) => product * size, 1) }, (_, k) => Math.sin(k));
}

function printable(value: number): Value {
  return Number.isFinite(value) ? value : Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}

/** fromEntries defines properties, so no name is special. */
function ports(found: ReadonlyMap<string, Port>): EncoderReport['inputs'] {
  return Object.fromEntries([...found].map(([name, { dtype, shape }]) => [name, { dtype, shape }]));
}

function progress(): () => void {
  send({ type: 'progress' });
  return () => send({ type: 'progress' });
}

function send(message: ExamineMessage): void {
  process.send?.(message);
}
