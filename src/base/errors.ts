/**
 * An error that a person can act on. Its message is one plain sentence that says which input, what is wrong and
 * what would work; `code` is stable and machine-readable; `detail` carries figures for a table beside the sentence.
 *
 * Only errors of this class are shown verbatim. Anything else is a defect of ours and is reported as one.
 */
export class UserError extends Error {
  readonly code: string;
  readonly detail: Readonly<Record<string, string>>;

  constructor(code: string, message: string, detail: Record<string, string> = {}) {
    super(message);
    this.name = 'UserError';
    this.code = code;
    this.detail = detail;
  }
}

/** The form in which an error crosses a worker or process boundary. */
export interface ErrorReport {
  readonly code: string;
  readonly message: string;
  readonly detail: Readonly<Record<string, string>>;
}

/** Turn anything thrown into a report. Defects get the code `internal`. */
export function reportError(thrown: unknown): ErrorReport {
  if (thrown instanceof UserError) return { code: thrown.code, message: thrown.message, detail: thrown.detail };
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { code: 'internal', message: `Something went wrong inside the playground: ${message}`, detail: {} };
}

/** Rebuild the error on the other side of a boundary. */
export function errorFromReport(report: ErrorReport): UserError {
  return new UserError(report.code, report.message, { ...report.detail });
}
