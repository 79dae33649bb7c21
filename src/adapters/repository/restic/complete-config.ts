// What a repository's settings leave out and restic itself would take from its environment: its password, and the
// credentials of the back end in the repository's address. Nothing else of our environment ever reaches restic.

import type { CompletedConfig } from "../definition.ts";
import type { ResticConfig } from "./config.ts";

interface BackEnd {
  /** They belong together: with one of them among the settings, none is taken from elsewhere. */
  readonly login: readonly string[];
  readonly others: readonly string[];
}

/** By the beginning of the address; the names are those of restic's manual. */
const backEnds: Readonly<Record<string, BackEnd>> = {
  s3: {
    login: [
      "AWS_ACCESS_KEY_ID",
      "AWS_SECRET_ACCESS_KEY",
      "AWS_SESSION_TOKEN",
      "AWS_PROFILE",
      "AWS_SHARED_CREDENTIALS_FILE",
      "AWS_ROLE_ARN",
      "AWS_WEB_IDENTITY_TOKEN_FILE",
      "RESTIC_AWS_ASSUME_ROLE_ARN",
      "RESTIC_AWS_ASSUME_ROLE_SESSION_NAME",
      "RESTIC_AWS_ASSUME_ROLE_EXTERNAL_ID",
      "RESTIC_AWS_ASSUME_ROLE_POLICY",
      "RESTIC_AWS_ASSUME_ROLE_REGION",
      "RESTIC_AWS_ASSUME_ROLE_STS_ENDPOINT",
    ],
    others: ["AWS_DEFAULT_REGION"],
  },
  b2: { login: ["B2_ACCOUNT_ID", "B2_ACCOUNT_KEY"], others: [] },
  azure: {
    login: ["AZURE_ACCOUNT_NAME", "AZURE_ACCOUNT_KEY", "AZURE_ACCOUNT_SAS", "AZURE_FORCE_CLI_CREDENTIAL"],
    others: ["AZURE_ENDPOINT_SUFFIX"],
  },
  gs: { login: ["GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_ACCESS_TOKEN"], others: ["GOOGLE_PROJECT_ID"] },
  rest: { login: ["RESTIC_REST_USERNAME", "RESTIC_REST_PASSWORD"], others: [] },
};

const secretName = /KEY|SECRET|TOKEN$|PASSWORD|SAS$/;

export function completeConfig(
  config: ResticConfig,
  find: (name: string) => string | undefined,
): CompletedConfig<ResticConfig> {
  const given = (name: string): string | undefined => find(name) || undefined;
  const backEnd = backEnds[/^[a-z0-9]+(?=:)/.exec(config.repository)?.[0] ?? ""];
  const added: Record<string, string> = {};
  if (backEnd !== undefined) {
    const hasLogin = backEnd.login.some((name) => config.env[name] !== undefined);
    for (const name of [...(hasLogin ? [] : backEnd.login), ...backEnd.others]) {
      const value = given(name);
      if (value !== undefined && config.env[name] === undefined) added[name] = value;
    }
  }
  const password = config.password ?? given("RESTIC_PASSWORD");
  const secrets = Object.entries(added).flatMap(([name, value]) => (isSecretVariable(name) ? [value] : []));
  return {
    config: { ...config, env: { ...added, ...config.env }, ...(password === undefined ? {} : { password }) },
    secrets: password === undefined || password === config.password ? secrets : [...secrets, password],
    missing:
      password === undefined ? [{ key: "password", hint: "give it here as ${NAME}, or set RESTIC_PASSWORD" }] : [],
  };
}

/** Regions, profiles and paths are shown in messages as they are. */
export function isSecretVariable(name: string): boolean {
  return secretName.test(name) && !name.endsWith("_FILE");
}
