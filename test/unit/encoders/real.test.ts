import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { examineInChild } from '../../../scripts/node/examine-encoder.ts';
import { toNumbers } from '../../../src/encoders/dtypes.ts';
import { matchExternal, preflight } from '../../../src/encoders/preflight.ts';
import type { Feed } from '../../../src/encoders/session.ts';
import { EncoderSession } from '../../../src/encoders/session.ts';
import type { TestTensor } from '../../support/onnx.ts';
import { ONNX_FILES, hasOnnxFiles, readTensor } from '../../support/onnx.ts';

/* Real encoders and ONNX's conformance nodes: skipped by name where the shared folder is absent, but on CI it is there. */

describe.runIf(process.env['CI'] !== undefined)('the shared ONNX files', () => {
  it('are there', () => expect(hasOnnxFiles, `${ONNX_FILES} is missing; set OT_SHARED`).toBe(true));
});

interface Expected {
  readonly in_shapes: Readonly<Record<string, number[]>>;
  readonly outputs: Readonly<Record<string, { shape: number[]; values: number[] }>>;
  readonly ops: Readonly<Record<string, number>>;
}

describe.skipIf(!hasOnnxFiles)('real encoders of shared/data/onnx', () => {
  const expected = hasOnnxFiles ? (JSON.parse(readFileSync(join(ONNX_FILES, 'ort_expected.json'), 'utf8')) as Record<string, Expected>) : {};

  it.each(Object.keys(expected))('%s computes what ONNX Runtime for Python computes', async (path) => {
    const { in_shapes, outputs, ops } = expected[path]!;
    const report = await examineInChild({ path: join(ONNX_FILES, '..', path), run: true, shapes: new Map() });
    expect(report.ops).toEqual(ops);
    expect(Object.keys(report.inputs)).toEqual(Object.keys(in_shapes));
    expect(Object.keys(report.run!)).toEqual(Object.keys(outputs));
    for (const [name, { shape, values }] of Object.entries(outputs)) {
      const computed = report.run![name]!;
      expect(computed.shape).toEqual(shape);
      for (const [k, value] of values.entries()) expect(computed.values[k], `${name}[${k}]`).toBeCloseTo(value, 5);
    }
  });

  it('counts the parameters of a model whose weights lie beside it, and names them when they are missing', async () => {
    const bytes = readFileSync(join(ONNX_FILES, 'ferroflow_mlp/mlp.onnx'));
    const { parameters, external } = preflight(bytes, 'mlp.onnx');
    expect(parameters).toBe(784 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10);
    // The last bias is so small that the exporter left it in the model.
    expect(external).toEqual([{ location: 'mlp.onnx.data', bytes: 4 * (parameters - 10) }]);
    expect(() => matchExternal({ file: 'mlp.onnx', external }, new Map())).toThrow('mlp.onnx keeps its weights in mlp.onnx.data, which is missing: drop both together.');
  });
});

/** Both tolerances of ONNX's own runner. */
function expectClose(actual: ArrayLike<number>, wanted: TestTensor, relative: number, absolute: number): void {
  expect(actual.length, wanted.name).toBe(wanted.values.length);
  for (const [k, value] of wanted.values.entries()) {
    const got = actual[k]!;
    const fine = Object.is(got, value) || got === value || Math.abs(got - value) <= absolute + relative * Math.abs(value);
    if (!fine) expect.fail(`${wanted.name}[${k}] is ${got}, wanted ${value}`);
  }
}

describe.skipIf(!hasOnnxFiles)('conformance nodes of shared/data/onnx/node', () => {
  /** Refused, with the reason. */
  const refused: Readonly<Record<string, RegExp>> = { test_lstm_batchwise: /^model\.onnx uses the operator LSTM with the batch axis first \(layout 1\), which ONNX Runtime does not have; .+\.$/ };

  it.each(hasOnnxFiles ? readdirSync(join(ONNX_FILES, 'node')) : [])('%s', async (name) => {
    const folder = join(ONNX_FILES, 'node', name);
    const bytes = readFileSync(join(folder, 'model.onnx'));
    const load = async (): Promise<EncoderSession> => {
      const examined = preflight(bytes, 'model.onnx');
      return EncoderSession.create({ bytes, preflight: examined });
    };
    const reason = refused[name];
    if (reason) {
      await expect(load()).rejects.toThrow(reason);
      return;
    }
    const session = await load();
    const data = join(folder, 'test_data_set_0');
    const tensors = (kind: string, names: Iterable<string>): TestTensor[] => [...names].map((port, k) => ({ ...readTensor(readFileSync(join(data, `${kind}_${k}.pb`))), name: port }));
    const feeds = tensors('input', session.inputs.keys()).map(({ name: input, dims, values }): [string, Feed] => [input, { dims, values }]);
    const results = await session.run(new Map(feeds));
    for (const wanted of tensors('output', session.outputs.keys())) {
      const { dtype, dims, data: computed } = results.get(wanted.name)!;
      expect({ dtype, dims }).toEqual({ dtype: wanted.dtype, dims: wanted.dims });
      expectClose(toNumbers(dtype, computed), wanted, 1e-3, 1e-7);
    }
    await session.dispose();
  });
});

/* Networks of ImageNet's time with every weight the same; their input is k / count, as ONNX's runner feeds it. */
describe.skipIf(!hasOnnxFiles)('whole networks of shared/data/onnx/light', () => {
  /** These run as well, with up to 575 MB of weights and in up to half a minute: examined only. */
  const heavy = new Set(['light_bvlc_alexnet.onnx', 'light_densenet121.onnx', 'light_vgg19.onnx']);
  const models = hasOnnxFiles ? readdirSync(join(ONNX_FILES, 'light')).filter((name) => name.endsWith('.onnx')) : [];

  it.each(models)('%s', async (name) => {
    const bytes = readFileSync(join(ONNX_FILES, 'light', name));
    const examined = preflight(bytes, name);
    if (heavy.has(name)) return;
    const session = await EncoderSession.create({ bytes, preflight: examined });
    const [input, { shape }] = [...session.inputs][0]!;
    const dims = shape!.map(Number);
    const count = dims.reduce((product, size) => product * size, 1);
    const results = await session.run(new Map([[input, { dims, values: Float32Array.from({ length: count }, (_, k) => k / count) }]]));
    const [output, { dtype, data }] = [...results][0]!;
    expectClose(toNumbers(dtype, data), { ...readTensor(readFileSync(join(ONNX_FILES, 'light', name.replace('.onnx', '_output_0.pb')))), name: output }, 1e-3, 1e-7);
    await session.dispose();
  });
});
