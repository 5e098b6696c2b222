// better-auth as its documentation sets it up: sessions in SQLite, the JWT plugin's /token (EdDSA), no log row.
//
// `node site.js fill FILE` makes the tables and signed-in people and writes their cookies;
// `node site.js serve` answers with as many processes as Mintmark has. PORT, DATABASE, PEOPLE, WORKERS come from outside.
// SQLite is libsql's, for its driver comes whole from the registry: better-sqlite3 would build or download it.

import cluster from "node:cluster";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { jwt } from "better-auth/plugins";
import { SqliteDialect } from "kysely";
import Database from "libsql";

const { PORT, DATABASE, PEOPLE, WORKERS } = process.env;

function build() {
  const database = new Database(DATABASE);
  for (const setting of ["journal_mode = WAL", "synchronous = FULL", "busy_timeout = 10000"]) {
    database.exec(`PRAGMA ${setting}`);
  }
  const origin = `http://127.0.0.1:${PORT}`;
  const plainly = { hash: async (password) => password, verify: async () => true }; // Nobody signs in by password here.
  return betterAuth({
    baseURL: origin,
    secret: "a-secret-for-the-benchmark-0123456789",
    database: { dialect: new SqliteDialect({ database }), type: "sqlite" },
    emailAndPassword: { enabled: true, password: plainly },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    plugins: [jwt()],
  });
}

async function fill(file) {
  const auth = build();
  await (await getMigrations(auth.options)).runMigrations();
  const cookies = [];
  for (let number = 0; number < Number(PEOPLE); number++) {
    const body = { name: `Ann O'Brien ${number}`, email: `p${number}@example.test`, password: "correct horse battery" };
    const { headers } = await auth.api.signUpEmail({ body, returnHeaders: true });
    cookies.push(headers.getSetCookie().map((cookie) => cookie.split(";")[0]).join("; "));
  }
  // The first token makes the key pair: before two processes would each make one.
  await auth.api.getToken({ headers: new Headers({ cookie: cookies[0] }) });
  writeFileSync(file, cookies.join("\n"));
}

function serve() {
  if (cluster.isPrimary) {
    for (let number = 0; number < Number(WORKERS); number++) cluster.fork();
    process.on("SIGTERM", () => {
      for (const worker of Object.values(cluster.workers)) worker.process.kill("SIGTERM");
      process.exit(0);
    });
  } else {
    createServer(toNodeHandler(build())).listen(Number(PORT), "127.0.0.1");
  }
}

const [act, file] = process.argv.slice(2);
if (act === "fill") await fill(file);
else serve();
