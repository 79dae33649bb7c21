// The questions of `backupctl init`, as data: asked one by one on a terminal, or answered by flags.

import { findCronFault, isTimeZone } from "./cron.ts";
import { namePattern } from "../../domain/project/name.ts";

export type InitAnswers = Readonly<Record<string, string>>;

export interface InitQuestion {
  /** Also the name of the flag's answer: `--answer host=db`. */
  readonly key: string;
  readonly text: string;
  readonly secret?: true;
  /** What an empty answer means, given the answers before. Absent: the question must be answered. */
  readonly fallback?: (answers: InitAnswers) => string;
  /** False: the question does not arise. Absent: it always does. */
  readonly isAsked?: (answers: InitAnswers) => boolean;
  /** What is wrong with an answer; undefined when it will do. */
  readonly findFault: (answer: string, answers: InitAnswers) => string | undefined;
}

export const initEngines = ["postgres", "mysql", "mariadb", "mongodb", "sqlite", "none"] as const;
export const initStorages = ["local", "s3", "sftp"] as const;

const serverPorts: Readonly<Record<string, string>> = {
  postgres: "5432",
  mysql: "3306",
  mariadb: "3306",
  mongodb: "27017",
};

const hasServer = ({ engine }: InitAnswers): boolean => engine !== undefined && engine in serverPorts;
const uses = (storage: string) => (answers: InitAnswers) => listOf(answers["storages"]).includes(storage);
const empty = (): string => "";

/** The items of an answer with commas. */
export function listOf(answer: string | undefined): readonly string[] {
  const items = (answer ?? "").split(",").map((item) => item.trim());
  return [...new Set(items.filter((item) => item !== ""))];
}

function line(answer: string): string | undefined {
  return /[\p{Cc}\u2028\u2029]/u.test(answer) ? "write it in one line" : undefined;
}

function required(answer: string): string | undefined {
  return answer.trim() === "" ? "an answer is needed" : line(answer);
}

function port(answer: string): string | undefined {
  return /^\d{1,5}$/.test(answer) && Number(answer) >= 1 && Number(answer) <= 65_535
    ? undefined
    : "a port is a number from 1 to 65535";
}

function absolute(answer: string): string | undefined {
  return /^(\/|[A-Za-z]:[\\/])/.test(answer) ? line(answer) : "write an absolute path, as /data/backups";
}

function oneOf(...allowed: readonly string[]) {
  return (answer: string): string | undefined =>
    allowed.includes(answer) ? undefined : `answer one of ${allowed.join(", ")}`;
}

function cron(answer: string): string | undefined {
  return answer === "none" ? undefined : findCronFault(answer);
}

