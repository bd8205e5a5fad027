import { percentOf } from "./number.ts";
import { definitions, list, type Section, section, subsection } from "./part.ts";
import type { MetricFacts, Slice } from "./view.ts";

/** Works a report refers to, by the keys of REFERENCES.md. Written out, not linked: a report opens nothing. */
export const sources: Readonly<Record<string, string>> = {
  Austin2009:
    "Austin, P. C. (2009). Balance diagnostics for comparing the distribution of baseline covariates between treatment groups in propensity-score matched samples. Statistics in Medicine 28.",
  Fabijan2019: "Fabijan, A. et al. (2019). Diagnosing sample ratio mismatch in online controlled experiments. KDD 2019.",
  Gutierrez2017: "Gutierrez, P. and Gérardy, J.-Y. (2017). Causal inference and uplift modelling: a review of the literature. PMLR 67.",
  Radcliffe2007:
    "Radcliffe, N. J. (2007). Using control groups to target on predicted lift: building and assessing uplift models. Direct Marketing Analytics Journal 1.",
  Yadlowsky2025:
    "Yadlowsky, S., Fleming, S., Shah, N., Brunskill, E. and Wager, S. (2025). Evaluating treatment prioritization rules via rank-weighted average treatment effects. Journal of the American Statistical Association 120.",
};

/** How to read the report: what the words mean, what the intervals bear, and where it is written. */
export function guideSection(all: readonly Slice[], facts: (metric: string) => MetricFacts, level: number): Section {
  const percent = percentOf(level);
  const metrics = [...new Set(all.flatMap((slice) => slice.metrics))].map(facts).filter((fact) => fact.summary !== undefined);
  const terms = [
    {
      term: "Effect",
      meaning:
        "What the outcome is under an arm minus what it would have been under the control. Nobody is seen under both, so effects are told of groups, never of one unit.",
    },
    {
      term: `${percent}% interval`,
      meaning: `Values of the true number that the data does not speak against. Over many experiments, ${percent} of 100 such intervals hold the truth.`,
    },
    { term: "Cannot be told from zero", meaning: "The interval holds zero. That is no proof that there is no effect: look how far the interval reaches." },
    {
      term: "Standardised mean difference",
      meaning: "Difference of the means of a feature between two groups, in standard deviations. Above 0.1 it is worth a look (Austin2009).",
    },
    {
      term: "Sample ratio test",
      meaning: "Whether the arms are as large as they were planned to be. If not, something went wrong before any effect was measured (Fabijan2019).",
    },
    {
      term: "Uplift curve",
      meaning: "Gain per unit of the population when the units with the highest predicted effects are treated first, by the share treated (Gutierrez2017).",
    },
    { term: "Qini curve", meaning: "The same per treated unit: treated outcomes minus what as many controls would have had (Radcliffe2007)." },
    {
      term: "Paired difference",
      meaning: "Difference of two models' scores on the same resampled rows. What is luck for both cancels, so it is sharper than comparing two intervals.",
    },
    {
      term: "Calibration",
      meaning: "Whether effects are as large as predicted, not only in the right order. It matters when predictions are weighed against costs.",
    },
    {
      term: "Best arm for each unit",
      meaning: "The policy that gives every unit the arm with the highest predicted effect, scored on the rows that happened to get that arm or the control.",
    },
  ];
  const metricTerms = metrics.map(({ name, summary, better }) => ({
    term: name,
    meaning: `${summary}. ${better === "higher" ? "Higher" : "Lower"} is better.`,
  }));
  const works = Object.entries(sources).map(([key, text]) => `${key}: ${text}`);
  return section(
    "How to read it",
    [definitions(terms), metricTerms.length > 0 ? subsection("The metrics", definitions(metricTerms)) : undefined, subsection("Sources", list(works))],
    { short: "How to read" },
  );
}
