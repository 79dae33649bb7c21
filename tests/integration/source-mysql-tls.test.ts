// The TLS modes of MySQL.

import { startMysqlServer } from "../support/mysql-server.ts";
import { describeTls } from "../support/mysql-family-tls.ts";
import { needs } from "../support/requirement.ts";
import { toolPath } from "../support/tools.ts";

const programs = [toolPath("mysqld"), toolPath("mysqldump"), "openssl"];

describeTls("MySQL", programs, startMysqlServer, needs(...programs));
