export { type Content, escapeHtml, type Html, html, trusted } from "./html.ts";
export { abridged, countOf, countText, effectUnit, listText, meanTexts, pPhrase, pText, shareText } from "./number.ts";
export { type Page, page } from "./page.ts";
export {
  type Cell,
  code,
  definitions,
  details,
  figure,
  list,
  notice,
  paragraph,
  type Section,
  section,
  sideBySide,
  subsection,
  table,
  type TableColumn,
  type TableOptions,
  tabs,
  tiles,
} from "./part.ts";
export { renderReport } from "./report.ts";
