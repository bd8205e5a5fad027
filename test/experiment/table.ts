import { readFileSync } from "node:fs";
import { Dataset, numberColumn } from "../../src/data/dataset.ts";
import type { Roles } from "../../src/data/schema.ts";

export interface Reference {
  readonly columns: Readonly<Record<string, number[]>>;
  // biome-ignore lint/suspicious/noExplicitAny: results of many shapes
  readonly [result: string]: any;
}

/** The table of the fixture with what other packages say about it. */
export const reference = JSON.parse(readFileSync(new URL("../fixtures/experiment/data.json", import.meta.url), "utf8")) as Reference;

/** The fixture's table; `level` as a category. */
export function table(roles: Partial<Roles> = {}, treatment = "t"): Dataset {
  const columns = Object.entries(reference.columns).map(([name, values]) =>
    name === "level" ? { kind: "category" as const, name, codes: Int32Array.from(values), levels: ["a", "b", "c"] } : numberColumn(name, values),
  );
  return new Dataset(columns, { features: ["x1", "x2", "level"], treatment: { column: treatment, control: "0" }, outcomes: ["y"], ...roles }, "table");
}

/** A dataset from arm indices (0 is control) and outcomes. */
export function experiment(
  arm: readonly number[],
  y: readonly number[],
  more: Readonly<Record<string, readonly number[]>> = {},
  roles: Partial<Roles> = {},
): Dataset {
  const extra = Object.entries(more).map(([name, values]) => numberColumn(name, values));
  return new Dataset(
    [numberColumn("arm", arm), numberColumn("y", y), ...extra],
    { features: [], treatment: { column: "arm", control: "0" }, outcomes: ["y"], ...roles },
    "toy",
  );
}
