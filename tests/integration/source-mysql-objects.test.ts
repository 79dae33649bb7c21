// Everything of a rich MySQL database comes back.

import { describeFamilyObjects } from "../support/mysql-family-objects.ts";
import { useMysql } from "../support/use-mysql-family.ts";

const { label, test, bench } = useMysql("--event-scheduler=ON");

describeFamilyObjects(label, bench, test);
