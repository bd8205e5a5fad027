import { describe, expect, test } from "vitest";
import { dataError, exitCodes, LiftwiseError, nearest, oneOf, suggest, usageError } from "../../src/base/errors.ts";

describe("errors a user can cause", () => {
  test("their kind decides the exit code: usage 2, data 3, gate 4", () => {
    expect(exitCodes[usageError("x").kind]).toBe(2);
    expect(exitCodes[dataError("x").kind]).toBe(3);
    expect(exitCodes[new LiftwiseError("gate", "x").kind]).toBe(4);
  });

  test("are one line, whatever text was put into them", () => {
    expect(dataError("read: broken\n   at byte 7\r\n\tgive another file").message).toBe("read: broken at byte 7 give another file");
  });

  test("are Errors with a name and keep what caused them", () => {
    const cause = new Error("deeper");
    const error = usageError("x", cause);
    expect(error).toBeInstanceOf(Error);
    expect([error.name, error.cause]).toEqual(["LiftwiseError", cause]);
  });
});

describe("lists of what is allowed", () => {
  test("read as prose", () => {
    expect(oneOf([])).toBe("nothing");
    expect(oneOf(["a"])).toBe("a");
    expect(oneOf(["a", "b"])).toBe("a or b");
    expect(oneOf(["a", "b", "c"])).toBe("a, b or c");
  });

  test("are cut where they are long, and say how many there are", () => {
    expect(oneOf(["a", "b", "c", "d"], 2)).toBe("a, b, ... (4 in all)");
    expect(oneOf(["a", "b"], 2)).toBe("a or b");
  });
});

describe("the nearest word", () => {
  const columns = ["visit", "conversion", "spend", "segment"];
  test("one or two slips of the finger find it, in any case", () => {
    expect(nearest("vist", columns)).toBe("visit");
    expect(nearest("CONVERSOIN", columns)).toBe("conversion");
    expect(nearest("sgment", columns)).toBe("segment");
  });

  test("a short word may differ by one letter, a long one by a third", () => {
    expect(nearest("ab", ["ax"])).toBe("ax");
    expect(nearest("ab", ["xy"])).toBeUndefined();
    expect(nearest("abcdef", ["abcdxy"])).toBe("abcdxy");
    expect(nearest("abcdef", ["abcxyz"])).toBeUndefined();
  });

  test("of several, the nearest wins, then the first", () => {
    expect(nearest("tree", ["trees", "three"])).toBe("trees");
    expect(nearest("tree", ["free1", "trees"])).toBe("trees");
  });

  test("suggest names it, or else what is known", () => {
    expect(suggest("vist", columns)).toBe('did you mean "visit"?');
    expect(suggest("revenue", columns)).toBe("known are visit, conversion, spend or segment");
    expect(suggest("", columns)).toBe("known are visit, conversion, spend or segment");
  });
});
