// What a person does with a restored file.

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

export function restoreGuide(file: string, database: string): readonly string[] {
  const login = "--uri='mongodb://USER@HOST:27017/?authSource=admin'";
  return [
    "# an archive of mongodump; it asks for the password; look at what is in it:",
    `mongorestore ${login} --archive=${quote(file)} --dryRun --verbose`,
    "# restore it into a new database:",
    `mongorestore ${login} --archive=${quote(file)} --stopOnError --nsInclude=${quote(`${database}.*`)} --nsFrom=${quote(`${database}.*`)} --nsTo='NEW_DATABASE.*'`,
    "# an archive with the oplog (options.oplog) is of one point in time only when the whole server is restored:",
    `mongorestore ${login} --archive=${quote(file)} --oplogReplay`,
  ];
}
