/** Throw when an invariant of our own code is broken (never for bad input: that is a `UserError`). */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant: ${message}`);
}

/** Exhaustiveness check for discriminated unions. */
export function unreachable(value: never): never {
  throw new Error(`invariant: unreachable case ${JSON.stringify(value)}`);
}
