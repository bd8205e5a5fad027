import type { Comparison, ModelResult } from "../evaluate/comparison.ts";
import type { Score } from "../metrics/contract.ts";
import {
  calibrationPlot,
  curvePanelsPlot,
  decilePlot,
  estimateDecimals,
  estimateParts,
  estimateText,
  fixed,
  modelPlot,
  noNumber,
  qiniPlot,
  readOff,
  rounded,
  segmentPlot,
} from "../plot/index.ts";
import { findingList, modelFinding } from "./findings.ts";
import { type Content, type Html, html } from "./html.ts";
import { effectUnit, excludesZero, percentOf, pText } from "./number.ts";
import { type Cell, details, figure, paragraph, type Section, section, sideBySide, subsection, table, tabs } from "./part.ts";
import { leader, levelOf, type MetricFacts, own, type Slice } from "./view.ts";

/** Small panels are drawn for so many models, best first: more would be too many to compare by eye. */
const mostPanels = 6;

/** The models against each other, by outcome and arm. */
export async function modelSection(comparison: Comparison, all: readonly Slice[], facts: (metric: string) => MetricFacts): Promise<Section> {
  const options = { lede: "A good model puts the units that gain most first. All numbers are from rows the models were not fitted on.", short: "Models" };
  if (all.length === 0) return section("Models", paragraph("No model was compared."), options);
  const level = levelOf(comparison);
  const panels = [];
  for (const outcome of new Set(all.map((slice) => slice.outcome))) {
    const arms = [];
    for (const slice of all.filter((s) => s.outcome === outcome)) arms.push({ title: slice.armName, body: await slicePanel(slice, facts, level) });
    panels.push({ title: outcome, body: tabs("Arm", arms, 4) });
  }
  const names = new Set(comparison.results.map((result) => result.model)).size;
  const caution =
    names < 2
      ? undefined
      : paragraph(
          `The best of ${names} models was picked on the rows it is scored on, so its own score is somewhat flattering; the paired differences are the fairer judge, since both models meet the same rows.`,
        );
  return section("Models", [caution, tabs("Outcome", panels, 3)], options);
}

async function slicePanel(slice: Slice, facts: (metric: string) => MetricFacts, level: number): Promise<Html> {
  const percent = percentOf(level);
  return html`${findingList([modelFinding(slice, facts, level)])}
${scoreTable(slice, facts, percent)}
${await curvesPart(slice, facts, percent)}
${await leadPart(slice, percent)}
${await calibrationPart(slice, percent)}
${differenceTable(slice, facts, percent)}`;
}

function scoreTable(slice: Slice, facts: (metric: string) => MetricFacts, percent: number): Html {
  const notes: string[] = [];
  const columns = [
    { title: "Model" },
    ...slice.metrics.map((metric) => ({
      title: metricTitle(facts(metric)),
      kind: "number" as const,
    })),
  ];
  const { leading, baseline } = slice;
  if (leading !== undefined && baseline !== undefined) columns.splice(2, 0, { title: `${facts(leading).name} minus ${baseline}`, kind: "number" });
  const rows = slice.results.map((result): Cell[] => {
    const cells = slice.metrics.map((metric) => scoreCell(own(result.metrics, metric), notes));
    if (leading !== undefined && baseline !== undefined) cells.splice(1, 0, differenceCell(result, leading));
    return [{ text: result.model, under: result.model === baseline ? "baseline" : undefined }, ...cells];
  });
  return table({
    caption: `Scores with ${percent}% intervals, ${slice.armName === slice.arm ? `${slice.arm} against ${slice.control}` : "giving each unit its best arm"}; bold where an interval of a difference leaves zero out.`,
    columns,
    rows,
    notes,
    sortable: true,
  });
}

function metricTitle({ name, better }: MetricFacts): Content {
  return better === "lower" ? html`${name}<small>lower is better</small>` : name;
}

function scoreCell(score: Score | undefined, notes: string[]): Cell {
  if (score === undefined) return { text: noNumber };
  const marks = (score.notes ?? []).map((note) => {
    if (!notes.includes(note)) notes.push(note);
    return notes.indexOf(note) + 1;
  });
  const mark = marks.length === 0 ? undefined : html`<sup>${marks.join(",")}</sup>`;
  if (!Number.isFinite(score.value)) return { text: html`${noNumber}${mark}` };
  const { value, range } = estimateParts(score.value, score.interval, undefined, false);
  return { text: html`${value}${mark}`, under: range, sort: score.value };
}

function differenceCell(result: ModelResult, metric: string): Cell {
  const difference = own(result.differences, metric);
  if (difference === undefined || !Number.isFinite(difference.value)) return { text: noNumber };
  const { value, range } = estimateParts(difference.value, difference.interval);
  return { text: value, under: range, sort: difference.value, strong: excludesZero(difference.interval) };
}

