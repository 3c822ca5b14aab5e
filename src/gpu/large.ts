export async function solveLarge(..._: unknown[]): Promise<never> { throw new Error('todo'); }
