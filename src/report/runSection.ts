import type { Json } from "../base/state.ts";
import type { Comparison } from "../evaluate/comparison.ts";
import { noNumber, rounded } from "../plot/index.ts";
import type { Content } from "./html.ts";
import { abridged } from "./number.ts";
import { code, definitions, details, type Section, section, subsection, table } from "./part.ts";

/** Everything needed to run it again, and what the models say of their own fits. */
export function runSection(comparison: Comparison): Section {
  const { liftwise, seed, data, split, resolved } = comparison;
  const facts = [
    { term: "Version", meaning: `liftwise ${liftwise}` },
    { term: "Seed", meaning: String(seed) },
    { term: "Data", meaning: data.sha256 === undefined ? data.name : `${data.name}, SHA-256 ${data.sha256}` },
    { term: "Split", meaning: split.how },
  ];
  return section(
    "How it was run",
    [definitions(facts, { brief: true }), fitTable(comparison), details("Resolved configuration", code(abridged(resolved, 60))), reports(comparison)],
    {
      lede: "The same data, configuration and seed give the same numbers again, on any number of threads.",
      short: "Run",
    },
  );
}

/** Seconds by model and outcome; a model that fits all arms at once has the same time for each arm, which counts once. */
function fitTable({ results }: Comparison): Content {
  const models = [...new Set(results.map((result) => result.model))];
  const outcomes = [...new Set(results.map((result) => result.outcome))];
  if (models.length === 0) return undefined;
  const seconds = (model: string, outcome: string): number =>
    Math.max(...results.filter((r) => r.model === model && r.outcome === outcome).map((r) => r.fitSeconds), Number.NEGATIVE_INFINITY);
  return table({
    caption: "Seconds to fit and predict.",
    columns: [{ title: "Model" }, ...outcomes.map((outcome) => ({ title: outcome, kind: "number" as const }))],
    rows: models.map((model) => [
      model,
      ...outcomes.map((outcome) => (Number.isFinite(seconds(model, outcome)) ? rounded(seconds(model, outcome), 2) : noNumber)),
    ]),
  });
}

/** Each model's own words on its fits, by outcome; of several arms fitted together the report is the same, and given once. */
function reports({ results }: Comparison): Content {
  const models = [...new Set(results.map((result) => result.model))].flatMap((model) => {
    const own = new Map<string, Json>();
    for (const result of results) if (result.model === model && !isEmpty(result.report) && !own.has(result.outcome)) own.set(result.outcome, result.report);
    return own.size === 0 ? [] : [subsection(model, code(abridged(Object.fromEntries(own))), 4)];
  });
  return models.length === 0 ? undefined : details("What the models report of their fits", models);
}

function isEmpty(report: Json): boolean {
  return report === null || report === undefined || (typeof report === "object" && Object.keys(report).length === 0);
}
