import { create } from 'zustand';
import { BUILTIN_ENCODERS, DEFAULT_SESSION, type BatchSettings, type DataRef, type Session, type SolveSettings } from '../config/session.ts';
import type { PairingRef } from '../config/pairing.ts';
import type { PolicySettings } from '../config/policy.ts';
import type { TrainingSettings } from '../config/training.ts';
import { PRESETS, type PresetName } from '../config/presets.ts';
import type { FeatureSpec } from '../core/cost/features.ts';

/** What a link restores, and the ways to change it. */
interface SessionState {
  readonly session: Session;
  readonly replace: (session: Session) => void;
  readonly setSolve: (change: Partial<SolveSettings>) => void;
  readonly setBatch: (change: Partial<BatchSettings>) => void;
  readonly setPairing: (pairing: PairingRef) => void;
  readonly setTraining: (change: Partial<TrainingSettings>) => void;
  readonly setPolicy: (change: Partial<PolicySettings>) => void;
  readonly setFeatures: (features: readonly FeatureSpec[]) => void;
  readonly setFeature: (index: number, change: Partial<FeatureSpec>) => void;
  readonly removeEncoder: (file: string) => void;
  readonly setData: (side: 'source' | 'target', ref: DataRef) => void;
  readonly applyPreset: (name: PresetName) => void;
}

export const useSession = create<SessionState>()((set) => {
  const update = (change: (session: Session) => Session): void => set(({ session }) => ({ session: change(session) }));
  return {
    session: DEFAULT_SESSION,
    replace: (session) => set({ session }),
    setSolve: (change) => update((session) => ({ ...session, solve: { ...session.solve, ...change } })),
    setBatch: (change) => update((session) => ({ ...session, batch: { ...session.batch, ...change } })),
    setPairing: (pairing) => update((session) => ({ ...session, pairing })),
    setTraining: (change) => update((session) => ({ ...session, training: { ...session.training, ...change } })),
    setPolicy: (change) => update((session) => ({ ...session, policy: { ...session.policy, ...change } })),
    setFeatures: (features) => update((session) => ({ ...session, features })),
    setFeature: (index, change) => update((session) => ({ ...session, features: session.features.map((spec, k) => (k === index ? { ...spec, ...change } : spec)) })),
    removeEncoder: (removed) => update((session) => ({ ...session, encoders: session.encoders.filter(({ file }) => file !== removed) })),
    setData: (side, ref) => update((session) => ({ ...session, [side]: ref })),
    applyPreset: (name) =>
      update((session) => {
        const preset = PRESETS[name];
        const onDemo = session.source.kind === 'demo' && session.target.kind === 'demo';
        return withBuiltins({ ...session, solve: { ...session.solve, ...preset.solve }, features: onDemo ? preset.features : session.features });
      }),
  };
});

/** A session that names every encoder of the page's own that its terms ask for. */
export function withBuiltins(session: Session): Session {
  const named = new Set(session.encoders.map(({ file }) => file));
  const missing = BUILTIN_ENCODERS.filter((file) => !named.has(file) && session.features.some(({ embed }) => embed?.file === file));
  return missing.length === 0 ? session : { ...session, encoders: [...session.encoders, ...missing.map((file) => ({ kind: 'builtin' as const, file }))] };
}

/** Which preset the session equals, if any. */
export function presetOf(session: Session): PresetName | null {
  const onDemo = session.source.kind === 'demo' && session.target.kind === 'demo';
  const names = Object.keys(PRESETS) as PresetName[];
  return (
    names.find((name) => {
      const { solve, features } = PRESETS[name];
      const { reg, tau1, tau2, prior } = session.solve;
      const sameSolve = solve.reg === reg && solve.tau1 === tau1 && solve.tau2 === tau2 && solve.prior === prior;
      return sameSolve && (!onDemo || JSON.stringify(features) === JSON.stringify(session.features));
    }) ?? null
  );
}
