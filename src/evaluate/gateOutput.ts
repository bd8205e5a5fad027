import { type GateComparison, type GateJudgement, nameOf, passes, type Verdict } from "./gate.ts";

const titles: Readonly<Record<Verdict, string>> = {
  worse: "worse beyond noise",
  better: "better beyond noise",
  same: "the same within the tolerance",
  unsure: "cannot be told",
};

/** Counts of verdicts, in the order of titles. */
export function countVerdicts(judgement: GateJudgement): Readonly<Record<Verdict, number>> {
  const counts: Record<Verdict, number> = { worse: 0, better: 0, same: 0, unsure: 0 };
  for (const { verdict } of judgement.comparisons) counts[verdict]++;
  return counts;
}

/** "+12.3 % (4.1 to 21.2)" for errors, "-0.0123 (-0.02 to -0.004)" for the rest. */
export function changeText({ scale, change, interval, why }: GateComparison): string {
  const shown = (value: number): string =>
    !Number.isFinite(value) ? "-" : scale === "ratio" ? `${Number((100 * value).toPrecision(3))}` : `${Number(value.toPrecision(3))}`;
  const sign = change > 0 ? "+" : "";
  const unit = scale === "ratio" ? " %" : "";
  const reach = interval.every(Number.isFinite) ? ` (${shown(interval[0])} to ${shown(interval[1])})` : "";
  return `${sign}${shown(change)}${unit}${reach}${why === undefined ? "" : `; ${why}`}`;
}

/** What the gate found, as lines for people: what got worse or better or cannot be told, one line each, and a count of what stayed. */
export function gateText(judgement: GateJudgement, settings: readonly string[]): string {
  const counts = countVerdicts(judgement);
  const section = (verdict: Verdict): string[] => {
    const own = judgement.comparisons.filter((one) => one.verdict === verdict);
    return own.length === 0 ? [] : [`${titles[verdict]} (${own.length})`, ...own.map((one) => `  ${nameOf(one.model, one.case, one.metric)}: ${values(one)}`)];
  };
  const lines = [
    ...settings.map((line) => `note: ${line}`),
    ...section("worse"),
    ...section("better"),
    ...section("unsure"),
    ...(counts.same > 0 ? [`${titles.same}: ${counts.same} of ${judgement.comparisons.length}`] : []),
    ...judgement.missing.map((name) => `missing: ${missingText(name)}`),
    ...judgement.extra.map((name) => `new: ${name} is not in the baseline; --update adds it`),
    ...(judgement.notJudged.length > 0 ? [`not judged, being neither good nor bad: ${judgement.notJudged.join(", ")}`] : []),
    `intervals hold together with probability ${1 - judgement.alarm}; tolerance ${judgement.tolerance}`,
    passes(judgement) ? "gate passed" : "gate failed",
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function values(one: GateComparison): string {
  const shown = (value: number): string => (Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "-");
  return `${shown(one.baseline)} -> ${shown(one.now)}, ${changeText(one)}`;
}

function missingText(name: string): string {
  return `${name} is in the baseline and was not run; if that is meant, write the baseline anew with --update`;
}

/** What failed, in one line. */
export function failureText(judgement: GateJudgement, baseline: string): string {
  const worse = judgement.comparisons.filter(({ verdict }) => verdict === "worse");
  const models = [...new Set(worse.map(({ model }) => model))];
  const parts = [
    ...(worse.length > 0 ? [`worse than ${baseline} beyond noise: ${models.join(", ")} (${worse.length} of ${judgement.comparisons.length} comparisons)`] : []),
    ...(judgement.missing.length > 0 ? [`in ${baseline} and not run: ${judgement.missing.join("; ")}`] : []),
  ];
  return `${parts.join("; ")}; correct it, or accept it with --update`;
}

/** JUnit XML: a test case a comparison. Worse and missing ones fail, those that cannot be told are skipped with the reason. */
export function junit(judgement: GateJudgement, suite: string, seconds: number): string {
  const counts = countVerdicts(judgement);
  const cases = judgement.comparisons.map((one) => {
    const text = escapeXml(`${values(one)}`);
    const inner =
      one.verdict === "worse"
        ? `<failure message="${escapeXml(titles.worse)}">${text}</failure>`
        : one.verdict === "unsure"
          ? `<skipped message="${escapeXml(`${titles.unsure}: ${changeText(one)}`)}"/>`
          : `<system-out>${escapeXml(titles[one.verdict])}: ${text}</system-out>`;
    return `    <testcase classname="${escapeXml(`${suite}.${one.model}`)}" name="${escapeXml(`${one.case}, ${one.metric}`)}">${inner}</testcase>`;
  });
  const gone = judgement.missing.map(
    (name) =>
      `    <testcase classname="${escapeXml(suite)}" name="${escapeXml(name)}"><failure message="missing">${escapeXml(missingText(name))}</failure></testcase>`,
  );
  const tests = cases.length + gone.length;
  const attributes = `tests="${tests}" failures="${counts.worse + gone.length}" errors="0" skipped="${counts.unsure}" time="${seconds.toFixed(3)}"`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="liftwise benchmark" ${attributes}>
  <testsuite name="${escapeXml(suite)}" ${attributes}>
${[...cases, ...gone].join("\n")}
  </testsuite>
</testsuites>
`;
}

// XML 1.0 has no place for control characters.
function escapeXml(text: string): string {
  const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" };
  return Array.from(text, (letter) => entities[letter] ?? (letter < " " ? " " : letter)).join("");
}

/** Workflow commands that GitHub shows beside the change: an error for each comparison that is worse or missing, a notice for each that is better. */
export function annotations(judgement: GateJudgement, suite: string, file: string): string {
  const line = (level: string, title: string, message: string): string =>
    `::${level} file=${property(file)},title=${property(title)}::${message.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A")}\n`;
  return [
    ...judgement.comparisons
      .filter(({ verdict }) => verdict === "worse" || verdict === "better")
      .map((one) =>
        line(
          one.verdict === "worse" ? "error" : "notice",
          `${suite}: ${one.model} is ${one.verdict}`,
          `${one.case}, ${one.metric}: ${values(one)} (${titles[one.verdict]})`,
        ),
      ),
    ...judgement.missing.map((name) => line("error", `${suite}: missing`, missingText(name))),
  ].join("");
}

function property(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A").replaceAll(":", "%3A").replaceAll(",", "%2C");
}
