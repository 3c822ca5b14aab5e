import { deflateRawSync } from 'node:zlib';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DEFAULT_BATCH, DEFAULT_SESSION, DEFAULT_SOLVE, SESSION_LIMITS, type Session } from '../../../src/config/session.ts';
import { withMethod } from '../../../src/config/methods.ts';
import { applyOverrides, sessionFromHash, sessionToHash } from '../../../src/config/share.ts';
import { DEMO_POLICY } from '../../../src/config/presets.ts';
import { DEFAULT_TRAINING, TRAINING_LIMITS } from '../../../src/config/training.ts';
import { anySession, beyondLimits } from '../../support/session.ts';

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
/** A link of version 1 around any text. */
const linkOf = (text: string | Uint8Array): string => `#s=1.${base64url(deflateRawSync(text, { level: 9 }))}`;

/** What an empty session of version 1 is. */
const OLD_DEFAULT: Session = { ...DEFAULT_SESSION, encoders: [], pairing: { kind: 'truth' }, training: DEFAULT_TRAINING };

/** Every field away from its default. What version 1 did not know has the value that its migration gives. */
const FROZEN_SESSION: Session = {
  version: 4,
  source: { kind: 'local', name: 'sim 抓取', fingerprint: '0123456789abcdef'.repeat(4) },
  target: { kind: 'demo', name: 'real_pick' },
  encoders: [],
  features: [
    { term_name: 'eef', src_key: 'observation.state', tgt_key: 'observation.eef', dim_slice: [0, 3], use_learned_embed: false, embed_name: null, weight_embed: 0, weight_label: 2, term_weight: 0.05, time_reduce: 'last', embed: null },
    { term_name: 'wrist', src_key: 'observation.images.wrist', tgt_key: 'observation.images.hand', dim_slice: null, use_learned_embed: true, embed_name: 'resnet', weight_embed: 0.2, weight_label: 0, term_weight: 1, time_reduce: 'first', embed: null },
  ],
  batch: { kind: 'ranges', size: 100, seed: 12, sourceEpisodes: '0:3', targetEpisodes: '1, 4', sourceRanges: '0:96', targetRanges: '10:90, 95' },
  pairing: { kind: 'none' },
  solve: { reg: 0.033, tau1: Infinity, tau2: 0.25, prior: 'soft', softEpsilon: 0.07, bandWidth: 0.2, mode: 'parity', normalisation: 'median' },
  training: DEFAULT_TRAINING,
  policy: DEMO_POLICY,
};

// Made on the day that version 1 was first published. Never change it: links like it are in papers and notebooks.
const FROZEN_LINK = '#s=1.lZNNbtswEIWvYrw1YVBynNTc5wLddBEEAi2O5IH5I5CUg9TwBbrpokBv2J6joPxTx3AXXXL0Ro8f38weO4qJg4eqBFIYY0tQe2zZGyjY0GoLAa8dQSGxm_3-9uPX958Q6Nj3FIfIPkNBVvXiYfn49Gml162h7n_POAhkHXvKV_aGXPjrHknbZuB2W7Qd6TxGSlAve2SKrjmpiDoIpNg2W3qHQlgnijudOfh5yjoTBHKf73w9dhp2TbJcnuFFisWrwJiosaSjJ9OQW5OB6rRNJDCdTsZ-tFbgjbjf5LNMXgpWr8lC1eJ412MVSs7lUiCzoyaSGYsprE4ZB_GR6i1yyv_kYqd7SvOz6D7eSbTR3nzEPN78DmWO4w0kIiVPxeMGdF7fosob1OqWs-NYQF8F1jq3m6vYo_Y9pULLXwmqklIgUfGp6vOQPg-cgin5Q6oFzsNzVa7E7AFn-efjL4t49XhRX6qVVCspZqtlGa0U7G5agkj9FNFiURrGCgrsu6l7rCfopcAQOcSyG6GbAgpdfh4S27JSci6fCp43X9jkzemdXDCFf9CR83sZ7xCdtpymmKDgyLD2OBz-AA';

