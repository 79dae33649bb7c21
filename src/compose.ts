// The composition root: the only file that picks adapters. Whatever is heavy is loaded when it is first needed, so
// that `version` and help stay fast.

import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { hostname } from "node:os";
import { AppError, toAppError } from "./domain/error.ts";
import type { Configuration, EncryptionSpec, Project, Settings } from "./domain/project/project.ts";
import { redact, redactEvent } from "./domain/run/redact.ts";
import type { RunEvent } from "./domain/run/run.ts";
import type { App, AppOptions, CliContext, ConfigTools, GlobalOptions, InitTools, KeyTools } from "./cli/context.ts";
import { crashAt } from "./adapters/process/crash-point.ts";
import { drawProgress } from "./cli/draw-progress.ts";
import { openTerminal } from "./cli/terminal.ts";
import type { StateStore } from "./ports/state-store.ts";
import type { Deps } from "./usecases/deps.ts";

declare const BACKUPCTL_VERSION: string | undefined;

/** Above this much resident memory a full collection is worth its time: buffers are freed late otherwise. */
const memoryThresholdBytes = 128 * 1024 * 1024;

const version = typeof BACKUPCTL_VERSION === "undefined" ? "0.0.0-dev" : BACKUPCTL_VERSION;

export function openCliContext(globals: GlobalOptions, signal: AbortSignal): CliContext {
  const context: CliContext = {
    globals,
    terminal: openTerminal(),
    env: process.env,
    cwd: process.cwd(),
    version,
    signal,
    config: configTools(globals),
    keys: keyTools(),
    init: initTools(),
    openApp: (options) => openApp(context, options),
  };
  return context;
}

/** Schemas of every adapter; their code is loaded by `load` when one is opened. */
async function loadRegistries() {
  const [sources, objectStores, ciphers, notifiers] = await Promise.all([
    import("./adapters/source/index.ts"),
    import("./adapters/object-store/index.ts"),
    import("./adapters/cipher/index.ts"),
    import("./adapters/notifier/index.ts"),
  ]);
  return {
    sources: sources.sourceDefinitions,
    objectStores: objectStores.objectStoreDefinitions,
    ciphers: ciphers.cipherDefinitions,
    notifiers: notifiers.notifierDefinitions,
  };
}

type Registries = Awaited<ReturnType<typeof loadRegistries>>;

async function loadFile(globals: GlobalOptions, registries: Registries) {
  const { loadConfiguration } = await import("./adapters/config/load-configuration.ts");
  return loadConfiguration({ explicitPath: globals.config, cwd: process.cwd(), env: process.env, registries });
}

function configTools(globals: GlobalOptions): ConfigTools {
  return {
    async validate() {
      try {
        const { configuration, problems } = await loadFile(globals, await loadRegistries());
        return { path: configuration.path, configuration, problems };
      } catch (error) {
        const appError = toAppError(error);
        const { problems, path } = appError.details as { problems?: Configuration["warnings"]; path?: string };
        if (appError.code !== "config_invalid" || problems === undefined || problems.length === 0) throw error;
        return { path: path ?? null, configuration: null, problems };
      }
    },
    async render(configuration, project) {
      const [{ renderConfiguration }, registries] = await Promise.all([
        import("./adapters/config/render-configuration.ts"),
        loadRegistries(),
      ]);
      return renderConfiguration(configuration, { project, registries });
    },
    async schema() {
      const { configJsonSchema } = await import("./adapters/config/json-schema.ts");
      return configJsonSchema(await loadRegistries());
    },
  };
}

function keyTools(): KeyTools {
  async function listAll(configuration: Configuration) {
    const [{ listKeys }, { defaultKeyOf }, { ciphers }] = await Promise.all([
      import("./adapters/cipher/list-keys.ts"),
      import("./adapters/cipher/key-store.ts"),
      loadRegistries(),
    ]);
    const { settings, projects } = configuration;
    const users = projects.flatMap(({ name, encryption }) =>
      encryption === null ? [] : [{ name: `project ${name}`, encryption }],
    );
    return listKeys(users, ciphers, { tmpDir: settings.tmpDir, tools: settings.tools, ...defaultKeyOf(settings) });
  }
  return {
    async generate(path) {
      const { createKeyFile } = await import("./adapters/cipher/key-store.ts");
      return createKeyFile(path);
    },
    async list(configuration) {
      return (await listAll(configuration)).map(({ keyId, scheme, usedBy }) => ({ keyId, scheme, usedBy }));
    },
    async writeRecoveryKit(configuration, storages, file) {
      const [{ formatRecoveryKit }, { default: decryptScript }, { writeFile }] = await Promise.all([
        import("./adapters/cipher/recovery-kit.ts"),
        import("../scripts/decrypt-backup.mjs", { with: { type: "text" } }),
        import("node:fs/promises"),
      ]);
      const keys = await listAll(configuration);
      const createdAt = new Date().toISOString();
      const kit = formatRecoveryKit({
        createdAt,
        host: hostname(),
        version,
        keys,
        storages,
        decryptScript: String(decryptScript),
      });
      await writeFile(file, kit, { mode: 0o600, flag: "wx" }).catch((cause: unknown) => {
        const error = cause as NodeJS.ErrnoException;
        throw new AppError(
          error.code === "EEXIST" ? "object_exists" : "storage_failed",
          `${file} cannot be written (${error.code})`,
          {
            hint: "name a file that does not exist, in a directory that does",
            cause: error,
          },
        );
      });
    },
  };
}

