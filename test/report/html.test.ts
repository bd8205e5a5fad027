import { describe, expect, test } from "vitest";
import { hash, slug } from "../../src/report/html.ts";
import {
  code,
  definitions,
  details,
  escapeHtml,
  figure,
  html,
  notice,
  page,
  section,
  sideBySide,
  subsection,
  table,
  tabs,
  tiles,
  trusted,
} from "../../src/report/index.ts";
import { emptyChart, forestPlot } from "../../src/plot/index.ts";

describe("html", () => {
  test("what is put in is text, unless it is HTML of ours", () => {
    expect(html`<p>${"<b>"} ${html`<i>${"&"}</i>`}</p>`.html).toBe("<p>&lt;b&gt; <i>&amp;</i></p>");
    expect(html`<p title="${"\"><script>'"}">`.html).toBe('<p title="&quot;&gt;&lt;script&gt;&#39;">');
  });

  test("lists are joined, and nothing leaves nothing", () => {
    expect(html`${["a", html`<b>c</b>`, ["<"]]}${null}${undefined}${false}${0}`.html).toBe("a<b>c</b>&lt;0");
  });

  test("an object that only looks like HTML of ours cannot come from JSON text", () => {
    // A name is a string and stays one; only the template and `trusted` make HTML.
    expect(html`${'{"html":"<b>"}'}`.html).toBe("{&quot;html&quot;:&quot;&lt;b&gt;&quot;}");
  });

  test("characters HTML does not allow, halves of pairs, and marks that turn the writing around are shown as such", () => {
    expect(escapeHtml("a\u0000b\u001fc\ud800d\u202ee")).toBe("a\ufffdb\ufffdc\ufffdd\ufffde");
    expect(escapeHtml("tab\tline\n τ̂ 🙂 中")).toBe("tab\tline\n τ̂ 🙂 中");
  });

  test("ids hold letters, digits and hyphens only, and names without any still differ", () => {
    expect(slug("Average effects <b>")).toBe("average-effects-b");
    expect(slug("中文")).toMatch(/^s-[a-z0-9]+$/);
    expect(slug("中文")).not.toBe(slug("文中"));
    expect(hash("a")).not.toBe(hash("b"));
  });
});

describe("parts", () => {
  test("a table has its heads, a name in every row, and numbers to the right", () => {
    const made = table({
      label: "T",
      columns: [{ title: "Model" }, { title: "Qini", kind: "number" }],
      rows: [["<a>", { text: "0.1", under: "0 to 0.2", sort: 0.1, strong: true }]],
      notes: ["why"],
    }).html;
    expect(made).toContain('<th scope="row">&lt;a&gt;</th><td class="number" data-sort="0.1"><strong>0.1</strong><small>0 to 0.2</small></td>');
    expect(made).toContain("<li>why</li>");
    expect(made).not.toContain("data-sortable");
  });

  test("a value that is not finite is no key to sort by", () => {
    expect(table({ columns: [{ title: "a" }, { title: "b" }], rows: [["x", { text: "–", sort: Number.NaN }]] }).html).not.toContain("data-sort");
  });

  test("one panel alone gets no tabs", () => {
    expect(tabs("T", [{ title: "a", body: "body" }]).html).toBe("body");
    expect(
      tabs("T", [
        { title: "a", body: "1" },
        { title: "b", body: "2" },
      ]).html,
    ).toContain('data-tabs="T"');
  });

  test("a figure is drawn in place: an SVG with its description and without namespaces, which keeps its clips to itself in a page", async () => {
    const spec = { ...forestPlot([{ outcome: "o", label: "a", value: 1, interval: [0, 2] }]), description: 'says "this" & that' };
    const made = (await figure(spec, "caption")).html;
    expect(made).toContain('role="img" aria-label="says &quot;this&quot; &amp; that"');
    expect(made).not.toMatch(/xmlns|style=/);
    const clipped = { data: { values: [{ a: 1 }] }, mark: { type: "point", clip: true }, encoding: { x: { field: "a", type: "quantitative" } } };
    const twice = page({ title: "", kind: "", sections: [section("s", [await figure(clipped, ""), await figure(clipped, "")])] });
    const ids = [...twice.matchAll(/<clipPath id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(2);
    expect([...twice.matchAll(/="url\(#([^)]+)\)"/g)].map(([, id]) => id)).toEqual(ids);
  });

  test("parts are put together to a page of one's own", async () => {
    const made = page({
      title: "Levers & <others>",
      kind: "Test",
      sections: [
        section("First", [notice("warning", "careful"), tiles([{ label: "l", value: "v" }]), details("more", code("a < b"))], { lede: "lede" }),
        section("First", [
          subsection("inner", "text"),
          definitions([{ term: "t", meaning: "m" }]),
          sideBySide(await figure(emptyChart("none"), "c"), trusted("<hr>")),
        ]),
      ],
    });
    expect(made).toContain("<title>Levers &amp; &lt;others&gt;</title>");
    expect([...made.matchAll(/<section id="([^"]+)">/g)].map((m) => m[1])).toEqual(["first", "first-2"]);
    expect([...made.matchAll(/href="#([^"]+)"/g)].map((m) => m[1])).toEqual(["first", "first-2"]);
  });
});
