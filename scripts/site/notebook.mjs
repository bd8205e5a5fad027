// A notebook as HTML: text, code and what the cells showed when the notebook was last executed.

/** @param render Markdown to HTML @param keep puts a picture beside the page and gives its address */
export function notebookHtml(notebook, render, keep) {
  let pictures = 0;
  return notebook.cells
    .map((cell) => {
      const source = textOf(cell.source);
      if (cell.cell_type === "markdown") return render(source);
      const shown = (cell.outputs ?? []).map((output) => {
        const png = output.data?.["image/png"];
        if (png !== undefined) return `<p><img src="${keep(Buffer.from(textOf(png), "base64"), ++pictures)}" alt="${escapeHtml(captionOf(source))}"></p>`;
        const text = output.text ?? output.data?.["text/plain"];
        return text === undefined ? "" : `<pre class="output">${escapeHtml(textOf(text).trimEnd())}</pre>`;
      });
      return `<pre><code class="language-ts">${escapeHtml(source)}</code></pre>\n${shown.join("\n")}`;
    })
    .join("\n");
}

// The call that drew it says what it is.
function captionOf(source) {
  const call = /show\((\w+)/.exec(source);
  return call === null ? "picture" : call[1].replace(/Plot$/, " plot");
}

function textOf(value) {
  return Array.isArray(value) ? value.join("") : value;
}

function escapeHtml(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
