import { main } from "../../src/cli/main.ts";
import type { Io } from "../../src/cli/verb.ts";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command line in this process; words are split at spaces unless they are given as a list. */
export async function liftwise(words: string | readonly string[], own: Partial<Io> = {}): Promise<Ran> {
  let out = "";
  let err = "";
  const argv = typeof words === "string" ? words.split(" ").filter((word) => word !== "") : words;
  const code = await main(argv, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    live: false,
    colour: false,
    ...own,
  });
  return { code, out, err };
}
