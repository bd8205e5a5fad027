import {
  calibrationPlot,
  curvePanelsPlot,
  decilePlot,
  estimateDecimals,
  estimateText,
  fixed,
  modelPlot,
  noNumber,
  qiniPlot,
  readOff,
  rounded,
  segmentPlot,
} from "../plot/index.ts";
import type { ModelResult } from "../evaluate/comparison.ts";
import { type Content, type Html, html } from "./html.ts";
import { effectUnit } from "./number.ts";
import { figure, paragraph, sideBySide, subsection, table } from "./part.ts";
import { leader, type MetricFacts, own, type Slice } from "./view.ts";

/** Small panels are drawn for so many models, best first: more would be too many to compare by eye. */
const mostPanels = 6;

/** Gains by share treated of all models in one picture, with the band of the best one. */
export async function qiniFigure({ kind, outcome, results }: Slice, percent: number): Promise<Html> {
  const curves = results.map((result) => ({ name: result.model, curve: result.curves.qini }));
  const band = curves[0]?.curve.lower === undefined ? "" : ` The band is the ${percent}% interval of ${curves[0].name}.`;
  return figure(
    qiniPlot(curves, { unit: effectUnit(kind), width: 980, height: 380, yTitle: `Gain in ${outcome} per treated unit` }),
    html`<strong>Qini curves</strong>Gain from treating only the units with the highest predicted effects, for every share of units treated.
The dashed line is treating as many at random; the further a curve rises above it, the better the ranking.${band}`,
  );
}

/** The leading metric of every model with its interval; nothing when there is only one model. */
export async function scoreFigure({ leading, results, baseline }: Slice, facts: (metric: string) => MetricFacts, percent: number): Promise<Content> {
  if (leading === undefined || results.length < 2) return undefined;
  const { name, better } = facts(leading);
  const scores = results.map((result) => {
    const score = own(result.metrics, leading);
    return { label: result.model, value: score?.value ?? Number.NaN, interval: score?.interval };
  });
  const against =
    baseline === undefined
      ? ""
      : ` The dashed line is the baseline, ${baseline}. Intervals that overlap do not mean that models are equal: the paired differences above decide.`;
  return figure(
    modelPlot(scores, { metric: name, baseline, better, width: 820 }),
    html`<strong>${name} of each model</strong>With ${percent}% intervals; hollow where the interval holds zero.${against}`,
  );
}

/** The uplift curve of each model with its band, in panels. */
export async function upliftFigure({ kind, outcome, results }: Slice, percent: number): Promise<Html> {
  const unit = effectUnit(kind);
  const curves = results.slice(0, mostPanels).map((result) => ({ name: result.model, curve: result.curves.uplift }));
  const rest = results.length - curves.length;
  return figure(
    curvePanelsPlot(curves, { unit, width: 1000, height: 170, yTitle: `Gain in ${outcome} per unit` }),
    html`<strong>Uplift curves, one panel a model</strong>Gain in ${outcome} per unit of the population${unit.name === "" ? "" : `, in ${unit.name}`},
by share of units treated, with ${percent}% bands where they were computed.${rest > 0 ? ` The ${mostPanels} best models are drawn; ${rest} more are in the table.` : ""}`,
  );
}

/** Observed against predicted effects of each model, in panels. */
export async function calibrationFigure({ kind, results }: Slice, percent: number): Promise<Html> {
  const unit = effectUnit(kind);
  const models = results.slice(0, mostPanels).map((result) => ({ name: result.model, deciles: result.calibration }));
  return figure(
    calibrationPlot(models, { unit, width: 1000, height: 190 }),
    html`<strong>Calibration, one panel a model</strong>Observed effect (upwards) against predicted effect (to the right) by tenth of the prediction${unit.name === "" ? "" : `, in ${unit.name}`},
with ${percent}% intervals. A model whose numbers can be taken at their word lies on the dashed line.`,
  );
}

/** What the best model would do: how much is gained at which depth, tenth by tenth, and who is on top. */
export async function leadPart(slice: Slice, percent: number): Promise<Content> {
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