describe('a session as a link', () => {
  it('comes back whole', async () => {
    await fc.assert(
      fc.asyncProperty(anySession, async (session) => {
        const hash = await sessionToHash(session);
        expect(hash).toMatch(/^#s=4\.[A-Za-z0-9_-]+$/);
        expect(await sessionFromHash(hash)).toEqual({ kind: 'session', session });
      }),
      { numRuns: 100 },
    );
  });

  it('reads the link of the first version for ever', async () => {
    expect(await sessionFromHash(FROZEN_LINK)).toEqual({ kind: 'session', session: FROZEN_SESSION });
  });

  it('writes what the frozen link says', async () => {
    // The bytes are the platform's own and may differ; what they say may not.
    expect(await sessionFromHash(await sessionToHash(FROZEN_SESSION))).toEqual(await sessionFromHash(FROZEN_LINK));
  });

  it('fits its own cap even when every text is as long as it can be and nothing repeats', async () => {
    let code = 0x4e00;
    const longest = (): string => String.fromCharCode(...Array.from({ length: SESSION_LIMITS.text }, () => 0x4e00 + ((code = (code * 48271) % 2147483647) % 20000)));
    const features = Array.from({ length: SESSION_LIMITS.terms }, () => ({ ...FROZEN_SESSION.features[1]!, term_name: longest(), src_key: longest(), tgt_key: longest(), embed_name: longest(), term_weight: 123456.78901234567, embed: { file: 'policy.onnx', input: longest(), output: longest(), others: [] } }));
    const batch = { ...FROZEN_SESSION.batch, sourceEpisodes: longest(), targetEpisodes: longest(), sourceRanges: longest(), targetRanges: longest() };
    const session = { ...FROZEN_SESSION, features, batch };
    expect(await sessionFromHash(await sessionToHash(session))).toEqual({ kind: 'session', session });
    // Encoders with many inputs, all of whose names are endless, make a link that nobody could open: none is made.
    const others = Array.from({ length: SESSION_LIMITS.otherInputs }, () => ({ input: longest(), src_key: longest(), tgt_key: longest() }));
    const endless = { ...session, features: features.map((spec) => ({ ...spec, embed: { ...spec.embed, others } })) };
    await expect(sessionToHash(endless)).rejects.toMatchObject({ code: 'link-too-long' });
  });

  it('carries an imported config, and says so when that is too much', async () => {
    const carrying = (text: string): Session => ({ ...FROZEN_SESSION, training: { ...DEFAULT_TRAINING, document: { format: 'lerobot', text } } });
    const ordinary = carrying(JSON.stringify({ ot: { unknown: 'field '.repeat(5000) } }));
    expect(await sessionFromHash(await sessionToHash(ordinary))).toEqual({ kind: 'session', session: ordinary });
    let state = 1;
    const noise = Array.from({ length: TRAINING_LIMITS.document }, () => String.fromCharCode(0x4e00 + ((state = (state * 48271) % 2147483647) % 20000))).join('');
    await expect(sessionToHash(carrying(noise))).rejects.toMatchObject({ code: 'link-too-long', message: expect.stringContaining('imported config') });
  });
});

describe('hashes that are not ours', () => {
  it.each(['', '#', '#top', '#S=1.abc', '#x=1', 's=1.abc', '#/route?s=1.abc'])('"%s" is nothing of ours', async (hash) => expect(await sessionFromHash(hash)).toBeNull());
});

describe('links that cannot be read', () => {
  it.each([
    ['no version', '#s='],
    ['nothing after the version', '#s=1.'],
    ['a version that is no number', '#s=one.abcd'],
    ['a negative version', '#s=-1.abcd'],
    ['version 0', `#s=0.${linkOf('{"version":1}').slice(5)}`],
    ['letters outside the alphabet', '#s=1.ab+/'],
    ['one letter too many', '#s=1.abcde'],
    ['bytes that are no deflate', '#s=1._____w'],
    ['no JSON inside', linkOf('hello')],
    ['an empty text inside', linkOf('')],
    ['a list inside', linkOf('[1]')],
    ['null inside', linkOf('null')],
    ['bytes that are no UTF-8', linkOf(Uint8Array.of(0x22, 0xff, 0xfe, 0x22))],
    ['no version inside', linkOf('{}')],
    ['version 0 inside', linkOf('{"version":0}')],
    ['a text for a version inside', linkOf('{"version":"1"}')],
    ['nesting a hundred thousand deep', linkOf('['.repeat(100_000))],
    ['closed nesting a hundred thousand deep', linkOf(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)],
    ['more than 64 KB', `#s=1.${'A'.repeat(64 * 1024)}`],
    ['megabytes', `#s=1.${'A'.repeat(5_000_000)}`],
  ])('%s', async (_, hash) => expect(await sessionFromHash(hash)).toEqual({ kind: 'unreadable' }));

  it('gives a session for deep or endless values that it does not need', async () => {
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
    expect(await sessionFromHash(linkOf(`{"version":1,"unknown":${deep}}`))).toEqual({ kind: 'session', session: OLD_DEFAULT });
    expect(await sessionFromHash(linkOf(`{"version":1,"solve":${deep}}`))).toEqual({ kind: 'session', session: OLD_DEFAULT });
    expect(await sessionFromHash(linkOf(`{"version":1,"features":[${'0,'.repeat(100_000)}0]}`))).toEqual({ kind: 'session', session: { ...OLD_DEFAULT, features: [] } });
  });
});

describe('links from a newer version say so', () => {
  it.each([
    ['before anything of it is read', '#s=5.abcd', 5],
    ['whatever its packing looks like', '#s=6.zstd:~%7Babc%7D', 6],
    ['with nothing in it', '#s=5.', 5],
    ['inside an envelope of ours', linkOf('{"version":7}'), 7],
  ])('%s', async (_, hash, version) => expect(await sessionFromHash(hash)).toEqual({ kind: 'newer', version }));
});

describe('what a link inflates to', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('is capped while it streams: 50 MB are never held', async () => {
    const Platform = DecompressionStream;
    let inflated = 0;
    vi.stubGlobal(
      'DecompressionStream',
      class {
        readonly readable: ReadableStream<Uint8Array>;
        readonly writable: WritableStream<BufferSource>;
        constructor(format: CompressionFormat) {
          const stream = new Platform(format);
          const counter = new TransformStream<Uint8Array, Uint8Array>({
            transform: (chunk, controller) => {
              inflated += chunk.byteLength;
              controller.enqueue(chunk);
            },
          });
          this.writable = stream.writable;
          this.readable = stream.readable.pipeThrough(counter);
        }
      },
    );
    const bomb = linkOf(new Uint8Array(50e6).fill(32));
    expect(bomb.length).toBeLessThan(64 * 1024 + 1);
    expect(await sessionFromHash(bomb)).toEqual({ kind: 'unreadable' });
    expect(inflated).toBeGreaterThan(0);
    expect(inflated).toBeLessThan(2e6);
  });

  it('may be long white space around a session, below the cap', async () => {
    expect(await sessionFromHash(linkOf(`${' '.repeat(200_000)}{"version":1}`))).toMatchObject({ kind: 'session' });
    expect(await sessionFromHash(linkOf(`${' '.repeat(300_000)}{"version":1}`))).toEqual({ kind: 'unreadable' });
  });
});

