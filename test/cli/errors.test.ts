import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { liftwise } from "./captured.ts";
import { writeFiles } from "./files.ts";

let folder = "";
const started = process.cwd();
const roles = "--treatment arm --control none --outcome y";
const ignored = "--ignore id,spend,score,e,user,tau,three,t";
const linear = "--model t-learner --outcome-learner linear";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "liftwise-errors-"));
  await writeFiles(folder);
  process.chdir(folder);
  const fitted = await liftwise(`fit good.csv ${roles} ${ignored} ${linear} --out model`);
  if (fitted.code !== 0) throw new Error(fitted.err);
  for (const name of ["noArrays", "swapped", "foreign", "cutJson", "strange"]) cpSync("model", name, { recursive: true });
  rmSync("noArrays/arrays.safetensors");
  const arrays = readFileSync("swapped/arrays.safetensors");
  arrays[arrays.length - 3] ^= 255;
  writeFileSync("swapped/arrays.safetensors", arrays);
  const description = readFileSync("model/model.json", "utf8");
  writeFileSync("foreign/model.json", description.replace("liftwise-model/1", "liftwise-model/7"));
  writeFileSync("cutJson/model.json", description.slice(0, 200));
  writeFileSync("strange/model.json", description.replace('"t-learner"', '"t-lerner"'));
});
afterAll(() => {
  process.chdir(started);
  rmSync(folder, { recursive: true, force: true });
});

type Case = readonly [what: string, words: string, code: number, says: RegExp];

const evaluate = `--treatment arm --control none --outcome y --score score`;
const fit = `${roles} ${ignored} ${linear} --out new`;
const compare = `${roles} ${ignored} --models t-learner --t-learner.outcome-learner linear --replicates 5 --out new`;

