import { fixed, forestPlot, linePlot, noNumber } from "../plot/index.ts";
import { html } from "./html.ts";
import { countText, shareText } from "./number.ts";
import { page } from "./page.ts";
import { figure, list, notice, paragraph, type Section, section, sideBySide, subsection, table, tiles } from "./part.ts";

interface Banded {
  readonly effect: number;
  readonly lower: number;
  readonly upper: number;
}

/** What `liftwise forecast` found, as plain data. */
export interface ForecastSummary {
  readonly model: string;
  readonly outcome: string;
  readonly level: number;
  readonly rows: { readonly history: number; readonly experiment: number };
  readonly labels: "logged" | "pseudo";
  readonly arms: readonly (Banded & {
    readonly arm: string;
    readonly se: number;
    readonly indirect?: number;
    readonly direct?: number;
    readonly positive: number;
    readonly horizon: readonly (Banded & { readonly step: number; readonly of: string; readonly kind: "measured" | "forecast" })[];
    readonly length: readonly (Banded & { readonly step: number })[];
    readonly sensitivity: readonly (Banded & { readonly share: number })[];
    readonly others: readonly (Banded & { readonly model: string })[];
    readonly tenths: readonly number[];
    readonly advice: { readonly decision: "launch" | "hold" | "extend"; readonly text: string };
  })[];
  readonly findings: readonly {
    readonly id: string;
    readonly title: string;
    readonly value: number;
    readonly verdict: "good" | "caution" | "bad";
    readonly text: string;
  }[];
  readonly metrics: readonly { readonly metric: string; readonly alone: number; readonly added: number }[];
  readonly notes: readonly string[];
}
type Arm = ForecastSummary["arms"][number];

/** The pages of a forecast: answer, horizon, who gains, what the answer rests on, how long the test must be, how to read it. */
export async function renderForecast(summary: ForecastSummary, { name, liftwise }: { readonly name: string; readonly liftwise: string }): Promise<string> {
  const { rows, model, outcome, labels } = summary;
  const facts = [`${countText(rows.experiment)} units`, `${countText(rows.history)} rows of history`, `${labels} arms`, model].join(" · ");
  const sections = [
    answer(summary),
    await horizonSection(summary),
    await methodsSection(summary),
    trustSection(summary),
    await sensitivitySection(summary),
    ...(summary.arms.some(({ length }) => length.length > 1) ? [await lengthSection(summary)] : []),
    whoSection(summary),
    guide(summary),
  ];
  const footer = html`<p>Made with liftwise ${liftwise}. This file holds everything it shows and sends nothing anywhere.</p>`;
  return page({ kind: "Long-term forecast", title: `${name}: ${outcome}`, facts, sections, footer });
}

function answer({ arms, outcome, level, notes, findings }: ForecastSummary): Section {
  const bad = findings.filter(({ verdict }) => verdict === "bad").length;
  const tile = (arm: Arm): { label: string; value: string; under: string }[] => [
    { label: `${arm.arm}: effect on ${outcome}`, value: amount(arm.effect), under: `${Math.round(100 * level)}% interval ${range(arm)}` },
    ...(arm.indirect === undefined
      ? []
      : [
          { label: "Through the surrogates", value: amount(arm.indirect), under: "indirect part" },
          { label: "Beyond them", value: amount(arm.direct ?? Number.NaN), under: "direct part" },
        ]),
    { label: "Chance that it does good", value: Number.isFinite(arm.positive) ? shareText(arm.positive) : noNumber, under: arm.advice.decision },
  ];
  return section(
    "Answer",
    [
      bad > 0 ? notice("warning", `${bad} of ${findings.length} checks say that the forecast should not be taken at its word; see Trust.`) : undefined,
      notes.map((note) => notice("note", note)),
      arms.map((arm) => tiles(tile(arm))),
      list(arms.map(({ advice }) => advice.text)),
    ],
    { lede: "The long-term effect of the experiment's units, which nobody has seen yet." },
  );
}

async function horizonSection({ arms, outcome }: ForecastSummary): Promise<Section> {
  const bodies: unknown[] = [];
  for (const arm of arms) {
    const forecasts = arm.horizon.filter(({ kind }) => kind === "forecast");
    const metrics = [...new Set(arm.horizon.filter(({ kind }) => kind === "measured").map(({ of }) => of))].slice(0, 6);
    const line = (points: readonly (Banded & { readonly step: number })[], title: string) => ({
      name: title,
      x: points.map(({ step }) => step),
      y: points.map(({ effect }) => effect),
      lower: points.map(({ lower }) => lower),
      upper: points.map(({ upper }) => upper),
    });
    const short = metrics.map((metric) =>
      line(
        arm.horizon.filter(({ of, kind }) => kind === "measured" && of === metric),
        metric,
      ),
    );
    const pictures = [
      ...(short.length === 0
        ? []
        : [
            await figure(
              linePlot(short, { title: "Measured so far", xTitle: "Step", yTitle: "Effect", zero: true }),
              "Effect on each short-term metric at each step, with its interval.",
            ),
          ]),
      await figure(
        linePlot([line(forecasts, outcome.replace(/[._@-]?\d+$/, ""))], { title: "Forecast", xTitle: "Step", yTitle: "Effect", zero: true }),
        "Effect on the long-term outcome at each horizon that history has, with its interval.",
      ),
    ];
    bodies.push(subsection(arm.arm, sideBySide(...pictures)));
    bodies.push(
      table({
        columns: [{ title: "Outcome" }, { title: "Step", kind: "number" }, { title: "Effect", kind: "number" }, { title: "Interval", kind: "number" }],
        rows: forecasts.map((point) => [point.of, String(point.step), amount(point.effect), range(point)]),
        label: "Horizon",
      }),
    );
  }
  return section("Horizon", bodies as never, { lede: "What was measured in the first steps, and what is forecast." });
}

