/**
 * The part of the peers' interfaces that the bench uses. They stand in bench/package.json and are not there before the
 * first `npm run bench`; types and lint must pass without them.
 */
declare module '@jax-js/jax' {
  /** Owned by reference count: passing it anywhere gives it away, `ref` keeps it. */
  export interface Array {
    readonly ref: Array;
    reshape(shape: number[]): Array;
    add(other: Array | number): Array;
    sub(other: Array): Array;
    mul(other: Array | number): Array;
    div(other: Array | number): Array;
    /** Along the first axis: one entry, or those from a start to an end. */
    slice(range: number | [number, number]): Array;
    sum(axis: number): Array;
    transpose(): Array;
    data(): Promise<Float32Array>;
    dispose(): void;
  }
  export function init(...devices: 'webgpu'[]): Promise<string[]>;
  export function defaultDevice(device: 'webgpu'): string;
  export function jit(compute: (...inputs: Array[]) => Array): ((...inputs: Array[]) => Array) & { dispose(): void };
  /** Of functions of arrays, and lists of arrays, to such. */
  export function jit<Inputs extends readonly unknown[], Result>(compute: (...inputs: Inputs) => Result): ((...inputs: Inputs) => Result) & { dispose(): void };
  /** By the first input; what is beside the value is handed through. */
  export function valueAndGrad<First, Rest extends readonly unknown[], Beside>(compute: (first: First, ...rest: Rest) => [Array, Beside], options: { hasAux: true }): (first: First, ...rest: Rest) => [[Array, Beside], First];
  export const numpy: {
    array(values: Float32Array | number): Array;
    zeros(shape: number[]): Array;
    concatenate(parts: Array[], axis?: number): Array;
    matmul(left: Array, right: Array): Array;
    sum(values: Array, axis?: number): Array;
    max(values: Array): Array;
    minimum(left: Array, right: Array): Array;
    sqrt(values: Array): Array;
    exp(values: Array): Array;
  };
  export const nn: {
    logsumexp(values: Array, axis: number): Array;
    relu(values: Array): Array;
    standardize(values: Array, axis: number, options: { epsilon: number }): Array;
  };
  export const lax: { stopGradient(values: Array): Array };
}

declare module '@tensorflow/tfjs-core' {
  export interface Tensor {
    data(): Promise<Float32Array>;
    dispose(): void;
  }
  export function setBackend(name: 'webgpu'): Promise<boolean>;
  export function ready(): Promise<void>;
  export function tidy(compute: () => Tensor): Tensor;
  export function tensor(values: Float32Array, shape: number[]): Tensor;
  export function zeros(shape: number[]): Tensor;
  export function reshape(values: Tensor, shape: number[]): Tensor;
  export function add(left: Tensor, right: Tensor): Tensor;
  export function sub(left: Tensor, right: Tensor): Tensor;
  export function mul(left: Tensor, right: Tensor | number): Tensor;
  export function square(values: Tensor): Tensor;
  export function sum(values: Tensor, axis: number): Tensor;
  export function matMul(left: Tensor, right: Tensor, transposeLeft: boolean, transposeRight: boolean): Tensor;
  export function logSumExp(values: Tensor, axis: number): Tensor;
  export function concat(parts: Tensor[]): Tensor;
}

declare module '@tensorflow/tfjs-backend-webgpu' {}
