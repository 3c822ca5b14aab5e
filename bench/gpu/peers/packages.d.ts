/**
 * The part of the peers' interfaces that the bench uses. They stand in bench/package.json and are not there before the
 * first `npm run bench`; types and lint must pass without them.
 */
declare module '@jax-js/jax' {
  /** Owned by reference count: passing it anywhere gives it away, `ref` keeps it. */
  export interface Array {
    readonly ref: Array;
    reshape(shape: number[]): Array;
    add(other: Array): Array;
    sub(other: Array): Array;
    mul(other: Array | number): Array;
    sum(axis: number): Array;
    transpose(): Array;
    data(): Promise<Float32Array>;
    dispose(): void;
  }
  export function init(...devices: 'webgpu'[]): Promise<string[]>;
  export function defaultDevice(device: 'webgpu'): string;
  export function jit(compute: (...inputs: Array[]) => Array): ((...inputs: Array[]) => Array) & { dispose(): void };
  export const numpy: {
    array(values: Float32Array): Array;
    zeros(shape: number[]): Array;
    concatenate(parts: Array[]): Array;
    matmul(left: Array, right: Array): Array;
  };
  export const nn: { logsumexp(values: Array, axis: number): Array };
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
