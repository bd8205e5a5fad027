"use strict";
// The search box: words may be half typed or misspelt by a letter.
(() => {
  const box = document.getElementById("search");
  const hits = document.getElementById("hits");
  const up = document.body.dataset.up;
  let engine;
  function search() {
    if (engine === undefined) {
      engine = new MiniSearch({ fields: ["title", "page", "text"], storeFields: ["title", "page", "at"] });
      engine.addAll(window.liftwiseIndex);
    }
    const words = box.value.trim();
    const found = words === "" ? [] : engine.search(words, { boost: { title: 3 }, prefix: true, fuzzy: 0.15, combineWith: "AND" }).slice(0, 12);
    hits.replaceChildren(
      ...found.map(({ title, page, at }) => {
        const link = document.createElement("a");
        link.href = up + at;
        link.textContent = title;
        const where = document.createElement("small");
        where.textContent = page;
        const item = document.createElement("li");
        item.append(link, where);
        return item;
      }),
    );
    if (words !== "" && found.length === 0) {
      const item = document.createElement("li");
      item.textContent = "nothing found";
      hits.append(item);
    }
  }
  box.addEventListener("input", search);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter") hits.querySelector("a")?.click();
  });
})();
