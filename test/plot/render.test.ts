import { afterEach, describe, expect, test, vi } from "vitest";
import { compileSpec, emptyChart, forestPlot, qiniPlot, toPng, toSvg } from "../../src/plot/index.ts";
import { builders, hostileNames, oddNumbers } from "./charts.ts";

const names = ["x-learner", "t-learner", "tarnet"];
const plainValue = (i: number): number => 0.2 + 0.1 * i;
const spec = builders.qiniPlot(names, plainValue);
const bare = { data: { values: [{ a: 1 }] }, mark: "point", encoding: { x: { field: "a", type: "quantitative" } } };

/** Every tag closed in turn, every attribute quoted, no bare < or &: what XML asks of an SVG. */
function expectWellFormed(svg: string): void {
  const open: string[] = [];
  const rest = svg.replace(/<(\/?)([A-Za-z]+)((?: [\w:-]+="[^"<>]*")*)(\/?)>/g, (_, close: string, tag: string, __: string, self: string) => {
    if (close !== "") expect(open.pop()).toBe(tag);
    else if (self === "") open.push(tag);
    return "";
  });
  expect(open).toEqual([]);
  expect(rest).not.toMatch(/[<>]|&(?!(?:amp|lt|gt|quot|#x[0-9A-F]+);)/);
}

/** Width and height from a PNG's header. */
function sizeOf(png: Uint8Array): readonly [number, number] {
  const view = new DataView(png.buffer, png.byteOffset);
  return [view.getUint32(16), view.getUint32(20)];
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("every picture", () => {
  test.each(Object.entries(builders))("%s compiles without a warning and draws well-formed SVG", async (_, build) => {
    const made = build(names, plainValue);
    expect((await compileSpec(made)).warnings).toEqual([]);
    expectWellFormed(await toSvg(made));
  });

  test.each(Object.entries(builders))("%s draws hostile names as text", async (_, build) => {
    const made = build(hostileNames, plainValue);
    expect((await compileSpec(made)).warnings).toEqual([]);
    const svg = await toSvg(made);
    expectWellFormed(svg);
    expect(svg).not.toMatch(/<script|style=/);
    expect(svg).not.toMatch(/(?![\t\n\r])\p{Cc}|\p{Cs}/u);
  });

  test.each(Object.entries(builders))("%s bears NaN, infinities and nothing at all", async (_, build) => {
    const odd = build(
      oddNumbers.map((_, i) => `n${i}`),
      (i) => oddNumbers[i % oddNumbers.length],
    );
    expect((await compileSpec(odd)).warnings).toEqual([]);
    const svg = await toSvg(odd);
    expectWellFormed(svg);
    expect(svg).not.toMatch(/="[^"]*(?:NaN|undefined|Infinity)/);
    expectWellFormed(await toSvg(build([], plainValue)));
    expectWellFormed(await toSvg(build(["one"], () => Number.NaN)));
  });

  test.each(Object.entries(builders))("%s tells those who cannot see it what it shows", async (_, build) => {
    expect(await toSvg(build(names, plainValue))).toMatch(/^<svg [^>]*role="img" aria-label="[^"]{20,}"/);
  });
});

describe("toSvg", () => {
  test("gives the same text again, in any order and side by side", async () => {
    const first = await toSvg(spec);
    // One with clips, which Vega numbers through the process.
    const clipped = builders.calibrationPlot(names, plainValue);
    const alone = await toSvg(clipped);
    expect(alone).toContain("<clipPath");
    expect(await Promise.all([toSvg(clipped), toSvg(spec), toSvg(clipped), toSvg(spec)])).toEqual([alone, first, alone, first]);
  });

  test("leaves the way others measure text in this process as it was, also after an error", async () => {
    const vega = (await import("vega")) as unknown as { readonly textMetrics: { readonly width: unknown } };
    const before = vega.textMetrics.width;
    await Promise.allSettled([toSvg(spec), toSvg({ ...bare, data: { url: "x.csv" } }), toSvg(spec)]);
    expect(vega.textMetrics.width).toBe(before);
  });

  test("prints nothing, whatever happens", async () => {
    const spies = (["log", "warn", "error", "info", "debug"] as const).map((name) => vi.spyOn(console, name));
    await toSvg(spec);
    await toSvg(emptyChart("nothing"));
    await expect(toSvg({ mark: "nonsense" })).rejects.toThrow();
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
  });

  test.each([
    ["an unknown mark", { ...bare, mark: "nonsense" }, /not a picture Vega-Lite can draw/],
    ["an unknown type", { ...bare, encoding: { x: { field: "a", type: "nonsense" } } }, /not a picture Vega-Lite can draw/],
    ["data from a file", { ...bare, data: { url: "/etc/hostname" } }, /data is read from \/etc\/hostname.*all data is inside/],
    ["data from the network", { ...bare, data: { url: "https://example.org/x.json" } }, /data is read from https:\/\/example.org/],
  ])("%s is one clear line and a usage error", async (_, broken, message) => {
    await expect(toSvg(broken)).rejects.toMatchObject({ name: "LiftwiseError", kind: "usage", message: expect.stringMatching(message) });
    await expect(toSvg(broken)).rejects.not.toMatchObject({ message: expect.stringContaining("\n") });
  });

  test("names that are too long are cut with an ellipsis", async () => {
    const svg = await toSvg(forestPlot([{ outcome: "o", label: "w".repeat(300), value: 1, interval: [0, 2] }]));
    const drawn = /<text[^>]*>(w+…)<\/text>/.exec(svg);
    expect(drawn?.[1].length).toBeLessThan(60);
  });

  test("a curve of a million points becomes a small picture", async () => {
    const x = Float64Array.from({ length: 1_000_000 }, (_, i) => i / 999_999);
    const svg = await toSvg(qiniPlot([{ name: "m", curve: { x, y: x.map((u) => Math.sqrt(u) + 0.01 * Math.sin(4000 * u)) } }]));
    expect(svg.length).toBeLessThan(20_000);
  });
});

describe("toPng", () => {
  const words = { ...emptyChart("some words"), width: 200, height: 100 };

  test("draws its text: the picture with words differs from the one without", async () => {
    const mute = { ...emptyChart(" "), width: 200, height: 100 };
    const [with_, without] = [await toPng(words, { scale: 1 }), await toPng(mute, { scale: 1 })];
    expect(sizeOf(with_)).toEqual(sizeOf(without));
    expect(Buffer.compare(with_, without)).not.toBe(0);
    // An empty white picture packs into next to nothing.
    expect(with_.length).toBeGreaterThan(2 * without.length);
  });

  test("draws bold text bolder", async () => {
    const svg = await toSvg(words);
    const bold = svg.replace("<text ", '<text font-weight="600" ');
    expect(Buffer.compare(await toPng(svg), await toPng(bold))).not.toBe(0);
  });

  test("is scale times as large as the specification, and the same again", async () => {
    const png = await toPng(words, { scale: 3 });
    expect(sizeOf(png)).toEqual([600, 300]);
    expect(Buffer.compare(png, await toPng(words, { scale: 3 }))).toBe(0);
  });

  test.each([0, -1, Number.NaN, 100])("scale %s is refused with what is allowed", async (scale) => {
    await expect(toPng(words, { scale })).rejects.toThrow(/scale must be above 0 and at most 20, got/);
  });

  test("bears characters the shipped fonts do not have", async () => {
    expect((await toPng(emptyChart("中文 🙂"))).length).toBeGreaterThan(100);
  });
});
