import { UserError } from '../base/errors.ts';
import { MAX_FIELDS, MAX_NESTING } from './limits.ts';

/** Fields of a message that hold messages, by number. */
interface Shape {
  readonly [field: number]: () => Shape;
}

const none = (): Shape => ({});
const tensor = (): Shape => ({ 13: none, 16: none });
const dims = (): Shape => ({ 1: none });
const tensorType = (): Shape => ({ 2: dims });
const type = (): Shape => ({ 1: tensorType, 4: () => ({ 1: type }), 5: () => ({ 2: type }), 8: tensorType, 9: () => ({ 1: type }) });
const value = (): Shape => ({ 2: type, 4: none });
const sparse = (): Shape => ({ 1: tensor, 2: tensor });
const attribute = (): Shape => ({ 5: tensor, 6: graph, 10: tensor, 11: graph, 14: type, 15: type, 22: sparse, 23: sparse });
const node = (): Shape => ({ 5: attribute, 9: none });
const graph = (): Shape => ({ 1: node, 5: tensor, 11: value, 12: value, 13: value, 14: none, 15: sparse, 16: none });
const model = (): Shape => ({ 7: graph, 8: none, 14: none });

/** Field of ModelProto that holds the graph. A second one would be merged differently by different parsers. */
const GRAPH = 7;

/**
 * Walk the protobuf message of an ONNX model without building anything, so that what is parsed afterwards is whole,
 * not nested deeply and not made of millions of empty fields (two bytes each in the file, hundreds once parsed).
 *
 * @throws UserError naming the file when the bytes end too early, are no protobuf, or exceed `MAX_FIELDS`
 */
export function checkWire(bytes: Uint8Array, file: string): void {
  let fields = 0;
  let graphs = 0;

  const walk = (start: number, end: number, shape: Shape, depth: number): void => {
    let at = start;
    /** A varint as a number: exact to 2⁵³, which is beyond any length; ten bytes at most. */
    const varint = (): number => {
      let result = 0;
      for (let k = 0; k < 10; k++) {
        if (at >= end) throw damaged(file, end === bytes.length ? 'it ends in the middle of a field' : 'a field runs over the end of its message');
        const byte = bytes[at++]!;
        result += (byte & 127) * 2 ** (7 * k);
        if (byte < 128) return result;
      }
      throw damaged(file, 'a number in it has more than ten bytes');
    };
    while (at < end) {
      const tag = varint();
      const field = Math.floor(tag / 8);
      const wire = tag % 8;
      if (field < 1 || field >= 2 ** 29) throw damaged(file, `it has a field of number ${field}`);
      if (++fields > MAX_FIELDS) throw new UserError('encoder-too-large', `${file} consists of more than ${MAX_FIELDS.toLocaleString('en')} pieces, which no encoder does; export the model again.`);
      if (wire === 0) varint();
      else if (wire === 1 || wire === 5) at += wire === 1 ? 8 : 4;
      else if (wire === 2) {
        const length = varint();
        if (length > end - at) throw damaged(file, end === bytes.length ? `a field declares ${length.toLocaleString('en')} bytes and ${(end - at).toLocaleString('en')} follow` : 'a field runs over the end of its message');
        const inner = shape[field];
        if (depth === 0 && field === GRAPH && ++graphs > 1) throw damaged(file, 'it has two graphs');
        if (inner) {
          if (depth >= MAX_NESTING) throw new UserError('encoder-too-large', `${file} nests its messages more than ${MAX_NESTING} deep, which no encoder does; export the model again.`);
          walk(at, at + length, inner(), depth + 1);
        }
        at += length;
      } else throw damaged(file, `it has a field of kind ${wire}, which the format does not know`);
      if (at > end) throw damaged(file, end === bytes.length ? 'it ends in the middle of a field' : 'a field runs over the end of its message');
    }
  };

  const kind = otherKind(bytes);
  if (kind) throw new UserError('encoder-not-onnx', `${file} ${kind}`);
  walk(0, bytes.length, model(), 0);
  if (graphs === 0) throw new UserError('encoder-not-onnx', `${file} is not an ONNX model: there is no graph in it. Export the encoder with torch.onnx.export.`);
}

function damaged(file: string, what: string): UserError {
  return new UserError('encoder-damaged', `${file} is not an ONNX model, or it is damaged: ${what}. Copy or export it again.`);
}

/** ONNX has no magic number, but files that are mistaken for it have. */
function otherKind(bytes: Uint8Array): string | null {
  const head = String.fromCharCode(...bytes.subarray(0, 64));
  if (bytes.length === 0) return 'is empty (0 bytes); copy or export it again.';
  if (head.startsWith('version https://git-lfs')) return 'is a Git LFS pointer, not the model; run “git lfs pull” and drop the file that it fetches.';
  if (head.startsWith('PK\u0003\u0004')) return 'is a zip archive, such as torch.save writes, not an ONNX model; export the encoder with torch.onnx.export.';
  if (head.startsWith('\u0089HDF')) return 'is an HDF5 file, not an ONNX model; export the encoder to ONNX.';
  if (head.slice(4, 8) === 'ORTM') return 'is in ONNX Runtime’s own format (.ort); drop the .onnx file that it was made from.';
  if (head.slice(4, 8) === 'TFL3') return 'is a TensorFlow Lite model; export the encoder to ONNX.';
  if (head.slice(8, 10) === '{"' && bytes[7] === 0) return 'holds safetensors weights without a graph; export the encoder with torch.onnx.export.';
  if (/^\s*(<!doctype|<html)/i.test(head)) return 'is a web page, probably from a download that failed, not an ONNX model; download the file itself.';
  if (head.startsWith('\u0080') && bytes[1]! >= 2 && bytes[1]! <= 5) return 'is a Python pickle, not an ONNX model; export the encoder with torch.onnx.export.';
  return null;
}
