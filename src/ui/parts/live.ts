import { createContext, useContext } from 'react';
import type { Live } from '../../store/live.ts';

export const LiveContext = createContext<Live | null>(null);

/** The page's engine room. */
export function useLive(): Live {
  const live = useContext(LiveContext);
  if (!live) throw new Error('invariant: LiveContext is not provided');
  return live;
}
