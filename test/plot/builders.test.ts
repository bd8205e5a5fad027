import { describe, expect, test } from "vitest";
import {
  calibrationPlot,
  decilePlot,
  distributionPlot,
  estimateParts,
  estimateText,
  forestPlot,
  heatPlot,
  lovePlot,
  modelPlot,
  percentagePoints,
  qiniPlot,
  readOff,
  type Spec,
  segmentPlot,
  tocPlot,
  toSvg,
  traitName,
  upliftPlot,
} from "../../src/plot/index.ts";
import { builders } from "./charts.ts";

type Row = Readonly<Record<string, unknown>>;

/** All rows of a specification that have this field, wherever its data stands. */
function rows(spec: unknown, field: string): Row[] {
  if (Array.isArray(spec)) return spec.flatMap((item) => rows(item, field));
  if (typeof spec !== "object" || spec === null) return [];
  const values = (spec as { readonly data?: { readonly values?: readonly Row[] } }).data?.values ?? [];
  return [...values.filter((row) => field in row), ...Object.entries(spec).flatMap(([key, inner]) => (key === "data" ? [] : rows(inner, field)))];
}

/** Labels of the marks drawn, in order, with the fill of each. */
async function marks(spec: Spec): Promise<{ readonly label: string; readonly fill: string | undefined }[]> {
  const svg = await toSvg(spec);
  return [...svg.matchAll(/<(?:path|line|rect) [^>]*aria-label="[^"]*"[^>]*>/g)].map(([tag]) => ({
    label: /aria-label="([^"]*)"/.exec(tag)?.[1] ?? "",
    fill: / fill="([^"]*)"/.exec(tag)?.[1],
  }));
}

/** Ends of the colours' scale of a heat map of these values. */
function colourDomain(values: readonly number[]): unknown {
  const spec = heatPlot(values.map((value, i) => ({ x: `x${i}`, y: "y", value })));
  const [rect] = spec.layer as readonly { readonly encoding: { readonly color: { readonly scale: { readonly domain: unknown } } } }[];
  return rect.encoding.color.scale.domain;
}

const line = (y: readonly number[]): { x: Float64Array; y: Float64Array } => ({
  x: Float64Array.from(y, (_, i) => i / (y.length - 1)),
  y: Float64Array.from(y),
});

describe("builders", () => {
  test.each(Object.entries(builders))("%s is pure: the same data gives the same specification, and is not written to", (_, build) => {
    const make = (): Spec => build(["b", "a", "c"], (i) => 1 - i);
    expect(make()).toEqual(make());
    expect(JSON.stringify(make())).toBe(JSON.stringify(make()));
  });

  test.each(Object.entries(builders))("%s holds plain JSON only", (_, build) => {
    const spec = build(["b", "a", "c"], (i) => 1 - i);
    expect(JSON.parse(JSON.stringify(spec))).toEqual(JSON.parse(JSON.stringify(structuredClone(spec))));
  });
});

