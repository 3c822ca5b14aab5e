import { UserError } from '../../src/base/errors.ts';

/** Headless commands, loaded when they are asked for. */
const commands: Record<string, () => Promise<(args: string[]) => Promise<object>>> = {
  config: async () => (await import('./config.ts')).inspectConfig,
  dataset: async () => (await import('./dataset.ts')).inspectDataset,
  encoder: async () => (await import('./encoder.ts')).inspectEncoder,
  gradients: async () => (await import('./gradients.ts')).inspectGradients,
  golden: async () => (await import('./golden.ts')).inspectGolden,
  pair: async () => (await import('./pair.ts')).inspectPair,
  sampler: async () => (await import('./sampler.ts')).inspectSampler,
  solve: async () => (await import('./solve.ts')).inspectSolve,
};

/**
 * Run one inspection: its name and its arguments.
 * @returns what it prints, as JSON on one line
 * @throws UserError; TypeError of parseArgs where an option is unknown
 */
export async function inspect([name = '', ...args]: readonly string[]): Promise<string> {
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!load) throw new UserError('usage', `There is no inspection called "${name}"; the ones there are: ${Object.keys(commands).join(', ')}.`);
  return `${JSON.stringify(await (await load())(args))}\n`;
}

/** What a person is told of an error, on one line. Unknown options come from parseArgs with a readable first sentence. */
export function sentenceOf(thrown: unknown): string {
  return `${thrown instanceof Error ? thrown.message.split('\n')[0] : String(thrown)}\n`;
}
