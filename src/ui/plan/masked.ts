import type { SolveReport } from '../../engine/protocol.ts';

/** Whether a plan was solved under the diagonal prior: the session may be ahead of it. */
export const isMasked = (report: SolveReport): boolean => report.warnings.some(({ code }) => code === 'hard-diagonal');