describe("curves", () => {
  test("treating at random is the straight line from the curve's first to its last point", () => {
    const spec = upliftPlot(line([0, 0.3, 0.4]), { unit: percentagePoints });
    const ends = rows(spec, "series").filter((row) => !("lower" in row));
    expect(rows(spec, "label")).toEqual([{ x: 0.5, y: 20, label: "at random" }]);
    expect(ends.slice(-2)).toEqual([
      { series: "model", x: 0, y: 0 },
      { series: "model", x: 1, y: 40 },
    ]);
  });

  test("in a TOC picture treating at random is zero", () => {
    expect(rows(tocPlot([{ name: "m", curve: line([0.3, 0.1, 0]) }]), "label")).toMatchObject([{ y: 0 }]);
  });

  test("of several models only the first shows its band, unless asked otherwise", async () => {
    const models = ["a", "b"].map((name) => ({ name, curve: { ...line([0, 1, 1]), lower: Float64Array.of(0, 0, 0), upper: Float64Array.of(1, 2, 2) } }));
    const areas = async (bands: "all" | "first" | "none"): Promise<number> =>
      ((await toSvg(qiniPlot(models, { bands }))).match(/<path [^>]*d="[^"]*Z"[^>]*fill="#/g) ?? []).length;
    expect([await areas("none"), await areas("first"), await areas("all")]).toEqual([0, 1, 2]);
  });

  test("reading off a curve goes along straight lines, and nowhere beyond its ends", () => {
    const curve = { ...line([0, 2, 3]), lower: Float64Array.of(0, 1, 2), upper: Float64Array.of(0, 3, 4) };
    expect(readOff(curve, 0.25)).toEqual({ value: 1, lower: 0.5, upper: 1.5 });
    expect(readOff(curve, 1)).toEqual({ value: 3, lower: 2, upper: 4 });
    expect(readOff(line([0, 2, 3]), 0.5)).toEqual({ value: 2, lower: Number.NaN, upper: Number.NaN });
    expect(readOff(curve, 1.1).value).toBeNaN();
    expect(readOff({ x: Float64Array.of(0, 0.5, 1), y: Float64Array.of(0, Number.NaN, 2) }, 0.5).value).toBe(1);
  });
});

describe("estimates", () => {
  test("decimals follow the interval: its half-width shows two digits", () => {
    expect(estimateText(0.0766, [0.0699, 0.0833], percentagePoints)).toBe("+7.66 (6.99 to 8.33)");
    expect(estimateText(0.77, [0.48, 1.06])).toBe("+0.77 (0.48 to 1.06)");
    expect(estimateText(-1234.4, [-2000, -469])).toBe("−1,234 (−2,000 to −469)");
    expect(estimateText(0.5, undefined, undefined, false)).toBe("0.500");
    expect(estimateText(Number.NaN, [0, 1])).toBe("–");
    expect(estimateParts(1, [Number.NaN, 2])).toEqual({ value: "+1.00", range: undefined });
  });

  test("a point is filled exactly when its interval leaves zero out", async () => {
    const effects = [
      { outcome: "o", label: "up", value: 1, interval: [0.5, 1.5] as const },
      { outcome: "o", label: "none", value: 0.2, interval: [-0.1, 0.5] as const },
      { outcome: "o", label: "down", value: -1, interval: [-1.5, -0.5] as const },
    ];
    expect((await marks(forestPlot(effects))).map(({ label, fill }) => [label.split(":")[0], fill === "#ffffff" ? "hollow" : "filled"])).toEqual([
      ["up", "filled"],
      ["none", "hollow"],
      ["down", "filled"],
    ]);
  });

  test("models stand best first, also where lower is better", () => {
    const models = [1, 3, 2].map((value) => ({ label: `m${value}`, value }));
    expect(rows(modelPlot(models), "label").map((row) => row.label)).toEqual(["m3", "m2", "m1"]);
    expect(rows(modelPlot(models, { better: "lower" }), "label").map((row) => row.label)).toEqual(["m1", "m2", "m3"]);
  });

  test("an outcome of another unit has a panel and a scale of its own", async () => {
    const spec = forestPlot([
      { outcome: "visit", label: "a", value: 0.1, interval: [0.05, 0.15], unit: percentagePoints },
      { outcome: "spend", label: "a", value: 800, interval: [100, 1500] },
    ]);
    const svg = await toSvg(spec);
    expect(svg).toContain(">visit, percentage points</text>");
    expect(svg).toContain(">+10.0 (5.0 to 15.0)</text>");
    expect(svg).toContain(">+800 (100 to 1,500)</text>");
  });
});

describe("deciles", () => {
  const deciles = [1, 2, 3].map((decile) => ({ decile, predicted: 0.03 * decile, observed: 0.02 * decile, interval: [0.01 * decile, 0.03 * decile] as const }));

  test("every tenth is a bar and a point, told in the unit asked for", async () => {
    const told = [
      "Tenth 1: observed +2.0 (1.0 to 3.0), predicted +3.00",
      "Tenth 2: observed +4.0 (2.0 to 6.0), predicted +6.00",
      "Tenth 3: observed +6.0 (3.0 to 9.0), predicted +9.00",
    ];
    expect((await marks(decilePlot(deciles, { unit: percentagePoints }))).map(({ label }) => label)).toEqual(told);
    expect((await marks(calibrationPlot([{ name: "m", deciles }], { unit: percentagePoints }))).map(({ label }) => label)).toEqual(told);
  });

  test("both axes of a calibration picture have one range, so the diagonal is perfect calibration", () => {
    const spec = calibrationPlot([{ name: "m", deciles }]);
    const ends = rows(spec, "a");
    expect(ends.map((row) => row.a)).toEqual(ends.map((row) => row.b));
    expect(Number(ends[0].a)).toBeLessThan(0);
    expect(Number(ends[1].a)).toBeGreaterThan(0.09);
  });
});

describe("features", () => {
  test("the largest imbalance stands on top, whatever its sign, and the lines at 0.1 are always in sight", () => {
    const spec = lovePlot([
      { feature: "small", arm: "a", smd: 0.01 },
      { feature: "large", arm: "a", smd: -0.05 },
    ]);
    const layers = spec.layer as readonly {
      readonly encoding: { readonly y?: { readonly sort: readonly string[] }; readonly x: { readonly scale?: { readonly domain: readonly number[] } } };
    }[];
    expect(layers[2].encoding.y?.sort).toEqual(["large", "small"]);
    const [low, high] = layers[2].encoding.x.scale?.domain ?? [];
    expect([low < -0.1, high > 0.1]).toEqual([true, true]);
  });

  test("levels are told as shares, numbers as means", async () => {
    const traits = [
      { feature: "zip", level: "Rural", top: 0.24, all: 0.149, smd: 0.3 },
      { feature: "history", top: 388.2, all: 242.1, smd: 0.6 },
    ];
    expect((await marks(segmentPlot(traits))).map(({ label }) => label)).toEqual([
      "history: 388 in the top group, 242 among all",
      "zip = Rural: 24.0% in the top group, 14.9% among all",
    ]);
    expect(traitName(traits[0])).toBe("zip = Rural");
  });

  test("a histogram's shares add up to one, and values that are not finite are left out", () => {
    const bars = rows(distributionPlot([{ name: "m", values: [0, 0.1, 0.9, 1, Number.NaN, Number.POSITIVE_INFINITY] }]), "share");
    expect(bars.reduce((sum, bar) => sum + Number(bar.share), 0)).toBeCloseTo(1, 12);
    expect(bars.at(-1)).toMatchObject({ to: 1, share: 0.25 });
    expect(rows(distributionPlot([{ name: "m", values: [1, 2, 6] }]), "mean")).toMatchObject([{ mean: 3 }]);
  });

  test("a heat map puts white at zero only where both signs occur", () => {
    expect(colourDomain([-1, 3])).toEqual([-3, 3]);
    expect(colourDomain([1, 3])).toEqual([1, 3]);
  });
});
