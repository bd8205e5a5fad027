import { describe, expect, test } from "vitest";
import { decimalsOf, fixed, palette, rounded, seriesColor, seriesDash } from "../../src/plot/theme.ts";

type Vector = readonly number[];

/** What dichromats see, in linear RGB. Source: Machado, Oliveira and Fernandes (2009), table 1, severity 1. */
const sight: Readonly<Record<string, readonly Vector[]>> = {
  "common vision": [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};
const toXyz: readonly Vector[] = [
  [0.4124, 0.3576, 0.1805],
  [0.2126, 0.7152, 0.0722],
  [0.0193, 0.1192, 0.9505],
];

const times = (matrix: readonly Vector[], v: Vector): number[] => matrix.map((row) => row[0] * v[0] + row[1] * v[1] + row[2] * v[2]);

function linear(hex: string): number[] {
  return [1, 3, 5].map((i) => {
    const c = Number.parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
}

function lab(rgb: Vector): number[] {
  const white = [0.9505, 1, 1.089];
  const [x, y, z] = times(
    toXyz,
    rgb.map((c) => Math.min(1, Math.max(0, c))),
  ).map((v, i) => {
    const t = v / white[i];
    return t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116;
  });
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

describe("theme", () => {
  // A difference of 2.3 can just be seen when colours touch; lines far apart need several times that.
  test.each(Object.keys(sight))("any two colours of the palette are 18 apart in CIELAB, with %s", (kind) => {
    for (let i = 0; i < palette.length; i++) {
      for (let j = 0; j < i; j++) {
        const [a, b] = [palette[i], palette[j]].map((hex) => lab(times(sight[kind], linear(hex))));
        expect(Math.hypot(...a.map((v, k) => v - b[k])), `${palette[i]} and ${palette[j]}`).toBeGreaterThan(18);
      }
    }
  });

  test("every colour stands out from white at least 2.7 to 1", () => {
    for (const hex of palette) expect(1.05 / (times(toXyz, linear(hex))[1] + 0.05)).toBeGreaterThan(2.7);
  });

  test("a colour that comes again has another dash", () => {
    expect(seriesColor(6)).toBe(seriesColor(0));
    expect(seriesDash(6)).not.toEqual(seriesDash(0));
  });

  test("numbers have a true minus sign, thousands apart, and a dash where there is none", () => {
    expect(fixed(-1234567.891, 1)).toBe("−1,234,567.9");
    expect(fixed(0.5, 2, true)).toBe("+0.50");
    expect(fixed(-0.001, 2, true)).toBe("0.00");
    expect(fixed(0, 1, true)).toBe("0.0");
    expect(fixed(999.96, 1)).toBe("1,000.0");
    expect([fixed(Number.NaN, 2), fixed(null, 2), fixed(undefined, 2)]).toEqual(["–", "–", "–"]);
    expect([fixed(Number.POSITIVE_INFINITY, 2), fixed(Number.NEGATIVE_INFINITY, 2)]).toEqual(["∞", "−∞"]);
  });

  test("rounding keeps three significant digits, and nine decimals at most", () => {
    expect([123456, 123.456, 12.3456, 1.23456, 0.0123456, 1e-9].map((v) => rounded(v))).toEqual(["123,456", "123", "12.3", "1.23", "0.0123", "1.0e−9"]);
    expect([1, 10, 0.1, 0.01, 0].map((v) => decimalsOf(v, 2))).toEqual([1, 0, 2, 3, 0]);
  });
});
