import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { pathToFileURL } from "node:url";

/**
 * A page in a real browser, for tests of what is shown: reports, documentation, notebooks turned into HTML. It speaks the DevTools protocol over a
 * pipe, so it needs a Chromium-like browser on the machine and nothing else. Without one, tests are skipped with the reason:
 *
 *     const browser = findBrowser();
 *     test.skipIf(browser === undefined)(browserReason, async () => {
 *       const page = await openInBrowser(file);
 *       expect(page.problems).toEqual([]);
 *       await page.close();
 *     });
 */
export interface BrowserPage {
  /** Everything the page complained of: console warnings and errors, uncaught exceptions, blocked or failed requests. */
  readonly problems: readonly string[];
  /** Addresses the page asked for, its own first; data: addresses are left out. */
  readonly requests: readonly string[];
  /** Value of an expression in the page; promises are awaited. */
  evaluate<T>(expression: string): Promise<T>;
  /** Presses a key by its DOM name: "Tab", "ArrowRight", "Enter". */
  press(key: string): Promise<void>;
  /** Moves the mouse to this place of the window. */
  point(x: number, y: number): Promise<void>;
  /** PNG of the window. */
  screenshot(): Promise<Uint8Array>;
  close(): Promise<void>;
}

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge"];

/** Path of a browser: `LIFTWISE_BROWSER`, or the first known name on the path; undefined when there is none. */
export function findBrowser(): string | undefined {
  const named = process.env.LIFTWISE_BROWSER;
  const folders = (process.env.PATH ?? "").split(delimiter);
  const candidates = named === undefined ? names.flatMap((name) => folders.map((folder) => join(folder, name))) : [named];
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** For the name of a test that needs a browser, so that a skipped one says why. */
export const browserReason: string = findBrowser() === undefined ? "skipped: no Chromium on this machine (set LIFTWISE_BROWSER to its path)" : "in Chromium";

/** Opens a local HTML file and waits until it is loaded. @param options width, height: of the window in pixels; scripts: false turns JavaScript off */
export async function openInBrowser(
  file: string,
  options: { readonly width?: number; readonly height?: number; readonly scripts?: boolean } = {},
): Promise<BrowserPage> {
  const path = findBrowser();
  if (path === undefined) throw new Error(browserReason);
  const profile = mkdtempSync(join(tmpdir(), "liftwise-browser-"));
  const flags = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-extensions",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
    `--user-data-dir=${profile}`,
  ];
  const child = spawn(path, [...flags, `--window-size=${options.width ?? 1200},${options.height ?? 900}`, "about:blank"], {
    stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
  });
  const wire = connect(child);
  const close = async (): Promise<void> => {
    const gone = child.exitCode === null ? new Promise((resolve) => child.once("exit", resolve)) : undefined;
    const last = setTimeout(() => child.kill("SIGKILL"), 10_000);
    // Asked to, it ends its helpers as well; they would go on writing into the profile otherwise.
    void wire.send("Browser.close").catch(() => child.kill("SIGKILL"));
    await gone;
    clearTimeout(last);
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  };
  try {
    const { targetInfos } = await wire.send<{ targetInfos: { type: string; targetId: string }[] }>("Target.getTargets");
    const target = targetInfos.find((info) => info.type === "page");
    const { sessionId } = await wire.send<{ sessionId: string }>("Target.attachToTarget", { targetId: target?.targetId, flatten: true });
    const send = <T>(method: string, params: object = {}): Promise<T> => wire.send<T>(method, params, sessionId);
    const { problems, requests, loaded } = watch(wire);
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await send(`${domain}.enable`);
    if (options.scripts === false) await send("Emulation.setScriptExecutionDisabled", { value: true });
    await send("Page.navigate", { url: pathToFileURL(file).href });
    await loaded;
    return {
      problems,
      requests,
      async evaluate<T>(expression: string): Promise<T> {
        const { result, exceptionDetails } = await send<{ result: { value: T }; exceptionDetails?: { exception?: { description?: string }; text: string } }>(
          "Runtime.evaluate",
          {
            expression,
            awaitPromise: true,
            returnByValue: true,
          },
        );
        if (exceptionDetails !== undefined) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
        return result.value;
      },
      async press(key) {
        const code = { Tab: 9, Enter: 13, End: 35, Home: 36, ArrowLeft: 37, ArrowRight: 39 }[key];
        const text = key === "Enter" ? "\r" : undefined;
        for (const type of ["keyDown", "keyUp"])
          await send("Input.dispatchKeyEvent", { type, key, code: key, windowsVirtualKeyCode: code, text: type === "keyDown" ? text : undefined });
      },
      async point(x, y) {
        await send("Input.dispatchMouseEvent", { type: "mouseMoved", x, y });
      },
      async screenshot() {
        const { data } = await send<{ data: string }>("Page.captureScreenshot", { format: "png" });
        return Buffer.from(data, "base64");
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

interface Wire {
  send<T>(method: string, params?: object, sessionId?: string): Promise<T>;
  listen(listener: (message: Message) => void): void;
}

/** JSON messages with a zero byte after each, written to the browser's file 3 and read from its file 4. */
function connect(child: ChildProcess): Wire {
  const input = child.stdio[3] as Writable;
  const output = child.stdio[4] as Readable;
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  const listeners: ((message: Message) => void)[] = [];
  let last = 0;
  let rest = Buffer.alloc(0);
  output.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
      const message = JSON.parse(rest.subarray(0, end).toString("utf8")) as Message;
      rest = rest.subarray(end + 1);
      const asked = message.id === undefined ? undefined : waiting.get(message.id);
      if (message.id !== undefined) waiting.delete(message.id);
      if (message.error !== undefined) asked?.reject(new Error(message.error.message));
      else asked?.resolve(message.result);
      if (message.method !== undefined) for (const listener of listeners) listener(message);
    }
  });
  const fail = (why: string): void => {
    for (const { reject } of waiting.values()) reject(new Error(why));
    waiting.clear();
  };
  input.on("error", () => fail("the browser closed its pipe"));
  child.on("error", (error) => fail(`the browser did not start: ${error.message}`));
  child.on("exit", (code) => fail(`the browser ended (code ${code})`));
  return {
    send: <T>(method: string, params: object = {}, sessionId?: string) =>
      new Promise<T>((resolve, reject) => {
        waiting.set(++last, { resolve: resolve as (value: unknown) => void, reject });
        input.write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`);
      }),
    listen: (listener) => listeners.push(listener),
  };
}

/** Collects what a page says while it loads and afterwards. */
function watch(wire: Wire): { readonly problems: string[]; readonly requests: string[]; readonly loaded: Promise<void> } {
  const problems: string[] = [];
  const requests: string[] = [];
  const loaded = new Promise<void>((resolve) => {
    wire.listen(({ method }) => {
      if (method === "Page.loadEventFired") resolve();
    });
  });
  wire.listen(({ method, params = {} }) => {
    if (method === "Runtime.consoleAPICalled" && ["error", "warning", "assert"].includes(String(params.type)))
      problems.push(`console.${params.type}: ${JSON.stringify(params.args)}`);
    if (method === "Runtime.exceptionThrown") problems.push(`exception: ${JSON.stringify(params.exceptionDetails)}`);
    if (method === "Log.entryAdded") {
      const entry = params.entry as { readonly level: string; readonly text: string; readonly url?: string };
      if (entry.level === "error" || entry.level === "warning") problems.push(`${entry.level}: ${entry.text} ${entry.url ?? ""}`.trim());
    }
    if (method === "Network.loadingFailed") problems.push(`request failed: ${String(params.errorText)} ${String(params.blockedReason ?? "")}`.trim());
    if (method === "Network.requestWillBeSent") {
      const { url } = params.request as { readonly url: string };
      if (!url.startsWith("data:")) requests.push(url);
    }
  });
  return { problems, requests, loaded };
}
