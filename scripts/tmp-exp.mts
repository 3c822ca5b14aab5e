import { Experimenter } from '../src/engine/experiment.ts';
import { DEFAULT_SESSION } from '../src/config/session.ts';
import { builtinEncoder } from '../test/support/engine.ts';
import { DEMO_ENCODER } from '../src/config/presets.ts';
const [seeds, methods, lambda] = process.argv.slice(2);
const session = lambda ? { ...DEFAULT_SESSION, training: { ...DEFAULT_SESSION.training, lambda: Number(lambda) } } : DEFAULT_SESSION;
const e = new Experimenter({ session, encoders: [await builtinEncoder(DEMO_ENCODER)], attempts: 30 }, {});
for (const seed of seeds!.split(',').map(Number)) for (const method of methods!.split(',')) {
  const { curve, ...r } = await e.run({ method, seed }, async () => {});
  console.log(JSON.stringify(r, (_, v) => typeof v === 'number' ? Number(v.toPrecision(3)) : v), curve.map(({probe})=>probe?.toFixed(2)).filter(Boolean).join(' '));
}
