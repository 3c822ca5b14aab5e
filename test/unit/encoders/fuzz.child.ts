import { reportError } from '../../../src/base/errors.ts';
import { preflight } from '../../../src/encoders/preflight.ts';
import { EncoderSession } from '../../../src/encoders/session.ts';
import { trialShapes } from '../../../src/encoders/spec.ts';
import type { Outcome } from '../datasets/fuzz.ts';
import { mutant } from './mutants.ts';

/** Examines its mutants one after the other, runs those that are let through, and reports each. */
process.on('message', () => undefined);

const count = Number(process.argv[2]);
for (let seed = 0; seed < count; seed++) process.send?.(await outcomeOf(seed));

async function outcomeOf(seed: number): Promise<Outcome> {
  try {
    const bytes = mutant(seed);
    const examined = preflight(bytes, 'mutant.onnx');
    const shapes = trialShapes(examined, new Map());
    const session = await EncoderSession.create({ bytes, preflight: preflight(bytes, 'mutant.onnx', shapes) });
    await session.run(new Map([...shapes].map(([name, dims]) => [name, { dims, values: new Float32Array(dims.reduce((product, size) => product * size, 1)).fill(0.5) }])));
    await session.dispose();
    return { seed, code: 'loaded', message: '' };
  } catch (error) {
    const { code, message } = reportError(error);
    return { seed, code, message };
  }
}