function initTools(): InitTools {
  return {
    async questions() {
      return (await import("./adapters/config/init-questions.ts")).initQuestions;
    },
    async write(request) {
      const { writeInitialConfiguration } = await import("./adapters/config/write-initial-configuration.ts");
      return writeInitialConfiguration(request, (length) => Uint8Array.from(randomBytes(length)));
    },
  };
}

async function openApp(context: CliContext, options: AppOptions): Promise<App> {
  const registries = await loadRegistries();
  const { configuration, environment } = await readConfiguration(context, options, registries);
  const { settings, secrets } = configuration;
  const [
    { systemClock },
    { currentOwner },
    { openFileLock },
    { shellHooks },
    { referencedVariables },
    { codecs },
    { recordRunEvents },
    { bundlePath, writeBundle },
    { openTemporaryDirectory },
  ] = await Promise.all([
    import("./adapters/clock/system/index.ts"),
    import("./adapters/lock/owner.ts"),
    import("./adapters/lock/file/index.ts"),
    import("./adapters/hook/shell/index.ts"),
    import("./adapters/hook/shell/referenced-variables.ts"),
    import("./adapters/codec/index.ts"),
    import("./usecases/record-run-events.ts"),
    import("./adapters/bundle/write-bundle.ts"),
    import("./adapters/process/temporary-directory.ts"),
  ]);
  const temporary = openTemporaryDirectory(settings.tmpDir, currentOwner());
  const state = await openState(context, options, settings);
  const recorder = recordRunEvents({ state, clock: systemClock }, (error) => {
    context.terminal.note(`warning: the run could not be recorded: ${toAppError(error).message}`);
  });
  const view = drawProgress(context);
  const listeners = options.state === "none" ? [view.show] : [view.show, recorder.emit];

  const deps: Deps = {
    clock: systemClock,
    settings,
    owner: currentOwner(),
    program: { version, host: hostname(), platform: `${process.platform}-${process.arch}` },
    lock: openFileLock({ baseDir: settings.baseDir }),
    // A hook's ${VAR} is left to the shell, so what `.env` says of the variables that it names goes along.
    hooks: {
      run: (request) =>
        shellHooks.run({ ...request, env: { ...referencedVariables(request.command, environment), ...request.env } }),
    },
    state,
    codecs,
    random: (length) => Uint8Array.from(randomBytes(length)),
    emit(event: RunEvent) {
      const clean = redactEvent(event, secrets);
      for (const listener of listeners) listener(clean);
    },
    async openSource(spec, log) {
      const definition = find(registries.sources, "source", spec.type);
      const module = await definition.load();
      return module.open(spec.settings, { tmpDir: await temporary.ensure(), tools: settings.tools, log });
    },
    sourceAt: (url) => sourceAt(url, registries),
    async openFile(file, project, fileSignal) {
      const { openPayload } = await import("./adapters/payload/open-payload.ts");
      const { readFileStream } = await import("./adapters/payload/read-file.ts");
      const openCipher = (scheme: string) => deps.openCipher(cipherOfFile(scheme, project, registries));
      return openPayload(readFileStream(file), { codecs, openCipher, signal: fileSignal });
    },
    async openBundle(file, project, fileSignal) {
      const { openBundle } = await import("./adapters/bundle/read-bundle.ts");
      const { payload, stream } = await deps.openFile(file, project, fileSignal);
      if (payload.kind === "bundle") return openBundle(stream);
      throw new AppError("unsupported", `${file} is no bundle`);
    },
    writeBundle: (manifest, openPart) => writeBundle({ manifest, openPart, gzip: codecs.gzip }),
    bundlePath,
    settingsAt: (spec, database) => find(registries.sources, "source", spec.type).atDatabase(spec.settings, database),
    async openStorage(name, log, limits) {
      const spec = configuration.storages.find((storage) => storage.name === name);
      if (spec === undefined) {
        throw new AppError("config_invalid", `there is no storage ${name}`, {
          hint: `the storages are ${configuration.storages.map((storage) => storage.name).join(", ")}`,
        });
      }
      const module = await find(registries.objectStores, "storage", spec.type).load();
      const { withMemoryRelief } = await import("./adapters/object-store/with-memory-relief.ts");
      const store = withMemoryRelief(module.open(spec.settings, { log }), deps.relieveMemory);
      if (limits?.uploadKbps === undefined && limits?.downloadKbps === undefined) return store;
      const { withBandwidthLimit } = await import("./adapters/object-store/with-bandwidth-limit.ts");
      return withBandwidthLimit(store, limits, systemClock);
    },
    async openDirectory(path, log) {
      await mkdir(path, { recursive: true, mode: 0o700 });
      const module = await find(registries.objectStores, "storage", "local").load();
      return module.open({ path }, { log });
    },
    async openCipher(encryption) {
      const { defaultKeyOf } = await import("./adapters/cipher/key-store.ts");
      const module = await find(registries.ciphers, "encryption", encryption.type).load();
      return module.open(encryption.settings, {
        tmpDir: await temporary.ensure(),
        tools: settings.tools,
        ...defaultKeyOf(settings),
      });
    },
    async openNotifier(channel) {
      return (await find(registries.notifiers, "notification", channel.type).load()).open(channel.settings);
    },
    findProject(name) {
      const project = configuration.projects.find((candidate) => candidate.name === name);
      if (project !== undefined) return project;
      throw new AppError("usage", `there is no project ${name}`, {
        hint: `the projects are ${configuration.projects.map((candidate) => candidate.name).join(", ") || "none yet"}`,
      });
    },
    relieveMemory() {
      if (process.memoryUsage.rss() > memoryThresholdBytes) Bun.gc(true);
    },
    reach: crashAt,
  };
  return {
    configuration,
    deps,
    flush: () => recorder.flush(),
    redact: (text) => redact(text, secrets),
    async [Symbol.asyncDispose]() {
      await recorder.flush();
      await state[Symbol.asyncDispose]();
      await temporary[Symbol.asyncDispose]();
    },
  };
}

