import type { GraphNode } from '../graph.ts';

/** Attributes of a node of a file, with ONNX's defaults beside each use. */
export interface Attributes {
  int(name: string, fallback: number): number;
  ints(name: string): number[] | null;
  float(name: string, fallback: number): number;
  text(name: string, fallback: string): string;
  has(name: string): boolean;
}

export function attributesOf({ attributes }: GraphNode): Attributes {
  return {
    int: (name, fallback) => (attributes.has(name) ? Number(attributes.get(name)!.i) : fallback),
    ints: (name) => attributes.get(name)?.ints.map(Number) ?? null,
    float: (name, fallback) => attributes.get(name)?.f ?? fallback,
    text: (name, fallback) => (attributes.has(name) ? new TextDecoder().decode(attributes.get(name)!.s) : fallback),
    has: (name) => attributes.has(name),
  };
}
