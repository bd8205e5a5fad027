import type { SellerGroup, SellerInsight } from "../evaluate/sellerInsight.ts";
import { fixed, heatPlot, linePlot } from "../plot/index.ts";
import { html } from "./html.ts";
import { countText, shareText } from "./number.ts";
import { page } from "./page.ts";
import { type Cell, figure, list, notice, paragraph, type Section, section, table, tiles } from "./part.ts";

/** What stands above the page: model and data in a line, and remarks for the last chapter. */
export interface SellerFacts {
  readonly title: string;
  readonly line: string;
  readonly notes: readonly string[];
}

/** A report on candidate sellers as one HTML file. */
export async function renderSellerReport(insight: SellerInsight, facts: SellerFacts): Promise<string> {
  const sections = [
    auditSection(insight),
    await matrixSection(insight),
    await decileSection(insight),
    groupSection("By category", "Categories", insight.categories, "Category"),
    ...(insight.sellers.length > 0 ? [groupSection("By seller", "Sellers", insight.sellers, "Seller")] : []),
    ...(insight.funnel === null ? [] : [funnelSection(insight)]),
    ...(Object.keys(insight.scores).length > 0 ? [scoreSection(insight)] : []),
    section("What this can and cannot show", list([...facts.notes, ...limits]), { short: "Limits" }),
  ];
  return page({ title: facts.title, kind: "Sellers", facts: facts.line, sections });
}

const limits = [
  "Numbers of effects are the model's, with every rival as planned; one incentive at a time is given and withheld (single-point counterfactual), so effects of a set are not their sum.",
  "Purchases that were only brought forward, and substitution that a user's history does not show, are outside the model.",
  "Redemption happens after the incentive was given: users who redeem and users who do not are different people, and neither group shows an effect by itself.",
];

function auditSection({ audit, users, planned, money, warnings }: SellerInsight): Section {
  const rows: Cell[][] = [
    [{ text: "Sum of the shops' own effects" }, number(audit.shops), { text: "1 shop at a time, what it gains itself" }],
    ...(audit.denoised === null
      ? []
      : [[{ text: "the same, held to what redemption permits" }, number(audit.denoised), { text: "if nothing works unredeemed" }]]),
    [{ text: "Gain of the platform, expected" }, number(audit.lift), { text: "the whole plan against none" }],
    ...(audit.observed === null
      ? []
      : [
          [
            { text: "Gain of the platform, observed" },
            number(audit.observed.lift),
            { text: `standard error ${amount(audit.observed.se)}; difference between arms of users` },
          ],
        ]),
  ];
  return section(
    "Over-estimation",
    [
      warnings.map((warning) => notice("warning", warning)),
      tiles([
        { label: "Users", value: countText(users) },
        { label: "Planned incentives", value: countText(planned) },
        { label: "Shops' claims over platform's gain", value: fixed(audit.overModel, 2), under: "by the model" },
        ...(audit.overObserved === null ? [] : [{ label: "over the observed gain", value: fixed(audit.overObserved, 2) }]),
        ...(money === null ? [] : [{ label: "Gain for each unit of expected cost", value: fixed(money.roi, 2) }]),
      ]),
      table({ columns: [{ title: "" }, { title: "Spending", kind: "number" }, { title: "What it is" }], rows, label: "Over-estimation" }),
    ],
    { short: "Audit", lede: "What shops gain from their incentives is in part taken from other shops. Their effects add up to more than the platform gains." },
  );
}

async function matrixSection({ matrix, competition }: SellerInsight): Promise<Section> {
  const cells = matrix.names.slice(0, -1).flatMap((from, j) => matrix.names.map((to, k) => ({ x: to, y: from, value: matrix.change[j][k] })));
  const map = heatPlot(cells, {
    title: "Change of spending by one incentive",
    xTitle: "Spending in",
    yTitle: "Incentive in",
    valueTitle: "Change",
    diverging: true,
  });
  const body = competition
    ? await figure(map, "Mean over the planned incentives of a category. Blue on the diagonal is the category's own gain, the rest is where it comes from.")
    : paragraph("This model judges each shop by itself, so there is nothing to show: fit canni-uplift to see where a gain comes from.");
  return section("Where gains come from", html`${body}`, {
    short: "Matrix",
    lede: "Change of spending in each category, and outside the candidates, by one incentive of a category.",
  });
}

