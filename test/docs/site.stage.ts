import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { browserReason, findBrowser, openInBrowser } from "../report/browser.ts";
import { root } from "./pages.ts";

let home = "";
let site = "";
let built = { status: 0 as number | null, stderr: "" };
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "liftwise-site-"));
  site = join(home, "site");
  built = spawnSync(process.execPath, [join(root, "scripts", "site.mjs"), site], { cwd: root, encoding: "utf8" });
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

test("npm run docs builds it, and every link inside leads somewhere", () => {
  expect(built.stderr).toBe("");
  expect(built.status).toBe(0);
});

test("the site has a page for every guide, notebook and data set, and the reference", () => {
  const pages = readdirSync(site, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".html"));
  expect(pages).toEqual(expect.arrayContaining(["index.html", "DEFINITIONS.html", "docs/guides/gate.html", "datasets/hillstrom/card.html", "api/index.html"]));
  expect(pages.filter((name) => name.startsWith("notebooks/")).length).toBe(
    readdirSync(join(root, "notebooks")).filter((name) => name.endsWith(".ipynb")).length,
  );
  expect(pages.filter((name) => name.startsWith("api/")).length).toBeGreaterThan(300);
});

test("it is written for the network nowhere: no page loads anything from another host", () => {
  for (const name of readdirSync(site, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".html") && !file.startsWith("api"))) {
    const text = readFileSync(join(site, name), "utf8");
    expect(text.match(/<(?:script|link|img|iframe)[^>]*(?:src|href)="https?:[^"]*"/g), name).toBeNull();
  }
});

describe.skipIf(findBrowser() === undefined)(browserReason, () => {
  test("pages open from disk without a complaint and ask for nothing but files beside them", async () => {
    for (const name of ["index.html", "docs/models.html", "docs/guides/gate.html", "api/index.html", "api/functions/index.compare.html"]) {
      const page = await openInBrowser(join(site, name));
      expect(page.problems, name).toEqual([]);
      expect(page.requests.filter((address) => !address.startsWith("file:"))).toEqual([]);
      await page.close();
    }
  });

  test("search finds pages, headings and symbols, also with a letter wrong, and its links lead there", async () => {
    const page = await openInBrowser(join(site, "docs", "guides", "gate.html"));
    const search = (words: string): Promise<string[]> =>
      page.evaluate<string[]>(
        `(() => { const box = document.getElementById("search"); box.value = ${JSON.stringify(words)}; box.dispatchEvent(new Event("input")); return [...document.querySelectorAll("#hits a")].map((a) => a.href); })()`,
      );
    expect((await search("allocat budget")).some((href) => href.includes("/docs/guides/budget.html"))).toBe(true);
    expect((await search("pairedDifference")).some((href) => href.includes("/api/functions/"))).toBe(true);
    expect((await search("hillstrm")).length).toBeGreaterThan(0);
    expect(await search("xyzzy")).toEqual([]);
    expect(await page.evaluate('document.querySelector("#hits").textContent')).toBe("nothing found");
    const [first] = await search("regression gate");
    await page.close();
    const next = await openInBrowser(decodeURIComponent(new URL(first).pathname));
    expect(next.problems).toEqual([]);
    await next.close();
  });

  test("every picture of the notebooks is there", async () => {
    for (const name of readdirSync(join(site, "notebooks")).filter((file) => file.endsWith(".html"))) {
      const page = await openInBrowser(join(site, "notebooks", name));
      const widths = await page.evaluate<number[]>("[...document.images].map((image) => image.naturalWidth)");
      expect(widths.length, name).toBeGreaterThan(0);
      expect(Math.min(...widths), name).toBeGreaterThan(100);
      expect(page.problems, name).toEqual([]);
      await page.close();
    }
  });

  test("the report of a comparison opens offline under a policy that forbids the network", async () => {
    const out = join(home, "run");
    const words =
      "compare simulate:email --outcome visit --models s-learner,t-learner --s-learner.outcome-learner linear --t-learner.outcome-learner linear --replicates 20 --seed 1";
    execFileSync(process.execPath, [join(root, "dist", "cli", "main.js"), ...words.split(" "), "--out", out], { stdio: "pipe" });
    const text = readFileSync(join(out, "report.html"), "utf8");
    const [, policy] = /<meta http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(text) ?? [];
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    const page = await openInBrowser(join(out, "report.html"));
    expect(page.problems).toEqual([]);
    expect(page.requests.length).toBe(1);
    expect(await page.evaluate<number>("document.querySelectorAll('svg').length")).toBeGreaterThan(3);
    // The policy bites: what a planted script would send home does not leave the page.
    const sent = await page.evaluate<string>("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'blocked')");
    expect(sent).toBe("blocked");
    expect(page.problems.join()).toContain("Content Security Policy");
    await page.close();
  });
});

test("at least nine in ten exported symbols have a comment", () => {
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(root, "scripts", "doc-coverage.mjs"), "--least", "0.9"], { encoding: "utf8" });
  expect(status, stderr + stdout).toBe(0);
});
