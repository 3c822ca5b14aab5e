import { useEffect, useLayoutEffect, useState, useSyncExternalStore, type RefObject } from 'react';
import { useView } from '../../store/view.ts';

/** Content size of an element in CSS pixels, kept up to date. */
export function useSize(element: RefObject<HTMLElement | null>): { width: number; height: number } {
  const [size, setSize] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const target = element.current;
    if (!target) return;
    const measure = (): void => {
      const width = target.clientWidth;
      const height = target.clientHeight;
      setSize((held) => (held.width === width && held.height === height ? held : { width, height }));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(target);
    return () => observer.disconnect();
  }, [element]);
  return size;
}

function subscribeMedia(query: string): (onChange: () => void) => () => void {
  return (onChange) => {
    const media = matchMedia(query);
    media.addEventListener('change', onChange);
    return () => media.removeEventListener('change', onChange);
  };
}

export function useMedia(query: string): boolean {
  return useSyncExternalStore(subscribeMedia(query), () => matchMedia(query).matches);
}

/** The theme in force. A component that reads colour tokens calls this to be drawn again when it changes. */
export const useTheme = (): 'light' | 'dark' => useView((view) => view.appliedTheme);

/** Pixels of one rem. */
export function useRem(): number {
  const [rem, setRem] = useState(16);
  useEffect(() => {
    const measure = (): void => setRem(Number.parseFloat(getComputedStyle(document.documentElement).fontSize));
    measure();
    window.addEventListener('resize', measure);
    return () => window.removeEventListener('resize', measure);
  }, []);
  return rem;
}