async function methodsSection({ arms }: ForecastSummary): Promise<Section> {
  const bodies: unknown[] = [];
  for (const arm of arms) {
    const all = [{ model: "this forecast", ...band(arm) }, ...arm.others];
    bodies.push(
      await figure(
        forestPlot(
          all.map((one) => ({ outcome: arm.arm, label: one.model, value: one.effect, interval: [one.lower, one.upper] as const })),
          {},
        ),
        "The same effect by simpler methods. A short-term difference is in units of its metric.",
      ),
    );
  }
  return section("Other methods", bodies as never, {
    short: "Methods",
    lede: "Where they part, the surrogates do not carry the whole effect, or history is not like the experiment.",
  });
}

function trustSection({ findings, metrics }: ForecastSummary): Section {
  const order = { bad: 0, caution: 1, good: 2 } as const;
  const rows = findings
    .toSorted((a, b) => order[a.verdict] - order[b.verdict])
    .map(({ title, verdict, text }) => [{ text: title }, { text: verdict, strong: verdict === "bad" }, { text }]);
  return section(
    "What the answer rests on",
    [
      table({ columns: [{ title: "Check" }, { title: "Verdict" }, { title: "Finding" }], rows, label: "Diagnostics" }),
      metrics.length === 0
        ? undefined
        : table({
            columns: [{ title: "Metric" }, { title: "R2 it brings alone", kind: "number" }, { title: "R2 lost without it", kind: "number" }],
            rows: metrics.map(({ metric, alone, added }) => [metric, { text: shareText(alone), sort: alone }, { text: shareText(added), sort: added }]),
            caption: "What each metric says of the outcome in history",
            sortable: true,
          }),
    ],
    { short: "Trust" },
  );
}

async function sensitivitySection({ arms }: ForecastSummary): Promise<Section> {
  const bodies: unknown[] = [];
  for (const arm of arms) {
    const points = arm.sensitivity;
    bodies.push(
      await figure(
        linePlot(
          [
            {
              name: arm.arm,
              x: points.map(({ share }) => share),
              y: points.map(({ effect }) => effect),
              lower: points.map(({ lower }) => lower),
              upper: points.map(({ upper }) => upper),
            },
          ],
          {
            xTitle: "Hidden effect, as a share of the forecast",
            yTitle: "Effect",
            zero: true,
          },
        ),
        "What the answer becomes if the policy had an effect that neither surrogates nor labels show.",
      ),
      paragraph(
        `${arm.arm}: the sign turns if an effect of ${amount(-arm.effect)} were hidden; at one that is half as large the forecast would be ${amount(arm.effect / 2)}.`,
      ),
    );
  }
  return section("If the assumptions fail", bodies as never, { short: "Sensitivity" });
}

async function lengthSection({ arms }: ForecastSummary): Promise<Section> {
  const bodies: unknown[] = [];
  for (const arm of arms) {
    const last = arm.length[arm.length.length - 1];
    const enough = arm.length.find(
      ({ lower, upper, effect }) => Math.abs(effect - last.effect) <= 0.1 * Math.abs(last.effect) && upper - lower <= 1.25 * (last.upper - last.lower),
    );
    bodies.push(
      await figure(
        linePlot(
          [
            {
              name: arm.arm,
              x: arm.length.map(({ step }) => step),
              y: arm.length.map(({ effect }) => effect),
              lower: arm.length.map(({ lower }) => lower),
              upper: arm.length.map(({ upper }) => upper),
            },
          ],
          {
            xTitle: "Last step that is used",
            yTitle: "Forecast",
            zero: true,
          },
        ),
        "The forecast as it would have been, had the test ended earlier.",
      ),
      paragraph(
        enough === undefined || enough.step === last.step
          ? `${arm.arm}: the answer still moves at the last step; a longer test may move it further.`
          : `${arm.arm}: from step ${enough.step} on the answer stays within a tenth of its last value.`,
      ),
    );
  }
  return section("How long the test must be", bodies as never, { short: "Length" });
}

function whoSection({ arms }: ForecastSummary): Section {
  const columns = [{ title: "Arm" }, ...Array.from({ length: 11 }, (_, k) => ({ title: `${10 * k}%`, kind: "number" as const }))];
  return section(
    "Who gains",
    table({ columns, rows: arms.map(({ arm, tenths }) => [arm, ...tenths.map(amount)]), label: "Tenths of the conditional effect" }),
    {
      short: "Units",
      lede: "Forecast effects of the units, given their features: the least, each tenth, the largest.",
    },
  );
}

function guide({ labels }: ForecastSummary): Section {
  return section(
    "How to read this",
    [
      paragraph(
        labels === "pseudo"
          ? "History does not say who had anything like this treatment. Its rows are labelled by how like either arm their first days look; the direct part rests on the assumption that such look-alikes have the outcomes that the treatment would have. No data can test that before late outcomes are there."
          : "History's own arms are used. The direct part rests on history's units of an arm having, given features and first days, the outcomes that the experiment's units will have.",
      ),
      paragraph(
        "Intervals hold chance in both samples, and the labels' calibration. They do not hold what an assumption that fails would change: that is what the checks and the sensitivity curve are for.",
      ),
    ],
    { short: "Guide" },
  );
}

function band({ effect, lower, upper }: Banded): Banded {
  return { effect, lower, upper };
}

function amount(value: number): string {
  if (!Number.isFinite(value)) return noNumber;
  const size = Math.abs(value);
  return fixed(value, size >= 1000 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 4, true);
}

function range({ lower, upper }: Banded): string {
  return Number.isFinite(lower) && Number.isFinite(upper) ? `${amount(lower)} to ${amount(upper)}` : noNumber;
}
