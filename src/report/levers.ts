import type { LeverInsight } from "../evaluate/leverInsight.ts";
import { fixed, heatPlot, linePlot } from "../plot/index.ts";
import { html } from "./html.ts";
import { countText } from "./number.ts";
import { page } from "./page.ts";
import { figure, list, notice, paragraph, type Section, section, sideBySide, subsection, table } from "./part.ts";

/** Chapters of a report on several levers: surface, curves, interactions, best cells, support. */
export async function leverSections(insight: LeverInsight): Promise<Section[]> {
  return [await surfaceSection(insight), await curveSection(insight), await interactionSection(insight), choiceSection(insight)];
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
          text: `${fixed(effect.value, 2, true)}${support === "logged" ? "" : support === "never logged" ? " ??" : " ?"}`,
        })),
        { title: `${levers[l].name} and ${levers[k].name}`, xTitle: levers[l].name, yTitle: levers[k].name, valueTitle: "Effect" },
      );
      maps.push(
        await figure(
          map,
          "Mean effect against the baseline, other levers at theirs; ?? marks cells that were never logged, ? those with few rows or given to some units only.",
        ),
      );
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

async function interactionSection({ interactions, levers, ranks }: LeverInsight): Promise<Section> {
  const maps: Awaited<ReturnType<typeof figure>>[] = [];
  for (const [l, one] of levers.entries()) {
    for (const other of levers.slice(l + 1)) {
      const shown = interactions.filter((found) => found.levers[0] === one.name && found.levers[1] === other.name);
      const map = heatPlot(
        shown.map(({ levels, interaction: { value }, label }) => ({
          x: levels[0],
          y: levels[1],
          value,
          text: `${fixed(value, 2, true)}${label === "unclear" ? " ~" : ""}`,
        })),
        { title: `${one.name} with ${other.name}`, xTitle: one.name, yTitle: other.name, valueTitle: "Interaction" },
      );
      maps.push(await figure(map, "Above zero synergy, below zero substitution; ~ marks what the nets do not agree on, or one net alone cannot tell."));
    }
  }
  const rows = [...interactions]
    .sort((a, b) => Math.abs(b.interaction.value) - Math.abs(a.interaction.value))
    .slice(0, 40)
    .map(({ levers: pair, levels, interaction, label, rows: logged, fewestRows, support }) => [
      `${pair[0]} ${levels[0]} with ${pair[1]} ${levels[1]}`,
      number(interaction.value),
      Number.isFinite(interaction.deviation) ? number(interaction.deviation) : "-",
      label,
      support === "never logged" ? support : countText(logged),
      countText(fewestRows),
    ]);
  const columns = [
    { title: "Levels" },
    { title: "Interaction", kind: "number" as const },
    { title: "Doubt (sd)", kind: "number" as const },
    { title: "Label" },
    { title: "Rows together", kind: "number" as const },
    { title: "Fewest of the four cells", kind: "number" as const },
  ];
  return section(
    "Interactions",
    html`${sideBySide(...maps)}${table({ columns, rows, label: "Interactions", notes: ["What both levers do together beyond the sum of what each does alone. The 40 largest."] })}${ranks.length === 0 ? "" : rankPart(ranks)}`,
    {
      short: "Interactions",
      lede: "Synergy: more than the sum. Substitution: less. Unclear: the ensemble's nets do not agree on the sign, or there is one net only.",
    },
  );
}

function rankPart(ranks: LeverInsight["ranks"]): ReturnType<typeof subsection> {
  const rows = ranks.map(({ kind, strength, levers }, r) => [String(r + 1), kind, number(strength), ...levers.map(({ loading }) => loading.toFixed(2))]);
  const columns = [
    { title: "Rank" },
    { title: "Kind" },
    { title: "Strength", kind: "number" as const },
    ...ranks[0].levers.map(({ lever }) => ({ title: lever, kind: "number" as const })),
  ];
  const note =
    "Loadings of the first net, 0 to 1. Synergy: how much of the rank is lost without the lever. Substitution: what the lever pours in, relative to the one that pours in most. Strength: what the rank gives at the top levels beyond the sum of what it gives to each lever alone.";
  return subsection("What the ranks are made of", table({ columns, rows, label: "Ranks", notes: [note] }));
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
