// MariaDB databases of any name.

import { describeFamilyNames } from "../support/mysql-family-names.ts";
import { useMariadb } from "../support/use-mysql-family.ts";

const { label, test, bench } = useMariadb();

describeFamilyNames(label, bench, test);