async function readConfiguration(
  context: CliContext,
  options: AppOptions,
  registries: Registries,
): ReturnType<typeof loadFile> {
  try {
    return await loadFile(context.globals, registries);
  } catch (error) {
    const isMissing = Array.isArray((error as AppError).details?.["searched"]);
    if (options.configuration === "required" || !isMissing) throw error;
    const { loadSettingsOnly } = await import("./adapters/config/load-configuration.ts");
    return loadSettingsOnly({ cwd: process.cwd(), env: process.env, registries });
  }
}

async function openState(context: CliContext, options: AppOptions, settings: Settings): Promise<StateStore> {
  if (options.state !== "none") {
    try {
      const { openStateStore } = await import("./adapters/state-store/open-state-store.ts");
      const state = await openStateStore(settings.databaseUrl);
      await state.migrate();
      return state;
    } catch (error) {
      if (options.state !== "preferred") throw error;
      context.terminal.note(`warning: ${toAppError(error).message}; this run leaves no record`);
    }
  }
  const { openMemoryStateStore } = await import("./adapters/state-store/memory/index.ts");
  return openMemoryStateStore();
}

/** Passwords come from BACKUPCTL_TARGET_PASSWORD: a URL on the command line can be seen by everybody. */
function sourceAt(url: string, registries: Registries): ReturnType<Deps["sourceAt"]> {
  const parsed = new URL(url);
  const type = parsed.protocol.replace(/:$/, "").replace(/^postgresql$/, "postgres");
  const definition = find(registries.sources, "source", type);
  if (parsed.password !== "") {
    throw new AppError("usage", "a password on the command line can be read by everybody on this machine", {
      hint: "leave it out of the URL and set BACKUPCTL_TARGET_PASSWORD",
    });
  }
  const path = decodeURIComponent(parsed.pathname);
  const password = process.env["BACKUPCTL_TARGET_PASSWORD"];
  const server = {
    name: path.slice(1),
    host: parsed.searchParams.get("host") ?? (parsed.hostname === "" ? undefined : parsed.hostname),
    port: parsed.port === "" ? undefined : Number(parsed.port),
    user: parsed.username === "" ? undefined : decodeURIComponent(parsed.username),
    password,
  };
  const settings = parsed.hostname === "" && parsed.searchParams.size === 0 ? { path } : server;
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  const result = definition.config.safeParse(given);
  if (!result.success) {
    throw new AppError("usage", `the URL does not name a ${type} database: ${result.error.issues[0]?.message ?? ""}`, {
      hint: "as postgres://user@host:5432/name or sqlite:///path/file.db",
    });
  }
  const database = "path" in settings ? path : server.name;
  return { spec: { name: "database", type, settings: result.data }, database };
}

/** The project's own settings; else BACKUPCTL_PASSWORD where the scheme has passwords; else the installation's key. */
function cipherOfFile(scheme: string, project: Project | null, registries: Registries): EncryptionSpec {
  if (project?.encryption?.type === scheme) return project.encryption;
  const password = process.env["BACKUPCTL_PASSWORD"];
  const given = find(registries.ciphers, "encryption", scheme).config.safeParse(
    password === undefined ? {} : { password },
  );
  return { type: scheme, settings: given.success ? given.data : {} };
}

function find<T extends { readonly type: string }>(definitions: readonly T[], noun: string, type: string): T {
  const definition = definitions.find((candidate) => candidate.type === type);
  if (definition !== undefined) return definition;
  throw new AppError("unsupported", `this build has no ${noun} of type ${type}`, {
    hint: `it has ${definitions.map((candidate) => candidate.type).join(", ")}`,
  });
}
