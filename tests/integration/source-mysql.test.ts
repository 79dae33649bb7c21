// MySQL keeps the promises of every source.

import { describeSourceContract } from "../../src/ports/source.contract.ts";
import { prepareSample } from "../support/mysql-family-sample.ts";
import { useMysql } from "../support/use-mysql-family.ts";

const { label, test, server } = useMysql();

describeSourceContract(label, () => prepareSample(server()), {
  rowCounts: true,
  modes: ["create", "clean", "drop", "append"],
  drills: ["project", "throwaway"],
  test,
});
