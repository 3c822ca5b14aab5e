import { parseArgs } from 'node:util';
import { UserError } from '../../src/base/errors.ts';
import type { EncoderReport } from '../node/examine-encoder.ts';
import { examineInChild } from '../node/examine-encoder.ts';

/**
 * `inspect encoder <file> [--run] [--shape INPUT=2,3,48,192 …]`: what the preflight makes of an ONNX file, and with
 * --run what it computes from x[k] = sin(k) in every input (cut towards zero where the input holds integers).
 */
export async function inspectEncoder(args: readonly string[]): Promise<EncoderReport> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { run: { type: 'boolean', default: false }, shape: { type: 'string', multiple: true, default: [] } },
    allowPositionals: true,
  });
  const [path, ...rest] = positionals;
  if (path === undefined || rest.length > 0) throw new UserError('usage', 'inspect encoder takes one path: an .onnx file.');
  return examineInChild({ path, run: values.run, shapes: new Map(values.shape.map(shapeOption)) });
}

/** "INPUT=2,3,48" → the input and its shape. Names may hold an equals sign themselves. */
function shapeOption(text: string): [string, number[]] {
  const match = /^(.+)=(\d+(?:,\d+)*)$/s.exec(text);
  if (!match) throw new UserError('usage', `--shape takes an input and its shape, as in --shape image=2,3,48,192, and not "${text}".`);
  const sizes = match[2]!.split(',').map(Number);
  if (sizes.some((size) => size < 1 || size > 2 ** 31)) throw new UserError('usage', `--shape ${text} has an axis outside 1 to 2147483648.`);
  return [match[1]!, sizes];
}