async function decileSection({ deciles }: SellerInsight): Promise<Section> {
  const per = (group: SellerGroup, value: number): number => value / Math.max(1, group.incentives);
  const picture = linePlot(
    [
      { name: "on the shop", x: deciles.map((_, k) => k + 1), y: deciles.map((group) => per(group, group.shop)) },
      { name: "on the platform", x: deciles.map((_, k) => k + 1), y: deciles.map((group) => per(group, group.platform)) },
    ],
    { title: "Effect of one incentive, by tenth", xTitle: "Tenth of planned incentives by effect on the platform", yTitle: "Mean effect", zero: true },
  );
  return section("Best and worst incentives", html`${await figure(picture, "The gap between the lines is taken from other shops and from outside.")}`, {
    short: "Tenths",
  });
}

function groupSection(title: string, short: string, groups: readonly SellerGroup[], what: string): Section {
  const rows = groups.map(({ name, incentives, shop, platform, cannibalised }): Cell[] => [
    { text: name },
    { text: countText(incentives), sort: incentives },
    number(shop),
    number(platform),
    Number.isFinite(cannibalised) ? { text: shareText(cannibalised), sort: cannibalised } : { text: "-" },
  ]);
  const columns = [
    { title: what },
    { title: "Incentives", kind: "number" as const },
    { title: "Shops' own effects", kind: "number" as const },
    { title: "Platform", kind: "number" as const },
    { title: "Taken from others", kind: "number" as const },
  ];
  return section(title, table({ columns, rows, sortable: true, label: title }), { short });
}

function funnelSection({ funnel }: SellerInsight): Section {
  if (funnel === null) throw new Error("a funnel that is not there");
  const { given, bought, redeemed, unredeemed, organic, expected, spent } = funnel;
  const share = (part: number): string => (given > 0 && Number.isFinite(part) ? shareText(part / given) : "-");
  const rows: Cell[][] = [
    [{ text: "Incentives given" }, number(given), { text: "100%" }],
    [{ text: "followed by a purchase at the shop" }, number(bought), { text: share(bought) }],
    [{ text: "redeemed" }, number(redeemed), { text: share(redeemed) }],
    ...(Number.isFinite(expected) ? [[{ text: "expected to be redeemed" }, number(expected), { text: share(expected) }]] : []),
  ];
  return section(
    "From incentive to redemption",
    [
      table({ columns: [{ title: "" }, { title: "Number", kind: "number" }, { title: "Share", kind: "number" }], rows, label: "Redemption" }),
      paragraph(
        `${Number.isFinite(unredeemed) ? `${shareText(unredeemed)} of the purchases with an incentive were made without redeeming it. ` : ""}Of the ${amount(spent)} spent at shops that gave an incentive, the model expects ${shareText(organic)} without it.`,
      ),
    ],
    { short: "Redemption" },
  );
}

function scoreSection({ scores }: SellerInsight): Section {
  const rows = Object.entries(scores).map(([name, value]): Cell[] => [
    { text: name },
    Number.isFinite(value) ? { text: fixed(value, 3), sort: value } : { text: "-" },
  ]);
  return section("How good the predictions are", table({ columns: [{ title: "Score" }, { title: "Value", kind: "number" }], rows, label: "Scores" }), {
    short: "Scores",
    lede: "AUUC and Qini over the size of the average effect: random targeting has 0.5 and 0. Scores that begin with true- are against a simulation's truth.",
  });
}

function number(value: number): Cell {
  return Number.isFinite(value) ? { text: amount(value), sort: value } : { text: "-" };
}

function amount(value: number): string {
  return fixed(value, Math.abs(value) >= 1000 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
}