const usage: readonly Case[] = [
  ["an unknown verb", "evalute good.csv", 2, /^liftwise: unknown verb "evalute"; did you mean "evaluate"\?$/],
  ["half a verb", "data", 2, /^liftwise: "data" needs a second word: list, describe, fetch, simulate or clicks$/],
  ["an unknown second word", "data descrbe good.csv", 2, /^liftwise: unknown "data descrbe"; did you mean "describe"\?$/],
  ["an option before the verb", "--frobnicate", 2, /^liftwise: unknown option --frobnicate; a verb comes first/],
  ["an unknown option", `evaluate good.csv ${evaluate} --metrc qini`, 2, /: unknown option --metrc; did you mean --metric\?$/],
  ["an option of another model", `fit good.csv ${fit} --weighting share`, 2, /: unknown option --weighting; did you mean --weight\?$/],
  ["a word too many", `evaluate good.csv more.csv ${evaluate}`, 2, /: unexpected "more\.csv"; usage: liftwise evaluate FILE/],
  ["an option without its value", `evaluate good.csv --treatment arm --control none --outcome y --score`, 2, /: --score needs a value$/],
  ["an option given twice", `evaluate good.csv ${evaluate} --seed 1 --seed 2`, 2, /: --seed is given 2 times; keep one$/],
  ["a required option left out", `evaluate good.csv --treatment arm --control none --outcome y`, 2, /: --score is required/],
  ["an output folder left out", `compare good.csv ${roles} --models t-learner`, 2, /: --out is required: folder to write$/],
  ["no data at all", `fit ${fit}`, 2, /: no data is named: liftwise fit DATA/],
  ["a seed that is no number", `evaluate good.csv ${evaluate} --seed abc`, 2, /: --seed must be of type number; got "abc"$/],
  ["a negative seed", `evaluate good.csv ${evaluate} --seed -1`, 2, /: --seed must be at least 0; got -1$/],
  ["a share outside its bounds", `compare good.csv ${compare} --test 1.5`, 2, /: --test must be less than 1; got 1\.5$/],
  ["one fold", `compare good.csv ${compare} --folds 1`, 2, /: --folds must be at least 2; got 1$/],
  ["no threads", `fit good.csv ${fit} --threads 0`, 2, /: --threads must be at least 1; got 0$/],
  ["a model option outside its bounds", `fit good.csv ${fit} --level 2`, 2, /: --level must be less than 1; got 2$/],
  [
    "an unknown learner",
    `fit good.csv ${roles} --model t-learner --outcome-learner boostin --out new`,
    2,
    /: --outcome-learner must be .*boosting.*; got "boostin"/,
  ],
  ["an unknown model", `fit good.csv ${roles} --model x-lerner --out new`, 2, /: unknown model "x-lerner"; did you mean "x-learner"\?$/],
  [
    "an unknown model among several",
    `compare good.csv ${roles} --models t-learner,y-learner --out new`,
    2,
    /: unknown model "y-learner"; did you mean "(r|s|t|x)-learner"\?$/,
  ],
  [
    "the same model twice",
    `compare good.csv ${roles} --models t-learner,t-learner --out new`,
    2,
    /: "t-learner" is named twice; give one of the two another name$/,
  ],
  [
    "a baseline that is not compared",
    `compare good.csv ${compare} --baseline s-learner`,
    2,
    /: baseline "s-learner" is not among the models; did you mean "t-learner"\?$/,
  ],
  ["a model named like an option", `compare good.csv ${roles} --models seed=t-learner --out new`, 2, /: --models: "seed" cannot be the name of a model/],
  ["an unknown metric", `evaluate good.csv ${evaluate} --metric qinni`, 2, /: unknown metric "qinni"; did you mean "qini"\?$/],
  ["an unknown metric of a comparison", `compare good.csv ${compare} --metrics qinni`, 2, /: --metrics: unknown metric "qinni"; did you mean "qini"\?$/],
  ["a metric without what it needs", `evaluate good.csv ${evaluate} --metric gauc`, 2, /: metric gauc needs --group COLUMN/],
  ["a metric without the truth", `evaluate good.csv ${evaluate} --metric pehe`, 2, /: metric pehe needs --truth COLUMN/],
  ["a metric that no outcome can bear", `compare good.csv ${compare} --metrics root-pehe`, 2, /: metric root-pehe needs .* effect/],
  [
    "an unknown metric option",
    `evaluate good.csv ${evaluate} --metric uplift-at-k --uplift-at-k.kk 0.1`,
    2,
    /: unknown option --uplift-at-k\.kk; did you mean --uplift-at-k\.k\?$/,
  ],
  ["an unknown suite", "benchmark hilstrom", 2, /: unknown suite "hilstrom"; did you mean "hillstrom"\?$/],
  ["an unknown generator", "compare simulate:emal --models t-learner --out new", 2, /: simulate: there is no generator "emal"; did you mean "email"\?$/],
  ["an unknown generator to write", "data simulate emal --out new.csv", 2, /there is no generator "emal"; did you mean "email"\?$/],
  ["a generator option outside its bounds", "data simulate email --effect 9 --out new.csv", 2, /: --effect must be at most 5; got 9$/],
  ["a config file that is not there", "compare --config no.json", 2, /: --config: cannot read no\.json \(no such file\); give the path of a JSON file$/],
  ["a config file that is no JSON", "compare --config broken.json", 2, /: broken\.json: not valid JSON/],
  [
    "a misspelt key in the config",
    "compare good.csv --config run.json --models t-learner --out new",
    2,
    /: run\.json has no option "outcom"; did you mean "outcome"\?$/,
  ],
  [
    "a text for a list in the config",
    "compare good.csv --config type.json --models t-learner --out new",
    2,
    /: type\.json: "outcome" must be of type array; got "y"$/,
  ],
  [
    "a control that is not clear",
    `evaluate good.csv --treatment arm --outcome y --score score`,
    2,
    /which arm is the control\? name it; the arms are coupon or none$/,
  ],
  [
    "several treated arms and no choice",
    `evaluate good.csv --treatment three --control none --outcome y --score score`,
    2,
    /: --arm is missing: column "three" has 2 treated arms \("call", "mail"\)/,
  ],
  [
    "an arm that is not there",
    `evaluate good.csv --treatment three --control none --arm post --outcome y --score score`,
    2,
    /: --arm: there is no treated arm "post" in column "three"/,
  ],
  [
    "one propensity for two arms",
    `fit good.csv --treatment three --control none --outcome y --propensity e --model t-learner --out new`,
    2,
    /propensity: there are 2 treated arms .*give a column for each: call=column,mail=column$/,
  ],
  [
    "a feature that is the outcome",
    `fit good.csv ${roles} --features x,y --model t-learner --out new`,
    2,
    /column "y" is the outcome and cannot be a feature too/,
  ],
  [
    "two outcomes for one model",
    `fit good.csv --treatment arm --control none --outcome y,spend --model t-learner --out new`,
    2,
    /: --outcome names 2 columns, and a model is fitted to one/,
  ],
  [
    "an output folder with something in it",
    `fit good.csv ${roles} ${ignored} ${linear} --out full`,
    2,
    /: --out: full exists and is not empty; name another folder, or pass --overwrite to replace it$/,
  ],
  [
    "an output folder below a file",
    `compare good.csv ${roles} --models t-learner --out plain.txt/run`,
    2,
    /: --out: cannot write to plain\.txt\/run \(.*\); name a folder that can be written$/,
  ],
  ["an output folder that is a file", `fit good.csv ${roles} ${linear} --out plain.txt`, 2, /: --out: plain\.txt is a file; name a folder$/],
  ["predictions below a file", "predict model good.csv --out plain.txt/p.csv", 2, /: --out: cannot write plain\.txt\/p\.csv/],
  ["predictions in a folder that is not there", "predict model good.csv --out nowhere/p.csv", 2, /: --out: cannot write nowhere\/p\.csv \(no such file\)/],
  ["predictions in an unknown format", "predict model good.csv --out p.xlsx", 2, /p\.xlsx: tables are written as \.csv, \.csv\.gz, \.tsv or \.parquet/],
  [
    "a plan without an outcome",
    "experiment plan --effect 0.1",
    2,
    /: experiment plan needs --rate for an outcome of 0 and 1, or --sd for any other, and not both$/,
  ],
  ["a plan with nothing to find", "experiment plan --rate 0.1", 2, /: give --effect to learn how many rows are needed, or --rows/],
  [
    "a plan with nothing left to tell",
    "experiment plan --rate 0.1 --effect 0.1 --rows 10 --power 0.8",
    2,
    /: --effect, --rows and --power are all given; leave out/,
  ],
  ["an effect that a rate cannot bear", "experiment plan --rate 0.9 --effect 0.2", 2, /would take the rate of 0\.9 to 1\.1/],
  ["an effect of zero", "experiment plan --rate 0.1 --effect 0", 2, /an effect of 0 cannot be found with any number of rows/],
  ["clusters without their correlation", "experiment plan --rate 0.1 --effect 0.1 --cluster-size 10", 2, /: --cluster-size needs --icc/],
  [
    "an unknown correction",
    `experiment analyse good.csv ${roles} ${ignored} --correction bonferoni`,
    2,
    /: --correction must be bonferroni, holm or benjamini-hochberg; got "bonferoni", did you mean "bonferroni"\?$/,
  ],
  ["planned shares of some arms only", `experiment analyse good.csv ${roles} ${ignored} --shares none=1`, 2, /planned share of arm "coupon" is not given/],
  ["planned shares of an arm that is not there", `data describe good.csv ${roles} ${ignored} --shares none=1,voucher=1`, 2, /there is no arm "voucher"/],
  ["planned shares that are no numbers", `compare good.csv ${compare} --shares none=1,coupon=half`, 2, /: --shares must be/],
  ["looks that go backwards", `experiment watch good.csv ${roles} ${ignored} --looks 200,100`, 2, /looks are ascending whole numbers of rows/],
  ["an unknown shell", "completion tcsh", 2, /: --shell must be bash, zsh or fish; got "tcsh"$/],
];

