import { UserError } from '../base/errors.ts';
import { quote } from '../base/words.ts';
import type { PairingRef } from './pairing.ts';
import { DEFAULT_SOLVE, type Session } from './session.ts';
import { DEMO_PAIRING, DEMO_TRAINING } from './presets.ts';

/* Ways to train one policy on both sides, each as a session: what they share is the session that they are made from. */

/**
 * What is done with the two sides:
 * - target, source: behaviour cloning on one side alone.
 * - cotrain: on both, with nothing that draws them together.
 * - energy: and an energy distance of the embeddings (an MMD), which compares marginals alone.
 * - balanced, uot, diagonal, band: and λ·⟨π,M⟩, π of hard or soft marginals, or under a prior.
 * - transfer: UOT with behaviour cloning on the source alone: what the target's robot does is never shown.
 */
export const METHODS = ['target', 'source', 'cotrain', 'energy', 'balanced', 'uot', 'diagonal', 'band', 'transfer'] as const;
export type MethodKind = (typeof METHODS)[number];

export interface Method {
  readonly kind: MethodKind;
  /** Whether source and target frames of a batch are drawn as pairs, or each side by itself. */
  readonly paired: boolean;
  /** W of pairs in frames, or the whole episode. */
  readonly window: number | 'episode';
}

/** Attempts of a run in each region, where nothing else is said. */
export const DEFAULT_ATTEMPTS = 30;

/** Kinds whose OT batch counts for something; only of those do pairs and window say anything. */
export const ALIGNED: ReadonlySet<MethodKind> = new Set(['energy', 'balanced', 'uot', 'diagonal', 'band', 'transfer']);

/** The method that a session trains by. */
export function methodOf({ solve, training, pairing }: Pick<Session, 'solve' | 'training' | 'pairing'>): Method {
  const { lambda, bcSourceWeight, alignment, window, noWindow } = training;
  const hard = solve.tau1 === Infinity && solve.tau2 === Infinity;
  const kind: MethodKind =
    lambda === 0 ? (bcSourceWeight === 0 ? 'target' : bcSourceWeight === 1 ? 'source' : 'cotrain')
    : alignment === 'energy' ? 'energy'
    : solve.prior === 'diagonal' || solve.prior === 'band' ? solve.prior
    : hard ? 'balanced'
    : bcSourceWeight === 1 ? 'transfer' : 'uot';
  return { kind, paired: pairing.kind !== 'none', window: noWindow ? 'episode' : window };
}

/**
 * A session that trains by a method, with everything else as it is in `base`. What `base` leaves open is the demo's: how
 * pairs are made, a λ above 0, a share of the source, finite τ.
 */
export function withMethod(base: Session, { kind, paired, window }: Method): Session {
  const { solve, training } = base;
  const finite = (tau: number, otherwise: number): number => (tau === Infinity ? otherwise : tau);
  const shared = training.bcSourceWeight === 0 || training.bcSourceWeight === 1 ? DEMO_TRAINING.bcSourceWeight : training.bcSourceWeight;
  const pairing: PairingRef = !paired ? { kind: 'none' } : base.pairing.kind === 'none' ? DEMO_PAIRING : base.pairing;
  return {
    ...base,
    pairing,
    solve: {
      ...solve,
      tau1: kind === 'balanced' ? Infinity : finite(solve.tau1, DEFAULT_SOLVE.tau1),
      tau2: kind === 'balanced' ? Infinity : finite(solve.tau2, DEFAULT_SOLVE.tau2),
      prior: kind === 'diagonal' || kind === 'band' ? kind : solve.prior === 'diagonal' || solve.prior === 'band' ? DEFAULT_SOLVE.prior : solve.prior,
    },
    training: {
      ...training,
      lambda: ALIGNED.has(kind) ? training.lambda || DEMO_TRAINING.lambda : 0,
      alignment: kind === 'energy' ? 'energy' : 'transport',
      bcSourceWeight: kind === 'target' ? 0 : kind === 'source' || kind === 'transfer' ? 1 : shared,
      // robomimic's offsets are −W to W − 1, so it knows no W of 0; ours weighs episodes nearly alike beyond the cutoff.
      convention: window === 0 && training.convention === 'robomimic' ? 'playground' : training.convention,
      window: window === 'episode' ? training.window : window,
      noWindow: window === 'episode',
    },
  };
}

/** A method as text: `uot`, `uot/random`, `diagonal/10`, `uot/episode`. Pairs and the window of `base` are not said. */
export function methodText({ kind, paired, window }: Method, base: Method): string {
  if (!ALIGNED.has(kind)) return kind;
  return [kind, ...(paired ? (window === base.window ? [] : [String(window)]) : ['random'])].join('/');
}

/**
 * The method that a text names (`methodText`).
 * @param base whose window is meant where none is named
 * @throws UserError `bad-method` listing those that there are
 */
export function parseMethod(text: string, base: Method): Method {
  const [kind, how, ...more] = text.trim().split('/');
  const known = METHODS.find((name) => name === kind);
  const window = how === undefined || how === 'random' ? base.window : how === 'episode' ? how : /^\d{1,6}$/.test(how) ? Number(how) : null;
  if (!known || window === null || more.length > 0)
    throw new UserError('bad-method', `There is no method ${quote(text.trim())}; write ${METHODS.slice(0, -1).join(', ')} or ${METHODS.at(-1)}, and after it /random for unpaired batches, or a window as /10 or /episode.`);
  return { kind: known, paired: how !== 'random', window };
}

/** "20:36, 40" as whole numbers in order, each once; ranges are half-open. @throws UserError `bad-seeds` */
export function parseSeeds(text: string): number[] {
  const parts = text.split(/[\s,，;]+/).filter((part) => part !== '');
  const seeds = parts.flatMap((part) => {
    const match = /^(\d{1,9})(?::(\d{1,9}))?$/.exec(part);
    const low = Number(match?.[1]);
    const high = match?.[2] === undefined ? low + 1 : Number(match[2]);
    if (!match || high <= low || high - low > SEEDS) throw new UserError('bad-seeds', `${quote(part)} names no seeds; write whole numbers such as 3, or half-open ranges such as 20:36, ${SEEDS} at most.`);
    return Array.from({ length: high - low }, (_, k) => low + k);
  });
  const once = [...new Set(seeds)];
  if (once.length < seeds.length) {
    const twice = seeds.find((seed, k) => seeds.indexOf(seed) !== k)!;
    throw new UserError('bad-seeds', `Seed ${twice} is named twice; a seed counts once, or the intervals would be too narrow. Take one of them out.`);
  }
  if (once.length === 0 || once.length > SEEDS) throw new UserError('bad-seeds', `An experiment takes 1 to ${SEEDS} seeds, such as 20:36.`);
  return once;
}

/** Seeds of one experiment at most. */
const SEEDS = 256;