async function curvesPart(slice: Slice, facts: (metric: string) => MetricFacts, percent: number): Promise<Html> {
  const { leading } = slice;
  const unit = effectUnit(slice.kind);
  const named = slice.results.map((result) => ({ name: result.model, curve: result.curves.qini }));
  const scores = slice.results.map((result) => {
    const score = leading === undefined ? undefined : own(result.metrics, leading);
    return { label: result.model, value: score?.value ?? Number.NaN, interval: score?.interval };
  });
  const uplift = slice.results.slice(0, mostPanels).map((result) => ({ name: result.model, curve: result.curves.uplift }));
  const rest = slice.results.length - uplift.length;
  const first = slice.results[0]?.model;
  return html`${await figure(
    qiniPlot(named, { unit, width: 980, height: 380, yTitle: `Gain in ${slice.outcome} per treated unit` }),
    html`<strong>Qini curves</strong>Gain from treating only the units with the highest predicted effects, for every share of units treated. The dashed line is treating as many at random; the further a curve rises above it, the better the ranking.${named.some(({ curve }) => curve.lower !== undefined) ? ` The band is the ${percent}% interval of ${first}.` : ""}`,
  )}
${scores.length > 1 && leading !== undefined ? await figure(modelPlot(scores, { metric: facts(leading).name, baseline: slice.baseline, better: facts(leading).better, width: 820 }), html`<strong>${facts(leading).name} of each model</strong>With ${percent}% intervals; hollow where the interval holds zero.${slice.baseline === undefined ? "" : ` The dashed line is the baseline, ${slice.baseline}. Intervals that overlap do not mean that models are equal: the paired differences above decide.`}`) : undefined}
${await figure(
  curvePanelsPlot(uplift, { unit, width: 1000, height: 170, yTitle: `Gain in ${slice.outcome} per unit` }),
  html`<strong>Uplift curves, one panel a model</strong>Gain in ${slice.outcome} per unit of the population${unit.name === "" ? "" : `, in ${unit.name}`}, by share of units treated, with ${percent}% bands where they were computed.${rest > 0 ? ` The ${mostPanels} best models are drawn; ${rest} more are in the table.` : ""}`,
)}`;
}

/** What the best model would do: how much is gained at which depth, tenth by tenth, and who is on top. */
async function leadPart(slice: Slice, percent: number): Promise<Content> {
  const top = leader(slice)?.result ?? slice.results[0];
  if (top === undefined) return undefined;
  const unit = effectUnit(slice.kind);
  const bars =
    top.calibration.length === 0
      ? paragraph("There are no tenths to show: the model's predictions are all the same.")
      : await figure(
          decilePlot(top.calibration, { unit, width: 476, height: 350 }),
          html`<strong>Effect by tenth of the prediction</strong>Observed effect with ${percent}% intervals, and what ${top.model} predicted.`,
        );
  const profile = await figure(
    segmentPlot(
      top.segments.filter((trait) => Math.abs(trait.smd) > 1e-9),
      { width: 476, most: 10 },
    ),
    html`<strong>Who is in the top two tenths</strong>Units with the highest predicted effects against all units: mean of a number, share of a level.`,
  );
  return subsection(`The leading model, ${top.model}`, [depthTable(top, slice, percent), sideBySide(bars, profile)], 4);
}

function depthTable(result: ModelResult, slice: Slice, percent: number): Html {
  const unit = effectUnit(slice.kind);
  const rows = [0.1, 0.2, 0.3, 0.5, 0.7, 1].map((share) => {
    const at = readOff(result.curves.uplift, share);
    const all = readOff(result.curves.uplift, 1).value;
    const interval = Number.isFinite(at.lower) && Number.isFinite(at.upper) ? ([at.lower, at.upper] as const) : undefined;
    const decimals = estimateDecimals(at.value, interval, unit);
    return [
      `${share * 100}%`,
      estimateText(at.value, interval, unit),
      fixed(all * share * unit.scale, decimals, true),
      Number.isFinite(at.value) && all > 0 ? `${rounded((100 * at.value) / all)}%` : noNumber,
    ];
  });
  const per = unit.name === "" ? `${slice.outcome} per unit of the population` : `${unit.name} of the population`;
  return table({
    caption: `Gain in ${slice.outcome} when only the units with the highest predicted effects are treated (${per}, ${percent}% intervals where they were computed).`,
    columns: [
      { title: "Units treated" },
      { title: `By ${result.model}`, kind: "number" },
      { title: "At random", kind: "number" },
      { title: "Share of the gain of treating all", kind: "number" },
    ],
    rows,
  });
}

async function calibrationPart(slice: Slice, percent: number): Promise<Html> {
  const models = slice.results.slice(0, mostPanels).map((result) => ({ name: result.model, deciles: result.calibration }));
  const unit = effectUnit(slice.kind);
  return figure(
    calibrationPlot(models, { unit, width: 1000, height: 190 }),
    html`<strong>Calibration, one panel a model</strong>Observed effect (upwards) against predicted effect (to the right) by tenth of the prediction${unit.name === "" ? "" : `, in ${unit.name}`}, with ${percent}% intervals. A model whose numbers can be taken at their word lies on the dashed line.`,
  );
}

function differenceTable(slice: Slice, facts: (metric: string) => MetricFacts, percent: number): Content {
  const rows = slice.results.flatMap((result) =>
    slice.metrics.flatMap((metric) => {
      const difference = own(result.differences, metric);
      if (difference === undefined) return [];
      return [[result.model, facts(metric).name, difference.against, differenceCell(result, metric), pText(difference.pValue)]];
    }),
  );
  if (rows.length === 0) return undefined;
  const columns = [
    { title: "Model" },
    { title: "Metric" },
    { title: "Against" },
    { title: `Difference (${percent}% interval)`, kind: "number" as const },
    { title: "p", kind: "number" as const },
  ];
  return details("Paired differences on every metric", table({ label: "Paired differences", columns, rows, sortable: true }));
}
