import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { html, page, renderReport, section, trusted } from "../../src/report/index.ts";
import { madeUpComparison } from "../fixtures/report/comparison.ts";
import { type BrowserPage, browserReason, findBrowser, openInBrowser } from "./browser.ts";

describe.skipIf(findBrowser() === undefined)(`the report ${browserReason}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "liftwise-report-"));
  const file = join(folder, "report.html");
  let shown: BrowserPage;

  beforeAll(async () => {
    writeFileSync(file, await renderReport(madeUpComparison({ models: 3 })));
    shown = await openInBrowser(file);
  });
  afterAll(async () => {
    await shown?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("opens without a word in the console and asks for nothing but itself", () => {
    expect(shown.problems).toEqual([]);
    expect(shown.requests).toEqual([pathToFileURL(file).href]);
  });

  test("shows its own typeface, so its pictures are laid out as they were measured", async () => {
    expect(await shown.evaluate("document.fonts.ready.then(() => [...document.fonts].map((f) => f.weight + ' ' + f.status).sort())")).toEqual([
      "400 loaded",
      "600 loaded",
    ]);
  });

  test("does not scroll sideways, on a wide window or a narrow one", async () => {
    expect(await shown.evaluate("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
    const narrow = await openInBrowser(file, { width: 500 });
    expect(await narrow.evaluate("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
    await narrow.close();
  });

  test("tabs show one panel at a time and follow the arrow keys", async () => {
    const visible =
      "[...document.querySelector('[data-tabs=Outcome]').children].filter((p) => p.classList.contains('panel') && !p.hidden).map((p) => p.dataset.title)";
    expect(await shown.evaluate(visible)).toEqual(["visit"]);
    await shown.evaluate("document.querySelector('[data-tabs=Outcome] [role=tab][aria-selected=true]').focus()");
    await shown.press("ArrowRight");
    expect(await shown.evaluate(visible)).toEqual(["conversion"]);
    await shown.press("End");
    expect(await shown.evaluate(visible)).toEqual(["spend"]);
    await shown.press("ArrowRight");
    expect(await shown.evaluate(visible)).toEqual(["visit"]);
    expect(await shown.evaluate("document.activeElement.textContent")).toBe("visit");
  });

  test("every tab names its panel and every panel its tab", async () => {
    expect(
      await shown.evaluate(
        "[...document.querySelectorAll('[role=tab]')].filter((t) => document.getElementById(t.getAttribute('aria-controls'))?.getAttribute('aria-labelledby') !== t.id).length",
      ),
    ).toBe(0);
  });

  test("a mark under the pointer tells its value", async () => {
    const mark = "document.querySelector('#average-effects .picture path[aria-label]')";
    const hidden = (): Promise<boolean> => shown.evaluate("new Promise((next) => requestAnimationFrame(() => next(document.querySelector('.tip').hidden)))");
    // A scroll may still be under way, so the mark is looked for again until the mouse meets it.
    for (let i = 0; i < 100 && (await hidden()); i++) {
      await shown.evaluate(`${mark}.scrollIntoView({ block: "center", behavior: "instant" })`);
      const [x, y] = await shown.evaluate<[number, number]>(
        `(() => { const box = ${mark}.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })()`,
      );
      await shown.point(x, y);
    }
    expect(await hidden()).toBe(false);
    expect(await shown.evaluate("document.querySelector('.tip').textContent")).toBe(await shown.evaluate(`${mark}.getAttribute("aria-label")`));
  });

  test("a heading sorts its table by numbers, not by their letters", async () => {
    const column = "[...document.querySelectorAll('table[data-sortable]')].find((t) => t.caption).tBodies[0].rows";
    const values = `[...${column}].map((row) => Number(row.cells[1].dataset.sort))`;
    await shown.evaluate(
      "[...document.querySelectorAll('table[data-sortable]')].find((t) => t.caption).tHead.rows[0].cells[1].querySelector('button').click()",
    );
    const down = await shown.evaluate<number[]>(values);
    expect(down).toEqual(down.toSorted((a, b) => b - a));
    await shown.evaluate(
      "[...document.querySelectorAll('table[data-sortable]')].find((t) => t.caption).tHead.rows[0].cells[1].querySelector('button').click()",
    );
    expect(await shown.evaluate<number[]>(values)).toEqual(down.toReversed());
    expect(shown.problems).toEqual([]);
  });

  test("without scripts every panel is there to read", async () => {
    const bare = await openInBrowser(file, { scripts: false });
    expect(await bare.evaluate("[...document.querySelectorAll('.panel')].filter((p) => p.offsetHeight === 0).length")).toBe(0);
    expect(await bare.evaluate("document.querySelectorAll('[role=tablist]').length")).toBe(0);
    expect(bare.problems).toEqual([]);
    await bare.close();
  });

  test("script and requests that slipped into a page are refused: the policy bites", async () => {
    const evil = join(folder, "evil.html");
    const body = trusted('<script>window.ran = true</script><img src="http://127.0.0.1:9/x.png" onerror="window.ran = true"><p style="color:red">x</p>');
    writeFileSync(evil, page({ title: "evil", kind: "test", sections: [section("One", html`${body}`)] }));
    const hurt = await openInBrowser(evil);
    expect(await hurt.evaluate("window.ran === undefined")).toBe(true);
    expect(hurt.problems.filter((problem) => /Content Security Policy/.test(problem)).length).toBeGreaterThanOrEqual(3);
    await hurt.close();
  });
});
