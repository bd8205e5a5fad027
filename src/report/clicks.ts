import type { ClickJudgement } from "../evaluate/clicks.ts";
import { fixed, linePlot, noNumber } from "../plot/index.ts";
import { countOf, countText } from "./number.ts";
import { page } from "./page.ts";
import { type Cell, figure, list, notice, paragraph, type Section, section, table, tiles } from "./part.ts";

/** What `liftwise evaluate CLICKS --model DIR` found. */
export interface ClickReport {
  readonly model: string;
  /** What was predicted. */
  readonly data: string;
  readonly liftwise: string;
  /** Clicks the model was fitted to. */
  readonly trained: number;
  readonly judgement: ClickJudgement;
  /** Coverage of the intervals. */
  readonly level: number;
  readonly notes: readonly string[];
}

/** The page of a conversion model: ranking within users, by length of path, and calibration of every head. */
export async function renderClicks(report: ClickReport): Promise<string> {
  const { judgement, model, data, trained } = report;
  const facts = [`main mechanism ${judgement.main}`, `fitted to ${countOf(trained, "click")}`, `judged on ${countOf(judgement.rows, "click")}`].join(" · ");
  return page({
    kind: "Conversion model",
    title: `${model} on ${data}`,
    facts,
    sections: [findings(report), ...(judgement.paths.length > 0 ? [pathSection(judgement)] : []), await calibrationSection(judgement), guide(judgement)],
    footer: paragraph(`Made with liftwise ${report.liftwise}. This file holds everything it shows and sends nothing anywhere.`),
  });
}

function findings({ judgement, notes, level }: ClickReport): Section {
  const { metrics, rows, users, calibration } = judgement;
  const under = ({ interval }: ClickJudgement["metrics"]["gauc"]): string | undefined =>
    interval === null ? undefined : `${fixed(interval[0], 4)} to ${fixed(interval[1], 4)} (${Math.round(100 * level)} %)`;
  const [main] = calibration;
  return section(
    "Key findings",
    [
      [...(metrics.gauc.notes ?? []), ...notes].map((note) => notice("note", note)),
      tiles([
        { label: "GAUC", value: text(metrics.gauc.value), under: under(metrics.gauc) },
        { label: "AUC", value: text(metrics.auc.value), under: under(metrics.auc) },
        { label: "Log-loss", value: text(metrics["log-loss"].value), under: under(metrics["log-loss"]) },
      ]),
      list([
        `${countText(rows)} clicks of ${countText(users)} users.`,
        `The main head predicts ${share(main.predicted)} of clicks to be credited; ${share(main.observed)} were.`,
      ]),
    ],
    { short: "Findings", lede: "GAUC is the chance that, of two clicks of one user, the one that was credited has the higher prediction." },
  );
}

function pathSection({ paths }: ClickJudgement): Section {
  const columns = [{ title: "Clicks of the path" }, { title: "Credited clicks", kind: "number" as const }, { title: "GAUC", kind: "number" as const }];
  const rows = paths.map(({ length, credited, gauc }): Cell[] => [{ text: length }, { text: countText(credited), sort: credited }, { text: text(gauc) }]);
  return section("By length of the path", table({ columns, rows, label: "GAUC by length of the conversion path" }), {
    short: "Paths",
    lede: "The clicks credited in conversions whose path had so many clicks, against all clicks without credit.",
  });
}

async function calibrationSection({ calibration, deciles }: ClickJudgement): Promise<Section> {
  const columns = [
    { title: "Head" },
    { title: "Observed", kind: "number" as const },
    { title: "Predicted", kind: "number" as const },
    { title: "Ratio", kind: "number" as const },
  ];
  const rows = calibration.map(({ head, observed, predicted }): Cell[] => [
    { text: head },
    { text: share(observed) },
    { text: share(predicted) },
    { text: observed === null || observed === 0 ? noNumber : fixed(predicted / observed, 2) },
  ]);
  const x = deciles.map((_, d) => d + 1);
  const picture = linePlot(
    [
      { name: "observed", x, y: deciles.map(({ observed }) => 100 * observed) },
      { name: "predicted", x, y: deciles.map(({ predicted }) => 100 * predicted) },
    ],
    { title: "Calibration of the main head", xTitle: "Tenth of clicks, highest predictions first", yTitle: "Credited, % of clicks" },
  );
  return section(
    "Calibration",
    [
      table({ columns, rows, label: "Mean prediction of every head" }),
      await figure(picture, "Clicks in tenths by their prediction: where the lines part, predictions are not probabilities."),
    ],
    {
      lede: "Share of clicks with credit beside the mean prediction, for the main and the auxiliary heads.",
    },
  );
}

function guide({ main }: ClickJudgement): Section {
  return section(
    "How to read this",
    [
      paragraph(
        `The model predicts the credit that the ${main} mechanism gives, not what a click caused: a click that is always the last before a purchase would be credited without having moved anyone.`,
      ),
      paragraph("Users whose clicks were all credited, or none of them, have no ranking to judge and are left out of GAUC."),
    ],
    { short: "Guide" },
  );
}

function text(value: number | null): string {
  return value === null || Number.isNaN(value) ? noNumber : fixed(value, 4);
}

function share(value: number | null): string {
  return value === null ? noNumber : `${fixed(100 * value, 3)} %`;
}