describe('any hash at all', () => {
  /** Never throws, is one of the declared kinds, and what it lets through is inside the limits. */
  async function survives(hash: string): Promise<void> {
    const reading = await sessionFromHash(hash);
    if (reading === null) return;
    expect(['session', 'newer', 'unreadable']).toContain(reading.kind);
    if (reading.kind === 'session') expect(beyondLimits(reading.session)).toEqual([]);
  }

  it('arbitrary texts', () => fc.assert(fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 60 }), fc.constantFrom('', '#', '#s=', '#s=1.', '#s=4.'), (text, start) => survives(start + text))));

  it('arbitrary bytes in the right envelope', () => fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), (bytes) => survives(`#s=1.${base64url(bytes)}`)), { numRuns: 300 }));

  it('arbitrary JSON, packed well', () => fc.assert(fc.asyncProperty(fc.jsonValue(), (json) => survives(linkOf(JSON.stringify({ version: 1, solve: json, batch: json, features: [json], source: json }))))));

  it('a real link cut off at many places', async () => {
    for (let length = 0; length < FROZEN_LINK.length; length += 3) await survives(FROZEN_LINK.slice(0, length));
  });

  it('a real link with one bit flipped, here and there', async () => {
    const bytes = Buffer.from(FROZEN_LINK.slice(5), 'base64url');
    for (let bit = 0; bit < 8 * bytes.length; bit += 7) {
      const broken = Buffer.from(bytes);
      broken[bit >> 3]! ^= 1 << (bit & 7);
      await survives(`#s=1.${base64url(broken)}`);
    }
  });
});

