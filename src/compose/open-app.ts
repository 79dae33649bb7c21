// Opens what most commands work with: the configuration, the state store, the logs, and every port of the use cases.

import { hostname } from "node:os";
import { AppError, toAppError } from "../domain/error.ts";
import { hintNames } from "../domain/nearest-name.ts";
import { redact, redactEvent } from "../domain/run/redact.ts";
import type { RunEvent } from "../domain/run/run.ts";
import type { App, AppOptions, CliContext } from "../cli/context.ts";
import { freeBlock } from "../adapters/bytes/owned-blocks.ts";
import { crashAt } from "../adapters/process/crash-point.ts";
import { drawProgress } from "../cli/draw-progress.ts";
import type { Deps } from "../usecases/deps.ts";
import { readConfiguration } from "./configuration.ts";
import { makeDirectory } from "./make-directory.ts";
import { cipherOfFile, sourceAt, stateSource } from "./named-elsewhere.ts";
import { announceRuns, routesOfAll } from "./notifications.ts";
import { openLogs } from "./open-logs.ts";
import { findRepositorySpec, openRepository } from "./open-repository.ts";
import { openState } from "./open-state.ts";
import { findDefinition, loadRegistries } from "./registries.ts";
import { relieveMemory, relieveMemoryNow } from "./relieve-memory.ts";

/** How long a command that is done may go on with messages that were left from before. */
const drainBudgetMs = 10_000;

/** How long a run waits for the record of its beginning. */
const recordBoundMs = 5_000;

