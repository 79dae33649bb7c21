// The TLS modes of MariaDB.

import { startMariadbServer } from "../support/mariadb-server.ts";
import { describeTls } from "../support/mysql-family-tls.ts";
import { needs } from "../support/requirement.ts";

const programs = ["mariadbd", "mariadb-dump", "openssl"];

describeTls("MariaDB", programs, startMariadbServer, needs(...programs));
