/** The page's style sheet. Its colours and type are those of the pictures. Printed is what is shown: the chosen tabs, with the names of the others, and what is opened. */
export const style: string = `
:root { --ink: #1d2430; --soft: #566070; --faint: #8b94a1; --line: #dfe3e8; --wash: #f5f7fa; --accent: #2055a0; --warn: #8a5a00; --warn-wash: #fdf6e3; --warn-line: #e2b53e; color-scheme: light; }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 4rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: #fff; color: var(--ink); font: 400 1.0625rem/1.55 "Liftwise Text", "Source Sans 3", "Segoe UI", "Helvetica Neue", Arial, sans-serif; text-rendering: optimizeLegibility; }
.page { max-width: 66rem; margin: 0 auto; padding: 0 1.5rem; }
h1, h2, h3, h4, strong, th, dt, summary { font-weight: 600; }
h1 { font-size: 2.3rem; line-height: 1.15; letter-spacing: -0.015em; margin: 0 0 .6rem; overflow-wrap: anywhere; }
h2 { font-size: 1.55rem; line-height: 1.25; letter-spacing: -0.008em; margin: 0 0 .5rem; }
h3 { font-size: 1.18rem; line-height: 1.3; margin: 2.2rem 0 .4rem; }
h4 { font-size: 1.0625rem; line-height: 1.3; margin: 1.9rem 0 .3rem; }
p { margin: .5rem 0 .9rem; max-width: 44rem; }
ul { margin: .5rem 0 1rem; padding-left: 1.2rem; max-width: 46rem; }
li { margin: .35rem 0; }
a { color: var(--accent); }
header { padding: 3.2rem 0 1.3rem; }
header .kind { color: var(--accent); font-weight: 600; font-size: .95rem; margin: 0 0 .5rem; }
header .facts { color: var(--soft); margin: 0; max-width: none; }
nav { position: sticky; top: 0; z-index: 2; background: rgba(255, 255, 255, .96); border-top: 1px solid var(--line); border-bottom: 1px solid var(--line); }
nav ul { display: flex; gap: 1.6rem; margin: 0; padding: .55rem 0; list-style: none; overflow-x: auto; max-width: none; font-size: .95rem; }
nav li { margin: 0; white-space: nowrap; }
nav a { color: var(--soft); text-decoration: none; }
nav a:hover, nav a:focus-visible { color: var(--accent); text-decoration: underline; text-underline-offset: .25em; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
section { padding: 2.6rem 0 1rem; }
section + section { border-top: 1px solid var(--line); }
.lede { color: var(--soft); font-size: 1.09rem; margin-top: 0; }
.notice { border-left: 3px solid var(--line); background: var(--wash); padding: .6rem 1rem; margin: .9rem 0; max-width: 46rem; border-radius: 0 4px 4px 0; }
.notice.warning { border-color: var(--warn-line); background: var(--warn-wash); }
.notice.warning > strong { color: var(--warn); }
.notice p:last-child { margin-bottom: 0; }
.findings { list-style: none; padding: 0; margin: 1rem 0; max-width: 48rem; }
.findings li { position: relative; padding-left: 1.7rem; margin: .65rem 0; }
.findings .mark { position: absolute; left: 0; width: 1.1rem; text-align: center; color: var(--faint); font-size: .95em; line-height: 1.6; }
.findings .up .mark, .findings .lead .mark { color: var(--accent); }
.findings .down .mark { color: #bc4d26; }
section > h2 + .part > h3, .tiles + .part > h3 { margin-top: 1.2rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: 1rem; margin: 1.2rem 0 1.6rem; }
.tiles div { background: var(--wash); border-radius: 6px; padding: .9rem 1.1rem 1rem; }
.tiles dt { color: var(--soft); font-weight: 400; font-size: .95rem; line-height: 1.35; }
.tiles dd { margin: .3rem 0 0; }
.tiles span { display: block; font-size: 1.75rem; font-weight: 600; letter-spacing: -0.01em; line-height: 1.2; overflow-wrap: anywhere; }
.tiles small { color: var(--soft); font-size: .92rem; }
.table { overflow-x: auto; margin: .9rem 0 1.2rem; }
table { border-collapse: collapse; font-size: .97rem; line-height: 1.35; font-variant-numeric: tabular-nums lining-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: .5rem; }
thead th { color: var(--soft); text-align: left; vertical-align: bottom; border-bottom: 1px solid var(--faint); padding: .35rem 1.4rem .4rem 0; font-size: .92rem; }
tbody th, td { text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); padding: .42rem 1.4rem .42rem 0; }
tbody th { font-weight: 400; min-width: 8rem; max-width: 18rem; overflow-wrap: anywhere; }
th.number, td.number { text-align: right; white-space: nowrap; }
thead th:last-child, tbody tr > :last-child { padding-right: .2rem; }
thead th:first-child, tbody th { position: sticky; left: 0; background: #fff; }
td small, th small { display: block; color: var(--soft); font-size: .87em; font-weight: 400; }
sup { font-size: .72em; line-height: 0; }
.notes { color: var(--soft); font-size: .93rem; margin: -.4rem 0 1.2rem; padding-left: 1.3rem; }
th button { all: unset; cursor: pointer; }
th button:hover { color: var(--accent); }
th button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
th[aria-sort=descending] button::after { content: " \\25bc"; font-size: .7em; }
th[aria-sort=ascending] button::after { content: " \\25b2"; font-size: .7em; }
figure { margin: 1.1rem 0 1.7rem; min-width: 0; }
figcaption { margin-bottom: .5rem; max-width: 44rem; color: var(--soft); line-height: 1.4; }
figcaption strong { color: var(--ink); display: block; }
.picture { overflow-x: auto; }
.picture svg { display: block; max-width: 100%; height: auto; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 0 2.5rem; align-items: start; }
details { border-bottom: 1px solid var(--line); max-width: 100%; }
details:first-of-type { border-top: 1px solid var(--line); }
section > details:last-child, .panel > details:last-child { border-bottom: 0; }
summary { cursor: pointer; padding: .55rem 0; color: var(--accent); }
.inside { padding: 0 0 .8rem; }
.inside h4 { margin-top: .8rem; }
pre { overflow: auto; max-height: 32rem; background: var(--wash); border-radius: 6px; padding: 1rem 1.2rem; font: .85rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; margin: .4rem 0 1rem; }
.terms { display: grid; grid-template-columns: 13rem minmax(0, 34rem); gap: .7rem 1.6rem; margin: 1rem 0; }
.terms dt { overflow-wrap: anywhere; }
.terms dd { margin: 0; color: var(--soft); }
.brief { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.6rem; margin: .8rem 0 1.2rem; }
.brief dt { color: var(--soft); font-weight: 400; }
.brief dd { margin: 0; overflow-wrap: anywhere; }
.tablist { display: flex; flex-wrap: wrap; gap: .2rem 1.5rem; border-bottom: 1px solid var(--line); margin: 1.3rem 0 1rem; }
.tablist button { all: unset; cursor: pointer; padding: .4rem 0 .45rem; color: var(--soft); border-bottom: 3px solid transparent; margin-bottom: -1px; max-width: 20rem; overflow-wrap: anywhere; }
.tablist button:hover { color: var(--ink); }
.tablist button[aria-selected=true] { color: var(--ink); font-weight: 600; border-color: var(--accent); }
.tablist button:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; border-radius: 2px; }
.panel .tablist { border: 0; gap: .4rem; margin: .6rem 0 1.2rem; }
.panel .tablist button { border: 1px solid var(--line); border-radius: 1rem; padding: .15rem .9rem .2rem; margin: 0; font-size: .96rem; }
.panel .tablist button[aria-selected=true] { background: var(--accent); border-color: var(--accent); color: #fff; }
.tip { position: fixed; z-index: 3; pointer-events: none; background: var(--ink); color: #fff; font-size: .88rem; line-height: 1.3; padding: .35rem .6rem; border-radius: 4px; max-width: 22rem; }
.picture [aria-label]:not(svg):hover { filter: brightness(.85); }
footer { color: var(--soft); font-size: .92rem; border-top: 1px solid var(--line); margin-top: 2rem; padding: 1.2rem 0 3rem; }
footer p { max-width: none; margin: .2rem 0; overflow-wrap: anywhere; }
[hidden] { display: none; }
@media screen { .under-tab { display: none; } }
@media (max-width: 40rem) {
  body { font-size: 1rem; }
  .page { padding: 0 1rem; }
  header { padding-top: 1.8rem; }
  h1 { font-size: 1.75rem; }
  .picture svg { min-width: 42rem; }
  .terms { display: block; }
  .terms dt { margin-top: .8rem; }
}
@media print {
  @page { margin: 16mm 15mm; }
  html { font-size: 9.6pt; }
  nav, .tip, .tablist button { display: none; }
  .tablist, .panel .tablist { display: block; border: 0; margin: .4rem 0; }
  .tablist::after { content: attr(data-rest); color: var(--soft); font-size: .92em; }
  .page { max-width: none; padding: 0; }
  header { padding-top: 0; }
  .beside { grid-template-columns: 1fr 1fr; gap: 0 1.5rem; }
  details:not([open]) { display: none; }
  figure, .notice, .tiles div, tr { break-inside: avoid; }
  h2, h3, h4, figcaption { break-after: avoid; }
  dt, dd { break-inside: avoid; }
  section + section { break-before: page; border: 0; padding-top: 0; }
  .table, .picture, pre { overflow: visible; max-height: none; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; }
  .tiles div, .notice, pre { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  a { color: inherit; text-decoration: none; }
}
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
`;
