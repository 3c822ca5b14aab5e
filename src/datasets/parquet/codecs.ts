import { snappyUncompress } from 'hyparquet';
import type { CompressionCodec } from 'hyparquet';
import { UserError } from '../../base/errors.ts';
import { quote } from '../words.ts';

/** Unpacks a page into `length` bytes. */
export type Decompress = (packed: Uint8Array, length: number) => Uint8Array;

/** The decompressor of a codec. Those besides snappy are loaded when a file asks for them. */
export async function loadCodec(path: string, codec: CompressionCodec): Promise<Decompress> {
  if (codec === 'UNCOMPRESSED') return (packed) => packed;
  if (codec === 'SNAPPY') {
    return (packed, length) => {
      const page = new Uint8Array(length);
      snappyUncompress(packed, page);
      return page;
    };
  }
  const library = await import('hyparquet-compressors');
  switch (codec) {
    case 'ZSTD':
      // With a buffer of the checked length: otherwise the frame's own header decides how much is allocated.
      return (packed, length) => library.decompressZstd(packed, new Uint8Array(length));
    case 'GZIP':
      return library.decompressGzip;
    case 'BROTLI':
      return library.decompressBrotli;
    case 'LZ4':
      return library.decompressLz4;
    case 'LZ4_RAW':
      return library.decompressLz4Raw;
    case 'LZO':
    default:
      throw new UserError(
        'unsupported-codec',
        `${quote(path)} is compressed with ${codec ?? 'an unknown codec'}, which cannot be read here; save it with snappy or zstd compression.`,
      );
  }
}
