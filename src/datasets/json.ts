/** A plain JSON object. Its keys are only ever enumerated or asked for by constant names. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
