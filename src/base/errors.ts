/**
 * Every error a user can cause is one line that says where, what is wrong, what is allowed, what was got, and a way out.
 * The kind decides the exit code of the command line; anything else that is thrown is a defect of ours (exit 1).
 */
export type ErrorKind = "usage" | "data" | "gate";

/** Exit code of the command line for each kind of error; 0 is success and 1 an unexpected failure. */
export const exitCodes: Readonly<Record<ErrorKind, number>> = { usage: 2, data: 3, gate: 4 };

/** Every error that a user can cause: `kind` says whose fault it is, `message` is one line with a way out. */
export class LiftwiseError extends Error {
  readonly kind: ErrorKind;
  constructor(kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(message.replace(/\s*\n\s*/g, " "), options);
    this.name = "LiftwiseError";
    this.kind = kind;
  }
}

/** An option, a config value or an argument is wrong: exit code 2. */
export function usageError(message: string, cause?: unknown): LiftwiseError {
  return new LiftwiseError("usage", message, { cause });
}

/** The data cannot bear what is asked of it: exit code 3. */
export function dataError(message: string, cause?: unknown): LiftwiseError {
  return new LiftwiseError("data", message, { cause });
}

/** `a, b or c`, for the list of what is allowed; long lists are cut, with the count said. */
export function oneOf(values: readonly string[], most = 12): string {
  if (values.length === 0) return "nothing";
  if (values.length === 1) return values[0];
  if (values.length > most) return `${values.slice(0, most).join(", ")}, ... (${values.length} in all)`;
  return `${values.slice(0, -1).join(", ")} or ${values[values.length - 1]}`;
}

/** The value of `values` nearest to a misspelt word, or undefined when nothing is close (edit distance over a third of its length). */
export function nearest(word: string, values: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const value of values) {
    const distance = editDistance(word.toLowerCase(), value.toLowerCase());
    if (distance < least) [best, least] = [value, distance];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(change, previous[j] + 1, row[j - 1] + 1));
    }
    previous = row;
  }
  return previous[b.length];
}

/** `did you mean "x"?` where something is near, else the list of what is allowed. */
export function suggest(word: string, values: readonly string[]): string {
  const near = nearest(word, values);
  return near === undefined ? `known are ${oneOf(values)}` : `did you mean "${near}"?`;
}
