import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureChromium } from './browser.ts';

/** Counts of one suite. */
interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

/** Both suites, then one line with their sum: what a person and CI read. */
async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'ot-test-'));
  try {
    const chromium = ensureChromium();
    const unitReport = join(folder, 'unit.json');
    const unitStatus = await run('npx', ['vitest', 'run', '--reporter=dot', '--reporter=json', `--outputFile.json=${unitReport}`], { CHROMIUM: chromium }, 540_000);
    const browserReport = join(folder, 'browser.json');
    const browserStatus = await run('npx', ['playwright', 'test'], { CHROMIUM: chromium, OT_REPORT: browserReport, OT_PORT: String(await freePort()) }, 480_000);
    const total = add(unitTally(unitReport), browserTally(browserReport));
    // A suite that died without a report has failed, whatever it counted.
    if (total.failed === 0 && (unitStatus !== 0 || browserStatus !== 0)) total.failed = 1;
    console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`);
    process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Run in a process group of its own, so that at its time limit, or when a person stops this, everything it started ends. */
async function run(command: string, args: string[], environment: Record<string, string>, timeout: number): Promise<number> {
  const child = spawn(command, args, { stdio: 'inherit', detached: true, env: { ...process.env, ...environment } });
  const end = (): void => {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  };
  const stop = (): void => {
    end();
    process.exit(1);
  };
  const timer = setTimeout(() => {
    console.error(`${command} ${args[0]} did not end within ${timeout / 60_000} minutes and was stopped.`);
    end();
  }, timeout);
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    return await new Promise((resolve) => {
      child.once('error', () => resolve(1));
      child.once('exit', (code) => resolve(code ?? 1));
    });
  } finally {
    clearTimeout(timer);
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

function add(one: Tally, other: Tally): Tally {
  return { passed: one.passed + other.passed, failed: one.failed + other.failed, skipped: one.skipped + other.skipped };
}

function unitTally(path: string): Tally {
  const report = readReport(path) as { numPassedTests?: number; numFailedTests?: number; numPendingTests?: number; numTodoTests?: number; numFailedTestSuites?: number } | null;
  if (!report) return { passed: 0, failed: 1, skipped: 0 };
  // A file that fails to load counts no tests of its own.
  const failed = Math.max(report.numFailedTests ?? 0, (report.numFailedTestSuites ?? 0) > 0 ? 1 : 0);
  return { passed: report.numPassedTests ?? 0, failed, skipped: (report.numPendingTests ?? 0) + (report.numTodoTests ?? 0) };
}

function browserTally(path: string): Tally {
  const report = readReport(path) as { stats?: { expected: number; unexpected: number; flaky: number; skipped: number }; errors?: unknown[] } | null;
  if (!report?.stats) return { passed: 0, failed: 1, skipped: 0 };
  const { expected, unexpected, flaky, skipped } = report.stats;
  return { passed: expected + flaky, failed: unexpected + (report.errors?.length ? 1 : 0), skipped };
}

function readReport(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}

/** A port that nothing listens on, so that two checkouts can be tested beside each other. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 4173;
}

void main();
