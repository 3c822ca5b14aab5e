import { UserError } from '../src/base/errors.ts';

/** Headless commands: each prints one JSON object on one line as the last line of stdout. */
const commands: Record<string, () => Promise<(args: string[]) => Promise<object>>> = {
  config: async () => (await import('./inspect/config.ts')).inspectConfig,
  dataset: async () => (await import('./inspect/dataset.ts')).inspectDataset,
  encoder: async () => (await import('./inspect/encoder.ts')).inspectEncoder,
  gradients: async () => (await import('./inspect/gradients.ts')).inspectGradients,
  golden: async () => (await import('./inspect/golden.ts')).inspectGolden,
  pair: async () => (await import('./inspect/pair.ts')).inspectPair,
  sampler: async () => (await import('./inspect/sampler.ts')).inspectSampler,
  solve: async () => (await import('./inspect/solve.ts')).inspectSolve,
};

async function main(): Promise<void> {
  const [name = '', ...args] = process.argv.slice(2);
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!load) throw new UserError('usage', `There is no inspection called "${name}"; the ones there are: ${Object.keys(commands).join(', ')}.`);
  const result = await (await load())(args);
  // A pipe takes a long answer in pieces, and exit() does not wait for them.
  await new Promise<void>((written) => process.stdout.write(`${JSON.stringify(result)}\n`, () => written()));
}

main().then(
  () => process.exit(0),
  (thrown: unknown) => {
    // Unknown options come from parseArgs as TypeErrors with a readable first sentence.
    const message = thrown instanceof Error ? thrown.message.split('\n')[0] : String(thrown);
    process.stderr.write(`${message}\n`, () => process.exit(1));
  },
);
