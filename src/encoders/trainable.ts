import type { Obstacle, Parameter, Trainability } from './autodiff/source.ts';
import { noParameters, trainabilityByOutput } from './autodiff/source.ts';

/**
 * What of an encoder's file learns where one of its outputs is trained, to choose from: of each output at most
 * `LISTED` tensors. Numbers of formulas, which have no axes, are never trained and are not listed.
 */
export type Trainable =
  | {
      readonly ok: true;
      /** In the order of the file. */
      readonly parameters: readonly Parameter[];
      /** What learns beside them: tensors and their numbers. */
      readonly unlisted: { readonly tensors: number; readonly numbers: number };
      /** What has no gradient in it: all that stands before has to be frozen, and is listed. */
      readonly obstacle?: Obstacle;
    }
  | Extract<Trainability, { ok: false }>;

/** A list that a person reads, and that crosses two workers. */
const LISTED = 2000;
/** Outputs that are examined: a file that gives every activation names hundreds. */
const EXAMINED = 16;
/** A session keeps names up to this length (POLICY_LIMITS), so a longer one cannot be frozen. */
export const LONGEST_NAME = 200;
/** Aliases that are named of each. */
const ALIASES = 4;

/**
 * What can be trained of each floating-point output of a file, by output. Nothing is run. As `trainability`, it parses
 * untrusted bytes: run it where `preflight` runs.
 * @throws UserError as `preflight`
 */
export function trainableOutputs(bytes: Uint8Array, file: string): Map<string, Trainable> {
  return new Map([...trainabilityByOutput(bytes, file, EXAMINED)].map(([output, found]) => [output, listed(found, file)]));
}

function listed(found: Trainability, file: string): Trainable {
  if (!found.ok) return found;
  const trained = found.parameters.filter(({ dims }) => dims.length > 0);
  if (trained.length === 0) return { ok: false, op: null, node: null, message: noParameters(file).message };
  const parameters = trained.filter(({ name }) => name.length <= LONGEST_NAME).slice(0, LISTED);
  const { obstacle } = found;
  const listable = new Set(parameters.map(({ name }) => name));
  if (obstacle && !obstacle.before.every((name) => listable.has(name))) return { ok: false, op: obstacle.op, node: obstacle.node, message: obstacle.message };
  const numbers = (of: readonly Parameter[]): number => of.reduce((sum, { elements }) => sum + elements, 0);
  return {
    ok: true,
    parameters: parameters.map(({ name, dims, elements, aliases }) => ({ name, dims, elements, aliases: aliases.slice(0, ALIASES) })),
    unlisted: { tensors: trained.length - parameters.length, numbers: numbers(trained) - numbers(parameters) },
    ...(obstacle ? { obstacle } : {}),
  };
}
