// Writes bench/quality/attribution.md from the results in bench/quality/attribution.json and the words in bench/quality/attribution.notes.md:
//
//   liftwise benchmark attribution --resume attribution.part.jsonl --out bench/quality/attribution.json --overwrite && node bench/quality/attribution.mjs
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const source = process.argv[2] ?? path.join(here, "attribution.json");
const { rows, seed, liftwise } = JSON.parse(readFileSync(source, "utf8"));

const known = new Map(rows.map((row) => [JSON.stringify([row.case, row.metric, row.model]), row]));
const at = (name, metric, model) => known.get(JSON.stringify([name, metric, model]));
const models = [...new Set(rows.map((row) => row.model))];
const cases = [...new Set(rows.map((row) => row.case))];
const mains = ["last", "first", "linear", "mta"].filter((main) => cases.includes(main));
const shown = (row, times = 1, digits = 2) => {
  if (row === undefined || !Number.isFinite(row.mean)) return "-";
  const value = (row.mean * times).toFixed(digits);
  return row.se === null || !Number.isFinite(row.se) ? value : `${value} ± ${(row.se * times).toFixed(digits)}`;
};
const points = (row) => shown(row, 100);
const table = (head, body) => [`| ${head.join(" | ")} |`, `| ${head.map((_, i) => (i === 0 ? "---" : "---:")).join(" | ")} |`, ...body.map((row) => `| ${row.join(" | ")} |`)].join("\n");
const having = (metric, names) => models.filter((model) => names.some((name) => at(name, metric, model) !== undefined));
const lengths = [...new Set(rows.map((row) => row.metric))].filter((metric) => metric.startsWith("gauc-gain, paths of "));
const beside = cases.filter((name) => name.startsWith("first, beside it"));
const byTime = cases.filter((name) => name.endsWith("in order of time"));
const tuning = cases.filter((name) => name.startsWith("tuning, rate"));
const choices = cases.filter((name) => name.startsWith("tuning") && name.includes("beside it"));
const sets = [...new Set(choices.map((name) => name.split("beside it ")[1]))];
const seeds = at("last", "gauc", models[0])?.n;

const text = `# Conversion models under several attribution mechanisms: what was measured

\`liftwise benchmark attribution\`, version ${liftwise}, seed ${seed}: simulated clicks of ${seeds} markets, a million to learn from in one pass and 300,000 of other users to judge by.
GAUC is the mean over users of the area under the curve within a user, weighted by clicks; differences are in points (hundredths).

## GAUC of the main head, in hundredths

Mean ± standard error over the markets: they differ from each other far more than models do on one of them.

${table(["", ...mains], having("gauc", mains).map((model) => [model, ...mains.map((name) => points(at(name, "gauc", model)))]))}

## Gain over cvr-base under the same mechanism, in points

± standard error of the difference on the same clicks (jackknife over 20 blocks of users); goal for moae: 0.39 under every mechanism.

${table(["", ...mains], having("gauc-gain", mains).map((model) => [model, ...mains.map((name) => points(at(name, "gauc-gain", model)))]))}

## Gain by clicks on the path to the conversion, in points

${table(["", ...lengths.map((metric) => metric.replace("gauc-gain, paths of ", ""))], mains.flatMap((name) => having(lengths[0], [name]).map((model) => [`${model}, ${name}`, ...lengths.map((metric) => points(at(name, metric, model)))])))}

## One auxiliary mechanism at a time under \`first\`

Gain over cvr-base under \`first\`, in points.

${table(["moae, main first", "gain"], beside.map((name) => [name.replace("first, ", ""), points(at(name, "gauc-gain", "moae"))]))}

## Clicks in order of time

${table(["under last", ...byTime.map(() => "in order of time"), "user by user"], having("gauc", byTime).map((model) => [model, ...byTime.map((name) => points(at(name, "gauc", model))), points(at("last", "gauc", model))]))}

## Predicted over observed conversions

${table(["", ...mains], having("predicted-over-observed", mains).map((model) => [model, ...mains.map((name) => shown(at(name, "predicted-over-observed", model)))]))}

## Settings

GAUC in hundredths on 150,000 clicks of another market after 300,000 to learn from; the best of each model was used.

${table(["", ...tuning.map((name) => name.replace("tuning, ", ""))], having("gauc", tuning).map((model) => [model, ...tuning.map((name) => shown(at(name, "gauc", model), 100))]))}

Auxiliary mechanisms, chosen on the same clicks for each main one; under \`last\` all are used.

${table(["", ...sets], mains.slice(1).flatMap((main) => having("gauc", choices).map((model) => [`${model}, ${main}`, ...sets.map((set) => shown(at(`tuning, ${main}, beside it ${set}`, "gauc", model), 100))])))}

${readFileSync(path.join(here, "attribution.notes.md"), "utf8")}`;

writeFileSync(path.join(here, "attribution.md"), text.trimEnd() + "\n");
