/** Where a stream stands: four 32-bit words. `normal` keeps nothing between calls, so nothing else is needed. */
export type RandomState = readonly [number, number, number, number];

/**
 * Seeded random numbers, the same bytes on every machine.
 *
 * sfc32 (Chris Doty-Humphrey, PractRand; public domain), seeded through splitmix32. Only 32-bit integer arithmetic
 * decides the stream, so it cannot differ between engines; `normal` goes through Math.log/Math.cos and is rounded to
 * float32 so that a last-bit difference of a maths library cannot leak into exported files.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    const next = splitmix32(seed);
    this.#a = next();
    this.#b = next();
    this.#c = next();
    for (let k = 0; k < 12; k++) this.uint32();
  }

  /** A stream that goes on from where another stood. */
  static from([a, b, c, counter]: RandomState): Random {
    const random = new Random(0);
    random.#a = a | 0;
    random.#b = b | 0;
    random.#c = c | 0;
    random.#counter = counter | 0;
    return random;
  }

  /** Where the stream stands, for `Random.from`. */
  get state(): RandomState {
    return [this.#a, this.#b, this.#c, this.#counter];
  }

  /** Uniform integer in [0, 2³²). */
  uint32(): number {
    const t = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t;
    this.#c |= 0;
    return t >>> 0;
  }

  /** Uniform in [0, 1) with 53 bits. */
  uniform(): number {
    return ((this.uint32() >>> 5) * 67108864 + (this.uint32() >>> 6)) / 9007199254740992;
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /** Uniform integer in [0, n). */
  below(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** Normal deviate (Box–Muller), rounded to float32. */
  normal(mean = 0, deviation = 1): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return Math.fround(mean + deviation * radius * Math.cos(2 * Math.PI * this.uniform()));
  }

  /** `count` distinct integers of [0, n) in random order (partial Fisher–Yates); all of them when count ≥ n. */
  sample(n: number, count: number): number[] {
    const pool = Array.from({ length: n }, (_, k) => k);
    const taken = Math.min(count, n);
    for (let k = 0; k < taken; k++) {
      const other = k + this.below(n - k);
      const held = pool[k]!;
      pool[k] = pool[other]!;
      pool[other] = held;
    }
    return pool.slice(0, taken);
  }
}

function splitmix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let t = state ^ (state >>> 16);
    t = Math.imul(t, 0x21f0aaad);
    t ^= t >>> 15;
    t = Math.imul(t, 0x735a2d97);
    return (t ^ (t >>> 15)) | 0;
  };
}
