import { inspect, sentenceOf } from './inspect/run.ts';

/** Headless commands: each prints one JSON object on one line as the last line of stdout. */
inspect(process.argv.slice(2)).then(
  // A pipe takes a long answer in pieces, and exit() does not wait for them.
  (line) => process.stdout.write(line, () => process.exit(0)),
  (thrown: unknown) => process.stderr.write(sentenceOf(thrown), () => process.exit(1)),
);
