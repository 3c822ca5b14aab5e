import { expect, it } from 'vitest';
import { withOrt } from '../../../src/encoders/ort.ts';

/* In a file of its own: a runtime that hung stays so, and the next file gets another. */

it('a call that does not return is given up, and so is everything after it', async () => {
  const log: string[] = [];
  const watch = (what: string) => {
    log.push(`${what} …`);
    return () => void log.push(`${what} ended`);
  };
  const hung = withOrt('running net.onnx', () => new Promise<never>(() => undefined), { watch, file: 'net.onnx', timeoutMs: 30 });
  const waiting = withOrt('running other.onnx', async () => 1, { watch });
  const sentence = 'ONNX Runtime did not return from running net.onnx for 0.03 seconds; the engine has to be restarted, and the encoder may be too heavy for this machine.';
  await expect(hung).rejects.toMatchObject({ code: 'encoder-hung', message: sentence, detail: { file: 'net.onnx' } });
  // Whoever comes next hears whose fault it was.
  await expect(waiting).rejects.toMatchObject({ message: sentence, detail: { file: 'net.onnx' } });
  await expect(withOrt('running third.onnx', async () => 1)).rejects.toThrow(sentence);
  // The watch hears of both ends of what ran, and nothing of what did not.
  expect(log).toEqual(['running net.onnx …', 'running net.onnx ended']);
});
