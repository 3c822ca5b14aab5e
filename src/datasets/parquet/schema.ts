import type { SchemaElement, SchemaTree } from 'hyparquet';
import { MAX_LIST_DEPTH } from '../limits.ts';

/** What a top-level parquet column is to us. */
export interface ColumnKind {
  /** numpy-like name: 'float32', 'int64', 'bool', 'string', 'image', … */
  readonly dtype: string;
  /** Lists around one value; null where the values are not numbers. */
  readonly depth: number | null;
}

/** Classify a top-level column by its physical and logical types. */
export function columnKind(node: SchemaTree): ColumnKind {
  if (isImage(node)) return { dtype: 'image', depth: null };
  const chain = listChain(node);
  if (!chain) return { dtype: groupName(node), depth: null };
  const dtype = leafType(chain.leaf);
  return { dtype, depth: isNumeric(dtype) && chain.depth <= MAX_LIST_DEPTH ? chain.depth : null };
}

/** Number of leaves below a node: each is one column chunk of every row group. */
export function leafCount(node: SchemaTree): number {
  return node.children.length === 0 ? 1 : node.children.reduce((sum, child) => sum + leafCount(child), 0);
}

/** The nodes from a top-level column down its only branch to the leaf. */
export function branch(node: SchemaTree): SchemaElement[] {
  const elements = [node.element];
  for (let child = node.children[0]; child; child = child.children[0]) elements.push(child.element);
  return elements;
}

export function isList(element: SchemaElement): boolean {
  return element.converted_type === 'LIST' || element.logical_type?.type === 'LIST';
}

/** LeRobot keeps images as raw bytes, or as Hugging Face's struct of `bytes` and `path`. */
function isImage(node: SchemaTree): boolean {
  if (node.children.length === 0) return leafType(node.element) === 'image';
  return node.children.length === 2 && node.children.every((child) => child.element.name === 'bytes' || child.element.name === 'path');
}

/** Follow list › element › list › … to a leaf; null for structs, maps and anything else that branches. */
function listChain(node: SchemaTree): { leaf: SchemaElement; depth: number } | null {
  const repeated = node.element.repetition_type === 'REPEATED' ? 1 : 0;
  const [child, ...others] = node.children;
  if (!child) return { leaf: node.element, depth: repeated };
  if (others.length > 0 || !isList(node.element) || child.element.repetition_type !== 'REPEATED') return null;
  const [inner, ...more] = child.children;
  if (!inner) return { leaf: child.element, depth: repeated + 1 };
  if (more.length > 0) return null;
  const rest = listChain(inner);
  return rest && { leaf: rest.leaf, depth: rest.depth + repeated + 1 };
}

function groupName(node: SchemaTree): string {
  if (node.element.converted_type === 'MAP' || node.element.logical_type?.type === 'MAP') return 'map';
  return isList(node.element) ? 'list' : 'struct';
}

/** Numpy's name of a leaf type, or a word for what is not a number. */
function leafType(element: SchemaElement): string {
  const { type, converted_type: converted, logical_type: logical } = element;
  if (converted === 'DECIMAL' || logical?.type === 'DECIMAL') return 'decimal';
  if (converted?.startsWith('TIMESTAMP') || logical?.type === 'TIMESTAMP' || type === 'INT96') return 'timestamp';
  if (converted === 'DATE' || logical?.type === 'DATE') return 'date';
  if (converted?.startsWith('TIME') || logical?.type === 'TIME') return 'time';
  switch (type) {
    case 'BOOLEAN':
      return 'bool';
    case 'FLOAT':
      return 'float32';
    case 'DOUBLE':
      return 'float64';
    case 'INT32':
    case 'INT64':
      return integerType(element, type === 'INT32' ? 32 : 64);
    case 'FIXED_LEN_BYTE_ARRAY':
      return logical?.type === 'FLOAT16' ? 'float16' : 'binary';
    case 'BYTE_ARRAY':
      return converted || logical ? 'string' : 'image';
    case undefined:
    default:
      return 'unknown';
  }
}

function integerType({ converted_type: converted, logical_type: logical }: SchemaElement, width: number): string {
  if (logical?.type === 'INTEGER') return `${logical.isSigned ? 'int' : 'uint'}${logical.bitWidth}`;
  const small = /^(U?)INT_(8|16|32|64)$/.exec(converted ?? '');
  return small ? `${small[1] ? 'uint' : 'int'}${small[2]}` : `int${width}`;
}

function isNumeric(dtype: string): boolean {
  return dtype === 'bool' || dtype === 'decimal' || /^(float|u?int)\d/.test(dtype);
}
