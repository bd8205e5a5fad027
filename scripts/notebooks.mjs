// Executes the notebooks as a reader would, each in a fresh tslab kernel, and fails on any cell that fails.
//   node scripts/notebooks.mjs [--write] [--out FOLDER] [NAME...]
// It speaks Jupyter's protocol itself, over the ZeroMQ that tslab brings: Node is all it needs. `--write` keeps the outputs in the notebooks,
// for readers who only look; `--out` writes the executed copies elsewhere. Before that, cells are type-checked by the project's own compiler, which is
// stricter and newer than tslab's. Pictures must show something.
import { spawn, spawnSync } from "node:child_process";
import { createHmac, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { pictureFault } from "./picture.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const home = join(root, "notebooks");
const minutes = 5;
// The public data sets, where they lie beside the checkout; notebooks simulate where there are none.
const beside = join(root, "..", "shared", "datasets");
const environment = { ...process.env, ...(process.env.LIFTWISE_DATA_DIR === undefined && existsSync(beside) ? { LIFTWISE_DATA_DIR: beside } : {}) };
const { write, out, names } = given(process.argv.slice(2));

const notebooks = readdirSync(home)
  .filter((name) => name.endsWith(".ipynb") && (names.length === 0 || names.some((part) => name.includes(part))))
  .sort();
if (notebooks.length === 0) stop(`no notebook is named ${names.join(", ")}`);
prepare();
const faults = checkTypes(notebooks);
for (const name of notebooks) faults.push(...(await execute(name)));
for (const fault of faults) console.error(fault);
console.log(`${notebooks.length} notebooks, ${faults.length} faults`);
process.exit(faults.length === 0 ? 0 : 1);

function given(words) {
  const rest = [...words];
  const flag = (word) => rest.includes(word) && rest.splice(rest.indexOf(word), 1).length > 0;
  const write = flag("--write");
  const at = rest.indexOf("--out");
  const out = at < 0 ? undefined : rest.splice(at, 2)[1];
  const stray = rest.find((word) => word.startsWith("-"));
  if (stray !== undefined) stop(`unknown option ${stray}; there are --write and --out FOLDER`);
  return { write, out, names: rest };
}

function stop(message) {
  console.error(`notebooks: ${message}`);
  process.exit(2);
}

// The kernel and the library: installed from the notebooks' own lock file, and the library as it was built here.
function prepare() {
  if (!existsSync(join(root, "dist", "index.js"))) stop("build the library first: npm run build");
  if (!existsSync(join(home, "node_modules", "tslab"))) {
    const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: home, stdio: "inherit", shell: process.platform === "win32" });
    if (status !== 0) stop("npm ci failed in notebooks/");
  }
  const link = join(home, "node_modules", "liftwise");
  if (!existsSync(link)) symlinkSync(root, link, "junction");
}

