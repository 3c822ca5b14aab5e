import { useState, type DragEvent } from 'react';

interface DropTarget {
  /** Whether files hover over it. */
  readonly over: boolean;
  readonly handlers: {
    readonly onDragEnter: (event: DragEvent) => void;
    readonly onDragOver: (event: DragEvent) => void;
    readonly onDragLeave: (event: DragEvent) => void;
    readonly onDrop: (event: DragEvent) => void;
  };
}

/** Make an element take dropped files. `onFiles` runs inside the event, while the transfer can still be read. */
export function useDropTarget(onFiles: (transfer: DataTransfer) => void): DropTarget {
  const [over, setOver] = useState(false);
  const accept = (event: DragEvent): void => {
    if (!event.dataTransfer.types.includes('Files')) return;
    event.preventDefault();
    event.stopPropagation();
    setOver(true);
  };
  return {
    over,
    handlers: {
      onDragEnter: accept,
      onDragOver: accept,
      onDragLeave: (event) => {
        if (!(event.relatedTarget instanceof Node && event.currentTarget.contains(event.relatedTarget))) setOver(false);
      },
      onDrop: (event) => {
        event.preventDefault();
        event.stopPropagation();
        setOver(false);
        onFiles(event.dataTransfer);
      },
    },
  };
}
