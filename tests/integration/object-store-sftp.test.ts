// SFTP keeps the promises of every store, on OpenSSH's own server.

import { startSshd, sshdPrograms } from "../support/sshd-server.ts";
import { needs } from "../support/requirement.ts";
import { open } from "../../src/adapters/object-store/sftp/index.ts";
import { describeObjectStoreContract } from "../../src/ports/object-store.contract.ts";

describeObjectStoreContract(
  "sftp",
  async () => {
    const server = await startSshd();
    return { store: open(server.settings(), { log() {} }), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
  },
  { test: needs(...sshdPrograms) },
);