describe('readable overrides', () => {
  const applied = (query: string, session: Session = DEFAULT_SESSION): Session => applyOverrides(session, new URLSearchParams(query));
  const solve = (query: string): Session['solve'] => applied(query).solve;

  it('set what they name and leave the rest', () => {
    expect(applied('reg=0.2&tau1=inf&tau2=3&prior=soft:0.2')).toEqual({ ...DEFAULT_SESSION, solve: { ...DEFAULT_SOLVE, reg: 0.2, tau1: Infinity, tau2: 3, prior: 'soft', softEpsilon: 0.2 } });
    expect(applied('')).toEqual(DEFAULT_SESSION);
    expect(applied('embed=1&lang=zh&lesson=2&utm_source=x')).toEqual(DEFAULT_SESSION);
    expect(applied('reg=1', FROZEN_SESSION)).toEqual({ ...FROZEN_SESSION, solve: { ...FROZEN_SESSION.solve, reg: 1 } });
  });

  it.each(['inf', 'Infinity', 'INF', '∞', ' inf '])('τ may be %s', (text) => expect(solve(`tau1=${encodeURIComponent(text)}`).tau1).toBe(Infinity));

  it.each(['product', 'ones', 'diagonal', 'soft', 'band'])('prior=%s keeps its width', (prior) => expect(solve(`prior=${prior}`)).toEqual({ ...DEFAULT_SOLVE, prior }));

  it('a prior takes the width that is its own', () => {
    expect(solve('prior=band:0.3')).toEqual({ ...DEFAULT_SOLVE, prior: 'band', bandWidth: 0.3 });
    expect(solve('prior=product:0.3')).toEqual({ ...DEFAULT_SOLVE, prior: 'product' });
  });

  it.each(['prior=soft:', 'prior=soft: ', 'prior=soft:abc', 'prior=soft:inf'])('%s keeps the width', (query) => expect(solve(query)).toEqual({ ...DEFAULT_SOLVE, prior: 'soft' }));

  it.each(['reg=', 'reg=abc', 'reg=inf', 'reg=NaN', 'tau1=', 'tau2=-inf', 'tau1=0,5', 'prior=', 'prior=hard', 'prior=constructor', 'prior=__proto__:1', 'prior=dense'])('%s is ignored', (query) => expect(applied(query)).toEqual(DEFAULT_SESSION));

  it('a method is one of the session that it is said of, and other overrides count within it', () => {
    expect(applied('method=uot/random')).toEqual(withMethod(DEFAULT_SESSION, { kind: 'uot', paired: false, window: 2 }));
    expect(applied('method=diagonal/10&reg=0.2')).toEqual({ ...withMethod(DEFAULT_SESSION, { kind: 'diagonal', paired: true, window: 10 }), solve: { ...DEFAULT_SOLVE, reg: 0.2, prior: 'diagonal' } });
    expect(applied('method=balanced&tau2=3').solve).toMatchObject({ tau1: Infinity, tau2: 3 });
    for (const text of ['', 'sinkhorn', 'uot/-1', '__proto__', 'uot/random/2']) expect(applied(`method=${text}`)).toEqual(DEFAULT_SESSION);
  });

  it('are clamped', () => {
    expect(solve('reg=0')).toMatchObject({ reg: SESSION_LIMITS.reg.low });
    expect(solve('reg=1e30&tau1=-2&tau2=1e99')).toMatchObject({ reg: SESSION_LIMITS.reg.high, tau1: SESSION_LIMITS.tau.low, tau2: SESSION_LIMITS.tau.high });
    expect(solve('prior=soft:9')).toMatchObject({ softEpsilon: 1 });
    expect(solve('prior=band:-1')).toMatchObject({ bandWidth: SESSION_LIMITS.bandWidth.low });
  });

  it('never lead outside the limits', () => {
    const value = fc.oneof(fc.string({ maxLength: 12 }), fc.double().map(String), fc.constantFrom('soft:', 'band:1e9', 'soft:0', 'uot/999999', 'band/episode'));
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('reg', 'tau1', 'tau2', 'prior', 'method'), value), (query) => {
        const session = applyOverrides(DEFAULT_SESSION, new URLSearchParams(query));
        expect(beyondLimits(session)).toEqual([]);
        expect(session.batch).toBe(DEFAULT_BATCH);
      }),
    );
  });
});