const data: readonly Case[] = [
  ["a file that is not there", `evaluate god.csv ${evaluate}`, 3, /: god\.csv: there is no such file; did you mean "good\.csv"\?$/],
  [
    "a data set that is not there",
    `compare hilstrom --models t-learner --out new`,
    3,
    /: there is no file "hilstrom", and no data set of that name; did you mean "hillstrom"\?$/,
  ],
  ["a data set to fetch that is not there", "data fetch hilstrom", 3, /: there is no data set "hilstrom"; did you mean "hillstrom"\?$/],
  ["a folder in place of a file", `evaluate emptyFolder ${evaluate}`, 3, /emptyFolder.*folder/],
  ["an empty file", `evaluate empty.csv ${evaluate}`, 3, /: empty\.csv: the file is empty/],
  ["a file without rows", `evaluate headerOnly.csv ${evaluate}`, 3, /: headerOnly\.csv: there are no rows; is it the right file\?$/],
  ["a truncated gzip file", `evaluate cut.csv.gz ${evaluate}`, 3, /: cut\.csv\.gz: the gzip file is cut short or damaged/],
  ["a truncated Parquet file", `evaluate cut.parquet ${evaluate}`, 3, /: cut\.parquet: .*(Parquet|cut)/],
  ["a CSV file called Parquet", `evaluate notParquet.parquet ${evaluate}`, 3, /: notParquet\.parquet: /],
  ["JSON lines that end half-way", `evaluate bad.json ${evaluate}`, 3, /: bad\.json: .*JSON/],
  ["a duplicated header", `evaluate twice.csv ${evaluate}`, 3, /: twice\.csv: column "y" appears twice in the header \(columns 5 and 6\); rename one of them$/],
  ["a line with too few fields", `evaluate ragged.csv ${evaluate}`, 3, /: ragged\.csv: .*5 fields where the header has 12/],
  ["text that is not UTF-8", `evaluate latin.csv ${evaluate}`, 3, /: latin\.csv: .*UTF-8/],
  [
    "a missing column",
    `evaluate good.csv --treatment arm --control none --outcome y --score scor`,
    3,
    /: good\.csv: there is no column "scor"; did you mean "score"\?$/,
  ],
  [
    "a missing treatment column",
    `fit good.csv --treatment arms --control none --outcome y ${linear} --out new`,
    3,
    /: good\.csv: there is no column "arms"; did you mean "arm"\?$/,
  ],
  [
    "a missing feature column",
    `fit good.csv ${roles} --features x,color ${linear} --out new`,
    3,
    /: good\.csv: there is no column "color"; did you mean "colour"\?$/,
  ],
  ["text in a numeric outcome", `fit textOutcome.csv ${fit}`, 3, /: textOutcome\.csv: column "y": outcome must be numeric, got text \(for example "perhaps"\)/],
  ["text in a score", `evaluate textScore.csv ${evaluate}`, 3, /: textScore\.csv: column "score": score must be numeric, got text \(for example "high"\)/],
  [
    "a NaN score",
    `evaluate missingScore.csv ${evaluate}`,
    3,
    /: missingScore\.csv: the score of row 5 is NaN, the only such row; a score must be a finite number/,
  ],
  [
    "a control that does not occur",
    `evaluate good.csv --treatment arm --control nobody --outcome y --score score`,
    3,
    /: good\.csv: column "arm": control arm "nobody" does not occur; the arms are coupon or none$/,
  ],
  ["one arm only", `evaluate oneArm.csv ${evaluate}`, 3, /: oneArm\.csv: column "arm": all rows are in arm "none"; an experiment needs a treated arm as well$/],
  ["one arm only, to fit", `fit oneArm.csv ${fit}`, 3, /: oneArm\.csv: column "arm": all rows are in arm "none"/],
  ["rows without treatment", `compare missingArm.csv ${compare}`, 3, /: missingArm\.csv: column "arm": 1 of 240 rows have no treatment/],
  [
    "the outcome in place of the treatment",
    `fit good.csv --treatment id --control none --outcome y ${linear} --out new`,
    3,
    /: good\.csv: column "id": control arm "none" does not occur/,
  ],
  ["all outcomes equal, to evaluate", `evaluate flat.csv ${evaluate}`, 3, /: flat\.csv: column "y": the outcome is 1 in every row/],
  ["all outcomes equal, to fit", `fit flat.csv ${fit}`, 3, /: t-learner: flat\.csv: column "y" is 1 in every row/],
  ["all outcomes equal, to compare", `compare flat.csv ${compare}`, 3, /: flat\.csv: column "y": the outcome is 1 in every row/],
  ["outcomes missing", `fit missingOutcome.csv ${fit}`, 3, /: missingOutcome\.csv: column "y": 3 of 240 rows have no outcome/],
  [
    "a propensity of one",
    `evaluate sureTreatment.csv ${evaluate} --propensity e`,
    3,
    /: sureTreatment\.csv: column "e": a propensity lies strictly between 0 and 1; 1 of 240 rows do not hold, the first is row 10 with 1/,
  ],
  [
    "a negative weight",
    `evaluate negativeWeight.csv ${evaluate} --weight e`,
    3,
    /: negativeWeight\.csv: column "e": a weight is finite and at least 0; 1 of 240 rows do not hold, the first is row 10 with -1/,
  ],
  ["an infinite feature", `fit infinite.csv ${fit}`, 3, /column "x" holds 1 infinite numbers, the first in row 10/],
  [
    "a group column where all is one group",
    `compare good.csv ${compare} --group e`,
    3,
    /leaves the (train|test) part empty; choose another share, or split by row$/,
  ],
  ["a model folder that is not there", "predict mdel good.csv --out p.csv", 3, /: mdel\/model\.json: there is no such file; a saved model is a folder with/],
  ["a model folder without its arrays", "predict noArrays good.csv --out p.csv", 3, /: noArrays\/arrays\.safetensors: there is no such file/],
  ["a model folder with changed arrays", "predict swapped good.csv --out p.csv", 3, /: swapped\/arrays\.safetensors: .*checksum differs/],
  [
    "a model of another format",
    "predict foreign good.csv --out p.csv",
    3,
    /: foreign\/model\.json: has format liftwise-model\/7, and this version reads liftwise-model\/1/,
  ],
  ["a model description that is cut", "predict cutJson good.csv --out p.csv", 3, /: cutJson\/model\.json: is not whole JSON/],
  [
    "a saved model nobody knows",
    "predict strange good.csv --out p.csv",
    3,
    /: strange\/model\.json: holds a model "t-lerner", which is not known here; did you mean "t-learner"\?/,
  ],
  ["a feature missing at prediction", "predict model withoutFeature.csv --out p.csv", 3, /: withoutFeature\.csv: there is no column "colour"/],
  [
    "text in a numeric feature at prediction",
    "predict model textFeature.csv --out p.csv",
    3,
    /column "x" is a category where the model was fitted on a number/,
  ],
  ["an id column that is not there", "predict model good.csv --id customer --out p.csv", 3, /: good\.csv: there is no column "customer"/],
  [
    "looks that all come too early",
    `experiment watch good.csv ${roles} ${ignored} --burn-in 500`,
    3,
    /at no look do control and arm "coupon" have 500 rows each/,
  ],
  [
    "a ratio of a column that is not there",
    "experiment ratio good.csv --treatment arm --control none --numerator y --denominator views",
    3,
    /there is no column "views"/,
  ],
  ["quantiles of weighted rows", `experiment quantiles good.csv ${roles} --weight e`, 3, /quantile effects need plain rows, and the data has weights/],
  ["an effect that is missing", "allocate holes.csv --cost 1 --out new.csv", 3, /gain of arm 1 is NaN for unit 2; it must be finite$/],
  ["a cost column that is not there", "allocate effects.csv --cost price --out new.csv", 3, /: effects\.csv: there is no column "price"/],
  ["a report of no run", "report emptyFolder", 3, /: emptyFolder\/comparison\.json: cannot be read \(no such file\); name the folder that compare wrote/],
  ["a report of a damaged run", "report badRun", 3, /: badRun\/comparison\.json: not valid JSON/],
  ["a report of a later version", "report newRun", 3, /: newRun\/comparison\.json: format is "liftwise-comparison\/2"/],
];