// All cells of a notebook as one module.
function checkTypes(list) {
  const folder = mkdtempSync(join(home, ".check-"));
  try {
    for (const name of list) writeFileSync(join(folder, name.replace(/\.ipynb$/, ".ts")), `${codeCells(read(name)).map(sourceOf).join("\n")}\nexport {};\n`);
    const options = { strict: true, noEmit: true, target: "es2022", lib: ["es2022"], module: "nodenext", types: ["node"], skipLibCheck: true };
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({ compilerOptions: { ...options, typeRoots: [join(root, "node_modules", "@types")] }, include: ["*.ts"] }),
    );
    const { stdout } = spawnSync(process.execPath, [join(root, "node_modules", "@typescript", "native", "bin", "tsc"), "-p", folder], { encoding: "utf8" });
    return stdout.split("\n").filter((line) => line.includes("error TS"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function read(name) {
  return JSON.parse(readFileSync(join(home, name), "utf8"));
}

function codeCells(notebook) {
  return notebook.cells.filter((cell) => cell.cell_type === "code");
}

function sourceOf(cell) {
  return Array.isArray(cell.source) ? cell.source.join("") : cell.source;
}

async function execute(name) {
  const started = Date.now();
  const notebook = read(name);
  const faults = [];
  let pictures = 0;
  let kernel;
  try {
    kernel = await start();
    for (const [i, cell] of codeCells(notebook).entries()) {
      const { status, outputs, count } = await kernel.run(sourceOf(cell));
      cell.outputs = outputs;
      cell.execution_count = count;
      const at = `${name}: cell ${i + 1}`;
      if (status !== "ok") {
        faults.push(`${at} failed: ${textOf(outputs) || status}`);
        break;
      }
      for (const { data = {} } of outputs) {
        if (data["image/png"] === undefined) continue;
        pictures++;
        const fault = pictureFault(Buffer.from(data["image/png"], "base64"));
        if (fault !== undefined) faults.push(`${at}: ${fault}`);
      }
    }
    if (faults.length === 0 && pictures === 0) faults.push(`${name} shows no picture`);
  } catch (error) {
    faults.push(`${name}: ${error.message}`);
  } finally {
    kernel?.stop();
  }
  console.log(`${faults.length === 0 ? "ok    " : "FAILED"} ${name}: ${pictures} pictures, ${((Date.now() - started) / 1000).toFixed(1)} s`);
  const text = `${JSON.stringify(notebook, null, 1)}\n`;
  if (write && faults.length === 0) writeFileSync(join(home, name), text);
  if (out !== undefined) {
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, name), text);
  }
  return faults;
}

function textOf(outputs) {
  return outputs
    .map((output) => (output.text ?? output.traceback ?? [output.evalue ?? ""]).join(""))
    .join("\n")
    .trim();
}

/** A fresh kernel, and the two of its sockets that matter: `shell` for requests, `iopub` for what cells show. */
async function start() {
  const zmq = createRequire(join(home, "package.json"))("zeromq");
  const folder = mkdtempSync(join(tmpdir(), "liftwise-kernel-"));
  const file = join(folder, "connection.json");
  const [shell_port, iopub_port, stdin_port, control_port, hb_port] = await freePorts(5);
  const key = randomUUID();
  const connection = { transport: "tcp", ip: "127.0.0.1", shell_port, iopub_port, stdin_port, control_port, hb_port, key, signature_scheme: "hmac-sha256" };
  writeFileSync(file, JSON.stringify(connection));
  const child = spawn(process.execPath, [join(home, "node_modules", "tslab", "bin", "tslab"), "kernel", "--config-path", file], {
    cwd: home,
    stdio: ["ignore", "ignore", "pipe"],
    env: environment,
  });
  let complaints = "";
  child.stderr.on("data", (text) => {
    complaints += text;
  });
  const shell = new zmq.Dealer({ linger: 0 });
  const iopub = new zmq.Subscriber({ linger: 0 });
  shell.connect(`tcp://127.0.0.1:${shell_port}`);
  iopub.connect(`tcp://127.0.0.1:${iopub_port}`);
  iopub.subscribe();
  const waiting = new Map();
  void listen(shell, (message) => waiting.get(message.parent)?.reply(message));
  void listen(iopub, (message) => waiting.get(message.parent)?.show(message));
  const session = randomUUID();
  const sign = (parts) => parts.reduce((hmac, part) => hmac.update(part), createHmac("sha256", key)).digest("hex");

  function request(type, content, seconds = minutes * 60) {
    const id = randomUUID();
    const header = { msg_id: id, username: "liftwise", session, date: new Date().toISOString(), msg_type: type, version: "5.3" };
    const parts = [header, {}, {}, content].map((part) => JSON.stringify(part));
    return new Promise((resolve, reject) => {
      const outputs = [];
      let answer;
      let idle = false;
      const limit = setTimeout(() => end(() => reject(new Error(`${type}: no answer within ${seconds} s. ${complaints}`))), seconds * 1000);
      const gone = () => end(() => reject(new Error(`the kernel ended. ${complaints}`)));
      child.once("exit", gone);
      function end(how) {
        clearTimeout(limit);
        child.off("exit", gone);
        waiting.delete(id);
        how();
      }
      function settle() {
        if (answer !== undefined && idle) end(() => resolve({ answer, outputs }));
      }
      waiting.set(id, {
        reply({ content: body }) {
          answer = body;
          settle();
        },
        show({ type: kind, content: body }) {
          if (kind === "status") idle ||= body.execution_state === "idle";
          else if (kind === "stream") addStream(outputs, body);
          else if (kind === "display_data" || kind === "execute_result")
            outputs.push({ output_type: kind, ...shown(body), ...(kind === "execute_result" ? { execution_count: body.execution_count } : {}) });
          else if (kind === "error")
            outputs.push({ output_type: "error", ename: body.ename ?? "", evalue: body.evalue ?? "", traceback: body.traceback ?? [] });
          settle();
        },
      });
      void shell.send(["<IDS|MSG>", sign(parts), ...parts]);
    });
  }

  function stop() {
    child.removeAllListeners("exit");
    child.kill("SIGKILL");
    shell.close();
    iopub.close();
    rmSync(folder, { recursive: true, force: true });
  }

  // A subscriber hears nothing of what was sent before it was connected: the kernel is asked until its answer is heard on both sockets.
  for (let tries = 1; ; tries++) {
    const heard = await request("kernel_info_request", {}, 2).catch((error) => error);
    if (!(heard instanceof Error)) break;
    if (tries < 60 && heard.message.includes("no answer")) continue;
    stop();
    throw heard;
  }
  return {
    async run(code) {
      const { answer, outputs } = await request("execute_request", {
        code,
        silent: false,
        store_history: true,
        user_expressions: {},
        allow_stdin: false,
        stop_on_error: true,
      });
      return { status: answer.status, outputs, count: answer.execution_count };
    },
    stop,
  };
}

function addStream(outputs, { name, text }) {
  const last = outputs.at(-1);
  if (last?.output_type === "stream" && last.name === name) last.text[0] += text;
  else outputs.push({ output_type: "stream", name, text: [text] });
}

function shown({ data, metadata }) {
  return { data, metadata: metadata ?? {} };
}

async function listen(socket, take) {
  try {
    for await (const frames of socket) {
      const texts = frames.map((frame) => frame.toString());
      const at = texts.indexOf("<IDS|MSG>");
      const [header, parent, , content] = texts.slice(at + 2).map((text) => JSON.parse(text));
      take({ type: header.msg_type, parent: parent.msg_id, content });
    }
  } catch {
    // The socket was closed.
  }
}

async function freePorts(count) {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise((resolve, reject) => {
          const server = createServer().once("error", reject);
          server.listen(0, "127.0.0.1", () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
