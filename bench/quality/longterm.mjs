// Writes bench/quality/longterm.md from the results in bench/quality/longterm.json:
//
//   liftwise benchmark longterm --resume longterm.part.jsonl --out bench/quality/longterm.json --overwrite && node bench/quality/longterm.mjs
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const source = process.argv[2] ?? path.join(here, "longterm.json");
const { rows, values, seed, liftwise } = JSON.parse(readFileSync(source, "utf8"));

const known = new Map(rows.map((row) => [JSON.stringify([row.case, row.metric, row.model]), row]));
const at = (name, metric, model) => known.get(JSON.stringify([name, metric, model]));
const models = [...new Set(rows.map((row) => row.model))];
const cases = [...new Set(rows.map((row) => row.case))];
const number = (value, digits = 2) => (value === undefined || value === null || !Number.isFinite(value) ? "-" : value.toFixed(digits));
const withError = (row, digits = 2) => (row === undefined ? "-" : row.se === null || !Number.isFinite(row.se) ? number(row.mean, digits) : `${number(row.mean, digits)} ± ${number(row.se, digits)}`);
const table = (head, body) => [`| ${head.join(" | ")} |`, `| ${head.map((_, i) => (i === 0 ? "---" : "---:")).join(" | ")} |`, ...body.map((row) => `| ${row.join(" | ")} |`)].join("\n");

const grid = cases.filter((name) => name.startsWith("G7"));
const title = (name) => name.replace("G7 zeta ", "").replace(" shift ", " / ");
const onGrid = models.filter((model) => grid.some((name) => at(name, "root-pehe", model)));
const byCell = (metric, show) => table(["zeta / shift", ...grid.map(title)], onGrid.filter((model) => grid.some((name) => at(name, metric, model))).map((model) => [model, ...grid.map((name) => show(at(name, metric, model)))]));
const seeds = (model) => Math.max(0, ...grid.map((name) => at(name, "root-pehe", model)?.n ?? 0));

const others = cases.filter((name) => /^G[1-6]/.test(name));
const holding = cases.filter((name) => name.startsWith("surrogacy"));
const trials = cases.filter((name) => !/^(G[1-7]|surrogacy)/.test(name));

/** Of all runs of some cases: how many intervals held the truth, and the error over what its standard error says. */
function coverage(names, model) {
  const rows = names.map((name) => at(name, "covers", model)).filter((row) => row !== undefined);
  const runs = rows.reduce((sum, row) => sum + row.n, 0);
  return runs === 0 ? "-" : `${Math.round(rows.reduce((sum, row) => sum + row.mean * row.n, 0))} of ${runs}`;
}

/** Seeds that both have: the ratio of their mean errors on those. */
function ratio(name, model, base) {
  const of = (which) => new Map(values.filter((value) => value.case === name && value.metric === "root-pehe" && value.model === which).map((value) => [value.replication, value.value]));
  const [a, b] = [of(model), of(base)];
  const both = [...a.keys()].filter((key) => b.has(key));
  if (both.length === 0) return undefined;
  const mean = (map) => both.reduce((sum, key) => sum + map.get(key), 0) / both.length;
  return mean(a) / mean(b);
}

const against = ["surrogate-index", "surrogate-index-boosted", "surrogate-index-neural", "imputation", "ltee", "trans-ltee", "laser", "lope"].filter((id) => models.includes(id));
const goal = models.includes("steal") ? table(["steal divided by", ...grid.map(title)], against.map((base) => [base, ...grid.map((name) => number(ratio(name, "steal", base)))])) : "";

const text = `# Long-term effects: what was measured

\`liftwise benchmark longterm\`, version ${liftwise}, seed ${seed}; ${rows.length} figures. Defaults throughout; settings were chosen on other seeds (see the end). One data set a seed, drawn anew with
its own coefficients. Mean ± standard error over seeds. The truth is the effect given the features, \`tau(x)\`; the suite's generators return it.

## G7: no policy labels in history, shifted features, an effect beyond the surrogates

5,000 rows of history, 2,000 of the experiment. Seeds: ${onGrid.map((model) => `${model} ${seeds(model)}`).join(", ")}. Methods that need history's arms (imputation,
lope, ltee, trans-ltee, laser) are given the likeliest arm by a logistic regression of the experiment's arm on features and first days, since history logs none. A
T-learner on outcomes that a surrogate index fills in is what the three surrogate indices are here: their effects given x come from doubly robust scores regressed on x.

Root PEHE:

${byCell("root-pehe", (row) => withError(row))}

The same as ratios, on the seeds both have (goal at zeta of 1 and more with shift of .5 and more: at most 0.50 of the surrogate index, below 1 of the others):

${goal}

Error of the average effect (estimate less truth):

${byCell("ate-error", (row) => withError(row))}

Share of 95 % intervals that hold the true average:

${byCell("covers", (row) => number(row?.mean))}

All cells together: steal ${coverage(grid, "steal")}.

Spearman correlation of predicted and true effects given x:

${byCell("rank", (row) => number(row?.mean))}

## Where surrogacy holds

G7 at zeta 0 whose metrics stay as they were on day 7 (\`later: "level"\`): features and first days then tell the outcome up to noise, whoever was treated. Error of the
average, standard error that the method gives, share of 95 % intervals that hold the truth, and root PEHE.

${holding.length === 0 ? "" : table(["", ...holding.flatMap((name) => ["error", "its se", "held", "root PEHE"].map((what) => `${what}, ${name.replace("surrogacy ", "")}`))], models.filter((model) => holding.some((name) => at(name, "covers", model))).map((model) => [model, ...holding.flatMap((name) => [withError(at(name, "ate-error", model)), number(at(name, "se", model)?.mean), at(name, "covers", model) === undefined ? "-" : coverage([name], model), withError(at(name, "root-pehe", model))])]))}

## G1 to G6

As the specification tells the authors' generators; what departs stands in each generator's \`source\`. Root PEHE, and below it the error of the average effect.

${table(["", ...others], models.filter((model) => others.some((name) => at(name, "root-pehe", model))).map((model) => [model, ...others.map((name) => withError(at(name, "root-pehe", model)))]))}

${table(["", ...others], models.filter((model) => others.some((name) => at(name, "ate-error", model))).map((model) => [model, ...others.map((name) => withError(at(name, "ate-error", model)))]))}

## Real trials, later effect held back

Half of each trial's units are history, with their arms hidden; the others are the experiment. The later effect of the experiment's half is computed after all fits.

${trials
  .map((name) => {
    const first = models.map((model) => at(name, "later effect", model)).find((row) => row !== undefined);
    const se = models.map((model) => at(name, "later effect se", model)).find((row) => row !== undefined);
    const body = models.filter((model) => at(name, "forecast", model)).map((model) => [model, number(at(name, "forecast", model)?.mean), number(at(name, "forecast se", model)?.mean), at(name, "sign right", model)?.mean === 1 ? "yes" : "no", at(name, "holds the truth", model) === undefined ? "-" : at(name, "holds the truth", model).mean === 1 ? "yes" : "no"]);
    return `### ${name}\n\nLater effect: ${number(first?.mean)} ± ${number(se?.mean)}.\n\n${table(["", "forecast", "standard error", "sign right", "interval holds it"], body)}`;
  })
  .join("\n\n")}
`;
const notes = readFileSync(path.join(here, "longterm.notes.md"), "utf8");
writeFileSync(path.join(here, "longterm.md"), `${text}\n${notes}`);