describe.each([
  ["usage", usage],
  ["data", data],
])("errors of %s", (kind, cases) => {
  test.each(cases.map(([what, words, code, says]) => ({ what, words, code, says })))("$what", async ({ words, code, says }) => {
    const before = readdirSync(".").toSorted();
    const ran = await liftwise(words);
    expect(ran.err.trimEnd()).toMatch(says);
    expect(ran.err, "one line").toMatch(/^liftwise[^\n]*\n$/);
    expect(ran.code).toBe(code);
    expect(ran.out, "nothing on standard output").toBe("");
    expect(readdirSync(".").toSorted(), "nothing left behind").toEqual(before);
  });

  test("with --json the same is one JSON line on standard error", async () => {
    const [, words, code] = cases[5];
    const ran = await liftwise(`${words} --json`);
    const { error } = JSON.parse(ran.err) as { error: { kind: string; message: string; exit: number } };
    expect(error).toMatchObject({ kind, exit: code });
    expect((await liftwise(words)).err).toContain(error.message);
    expect(ran.out).toBe("");
  });
});

describe("a defect of ours", () => {
  const broken = {
    out: () => {
      throw new TypeError("cannot read this\n  nor that");
    },
  };

  test("is one line that asks for a report, with exit code 1; --debug adds where it came from", async () => {
    const ran = await liftwise("models", broken);
    expect(ran.code).toBe(1);
    expect(ran.err).toMatch(
      /^liftwise models: unexpected: cannot read this nor that; this is a defect of liftwise \d\S*: run again with --debug and report the command and what it prints\n$/,
    );
    expect((await liftwise("models --debug", broken)).err).toMatch(/\n {4}at .*errors\.test\.ts/);
  });

  test("with --json it is the kind unexpected", async () => {
    expect(JSON.parse((await liftwise("models --json", broken)).err)).toMatchObject({ error: { kind: "unexpected", exit: 1 } });
  });
});

