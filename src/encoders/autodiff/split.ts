import type { Differentiated } from './differentiate.ts';
import type { GraphPort } from './emit.ts';
import { emitModel } from './emit.ts';
import type { Source } from './source.ts';
import type { Constant, Scope, Step, Tape } from './tape.ts';

/*
 * Two tapes as two files: what nobody needs is dropped, and what the backward one reads of the forward one is saved.
 */

interface Tapes {
  readonly source: Source;
  readonly forward: Tape;
  readonly backward: Tape;
  /** Each output with its place on the forward tape and the name of ∂L/∂output. */
  readonly outputs: readonly { readonly name: string; readonly tensor: string; readonly gradient: string }[];
  readonly trained: ReadonlySet<string>;
  readonly inputGradients: readonly string[];
  /** Gradients by the name of their tensor. */
  readonly gradients: ReadonlyMap<string, string>;
}

export function pair({ source, forward, backward, outputs, trained, inputGradients, gradients }: Tapes): Differentiated {
  const { scope } = forward;
  const targets = [...source.parameters.map(({ name }) => name).filter((name) => trained.has(name)), ...inputGradients];
  const wanted = targets.flatMap((name) => {
    const tensor = gradients.get(name);
    return tensor === undefined ? [] : [{ of: name, tensor, name: scope.fresh(`grad ${name}`) }];
  });
  const back = alive(finish(backward, wanted).steps, wanted.map(({ name }) => name));
  const given = finish(forward, outputs);
  const made = new Set(forward.steps.map(({ output }) => output));
  const saved = [...new Set(back.flatMap(({ inputs }) => inputs))].filter((name) => made.has(name) && !outputs.some(({ tensor }) => tensor === name));
  const front = alive(given.steps, [...outputs.map(({ name }) => name), ...saved]);
  // What the forward graph calls by an output's name, the backward one reads by it.
  const steps = back.map((step) => ({ ...step, inputs: step.inputs.map((name) => given.renamed.get(name) ?? name) }));
  const borders = [...source.inputs.keys(), ...source.parameters.map(({ name }) => name)];
  const port = (name: string, tensor: string): GraphPort => ({ name, ...scope.tensor(tensor) });
  const forwardPorts = read(front, borders.map((name) => port(name, name)));
  const backwardPorts = read(steps, [...borders.map((name) => port(name, name)), ...outputs.map(({ gradient, tensor }) => port(gradient, tensor)), ...outputs.map(({ name, tensor }) => port(name, tensor)), ...saved.map((name) => port(name, name))]);
  return {
    forward: emitModel({ name: 'forward', steps: front, inputs: forwardPorts, outputs: [...outputs.map(({ name, tensor }) => port(name, tensor)), ...saved.map((name) => port(name, name))], constants: constants(scope, front) }),
    backward: emitModel({ name: 'backward', steps, inputs: backwardPorts, outputs: wanted.map(({ of, name }) => port(name, of)), constants: constants(scope, steps) }),
    forwardInputs: forwardPorts.map(({ name }) => name),
    backwardInputs: backwardPorts.map(({ name }) => name),
    inputs: [...source.inputs.keys()].map((name) => ({ name, ...scope.tensor(name) })),
    outputs: outputs.map(({ name, tensor, gradient }) => ({ name, gradient, ...scope.tensor(tensor) })),
    weights: source.parameters.map((parameter) => ({
      ...parameter,
      gradient: trained.has(parameter.name) ? (wanted.find(({ of }) => of === parameter.name)?.name ?? null) : null,
      read: () => Float32Array.from(source.read(source.initialiser(parameter.name)!).data as Float32Array),
    })),
    saved: saved.map((name) => ({ name, ...scope.tensor(name) })),
    inputGradients: wanted.filter(({ of }) => inputGradients.includes(of)).map(({ of, name }) => ({ input: of, gradient: name, dims: scope.tensor(of).dims })),
    steps: { forward: front.length, backward: steps.length },
  };
}

/**
 * All steps of a tape, with some results under their names: the step that makes one is renamed, or, where
 * it makes none of its own (an input handed on, one tensor twice), a copy is made.
 */
function finish({ steps, scope }: Tape, results: readonly { readonly name: string; readonly tensor: string }[]): { steps: Step[]; renamed: ReadonlyMap<string, string> } {
  const made = new Set(steps.map(({ output }) => output));
  const renamed = new Map<string, string>();
  const copies: Step[] = [];
  for (const { name, tensor } of results) {
    scope.declare(name, scope.tensor(tensor));
    if (made.has(tensor) && !renamed.has(tensor)) renamed.set(tensor, name);
    else copies.push({ op: 'Identity', inputs: [tensor], output: name, ints: {}, floats: {} });
  }
  const now = (name: string): string => renamed.get(name) ?? name;
  const all = [...steps, ...copies].map((step) => ({ ...step, inputs: step.inputs.map(now), output: now(step.output) }));
  return { steps: all, renamed };
}

/** Steps that lead to one of the results. */
function alive(steps: readonly Step[], results: readonly string[]): Step[] {
  const needed = new Set(results);
  const kept: Step[] = [];
  for (const step of steps.toReversed()) {
    if (!needed.has(step.output)) continue;
    kept.push(step);
    for (const name of step.inputs) needed.add(name);
  }
  return kept.toReversed();
}

function read(steps: readonly Step[], ports: readonly GraphPort[]): GraphPort[] {
  const names = new Set(steps.flatMap(({ inputs }) => inputs));
  return ports.filter(({ name }) => names.has(name));
}

function constants(scope: Scope, steps: readonly Step[]): Map<string, Constant> {
  const names = new Set(steps.flatMap(({ inputs }) => inputs));
  return new Map([...names].flatMap((name) => {
    const found = scope.constantOf(name);
    return found ? [[name, found] as const] : [];
  }));
}
