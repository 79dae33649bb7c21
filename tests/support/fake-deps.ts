// A whole world of ports in memory for the use cases: storages, a server, a state store, a lock, a clock, hooks.
// Everything in it can be made to fail; nothing of it touches a disk or a network.

import { freeBlock } from "../../src/adapters/bytes/owned-blocks.ts";
import { openBundle } from "../../src/adapters/bundle/read-bundle.ts";
import { bundlePath, writeBundle } from "../../src/adapters/bundle/write-bundle.ts";
import { open as openAes } from "../../src/adapters/cipher/aes-256-gcm/index.ts";
import { formatKeyToken } from "../../src/adapters/cipher/key-material.ts";
import { codecs } from "../../src/adapters/codec/index.ts";
import {
  createMemoryJournal,
  openMemoryJournal,
  type MemoryJournal,
} from "../../src/adapters/fallback-journal/memory/index.ts";
import { openMemoryLock, type MemoryLockPlace } from "../../src/adapters/lock/memory/index.ts";
import { openPayload } from "../../src/adapters/payload/open-payload.ts";
import {
  createMemoryState,
  openMemoryStateStore,
  type MemoryState,
} from "../../src/adapters/state-store/memory/index.ts";
import { AppError } from "../../src/domain/error.ts";
import type { ChannelSpec, Project, Settings } from "../../src/domain/project/project.ts";
import { routesOf } from "../../src/domain/notification/route.ts";
import type { RunEvent, RunOwner } from "../../src/domain/run/run.ts";
import type { Cipher } from "../../src/ports/cipher.ts";
import type { HookRequest, HookResult } from "../../src/ports/hook.ts";
import type { Notice } from "../../src/domain/notification/notice.ts";
import type { StateStore } from "../../src/ports/state-store.ts";
import { announceRun } from "../../src/usecases/announce-run.ts";
import type { CrashPoint, Deps } from "../../src/usecases/deps.ts";
import { recordRunEvents } from "../../src/usecases/record-run-events.ts";
import { createFakeClock, type FakeClock } from "./fake-clock.ts";
import { createFakeServer, openFakeSource, type FakeServer } from "./fake-source.ts";
import { openFakeRepository, type FakeRepository } from "./fake-repository.ts";
import { openFakeStore, type FakeStore } from "./fake-store.ts";

export interface TestDepsOptions {
  /** Names of storages; the project uses them all. */
  readonly storages?: readonly string[];
  /** Names of repositories; the project uses them all, after the storages. */
  readonly repositories?: readonly string[];
  readonly project?: Partial<Project>;
  readonly settings?: Partial<Settings>;
  /** Encrypts with a real aes-256-gcm. */
  readonly encrypted?: boolean;
}

export interface TestDeps {
  readonly deps: Deps;
  project: Project;
  readonly server: FakeServer;
  readonly clock: FakeClock;
  readonly events: RunEvent[];
  readonly notices: Notice[];
  readonly memory: MemoryState;
  readonly journal: MemoryJournal;
  readonly locks: MemoryLockPlace;
  /** Directories as storages, by path. */
  readonly directories: Map<string, FakeStore>;
  /** Files for `openFile`, by path. */
  readonly files: Map<string, Uint8Array>;
  readonly hookCalls: HookRequest[];
  /** Errors of the state store that the recorder reported. */
  readonly storeErrors: unknown[];
  readonly points: CrashPoint[];
  readonly signal: AbortSignal;
  /** What the next calls do, until a test changes it again. */
  readonly knobs: {
    hook: (request: HookRequest) => Promise<HookResult>;
    onPoint: (point: CrashPoint) => void;
    onEvent: (event: RunEvent) => void;
    /** Every call of the state store asks here first. */
    onState: (method: string) => void | Promise<void>;
    cipher?: () => Promise<Cipher>;
    openStorage: (name: string) => void;
    /** Of this process or of others. */
    judgeOwner: (owner: RunOwner) => "alive" | "dead" | "unseen";
    notify: (notice: Notice, channel: ChannelSpec) => void | Promise<void>;
  };
  store(name: string): FakeStore;
  repository(name: string): FakeRepository;
  /** Files below asset paths, and those that repositories restored. */
  readonly disk: Map<string, Uint8Array>;
  abort(reason?: unknown): void;
  flush(): Promise<void>;
  /** Lines of the log, as `warn: text`. */
  log(): readonly string[];
  /** Loses the state store as a deleted file does. */
  loseState(): void;
}

