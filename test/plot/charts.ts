import * as plot from "../../src/plot/index.ts";

/** Names no picture may stumble over: markup, quotes, paths of Vega-Lite, names of Object.prototype, control characters, other scripts, nothing at all. */
export const hostileNames: readonly string[] = [
  "</svg><script>alert(1)</script>",
  "\"quoted\" 'and' `ticked`",
  "back\\slash",
  "a.b[0]['c']",
  "__proto__",
  "constructor",
  "valueOf",
  "two\nlines\tand tab",
  "null \u0000 bell \u0007 separator \u2028",
  "right \u202e to left",
  "中文 العربية 🙂",
  "half a pair \ud83d",
  "x".repeat(300),
  " ",
];

/** Numbers no picture may stumble over. */
export const oddNumbers: readonly number[] = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 1e-300, 1e300, -1];

function curve(n: number, end: number): { x: Float64Array; y: Float64Array; lower: Float64Array; upper: Float64Array } {
  const x = Float64Array.from({ length: n }, (_, i) => (n === 1 ? 0 : i / (n - 1)));
  const y = x.map((u) => end * u + u * (1 - u));
  return { x, y, lower: y.map((v) => v - 0.1), upper: y.map((v) => v + 0.1) };
}

type Builder = (names: readonly string[], value: (i: number) => number) => plot.Spec;

/** Every builder, called with any names and numbers. */
export const builders: Readonly<Record<string, Builder>> = {
  upliftPlot: (names, value) => plot.upliftPlot(curve(20, value(0)), { title: names[0], unit: plot.percentagePoints }),
  qiniPlot: (names, value) => plot.qiniPlot(names.map((name, i) => ({ name, curve: curve(20, value(i)) }))),
  tocPlot: (names, value) => plot.tocPlot(names.map((name, i) => ({ name, curve: curve(20, value(i)) }))),
  curvePanelsPlot: (names, value) => plot.curvePanelsPlot(names.map((name, i) => ({ name, curve: curve(20, value(i)) }))),
  calibrationPlot: (names, value) => plot.calibrationPlot(names.map((name, i) => ({ name, deciles: [decile(1, value(i)), decile(2, value(i + 1))] }))),
  "calibrationPlot of one model": (names, value) =>
    plot.calibrationPlot(names.slice(0, 1).map((name, i) => ({ name, deciles: [decile(1, value(i)), decile(2, value(i + 1))] }))),
  decilePlot: (names, value) => plot.decilePlot(names.map((_, i) => decile(i + 1, value(i)))),
  forestPlot: (names, value) =>
    plot.forestPlot(names.map((label, i) => ({ outcome: names[i % 2], label, value: value(i), interval: [value(i) - 1, value(i) + 1] }))),
  modelPlot: (names, value) =>
    plot.modelPlot(
      names.map((label, i) => ({ label, value: value(i), interval: [value(i) - 1, value(i) + 1] })),
      { metric: names[0], baseline: names[0] },
    ),
  lovePlot: (names, value) => plot.lovePlot(names.flatMap((feature, i) => names.slice(0, 3).map((arm) => ({ feature, arm, smd: value(i) })))),
  distributionPlot: (names, value) => plot.distributionPlot(names.map((name, i) => ({ name, values: [value(i), 0, 0.5] }))),
  segmentPlot: (names, value) =>
    plot.segmentPlot(names.map((feature, i) => ({ feature, level: i % 2 === 0 ? undefined : names[0], top: value(i), all: 1, smd: value(i) }))),
  heatPlot: (names, value) =>
    plot.heatPlot(
      names.flatMap((x, i) => names.slice(0, 2).map((y) => ({ x, y, value: value(i) }))),
      { valueTitle: names[0] },
    ),
  linePlot: (names, value) =>
    plot.linePlot(
      names.map((name, i) => ({ name, x: [1, 2, 4], y: [1, value(i), 2], lower: [0, 1, 1], upper: [2, 3, 3] })),
      { xTitle: names[0], yTitle: names[0] },
    ),
};

function decile(index: number, value: number): plot.Decile {
  return { decile: index, predicted: value, observed: value + 0.1, interval: [value - 0.2, value + 0.4] };
}
