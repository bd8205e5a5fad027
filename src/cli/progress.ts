import type { Io } from "./verb.ts";

export interface Progress {
  /** @param share of the work done, 0 to 1 */
  readonly at: (share: number, what: string) => void;
  readonly done: () => void;
}

/** A bar on standard error where someone is watching; nothing elsewhere. */
export async function progress(io: Io): Promise<Progress> {
  if (!io.live) return { at: () => undefined, done: () => undefined };
  const { SingleBar } = await import("cli-progress");
  const bar = new SingleBar({
    format: "{bar} {percentage}%  {what}",
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stderr,
    barCompleteChar: "█",
    barIncompleteChar: "░",
  });
  bar.start(1, 0, { what: "" });
  return { at: (share, what) => bar.update(share, { what }), done: () => bar.stop() };
}