const key = formatKeyToken(new Uint8Array(32).fill(7));
const hour = 3_600_000;

export const day = 24 * hour;

export function openTestDeps(options: TestDepsOptions = {}): TestDeps {
  const storages = options.storages ?? (options.repositories === undefined ? ["one", "two"] : []);
  const stores = new Map(storages.map((name) => [name, openFakeStore(`memory:${name}`)]));
  const disk = new Map<string, Uint8Array>();
  const repositories = new Map(
    (options.repositories ?? []).map((name) => [
      name,
      openFakeRepository(`fake:${name}`, { read: readDisk, write: (path, bytes) => void disk.set(path, bytes) }, () =>
        clock.now(),
      ),
    ]),
  );
  async function readDisk(path: string): Promise<ReadonlyMap<string, Uint8Array>> {
    const staged = [...(directories.get("/base")?.objects ?? [])].map(
      ([key, { bytes }]) => [`/base/${key}`, bytes] as const,
    );
    const found = [...disk, ...staged].filter(([name]) => name === path || name.startsWith(`${path}/`));
    if (found.length === 0) throw new AppError("source_failed", `there is no ${path}`);
    return new Map(found);
  }
  const server = createFakeServer({
    shop: { orders: Array.from({ length: 200 }, (_, id) => `order ${id} of somebody`), ünï: ["☕"], empty: [] },
  });
  const clock = createFakeClock();
  const events: RunEvent[] = [];
  const notices: Notice[] = [];
  const memory = createMemoryState();
  const journal = createMemoryJournal();
  const locks: MemoryLockPlace = { holders: new Map() };
  const directories = new Map<string, FakeStore>();
  const files = new Map<string, Uint8Array>();
  const hookCalls: HookRequest[] = [];
  const storeErrors: unknown[] = [];
  const points: CrashPoint[] = [];
  const controller = new AbortController();
  const knobs: TestDeps["knobs"] = {
    judgeOwner: () => "alive",
    hook: async () => ({ exitCode: 0, durationMs: 1 }),
    onPoint: () => {},
    onEvent: () => {},
    onState: () => {},
    openStorage: () => {},
    notify: () => {},
  };
  const state = guardState(openMemoryStateStore(memory), (method) => knobs.onState(method));
  const recorder = recordRunEvents({ state, clock }, (error) => storeErrors.push(error));
  let drawn = 0;

  const deps: Deps = {
    clock,
    settings: { ...defaultSettings, ...options.settings },
    owner: { host: "here", bootId: "boot", pid: 1, startTicks: "1" },
    program: { version: "1.2.3", host: "here", platform: "linux-x64" },
    lock: openMemoryLock({ place: locks, isOwnerDead: (owner) => knobs.judgeOwner(owner) === "dead" }),
    judgeOwner: (owner) => knobs.judgeOwner(owner),
    hooks: {
      async run(request) {
        hookCalls.push(request);
        return knobs.hook(request);
      },
    },
    state,
    journal: openMemoryJournal(journal),
    codecs,
    // Each call other bytes, and the same in every run of a test.
    random: (length) =>
      new Uint8Array(new Bun.CryptoHasher("sha512").update(`draw ${++drawn}`).digest()).slice(0, length),
    redact: (text) => text,
    emit(event) {
      events.push(event);
      recorder.emit(event);
      knobs.onEvent(event);
    },
    recorded: () => recorder.flush(),
    openSource: async (spec) => openFakeSource(server, spec, disk),
    settingsAt: (spec, database) => ({ ...(spec.settings as object), database }),
    sourceAt: (url) => ({ spec: { name: "database", type: "postgres", settings: { database: url } }, database: url }),
    async openFile(file, project, signal) {
      const bytes = files.get(file);
      if (bytes === undefined) throw new AppError("usage", `there is no file ${file}`);
      const openCipher = (): Promise<Cipher> =>
        deps.openCipher(project?.encryption ?? { type: "aes-256-gcm", settings: {} });
      return openPayload(oneChunk(bytes), { codecs, openCipher, signal });
    },
    async openBundle(file, project, signal) {
      return openBundle((await deps.openFile(file, project, signal)).stream);
    },
    writeBundle: (manifest, openPart) => writeBundle({ manifest, openPart, gzip: codecs.gzip }),
    bundlePath,
    async openStorage(name) {
      knobs.openStorage(name);
      const store = stores.get(name);
      if (store === undefined) throw new AppError("config_invalid", `there is no storage ${name}`);
      return store;
    },
    isRepository: (name) => repositories.has(name),
    async openRepository(name) {
      knobs.openStorage(name);
      return repositories.get(name)!;
    },
    async openDirectory(path) {
      const directory = directories.get(path) ?? openFakeStore(path);
      directories.set(path, directory);
      return directory;
    },
    async openCipher() {
      if (knobs.cipher !== undefined) return knobs.cipher();
      return openAes({}, { tmpDir: "/nowhere", tools: {}, defaultKey: async () => ({ secret: key, keyId: "test" }) });
    },
    announce({ project, kind, trigger }) {
      const routes = routesOf(world.project, []);
      if (routes.length === 0 || trigger === "safety") return undefined;
      const around = {
        timeZone: deps.settings.timeZone,
        retryCount: deps.settings.retryCount,
        database: project,
        isEncrypted: world.project.encryption !== null,
        isVerified: world.project.verification.enabled,
        usesRestic: false,
      };
      const followers = routes.filter(({ channel }) => channel.type === "pagerduty");
      return announceRun(deps, { kind, routes, followers, around });
    },
    async openNotifier(channel) {
      return {
        type: channel.type,
        async send(notice) {
          await knobs.notify(notice, channel);
          notices.push(notice);
        },
      };
    },
    findProject: () => world.project,
    relieveMemory: () => {},
    freeChunk: freeBlock,
    reach(point) {
      points.push(point);
      knobs.onPoint(point);
    },
  };
  const world: TestDeps = {
    deps,
    project: {
      ...defaultProject,
      storages: [...storages, ...repositories.keys()],
      encryption: options.encrypted === true ? { type: "aes-256-gcm", settings: {} } : null,
      ...options.project,
    },
    server,
    clock,
    events,
    notices,
    memory,
    journal,
    locks,
    directories,
    files,
    hookCalls,
    storeErrors,
    points,
    signal: controller.signal,
    knobs,
    store(name) {
      const store = stores.get(name);
      if (store === undefined) throw new Error(`the test has no storage ${name}`);
      return store;
    },
    repository(name) {
      const repository = repositories.get(name);
      if (repository === undefined) throw new Error(`the test has no repository ${name}`);
      return repository;
    },
    disk,
    abort: (reason = new AppError("cancelled", "somebody pressed Ctrl-C")) => controller.abort(reason),
    flush: () => recorder.flush(),
    log: () => events.flatMap((event) => (event.type === "log" ? [`${event.line.level}: ${event.line.message}`] : [])),
    loseState() {
      const { runs, stages, logs, backups, outbox, schedules } = memory;
      for (const map of [runs, stages, logs, backups, outbox, ...Object.values(schedules)]) map.clear();
    },
  };
  return world;
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function guardState(state: StateStore, ask: (method: string) => void | Promise<void>): StateStore {
  return new Proxy(state, {
    get(target, name: keyof StateStore) {
      const value: unknown = target[name];
      if (typeof value !== "function") return value;
      return async (...args: unknown[]) => {
        await ask(String(name));
        return (value as (...given: unknown[]) => unknown).apply(target, args);
      };
    },
  });
}

const defaultSettings: Settings = {
  baseDir: "/base",
  tmpDir: "/base/.tmp",
  timeZone: "UTC",
  databaseUrl: "sqlite::memory:",
  encryptionKey: null,
  encryptionKeyFile: "/base/key",
  diskMinFreeBytes: 0,
  retryCount: 0,
  retryDelayMs: 1_000,
  stallTimeoutMs: 5_000,
  safetyBackupDays: 7,
  maxRetentionDays: null,
  logLevel: "info",
  tools: {},
};

const defaultProject: Project = {
  name: "shop",
  enabled: true,
  sources: [{ name: "database", type: "postgres", settings: { database: "shop" } }],
  storages: [],
  schedules: [],
  compression: { algorithm: "gzip", level: 1 },
  encryption: null,
  retention: null,
  hooks: { timeoutMs: 1_000 },
  verification: { enabled: false, level: "checksum", rowCounts: "exact", drillOn: "project" },
  channels: [],
  timeoutMs: null,
};
