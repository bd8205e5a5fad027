import { pathLiteral, quoted, rowsOf, withDuck } from "../duck.ts";
import { labelFields, sequenceFields, type Vocabulary } from "./layout.ts";
import type { ClickFolder } from "./read.ts";

export const clickLabels: readonly string[] = labelFields;

/** Click files in numbers. */
export interface ClickSummary {
  readonly parts: readonly {
    readonly part: "train" | "test";
    readonly files: number;
    readonly rows: number;
    readonly users: number;
    /** Share of clicks with credit above 0, by mechanism. */
    readonly positive: Readonly<Record<string, number>>;
  }[];
  /** Table rows of every field. */
  readonly vocabulary: Vocabulary;
  readonly notes: readonly string[];
}

/** Counts over a folder of click files, out of core. */
export async function describeClicks({ train, test, vocabulary }: ClickFolder): Promise<ClickSummary> {
  return withDuck(async (con) => {
    const parts: ClickSummary["parts"][number][] = [];
    const notes: string[] = [];
    for (const [part, files] of [
      ["train", train],
      ["test", test],
    ] as const) {
      if (files.length === 0) continue;
      const positive = labelFields.map((name) => `avg((${quoted(name)} > 0)::INTEGER)::DOUBLE as ${quoted(name)}`);
      const empty = sequenceFields.map((name) => `count(*) filter (coalesce(len(${quoted(name)}), 0) = 0)::DOUBLE as ${quoted(name)}`);
      const [found] = await rowsOf(
        con,
        `select count(*)::DOUBLE as rows, count(distinct user_id)::DOUBLE as users, ${positive.join(", ")}, ${empty.join(", ")}
          from read_parquet([${files.map(pathLiteral).join(", ")}])`,
      );
      parts.push({
        part,
        files: files.length,
        rows: Number(found.rows),
        users: Number(found.users),
        positive: Object.fromEntries(labelFields.map((name) => [name, Number(found[name])])),
      });
      for (const name of sequenceFields) if (Number(found[name]) > 0) notes.push(`${part}: ${Number(found[name])} clicks have no ${name}: read as padding`);
    }
    return { parts, vocabulary, notes };
  });
}
