import type { Comparison, ModelResult } from "../evaluate/comparison.ts";
import type { Score } from "../metrics/contract.ts";
import { estimateParts, noNumber } from "../plot/index.ts";
import { findingList, modelFinding } from "./findings.ts";
import { type Content, type Html, html } from "./html.ts";
import { calibrationFigure, leadPart, qiniFigure, scoreFigure, upliftFigure } from "./modelFigures.ts";
import { excludesZero, percentOf, pText } from "./number.ts";
import { type Cell, details, paragraph, type Section, section, table, tabs } from "./part.ts";
import { levelOf, type MetricFacts, own, type Slice } from "./view.ts";

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
${await qiniFigure(slice, percent)}
${await scoreFigure(slice, facts, percent)}
${await upliftFigure(slice, percent)}
${await leadPart(slice, percent)}
${await calibrationFigure(slice, percent)}
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
