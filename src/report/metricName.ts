import { metrics } from "../metrics/index.ts";
import type { MetricFacts } from "./view.ts";

/** How the report writes the names of metrics that are not simply their id with a capital. */
const written: Readonly<Record<string, string>> = {
  auuc: "AUUC",
  auc: "AUC",
  autoc: "AUTOC",
  gauc: "GAUC",
  pehe: "PEHE",
  "root-pehe": "Root PEHE",
  "rate-qini": "RATE (Qini weights)",
  "ate-error": "ATE error",
  "log-loss": "Log-loss",
  "policy-value-ips": "Policy value (IPS)",
  "policy-value-snips": "Policy value (SNIPS)",
  "policy-value-dr": "Policy value (DR)",
};

/** What the registry says about a metric; a metric it does not know (of a comparison made by a newer version) is shown under its id. */
export function metricFacts(id: string): MetricFacts {
  const metric = metrics.find((candidate) => candidate.id === id);
  const name = written[id] ?? (metric?.traits.library === undefined ? id.charAt(0).toUpperCase() + id.slice(1).replaceAll("-", " ") : id);
  return { name, summary: metric?.summary, better: metric?.better ?? "higher", zeroIsRandom: metric?.traits.constant === "zero" };
}
