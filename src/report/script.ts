/**
 * What the page does beyond being read: tabs, values under the pointer, tables that sort. It fetches nothing, and without it everything is there to
 * read. Plain JavaScript as text, since it runs in the reader's browser.
 */
export const script: string = `"use strict";
(() => {
  let made = 0;
  for (const box of document.querySelectorAll("[data-tabs]")) {
    const panels = [...box.children].filter((child) => child.classList.contains("panel"));
    const row = document.createElement("div");
    row.className = "tablist";
    row.setAttribute("role", "tablist");
    row.setAttribute("aria-label", box.dataset.tabs);
    const buttons = panels.map((panel) => {
      const button = document.createElement("button");
      const id = "tab-" + ++made;
      button.type = "button";
      button.id = id;
      button.textContent = panel.dataset.title;
      button.setAttribute("role", "tab");
      button.setAttribute("aria-controls", id + "-panel");
      panel.id = id + "-panel";
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", id);
      row.append(button);
      return button;
    });
    const show = (chosen) => {
      buttons.forEach((button, i) => {
        button.setAttribute("aria-selected", String(i === chosen));
        button.tabIndex = i === chosen ? 0 : -1;
        panels[i].hidden = i !== chosen;
      });
      row.dataset.rest = box.dataset.tabs + ": " + buttons[chosen].textContent + ". Not printed: " + buttons.filter((_, i) => i !== chosen).map((button) => button.textContent).join(", ") + ".";
    };
    row.addEventListener("click", (event) => {
      const at = buttons.indexOf(event.target);
      if (at >= 0) show(at);
    });
    row.addEventListener("keydown", (event) => {
      const at = buttons.indexOf(event.target);
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
      if (at < 0 || to === undefined) return;
      event.preventDefault();
      const next = (to + buttons.length) % buttons.length;
      show(next);
      buttons[next].focus();
    });
    box.prepend(row);
    for (const panel of panels) panel.querySelector("h3, h4").classList.add("under-tab");
    show(0);
  }

  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);
  document.addEventListener("pointermove", (event) => {
    const mark = event.target instanceof Element ? event.target.closest(".picture svg [aria-label]") : null;
    tip.hidden = mark === null;
    if (mark === null) return;
    tip.textContent = mark.getAttribute("aria-label");
    const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
    tip.style.left = Math.max(8, left) + "px";
    tip.style.top = (event.clientY > innerHeight - 80 ? event.clientY - tip.offsetHeight - 12 : event.clientY + 16) + "px";
  });

  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") !== "descending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...table.tBodies[0].rows];
        const key = (row) => row.cells[column].dataset.sort;
        rows.sort((a, b) => {
          const x = key(a);
          const y = key(b);
          if (x === undefined || y === undefined) {
            if (x !== y) return x === undefined ? 1 : -1;
            return (down ? 1 : -1) * a.cells[column].textContent.localeCompare(b.cells[column].textContent);
          }
          return down ? y - x : x - y;
        });
        table.tBodies[0].append(...rows);
      });
    });
  }
})();
`;