function httpAddress(answer: string): string | undefined {
  return answer === "" || (/^https?:\/\//.test(answer) && URL.canParse(answer))
    ? line(answer)
    : "write an address as https://host:9000";
}

function assetPaths(answer: string, { engine }: InitAnswers): string | undefined {
  const paths = listOf(answer);
  if (paths.length === 0) return engine === "none" ? "without a database at least one path is needed" : undefined;
  return paths.map(absolute).find((fault) => fault !== undefined);
}

function storageNames(answer: string): string | undefined {
  const names = listOf(answer);
  if (names.length === 0) return "name at least one";
  return names.map(oneOf(...initStorages)).find((fault) => fault !== undefined);
}

/** A way in must be given: a key file or a password. */
function sftpPassword(answer: string, answers: InitAnswers): string | undefined {
  const none = answer === "" && (answers["sftp_key_path"] ?? "") === "";
  return none ? "without a key file a password is needed" : line(answer);
}

function secretKey(answer: string, answers: InitAnswers): string | undefined {
  return answer === "" && (answers["s3_access_key"] ?? "") !== "" ? "an access key needs its secret key" : line(answer);
}

export const initQuestions: readonly InitQuestion[] = [
  {
    key: "name",
    text: "Name of the project",
    fallback: () => "app",
    findFault: (answer) => (namePattern.test(answer) ? undefined : "use letters, digits, dots, dashes and underscores"),
  },
  {
    key: "engine",
    text: `Kind of the database (${initEngines.join(", ")})`,
    fallback: () => "postgres",
    findFault: oneOf(...initEngines),
  },
  {
    key: "host",
    text: "Host of the database server",
    fallback: () => "localhost",
    isAsked: hasServer,
    findFault: required,
  },
  {
    key: "port",
    text: "Port of the database server",
    fallback: ({ engine }) => serverPorts[engine ?? ""] ?? "",
    isAsked: hasServer,
    findFault: port,
  },
  {
    key: "database",
    text: "Name of the database",
    fallback: ({ name }) => name ?? "app",
    isAsked: hasServer,
    findFault: required,
  },
  { key: "user", text: "User of the database", fallback: () => "backup", isAsked: hasServer, findFault: required },
  {
    key: "password",
    text: "Password of that user (empty: none)",
    secret: true,
    fallback: empty,
    isAsked: hasServer,
    findFault: line,
  },
  {
    key: "path",
    text: "File of the SQLite database",
    isAsked: ({ engine }) => engine === "sqlite",
    findFault: absolute,
  },
  {
    key: "assets",
    text: "Directories and files to back up too, separated by commas (empty: none)",
    fallback: empty,
    findFault: assetPaths,
  },
  {
    key: "storages",
    text: `Where backups go, separated by commas (${initStorages.join(", ")})`,
    fallback: () => "local",
    findFault: storageNames,
  },
  {
    key: "local_path",
    text: "Directory for the backups",
    fallback: () => "/data/backups",
    isAsked: uses("local"),
    findFault: absolute,
  },
  { key: "s3_bucket", text: "S3 bucket", isAsked: uses("s3"), findFault: required },
  { key: "s3_region", text: "S3 region", fallback: () => "us-east-1", isAsked: uses("s3"), findFault: required },
  { key: "s3_endpoint", text: "S3 address (empty: AWS)", fallback: empty, isAsked: uses("s3"), findFault: httpAddress },
  {
    key: "s3_access_key",
    text: "S3 access key id (empty: from the machine's role or profile)",
    fallback: empty,
    isAsked: uses("s3"),
    findFault: line,
  },
  {
    key: "s3_secret_key",
    text: "S3 secret access key",
    secret: true,
    fallback: empty,
    isAsked: (answers) => uses("s3")(answers) && answers["s3_access_key"] !== "",
    findFault: secretKey,
  },
  { key: "sftp_host", text: "SFTP host", isAsked: uses("sftp"), findFault: required },
  { key: "sftp_port", text: "SFTP port (Hetzner: 23)", fallback: () => "22", isAsked: uses("sftp"), findFault: port },
  { key: "sftp_user", text: "SFTP user", isAsked: uses("sftp"), findFault: required },
  { key: "sftp_path", text: "SFTP directory", fallback: () => "/backups", isAsked: uses("sftp"), findFault: required },
  {
    key: "sftp_key_path",
    text: "Private key for SFTP (empty: use a password)",
    fallback: empty,
    isAsked: uses("sftp"),
    findFault: (answer) => (answer === "" ? undefined : absolute(answer)),
  },
  {
    key: "sftp_password",
    text: "SFTP password",
    secret: true,
    fallback: empty,
    isAsked: (answers) => uses("sftp")(answers) && answers["sftp_key_path"] === "",
    findFault: sftpPassword,
  },
  { key: "encryption", text: "Encrypt the backups (yes, no)", fallback: () => "yes", findFault: oneOf("yes", "no") },
  {
    key: "encryption_password",
    text: "Password of the encryption (empty: one is made)",
    secret: true,
    fallback: empty,
    isAsked: ({ encryption }) => encryption === "yes",
    findFault: (answer) => (answer !== "" && answer.length < 12 ? "use at least 12 characters" : line(answer)),
  },
  { key: "schedule", text: "When (cron expression, or none)", fallback: () => "0 2 * * *", findFault: cron },
  {
    key: "timezone",
    text: "Time zone of the schedule",
    fallback: () => "UTC",
    findFault: (answer) => (isTimeZone(answer) ? undefined : "this time zone is not known; write one as Europe/Berlin"),
  },
  {
    key: "retention",
    text: "What is kept (standard: 24 hourly, 7 daily, 4 weekly, 12 monthly; none: everything)",
    fallback: () => "standard",
    findFault: oneOf("standard", "none"),
  },
];

export interface AnswerFault {
  readonly key: string;
  readonly message: string;
}

/** Fills in what was not answered and checks all of it; unknown keys are faults too. */
export function completeAnswers(given: InitAnswers): {
  readonly answers: InitAnswers;
  readonly faults: readonly AnswerFault[];
} {
  const answers: Record<string, string> = {};
  const faults: AnswerFault[] = [];
  for (const { key, fallback, isAsked, findFault } of initQuestions) {
    if (isAsked?.(answers) === false) continue;
    const own = Object.hasOwn(given, key) ? given[key]! : "";
    const answer = own === "" && fallback !== undefined ? fallback(answers) : own;
    const message = findFault(answer, answers);
    if (message !== undefined) faults.push({ key, message });
    answers[key] = answer;
  }
  for (const key of Object.keys(given)) {
    if (!initQuestions.some((question) => question.key === key))
      faults.push({ key, message: "this question is not known" });
    else if (!Object.hasOwn(answers, key) && given[key] !== "")
      faults.push({ key, message: "this question does not arise with the other answers" });
  }
  return { answers, faults };
}
