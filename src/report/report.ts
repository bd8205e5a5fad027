import type { Comparison } from "../evaluate/comparison.ts";
import { estimateParts } from "../plot/index.ts";
import { dataSection } from "./dataSection.ts";
import { effectSection } from "./effectSection.ts";
import { beatsChance, effectFindings, findingList, modelFinding, warnings } from "./findings.ts";
import { guideSection } from "./guideSection.ts";
import { type Content, html } from "./html.ts";
import { metricFacts } from "./metricName.ts";
import { modelSection } from "./modelSection.ts";
import { countOf, countText, effectUnit, percentOf, withUnit } from "./number.ts";
import { page } from "./page.ts";
import { notice, type Section, section, subsection, tiles } from "./part.ts";
import { runSection } from "./runSection.ts";
import { leader, levelOf, mainSlices, type Slice, slices } from "./view.ts";

/**
 * The report of a comparison: one HTML file that opens anywhere without a network. The same comparison gives the same file.
 */
export async function renderReport(comparison: Comparison): Promise<string> {
  const all = slices(comparison, metricFacts);
  const { data, seed, liftwise } = comparison;
  const models = new Set(comparison.results.map((result) => result.model)).size;
  const facts = [
    countOf(data.rows, "row"),
    countOf(data.arms.length, "arm"),
    countOf(data.outcomes.length, "outcome"),
    countOf(data.features.length, "feature"),
    countOf(models, "model"),
  ].join(" · ");
  return page({
    kind: "Uplift comparison",
    title: data.name,
    facts,
    sections: [
      summary(comparison, all),
      await dataSection(comparison),
      await effectSection(comparison),
      await modelSection(comparison, all, metricFacts),
      runSection(comparison),
      guideSection(all, metricFacts, levelOf(comparison)),
    ],
    footer: html`<p>Made with liftwise ${liftwise}, seed ${seed}. This file holds everything it shows and sends nothing anywhere.</p>${data.sha256 === undefined ? undefined : html`<p>Data SHA-256 ${data.sha256}</p>`}`,
  });
}

/** The first page: what to beware of, the headline numbers, and the findings in plain sentences. */
function summary(comparison: Comparison, all: readonly Slice[]): Section {
  const effects = effectFindings(comparison);
  const models = mainSlices(all).map((slice) => modelFinding(slice, metricFacts, levelOf(comparison)));
  const body = [
    warnings(comparison).map((warning) => notice("warning", warning)),
    headline(comparison, all),
    effects.length === 0 ? undefined : subsection("What the arms do", findingList(effects)),
    models.length === 0 ? undefined : subsection("What the models add", findingList(models)),
  ];
  return section("Key findings", body, { short: "Findings" });
}

function headline(comparison: Comparison, all: readonly Slice[]): Content {
  const primary = comparison.data.outcomes[0];
  if (primary === undefined) return undefined;
  const unit = effectUnit(primary.kind);
  const level = levelOf(comparison);
  const effects = comparison.effects.filter((effect) => effect.outcome === primary.name && Number.isFinite(effect.value)).slice(0, 3);
  const items = effects.map((effect) => {
    const { value, range } = estimateParts(effect.value, effect.interval, unit);
    return { label: `${effect.arm}, effect on ${effect.outcome}`, value: withUnit(value, unit), under: intervalText(range, level) };
  });
  const main = mainSlices(all)[0];
  const top = main === undefined ? undefined : leader(main);
  if (main?.leading !== undefined && top !== undefined && main.results.length > 1) {
    const { name } = metricFacts(main.leading);
    const { value, range } = estimateParts(top.score.value, top.score.interval, undefined, false);
    const score = range === undefined ? `${name} ${value}` : `${name} ${value}, ${intervalText(range, level)}`;
    // A headline must not crown a model that the interval does not.
    if (beatsChance(top.score, metricFacts(main.leading)))
      items.push({ label: `Leads on ${main.outcome}, of ${countText(main.results.length)} models`, value: top.result.model, under: score });
    else
      items.push({
        label: `Ranking units on ${main.outcome}`,
        value: "Not shown to beat chance",
        under: `best of ${countText(main.results.length)} models: ${score}`,
      });
  }
  return items.length === 0 ? undefined : tiles(items);
}

function intervalText(range: string | undefined, level: number): string | undefined {
  return range === undefined ? undefined : `${percentOf(level)}% interval ${range}`;
}
