import type { LeverInsight } from "../evaluate/leverInsight.ts";
import { fixed, heatPlot, linePlot } from "../plot/index.ts";
import { html } from "./html.ts";
import { countText } from "./number.ts";
import { page } from "./page.ts";
import { figure, list, notice, paragraph, type Section, section, sideBySide, subsection, table } from "./part.ts";

/** Chapters of a report on several levers: surface, curves, interactions, best cells, support. */
export async function leverSections(insight: LeverInsight): Promise<Section[]> {
  return [await surfaceSection(insight), await curveSection(insight), interactionSection(insight), choiceSection(insight)];
}

/** A report on several levers as one HTML file. @param facts model, data and rows in one line */
export async function renderLeverReport(
  insight: LeverInsight,
  facts: { readonly title: string; readonly line: string; readonly notes: readonly string[] },
): Promise<string> {
  const sections = await leverSections(insight);
  const about = section("What this can and cannot show", list([...insight.warnings, ...facts.notes, limits]), { short: "Limits" });
  return page({ title: facts.title, kind: "Levers", facts: facts.line, sections: [...sections, about] });
}

const limits =
  "The numbers are the model's. Doubt is the spread of the ensemble's nets: it knows nothing of what all nets have in common, such as a confounder that nobody recorded.";

async function surfaceSection({ levers, table: cells, units, cells: count }: LeverInsight): Promise<Section> {
  const maps: Awaited<ReturnType<typeof figure>>[] = [];
  for (let l = 0; l < levers.length; l++) {
    for (let k = l + 1; k < levers.length; k++) {
      const shown = cells.filter(({ levels }) => levels.every((level, other) => other === l || other === k || level === 0));
      const map = heatPlot(
        shown.map(({ levels, effect, support }) => ({
          x: levers[l].levels[levels[l]],
          y: levers[k].levels[levels[k]],
          value: effect.value,
          text: `${fixed(effect.value, 2, true)}${support === "logged" ? "" : support === "few rows" ? " ?" : " ??"}`,
        })),
        { title: `${levers[l].name} and ${levers[k].name}`, xTitle: levers[l].name, yTitle: levers[k].name, valueTitle: "Effect" },
      );
      maps.push(await figure(map, "Mean effect against the baseline, other levers at theirs; ?? marks cells that were never logged, ? those with few rows."));
    }
  }
  return section("Response surface", html`${sideBySide(...maps)}`, {
    short: "Surface",
    lede: `Mean over ${countText(units)} units; ${countText(count.logged)} of ${countText(count.all)} cells were ever logged.`,
  });
}

async function curveSection({ curves }: LeverInsight): Promise<Section> {
  const figures = await Promise.all(
    curves.map(({ lever, points }) => {
      const reach = points.map(({ alone }) => 1.96 * (Number.isFinite(alone.deviation) ? alone.deviation : Number.NaN));
      return figure(
        linePlot(
          [
            {
              name: "others at baseline",
              x: points.map(({ dose }) => dose),
              y: points.map(({ alone }) => alone.value),
              lower: points.map(({ alone }, i) => alone.value - reach[i]),
              upper: points.map(({ alone }, i) => alone.value + reach[i]),
            },
            ...(points.every(({ averaged }) => Number.isFinite(averaged.value))
              ? [{ name: "averaged over others", x: points.map(({ dose }) => dose), y: points.map(({ averaged }) => averaged.value) }]
              : []),
          ],
          { title: lever, xTitle: lever, yTitle: "Effect", zero: true },
        ),
        "Effect by dose; the band is the ensemble's doubt.",
      );
    }),
  );
  const rows = curves.flatMap(({ lever, points }) =>
    points
      .slice(1)
      .map(({ level, alone, step, elasticity }) => [lever, level, number(alone.value), number(step), Number.isFinite(elasticity) ? number(elasticity) : "-"]),
  );
  const columns = [
    { title: "Lever" },
    { title: "Level" },
    { title: "Effect", kind: "number" as const },
    { title: "Last step", kind: "number" as const },
    { title: "Elasticity", kind: "number" as const },
  ];
  return section("Each lever by itself", html`${sideBySide(...figures)}${table({ columns, rows, label: "Curves" })}`, { short: "Curves" });
}

function interactionSection({ interactions }: LeverInsight): Section {
  const rows = [...interactions]
    .sort((a, b) => Math.abs(b.interaction.value) - Math.abs(a.interaction.value))
    .slice(0, 40)
    .map(({ levers, levels, interaction, label, rows: logged, support }) => [
      `${levers[0]} ${levels[0]} with ${levers[1]} ${levels[1]}`,
      number(interaction.value),
      Number.isFinite(interaction.deviation) ? number(interaction.deviation) : "-",
      label,
      support === "never logged" ? "never logged" : countText(logged),
    ]);
  const columns = [
    { title: "Levels" },
    { title: "Interaction", kind: "number" as const },
    { title: "Doubt (sd)", kind: "number" as const },
    { title: "Label" },
    { title: "Rows", kind: "number" as const },
  ];
  return section(
    "Interactions",
    table({ columns, rows, label: "Interactions", notes: ["What both levers do together beyond the sum of what each does alone. The 40 largest."] }),
    {
      short: "Interactions",
      lede: "Synergy: more than the sum. Substitution: less. Unclear: the ensemble's nets do not agree on the sign, or there is one net only.",
    },
  );
}

function choiceSection({ best, monotone, warnings }: LeverInsight): Section {
  const rows = best.cells
    .slice(0, 20)
    .map(({ cell, units, rows: logged, support }) => [cell, countText(units), support === "never logged" ? "never logged" : countText(logged), support]);
  const columns = [
    { title: "Cell" },
    { title: "Units it is best for", kind: "number" as const },
    { title: "Rows", kind: "number" as const },
    { title: "Support" },
  ];
  const kept = monotone.byConstruction
    ? "More of a lever cannot lower the response: the model is built so."
    : "The model is free to let more of a lever lower the response.";
  return section(
    "Best cells",
    html`${warnings.map((warning) => notice("warning", warning))}${table({ columns, rows, label: "Best cells", notes: [`Searched: ${best.how}.`] })}${subsection(
      "More is never less",
      paragraph(`${kept} Found: ${countText(monotone.violations)} of ${countText(monotone.checked)} steps lower the response of a unit.`),
    )}`,
    { short: "Best cells" },
  );
}

function number(value: number): string {
  return String(Number(value.toPrecision(3)));
}
