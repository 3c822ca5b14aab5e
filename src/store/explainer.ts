import { reportError } from '../base/errors.ts';
import type { EngineClient } from '../engine/client.ts';
import { useRun } from './run.ts';
import { useSession } from './session.ts';
import { useView } from './view.ts';

/** Quiet time after the last change before what is explained is computed anew. */
const EXPLAIN_DELAY_MS = 120;

/** Computes what an explanation in sight needs beyond the plan: a sweep over the scale of M, POT's plan, gradients. */
export class Explainer {
  readonly #client: EngineClient;
  readonly #maxCells: number;
  /** What was asked for last, and what is there. */
  #wanted = '';
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param maxCells of the largest plan that is swept */
  constructor(client: EngineClient, maxCells: number) {
    this.#client = client;
    this.#maxCells = maxCells;
    useView.subscribe((view, previous) => {
      if (view.explained !== previous.explained) this.refresh();
    });
  }

  /** A plan is there, or something else is explained: compute what is in sight, where it is not there. */
  refresh(): void {
    const { explained } = useView.getState();
    const { report, training } = useRun.getState();
    const { session } = useSession.getState();
    if (!report || (explained !== 'slope' && explained !== 'pot' && explained !== 'balance')) return;
    const key = JSON.stringify([explained, report.costVersion, session.solve, ...(explained === 'balance' ? [session.training, session.policy, training.step] : [])]);
    if (key === this.#wanted) return;
    clearTimeout(this.#timer);
    const tooLarge = explained === 'slope' && report.n * report.m > this.#maxCells;
    useRun.setState({ explainStale: true, ...(tooLarge ? { costResponse: null } : {}) });
    // While a run plays every step has another answer, and each asks for a trainer of its own.
    if (tooLarge || (explained === 'balance' && training.playing)) {
      this.#wanted = '';
      return;
    }
    this.#wanted = key;
    this.#timer = setTimeout(() => void this.#compute(explained, key), EXPLAIN_DELAY_MS);
  }

  async #compute(explained: 'slope' | 'pot' | 'balance', key: string): Promise<void> {
    const { session } = useSession.getState();
    try {
      const found =
        explained === 'slope' ? { costResponse: await this.#client.costResponse(session) } : explained === 'pot' ? { potPlan: await this.#client.potPlan(session) } : { gradientBalance: await this.#client.gradientBalance(session) };
      if (key !== this.#wanted) return;
      // A solve came in between.
      if ('costResponse' in found && found.costResponse === null) this.#again();
      else useRun.setState({ ...found, explainError: null, explainStale: false });
    } catch (thrown) {
      if (key !== this.#wanted) return;
      this.#wanted = '';
      useRun.setState({ costResponse: null, potPlan: null, gradientBalance: null, explainError: reportError(thrown), explainStale: false });
    }
  }

  #again(): void {
    this.#wanted = '';
    this.refresh();
  }
}
