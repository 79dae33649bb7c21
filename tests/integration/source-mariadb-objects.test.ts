// Everything of a rich MariaDB database comes back.

import { describeFamilyObjects } from "../support/mysql-family-objects.ts";
import { useMariadb } from "../support/use-mysql-family.ts";

const { label, test, bench } = useMariadb("--event-scheduler=ON");

describeFamilyObjects(label, bench, test);
