/**
 * Check a sequence in parquet's run-length and bit-packing hybrid: no run may be longer than all values together. The
 * decoder writes as many values as a run claims, so that six forged bytes make it write two billion and V8 abort.
 *
 * Reading stops where the values are complete or the bytes end; the decoder finds the latter itself.
 */
export function checkRuns(view: DataView, start: number, width: number, values: number): void {
  let at = start;
  let seen = 0;
  while (seen < values && at < view.byteLength) {
    let header = 0;
    for (let shift = 0; ; shift += 7) {
      if (at >= view.byteLength) return;
      const byte = view.getUint8(at++);
      header += (byte & 127) * 2 ** shift;
      if (byte < 128) break;
      if (shift >= 28) throw new RangeError('run header is longer than 32 bits');
    }
    const packed = header % 2 === 1;
    const half = Math.floor(header / 2);
    const run = packed ? half * 8 : half;
    // Packed runs come in groups of eight: the last one may reach past the end.
    if (run > values + (packed ? 7 : 0)) throw new RangeError(`run of ${run} among ${values} values`);
    at += packed ? half * width : (width + 7) >> 3;
    seen += run;
  }
}