export async function openApp(context: CliContext, options: AppOptions): Promise<App> {
  const registries = await loadRegistries();
  const read = await readConfiguration(context, options, registries);
  // A process that stays keeps a copy: memory in which the parser's garbage lies between what is kept is never given back.
  const { configuration, environment } = options.state === "kept" ? structuredClone(read) : read;
  const { settings, secrets } = configuration;
  context.terminal.hide(secrets);
  const [
    { systemClock },
    { currentOwner, judgeOwner },
    { openFileLock },
    { shellHooks },
    { referencedVariables },
    { codecs },
    { recordRunEvents },
    { bundlePath, writeBundle },
    { openTemporaryDirectory },
    { openFileJournal },
  ] = await Promise.all([
    import("../adapters/clock/system/index.ts"),
    import("../adapters/lock/owner.ts"),
    import("../adapters/lock/file/index.ts"),
    import("../adapters/hook/shell/index.ts"),
    import("../adapters/hook/shell/referenced-variables.ts"),
    import("../adapters/codec/index.ts"),
    import("../usecases/record-run-events.ts"),
    import("../adapters/bundle/write-bundle.ts"),
    import("../adapters/process/temporary-directory.ts"),
    import("../adapters/fallback-journal/file/index.ts"),
  ]);
  const temporary = openTemporaryDirectory(settings.tmpDir, currentOwner());
  const journal = openFileJournal({ baseDir: settings.baseDir });
  const { state, replay } = await openState(context.terminal.note, options, settings, journal);
  const recorder = recordRunEvents({ state, clock: systemClock }, (error) => {
    context.terminal.note(`warning: the run could not be recorded: ${toAppError(error).message}`);
  });
  const logs = options.state === "none" ? undefined : await openLogs(settings, context.terminal.note);
  const view = drawProgress(context);
  const show = options.show ?? view.show;
  const listeners = logs === undefined ? [show] : [show, logs.record, recorder.emit];

  const deps: Deps = {
    clock: systemClock,
    settings,
    owner: currentOwner(),
    program: { version: context.version, host: hostname(), platform: `${process.platform}-${process.arch}` },
    lock: openFileLock({ baseDir: settings.baseDir }),
    judgeOwner,
    // A hook's ${VAR} is left to the shell, so what `.env` says of the variables that it names goes along.
    hooks: {
      run: (request) =>
        shellHooks.run({ ...request, env: { ...referencedVariables(request.command, environment), ...request.env } }),
    },
    state,
    journal,
    codecs,
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    emit(event: RunEvent) {
      const clean = redactEvent(event, secrets);
      for (const listener of listeners) listener(clean);
    },
    redact: (text) => redact(text, secrets),
    recorded: () => Promise.race([recorder.flush(), systemClock.sleep(recordBoundMs)]),
    async openSource(spec, log) {
      const definition = findDefinition(registries.sources, "source", spec.type);
      const module = await definition.load();
      return module.open(spec.settings, { tmpDir: await temporary.ensure(), tools: settings.tools, log });
    },
    sourceAt: (url) => sourceAt(url, registries),
    async openFile(file, project, fileSignal) {
      const { openPayload } = await import("../adapters/payload/open-payload.ts");
      const { readFileStream } = await import("../adapters/payload/read-file.ts");
      const openCipher = (scheme: string) => deps.openCipher(cipherOfFile(scheme, project, registries));
      return openPayload(readFileStream(file), { codecs, openCipher, signal: fileSignal });
    },
    async openBundle(file, project, fileSignal) {
      const { openBundle } = await import("../adapters/bundle/read-bundle.ts");
      const { payload, stream } = await deps.openFile(file, project, fileSignal);
      if (payload.kind === "bundle") return openBundle(stream);
      throw new AppError("unsupported", `${file} is no bundle`);
    },
    writeBundle: (manifest, openPart) => writeBundle({ manifest, openPart, gzip: codecs.gzip }),
    bundlePath,
    settingsAt: (spec, database) =>
      findDefinition(registries.sources, "source", spec.type).atDatabase(spec.settings, database),
    async openStorage(name, log, limits) {
      const spec = configuration.storages.find((storage) => storage.name === name);
      if (spec === undefined) {
        throw new AppError("config_invalid", `there is no storage ${name}`, {
          hint: hintNames(
            name,
            "storages",
            configuration.storages.map((storage) => storage.name),
          ),
        });
      }
      const module = await findDefinition(registries.objectStores, "storage", spec.type).load();
      const { withMemoryRelief } = await import("../adapters/object-store/with-memory-relief.ts");
      const store = withMemoryRelief(module.open(spec.settings, { log }), relieveMemoryNow);
      if (limits?.uploadKbps === undefined && limits?.downloadKbps === undefined) return store;
      const { withBandwidthLimit } = await import("../adapters/object-store/with-bandwidth-limit.ts");
      return withBandwidthLimit(store, limits, systemClock);
    },
    isRepository: (name) => findRepositorySpec(configuration, registries, name) !== undefined,
    async openRepository(name, log, limits) {
      const tmpDir = await temporary.ensure();
      return openRepository(configuration, registries, name, { tmpDir, host: deps.program.host, limits, log });
    },
    async openDirectory(path, log, options) {
      if (options?.create !== false) await makeDirectory(path);
      const module = await findDefinition(registries.objectStores, "storage", "local").load();
      return module.open({ path }, { log });
    },
    async openCipher(encryption) {
      const { defaultKeyOf } = await import("../adapters/cipher/key-store.ts");
      const module = await findDefinition(registries.ciphers, "encryption", encryption.type).load();
      return module.open(encryption.settings, {
        tmpDir: await temporary.ensure(),
        tools: settings.tools,
        ...defaultKeyOf(settings),
      });
    },
    announce: announceRuns(configuration, registries, () => deps),
    async openNotifier(channel) {
      return (await findDefinition(registries.notifiers, "notification", channel.type).load()).open(channel.settings);
    },
    findProject(name) {
      const project = configuration.projects.find((candidate) => candidate.name === name);
      if (project !== undefined) return project;
      throw new AppError("usage", `there is no project ${name}`, {
        hint: hintNames(
          name,
          "projects",
          configuration.projects.map((candidate) => candidate.name),
        ),
      });
    },
    relieveMemory,
    freeChunk: freeBlock,
    reach: crashAt,
  };
  return {
    configuration,
    deps,
    flush: () => recorder.flush(),
    replayKept: replay,
    stateSource: () => stateSource(settings.databaseUrl, registries),
    log: (level, message) => logs?.log(level, redact(message, secrets)),
    async sendWaiting() {
      await replay();
      const { drainOutbox } = await import("../usecases/drain-outbox.ts");
      const request = { routes: routesOfAll(configuration), budgetMs: drainBudgetMs };
      const drained = await drainOutbox(deps, request).catch(() => undefined);
      drained?.givenUp.forEach((line) => context.terminal.note(`warning: ${line}`));
    },
    redact: (text) => redact(text, secrets),
    async [Symbol.asyncDispose]() {
      await recorder.flush();
      await replay();
      await logs?.flush();
      await state[Symbol.asyncDispose]();
      await temporary[Symbol.asyncDispose]();
    },
  };
}
