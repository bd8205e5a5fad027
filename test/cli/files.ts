import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Rng } from "../../src/base/rng.ts";
import { categoryColumn, numberColumn } from "../../src/data/dataset.ts";
import { writeTable } from "../../src/data/write.ts";

export { execFileSync };

/** Rows of a small experiment as CSV: two arms, a feature that sets the effect, and everything a flag can name. */
export function experimentRows(n = 240, seed = 5): string[][] {
  const rng = new Rng(seed);
  const rows = Array.from({ length: n }, (_, i) => {
    const x = rng.normal();
    const arm = rng.int(2);
    const y = rng.float() < 0.3 + (arm === 1 && x > 0 ? 0.4 : 0) ? 1 : 0;
    const three = ["none", "mail", "call"][rng.int(3)];
    return [
      `${9007199254740993n + BigInt(i)}`,
      x.toFixed(4),
      i % 3 === 0 ? "red" : "blue",
      arm === 1 ? "coupon" : "none",
      String(y),
      (y * (5 + rng.float())).toFixed(2),
      x.toFixed(3),
      "0.5",
      `u${i % 60}`,
      x > 0 ? "0.4" : "0",
      three,
      String(arm),
    ];
  });
  return [header, ...rows];
}

export const header = ["id", "x", "colour", "arm", "y", "spend", "score", "e", "user", "tau", "three", "t"];

const csv = (rows: readonly (readonly string[])[]): string => `${rows.map((row) => row.join(",")).join("\n")}\n`;

/** Every cell of a column replaced. */
function withColumn(rows: readonly (readonly string[])[], name: string, value: (old: string, row: number) => string): string[][] {
  const j = header.indexOf(name);
  return rows.map((row, i) => (i === 0 ? [...row] : row.map((cell, k) => (k === j ? value(cell, i - 1) : cell))));
}

/** The good file and one file for each way to spoil it. */
export async function writeFiles(folder: string): Promise<void> {
  const rows = experimentRows();
  const put = (name: string, content: string | Uint8Array): void => writeFileSync(join(folder, name), content);
  const column = (name: string, spoil: (old: string, row: number) => string): string => csv(withColumn(rows, name, spoil));
  put("good.csv", csv(rows));
  put("other.csv", csv(experimentRows(50, 8)));
  put("good.csv.gz", gzipSync(csv(rows)));
  put("cut.csv.gz", gzipSync(csv(rows)).subarray(0, 1500));
  put("empty.csv", "");
  put("headerOnly.csv", csv(rows.slice(0, 1)));
  put(
    "oneArm.csv",
    column("arm", () => "none"),
  );
  put(
    "flat.csv",
    column("y", () => "1"),
  );
  put(
    "textOutcome.csv",
    column("y", (old, i) => (i === 100 ? "perhaps" : old)),
  );
  put(
    "missingOutcome.csv",
    column("y", (old, i) => (i < 3 ? "" : old)),
  );
  put(
    "missingArm.csv",
    column("arm", (old, i) => (i === 7 ? "" : old)),
  );
  put(
    "missingScore.csv",
    column("score", (old, i) => (i === 4 ? "" : old)),
  );
  put(
    "textScore.csv",
    column("score", (old, i) => (i === 4 ? "high" : old)),
  );
  put(
    "flatScore.csv",
    column("score", () => "0.5"),
  );
  put(
    "sureTreatment.csv",
    column("e", (old, i) => (i === 9 ? "1" : old)),
  );
  put(
    "negativeWeight.csv",
    column("e", (old, i) => (i === 9 ? "-1" : old)),
  );
  put(
    "infinite.csv",
    column("x", (old, i) => (i === 9 ? "inf" : old)),
  );
  put(
    "textFeature.csv",
    column("x", (old, i) => (i === 9 ? "tall" : old)),
  );
  put(
    "newLevel.csv",
    column("colour", (old, i) => (i === 9 ? "green" : old)),
  );
  put("withoutFeature.csv", csv(rows.map((row) => row.filter((_, j) => header[j] !== "colour"))));
  put("twice.csv", csv([header.map((name) => (name === "spend" ? "y" : name)), ...rows.slice(1)]));
  put("ragged.csv", csv(rows.map((row, i) => (i === 20 ? row.slice(0, 5) : row))));
  put("latin.csv", Buffer.concat([Buffer.from(csv(rows.slice(0, 50))), Buffer.from("1,1,caf\xe9,none,1,1,1,0.5,u1,0,none,0\n", "latin1")]));
  put("notParquet.parquet", csv(rows));
  const parquet = join(folder, "good.parquet");
  await writeTable(parquet, [
    numberColumn("x", [1, 2, 3, 4]),
    categoryColumn("arm", ["none", "coupon", "none", "coupon"]),
    numberColumn("y", [0, 1, 1, 0]),
    numberColumn("score", [4, 3, 2, 1]),
  ]);
  put("cut.parquet", readFileSync(parquet).subarray(0, 200));
  put("effects.csv", "id,effect_coupon,effect_call\na,0.5,0.2\nb,0.1,0.4\nc,-0.2,0.3\n");
  put("holes.csv", "id,effect\na,0.5\nb,\n");
  put("bad.json", '{"x": 1}\n{"x": ');
  put("plain.txt", "a file, and no folder");
  put("run.json", JSON.stringify({ treatment: "arm", control: "none", outcom: ["y"] }));
  put("type.json", JSON.stringify({ treatment: "arm", control: "none", outcome: "y" }));
  put("broken.json", "{");
  mkdirSync(join(folder, "full"));
  put("full/notes.txt", "mine");
  mkdirSync(join(folder, "emptyFolder"));
  mkdirSync(join(folder, "badRun"));
  put("badRun/comparison.json", '{"format":"liftwise-comparison/1","da');
  mkdirSync(join(folder, "newRun"));
  put("newRun/comparison.json", '{"format":"liftwise-comparison/2"}');
}
