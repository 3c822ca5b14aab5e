import { useEffect, useRef, type ReactElement } from 'react';
import type { Side } from '../../engine/protocol.ts';
import { useLive } from '../parts/live.ts';

/** A demo frame, drawn by the engine at the size it is shown; decoration when its label is empty. The last one stays until the next is there. */
export function Frame({ side, row, width, label }: { side: Side; row: number; width: number; label: string }): ReactElement {
  const live = useLive();
  const canvas = useRef<HTMLCanvasElement>(null);
  const pixelWidth = Math.round(width * Math.min(2, devicePixelRatio));
  const pixelHeight = Math.round((pixelWidth * 3) / 4);
  useEffect(() => {
    let newest = true;
    void live.frame(side, row, pixelWidth, pixelHeight).then((pixels) => {
      const target = canvas.current;
      if (!newest || !pixels || !target) return;
      target.width = pixelWidth;
      target.height = pixelHeight;
      target.getContext('2d')?.putImageData(new ImageData(pixels, pixelWidth, pixelHeight), 0, 0);
    });
    return () => {
      newest = false;
    };
  }, [live, side, row, pixelWidth, pixelHeight]);
  const what = label === '' ? { 'aria-hidden': true } : ({ role: 'img', 'aria-label': label } as const);
  return <canvas ref={canvas} width={pixelWidth} height={pixelHeight} {...what} />;
}
