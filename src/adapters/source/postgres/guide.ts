// What a person does with a restored file.

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

export function restoreGuide(file: string, format: string): readonly string[] {
  const name = quote(file);
  const connection = "--host HOST --port 5432 --username USER";
  switch (format) {
    case "dump":
      return [
        "# custom format of pg_dump; look into it:",
        `pg_restore --list ${name}`,
        "# restore it into a new database (pg_restore at least as new as the pg_dump that wrote it):",
        `createdb ${connection} --template template0 NEW_DATABASE`,
        `pg_restore ${connection} --dbname NEW_DATABASE --exit-on-error --jobs 4 ${name}`,
        "# or over a database that is there: what the dump holds is dropped in it and made anew",
        `pg_restore ${connection} --dbname=DATABASE --clean --if-exists --exit-on-error ${name}`,
        "# or read it as SQL:",
        `pg_restore --file dump.sql ${name}`,
      ];
    case "dir.tar":
      return [
        "# directory format of pg_dump, packed as tar:",
        `mkdir dump && tar -xf ${name} -C dump`,
        `createdb ${connection} --template template0 NEW_DATABASE`,
        `pg_restore ${connection} --dbname NEW_DATABASE --exit-on-error --jobs 4 --format directory dump`,
      ];
    case "globals.sql":
      return [
        "# the roles of the server, before its databases; roles that exist are reported and left:",
        `psql ${connection} --dbname postgres --no-psqlrc --file ${name}`,
      ];
    default:
      return [
        "# SQL text:",
        `createdb ${connection} --template template0 NEW_DATABASE`,
        `psql ${connection} --dbname NEW_DATABASE --no-psqlrc --set ON_ERROR_STOP=1 --single-transaction --file ${name}`,
      ];
  }
}
