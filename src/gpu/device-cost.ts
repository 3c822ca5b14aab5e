import { assert } from '../base/assert.ts';
import { UserError } from '../base/errors.ts';
import type { Potentials } from '../core/ot/fast.ts';
import { Buffers, computed, readBack } from './buffers.ts';
import { guarded } from './errors.ts';
import type { DeviceMatrix } from './matrix.ts';
import { bindGroup, dispatch, type Pipelines } from './pipelines.ts';
import type { Centred } from './prepare.ts';
import type { CostSource } from './task.ts';

const THREADS = 64;
const TILE = 8;
/** What line_extremes.wgsl writes for lines with entries that are no numbers. */
const TOO_LARGE = 3e38;

interface Side {
  /** n rows or m columns. */
  readonly n: number;
  readonly m: number;
}

/**
 * A cost matrix that lives on the device, in raw units, centred there.
 *
 * The differences M − r and M' are rounded to float32, each to 6e-8 of itself; the problem that is then solved is M's to
 * the precision that M itself has. Line minima come back to the host, whose weights need them in float64.
 */
export class DeviceCost implements CostSource {
  readonly centred: Centred & { readonly cost: DeviceMatrix };
  readonly largest: number;
  readonly #device: GPUDevice;
  readonly #pipelines: Pipelines;
  readonly #shape: Side;
  readonly #total: DeviceMatrix;
  readonly #buffers: Buffers;
  #read: Promise<Float32Array<ArrayBuffer>> | null = null;

  private constructor(device: GPUDevice, pipelines: Pipelines, shape: Side, total: DeviceMatrix, buffers: Buffers, centred: Centred & { readonly cost: DeviceMatrix }, largest: number) {
    this.#device = device;
    this.#pipelines = pipelines;
    this.#shape = shape;
    this.#total = total;
    this.#buffers = buffers;
    this.centred = centred;
    this.largest = largest;
  }

  /**
   * Centre M at its line minima.
   * @param buffers what holds `total`, and everything made of it: destroyed with this cost
   * @throws UserError `bad-problem` when an entry is no finite number; as `guarded`
   */
  static async of(device: GPUDevice, pipelines: Pipelines, shape: Side, total: DeviceMatrix, buffers: Buffers): Promise<DeviceCost> {
    const { n, m } = shape;
    const extremes = await pipelines.get(['line_extremes']);
    const centre = await pipelines.get(['centre']);
    const scratch = new Buffers(device);
    try {
      let cost: DeviceMatrix | null = null;
      const outputs = await computed(device, `centring a ${n} × ${m} cost`, () => {
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        const minima = (values: GPUBuffer, offsets: GPUBuffer, lines: number, length: number): { least: GPUBuffer; most: GPUBuffer } => {
          const pair = { least: scratch.storage(lines * 4), most: scratch.storage(lines * 4) };
          dispatch(pass, extremes, bindGroup(device, extremes, [values, offsets, pair.least, pair.most, scratch.uniform(Uint32Array.of(lines, length, 0, 0))]), Math.ceil(lines / THREADS));
          return pair;
        };
        const rows = minima(total.flipped, scratch.storage(m * 4), n, m);
        const columns = minima(total.straight, rows.least, m, n);
        cost = encodeCentring(pass, centre, { scratch, kept: buffers }, shape, total.straight, rows.least, columns.least);
        pass.end();
        device.queue.submit([encoder.finish()]);
        return [rows.least, rows.most, columns.least, columns.most].map((buffer, k) => ({ buffer, bytes: 4 * (k < 2 ? n : m) }));
      });
      const [rows, rowMost, columns, columnMost] = outputs.map((bytes) => Float64Array.from(new Float32Array(bytes))) as [Float64Array, Float64Array, Float64Array, Float64Array];
      const strange = rowMost.findIndex((value) => !(value < TOO_LARGE));
      if (strange >= 0) throw new UserError('bad-problem', `The costs of source ${strange} contain a value that is not finite. Look for NaN or ∞ in the features and embeddings.`);
      // M − r ≥ 0, so a column's largest M' is its largest M − r less c.
      const span = columnMost.reduce((top, value, j) => Math.max(top, value - columns[j]!), 0);
      const largest = rowMost.reduce((top, value) => Math.max(top, value), 0);
      assert(cost, 'what was checked was made');
      return new DeviceCost(device, pipelines, shape, total, buffers, { cost, rows, columns, span }, largest);
    } finally {
      scratch.destroy();
    }
  }

  /** M, row-major n × m, read back once. */
  values(): Promise<Float32Array<ArrayBuffer>> {
    return (this.#read ??= readBack(this.#device, [{ buffer: this.#total.straight, bytes: 4 * this.#total.length }]).then(([bytes]) => new Float32Array(bytes!)));
  }

  async diagonal(): Promise<Float64Array> {
    const { n, m } = this.#shape;
    const values = await this.values();
    return Float64Array.from({ length: Math.min(n, m) }, (_, i) => values[i * m + i]!);
  }

  /** What is taken out is rounded to float32 first, so that the host knows it to the last bit. */
  async around({ f, g }: Potentials, buffers: Buffers): Promise<Centred> {
    const { cost, rows, columns, span } = this.centred;
    const centre = await this.#pipelines.get(['centre']);
    const scratch = new Buffers(this.#device);
    try {
      const rowShift = shiftOf(f, rows);
      const columnShift = shiftOf(g, columns);
      const made = await guarded(this.#device, `centring a ${this.#shape.n} × ${this.#shape.m} cost`, () => {
        const encoder = this.#device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        const result = encodeCentring(pass, centre, { scratch, kept: buffers }, this.#shape, cost.straight, scratch.filled(rowShift), scratch.filled(columnShift));
        pass.end();
        this.#device.queue.submit([encoder.finish()]);
        return result;
      });
      return { cost: made, rows: rows.map((value, i) => value + rowShift[i]!), columns: columns.map((value, j) => value + columnShift[j]!), span };
    } finally {
      scratch.destroy();
    }
  }

  destroy(): void {
    this.#buffers.destroy();
  }
}

function encodeCentring(pass: GPUComputePassEncoder, pipeline: GPUComputePipeline, { scratch, kept }: { scratch: Buffers; kept: Buffers }, { n, m }: Side, costs: GPUBuffer, rows: GPUBuffer, columns: GPUBuffer): DeviceMatrix {
  const result = { straight: kept.storage(n * m * 4), flipped: kept.storage(n * m * 4), length: n * m };
  const group = bindGroup(scratch.device, pipeline, [costs, rows, columns, result.straight, result.flipped, scratch.uniform(Uint32Array.of(n, m, 0, 0))]);
  dispatch(pass, pipeline, group, Math.ceil(m / TILE), Math.ceil(n / TILE));
  return result;
}

/** What is left of a potential where the line minimum is out already. */
function shiftOf(potential: Float64Array, minimum: Float64Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(potential, (value, k) => (Number.isFinite(value) ? value - minimum[k]! : 0));
}
