// MongoDB's tools keep the promises of every source, against a server that speaks the protocol.

import { describeSourceContract } from "../../src/ports/source.contract.ts";
import { prepareMongoSample } from "../support/mongo-sample.ts";
import { useMongo } from "../support/mongo-server.ts";

const { test, server } = useMongo();

describeSourceContract("MongoDB", () => prepareMongoSample(server()), {
  rowCounts: true,
  modes: ["create", "clean", "drop", "append"],
  drills: ["project", "throwaway"],
  test,
  timeoutMs: 90_000,
});
