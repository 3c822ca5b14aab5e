import { breathe } from '../../src/engine/breathe.ts';
import '../../src/main.tsx';
import { matrices, useRun } from '../../src/store/run.ts';
import { useSession } from '../../src/store/session.ts';

/** One step of a slider, in milliseconds. */
export interface Step {
  /** In the engine: SolveReport's solveMs and tickMs. */
  readonly solve: number;
  readonly engine: number;
  /** From the session's change to the new plan in the store, both ways through the worker included. */
  readonly store: number;
  /** The same to React's update and the canvas drawn, before the browser puts it on the screen. */
  readonly drawn: number;
  readonly iterations: number;
  readonly converged: boolean;
  readonly handedOver: boolean;
}

const FRAME_MS = 16;

declare global {
  interface Window {
    /** The page is the app as built; this moves its slider for the process that opened it. */
    dragSlider?: (regs: readonly number[]) => Promise<{ backend: string; adapter: string | null; steps: Step[] }>;
  }
}

window.dragSlider = async (regs) => {
  await settled();
  const steps: Step[] = [];
  for (const reg of regs) {
    // A hand moves a slider at most once a frame. A timer and not the frame itself: painting in software takes its time.
    await new Promise((resolve) => setTimeout(resolve, FRAME_MS));
    steps.push(await step(reg));
  }
  const { kind, adapter } = useRun.getState().backend;
  return { backend: kind, adapter, steps };
};

/** Wait for the first plan, with curves and map after it: nothing else is under way. @throws what the page says instead */
async function settled(): Promise<void> {
  const ready = (): boolean => useRun.getState().regimeMap !== null && matrices.plan !== null;
  if (ready()) return;
  await new Promise<void>((resolve, reject) => {
    const stop = useRun.subscribe(({ error }) => {
      if (error) reject(new Error(error.message));
      else if (ready()) resolve();
      else return;
      stop();
    });
  });
}

async function step(reg: number): Promise<Step> {
  const start = performance.now();
  const inStore = newPlan();
  useSession.getState().setSolve({ reg });
  const store = (await inStore) - start;
  // React updates before the next task.
  await breathe();
  const drawn = performance.now() - start;
  const { report } = useRun.getState();
  if (!report) throw new Error('invariant: a plan without a report');
  return { solve: report.solveMs, engine: report.tickMs, store, drawn, iterations: report.iterations, converged: report.converged, handedOver: report.handedOver !== null };
}

/** When the next plan is in the store. @throws what the page says instead of a plan */
function newPlan(): Promise<number> {
  const { planVersion } = useRun.getState();
  return new Promise((resolve, reject) => {
    const stop = useRun.subscribe((state) => {
      if (state.error) reject(new Error(state.error.message));
      else if (state.planVersion > planVersion) resolve(performance.now());
      else return;
      stop();
    });
  });
}
