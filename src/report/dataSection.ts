import type { Comparison, DataSummary } from "../evaluate/comparison.ts";
import { fixed, lovePlot, noNumber, rounded } from "../plot/index.ts";
import { type Content, type Html, html } from "./html.ts";
import { countOf, countText, listText, meanTexts, pPhrase, shareText } from "./number.ts";
import { details, figure, paragraph, type Section, section, table } from "./part.ts";
import { own } from "./view.ts";

/** Who took part: arms, outcomes, missing values, and whether the arms were alike before treatment. */
export async function dataSection(comparison: Comparison): Promise<Section> {
  const { data, split } = comparison;
  const facts = `${countOf(data.rows, "row")} in ${countOf(data.arms.length, "arm")}; ${data.control} is the control. Models were fitted on ${countText(split.trainRows)} rows and scored on ${countText(split.testRows)} (${split.how}).`;
  return section("Data and balance", [armTable(data), missingText(data), ratioText(data), await balance(data), featureTable(data)], {
    lede: facts,
    short: "Data",
  });
}

function armTable(data: DataSummary): Html {
  const means = data.outcomes.map((o) =>
    meanTexts(
      data.arms.map(({ arm }) => own(o.mean, arm) ?? Number.NaN),
      o.kind,
    ),
  );
  return table({
    label: "Arms",
    columns: [
      { title: "Arm" },
      { title: "Rows", kind: "number" },
      { title: "Share", kind: "number" },
      ...data.outcomes.map((o) => ({ title: `Mean ${o.name}`, kind: "number" as const })),
    ],
    rows: data.arms.map(({ arm, rows, share }, a) => [
      { text: arm, under: arm === data.control ? "control" : undefined },
      countText(rows),
      shareText(share),
      ...means.map((texts) => texts[a]),
    ]),
  });
}

function missingText(data: DataSummary): Content {
  const outcomes = data.outcomes.filter((o) => o.missing > 0);
  if (outcomes.length === 0) return undefined;
  return paragraph(`Missing outcomes: ${listText(outcomes.map((o) => `${o.name} in ${countOf(o.missing, "row")} (${shareText(o.missing / data.rows)})`))}.`);
}

function ratioText(data: DataSummary): Content {
  const ratio = data.sampleRatio;
  if (ratio === undefined) return undefined;
  const judged = ratio.pValue < 0.001 ? "do not agree with the design" : "agree with the design";
  return paragraph(
    `The sizes of the arms ${judged}: chi-square ${fixed(ratio.statistic, 2)} against planned shares of ${listText(ratio.expected.map(shareText))}, ${pPhrase(ratio.pValue)}.`,
  );
}

async function balance(data: DataSummary): Promise<Content> {
  const known = data.balance.filter((b) => Number.isFinite(b.smd));
  if (known.length === 0) return paragraph("There are no features on which the arms could be compared.");
  const worst = known.reduce((a, b) => (Math.abs(b.smd) > Math.abs(a.smd) ? b : a));
  const off = known.filter((b) => Math.abs(b.smd) > 0.1).length;
  const largest = `the largest is ${fixed(worst.smd, off === 0 ? 3 : 2, true)} (${worst.feature}, ${worst.arm})`;
  const verdict =
    off === 0 ? `All differences are below 0.1; ${largest}.` : `${countText(off)} of ${countText(known.length)} differences are above 0.1; ${largest}.`;
  const chance = chanceDifference(data);
  const expected = Number.isFinite(chance) ? ` With arms of these sizes, chance alone keeps nineteen in twenty differences below ${rounded(chance, 2)}.` : "";
  const features = new Set(known.map((b) => b.feature)).size;
  const shown = Math.min(20, features);
  return figure(
    lovePlot(known, { width: 820, most: 20 }),
    html`<strong>Balance of the arms before treatment</strong>Difference of each feature between arm and control, in standard deviations. ${verdict}${expected}${features > shown ? ` The ${shown} largest of ${features} features are drawn.` : ""}`,
  );
}

/** Two standard errors of a standardised mean difference between the two smallest groups compared: control and the smallest arm. */
function chanceDifference({ arms, control }: DataSummary): number {
  const rows = (arm: string): number => arms.find((a) => a.arm === arm)?.rows ?? Number.NaN;
  const smallest = Math.min(...arms.filter(({ arm }) => arm !== control).map(({ arm }) => rows(arm)));
  return 1.96 * Math.sqrt(1 / rows(control) + 1 / smallest);
}

function featureTable(data: DataSummary): Content {
  if (data.features.length === 0) return undefined;
  const rows = data.features.map((f) => [
    f.name,
    f.kind,
    { text: f.levels === undefined ? noNumber : countText(f.levels), sort: f.levels },
    { text: f.missing === 0 ? "none" : `${countText(f.missing)} (${shareText(f.missing / data.rows)})`, sort: f.missing },
  ]);
  return details(
    `The ${countOf(data.features.length, "feature")} the models see`,
    table({
      label: "Features",
      sortable: true,
      columns: [{ title: "Feature" }, { title: "Kind" }, { title: "Levels", kind: "number" }, { title: "Missing", kind: "number" }],
      rows,
    }),
  );
}
