/** A reader gone wrong, in the way its argument names. Started by `supervise.test.ts`. */
process.on('message', () => undefined);

const ways = new Map<string | undefined, () => void>([
  ['abort', () => process.abort()],
  ['kill', () => process.kill(process.pid, 'SIGKILL')],
  ['exit', () => process.exit(0)],
  ['hang', () => {
    for (;;) Math.random();
  }],
  ['throw', () => {
    throw new Error('misbehaved');
  }],
]);
ways.get(process.argv[2])?.();
