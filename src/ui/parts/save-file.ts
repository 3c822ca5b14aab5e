import type { WrittenFile } from '../../store/config-shelf.ts';

/** Hand a file to the browser's downloads. */
export function saveFile({ name, content }: WrittenFile): void {
  const address = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  // The download has its own hold on the bytes once it has begun.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
