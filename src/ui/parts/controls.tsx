import { useId, useState, type ReactElement, type ReactNode } from 'react';
import type { ErrorReport } from '../../base/errors.ts';
import { useView } from '../../store/view.ts';
import { errorSentence } from '../../words/errors.ts';
import { formatNumber, parseNumber } from '../../words/numbers.ts';

const GLYPHS = {
  ok: 'M3 8.5 6.5 12 13 4.5',
  warn: 'M8 2 15 14H1ZM8 6.5v4M8 11.8v.7',
  error: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM8 4.5v4.2M8 10.6v.9',
  theme: 'M8 2a6 6 0 1 0 0 12ZM8 2a6 6 0 0 1 0 12',
  close: 'm4 4 8 8M12 4l-8 8',
} as const;

export function Glyph({ name }: { name: keyof typeof GLYPHS }): ReactElement {
  return (
    <svg className="glyph" viewBox="0 0 16 16" aria-hidden="true">
      <path d={GLYPHS[name]} />
    </svg>
  );
}

/** Two to five views of one thing; null where it shows none of them. */
export function Segmented<T extends string>({ label, value, options, onChange, wide = false }: { label: string; value: T | null; options: readonly { value: T; label: string; title?: string }[]; onChange: (value: T) => void; wide?: boolean }): ReactElement {
  return (
    <span className={wide ? 'segmented wide' : 'segmented'} role="group" aria-label={label}>
      {options.map((option) => (
        <button key={option.value} type="button" aria-pressed={option.value === value} data-label={option.label} title={option.title} onClick={() => onChange(option.value)}>
          {option.label}
        </button>
      ))}
    </span>
  );
}

interface NumberBoxProps {
  readonly label: string;
  readonly value: number;
  readonly onChange: (value: number) => void;
  /** Why a number cannot be taken, or null when it can. */
  readonly refuse: (value: number) => string | null;
  /** ↑ and ↓ go here from the present value. */
  readonly step?: (value: number, direction: 1 | -1) => number;
  readonly id?: string;
  readonly wide?: boolean;
  /** A count: written without decimals. */
  readonly whole?: boolean;
}

/** A number that can be typed: "1e-3", "inf", "∞". What cannot be taken is said and changes nothing. */
export function NumberBox({ label, value, onChange, refuse, step, id, wide, whole }: NumberBoxProps): ReactElement {
  const [draft, setDraft] = useState<string | null>(null);
  const typed = draft === null ? value : parseNumber(draft);
  const problem = draft === null || draft.trim() === '' ? null : refuse(typed);
  const take = (): void => {
    if (draft !== null && problem === null && draft.trim() !== '' && typed !== value) onChange(typed);
    setDraft(null);
  };
  return (
    <span className={wide ? 'refusing wide' : 'refusing'}>
      <input
        id={id}
        className={wide ? 'box wide' : 'box'}
        type="text"
        inputMode="decimal"
        autoComplete="off"
        aria-label={label}
        aria-invalid={problem !== null}
        title={problem ?? undefined}
        value={draft ?? (whole && Number.isFinite(value) ? String(value) : formatNumber(value))}
        onChange={(event) => setDraft(event.target.value)}
        onFocus={(event) => event.target.select()}
        onBlur={take}
        onKeyDown={(event) => {
          if (event.key === 'Enter') take();
          if (event.key === 'Escape') setDraft(null);
          const direction = event.key === 'ArrowUp' ? 1 : event.key === 'ArrowDown' ? -1 : null;
          if (direction && step) {
            event.preventDefault();
            setDraft(null);
            onChange(step(value, direction));
          }
        }}
      />
      {problem === null ? null : (
        <span className="refusal" role="alert">
          {problem}
        </span>
      )}
    </span>
  );
}

/** A text that is taken on Enter or on leaving the box. */
export function TextBox({ label, value, onChange, id, placeholder, invalid = false }: { label: string; value: string; onChange: (value: string) => void; id?: string; placeholder?: string; invalid?: boolean }): ReactElement {
  const [draft, setDraft] = useState<string | null>(null);
  const take = (): void => {
    if (draft !== null && draft !== value) onChange(draft);
    setDraft(null);
  };
  return (
    <input
      id={id}
      className="box wide"
      type="text"
      autoComplete="off"
      spellCheck={false}
      maxLength={200}
      aria-label={label}
      aria-invalid={invalid}
      placeholder={placeholder}
      value={draft ?? value}
      onChange={(event) => setDraft(event.target.value)}
      onBlur={take}
      onKeyDown={(event) => {
        if (event.key === 'Enter') take();
        if (event.key === 'Escape') setDraft(null);
      }}
    />
  );
}

/** What went wrong, in the present language; the engine's own sentence, with its figures, stands beneath. */
export function ErrorText({ error }: { error: ErrorReport }): ReactElement {
  const { sentence, original } = errorSentence(error, useView((view) => view.language));
  return (
    <>
      {sentence}
      {original ? (
        <span className="original" lang="en">
          {original}
        </span>
      ) : null}
    </>
  );
}

/** A labelled line of the setup rail; `gloss` says on hovering what it is. */
export function Field({ label, gloss, problem, children }: { label: string; gloss?: string; problem?: string | null; children: (id: string) => ReactNode }): ReactElement {
  const id = useId();
  return (
    <div className="field" title={gloss}>
      <label htmlFor={id}>{label}</label>
      <span>{children(id)}</span>
      {problem ? (
        <span className="problem" role="alert">
          {problem}
        </span>
      ) : null}
    </div>
  );
}
