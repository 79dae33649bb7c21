// Faults of servers and programs, and hostile dumps, are errors that name what happened.

import { describeDumpFaults } from "../support/mysql-family-dump-faults.ts";
import { describeRestoreFaults } from "../support/mysql-family-restore-faults.ts";
import { useMariadb } from "../support/use-mysql-family.ts";

const { label, test, bench } = useMariadb("--event-scheduler=ON");

describeDumpFaults(label, bench, test);
describeRestoreFaults(label, bench, test);