describe("what is no error", () => {
  test("a constant score gets the value of random targeting, with a note", async () => {
    const ran = await liftwise(`evaluate flatScore.csv ${evaluate} --metric qini --json`);
    const { metrics } = JSON.parse(ran.out) as { metrics: { qini: { value: number; notes: string[] } } };
    expect(ran.code).toBe(0);
    expect(metrics.qini.value).toBe(0);
    expect(metrics.qini.notes[0]).toMatch(/all scores are equal/);
  });

  test("a level the model has not seen counts as missing, with a note", async () => {
    const ran = await liftwise("predict model newLevel.csv --out p.csv");
    expect(ran.code).toBe(0);
    expect(ran.err).toMatch(/note: column "colour": 1 entries have levels the model was not fitted on \("green"\) and are taken as missing/);
  });

  test("ids beyond 2^53 keep their digits", async () => {
    const ran = await liftwise("predict model good.csv --id id --out ids.csv");
    expect(ran.code).toBe(0);
    const lines = readFileSync("ids.csv", "utf8").split("\n");
    expect(lines.slice(0, 3).map((line) => line.split(",")[0])).toEqual(["id", "9007199254740993", "9007199254740994"]);
    expect(lines).toHaveLength(242);
  });

  test("missing outcomes are left out when asked, and counted", async () => {
    const ran = await liftwise(`fit missingOutcome.csv ${roles} ${ignored} ${linear} --missing-outcome drop --out dropped --json`);
    expect(ran.err).toBe("");
    expect(JSON.parse(ran.out)).toMatchObject({ report: { rows: 237, droppedRows: 3 } });
  });

  test("--overwrite replaces a folder as a whole", async () => {
    cpSync("full", "replaced", { recursive: true });
    const ran = await liftwise(`fit good.csv ${roles} ${ignored} ${linear} --out replaced --overwrite`);
    expect(ran.code).toBe(0);
    expect(readdirSync("replaced").toSorted()).toEqual(["arrays.safetensors", "model.json"]);
  });

  test("an empty folder may be written to", async () => {
    const ran = await liftwise(`fit good.csv ${roles} ${ignored} ${linear} --out emptyFolder`);
    expect(ran.code).toBe(0);
    expect(existsSync("emptyFolder/model.json")).toBe(true);
  });
});
