// MySQL databases of any name.

import { describeFamilyNames } from "../support/mysql-family-names.ts";
import { useMysql } from "../support/use-mysql-family.ts";

const { label, test, bench } = useMysql();

describeFamilyNames(label, bench, test);
